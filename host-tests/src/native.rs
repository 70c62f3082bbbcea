//! The filter as native code under the model of a proxy: the whole ABI without an engine.
//!
//! The SDK's entry points exist natively too. The host functions that it imports are symbols of the
//! modules below: all 39 of the ABI, since the SDK's vtables need 31 of them to link. Each moves
//! memory and nothing else.
//!
//! What a native lane cannot show is a trap: a panic under an `extern "C"` entry point ends the
//! process, and so does a host call that the proxy forbids. The wasmtime lane shows those as results.

mod callouts;
mod data;
mod http;
mod memory;

use std::{marker::PhantomData, panic, thread};

use proxy_host_model::{Callback, Guest, Host, Model, Trap};

/// Runs `test` on the filter in a thread of its own, with `model` as its proxy.
///
/// The SDK's dispatcher is thread-local, so a thread is to a native filter what a VM is to a module.
pub fn run<R: Send>(model: Model, test: impl FnOnce(Host<Native>) -> R + Send) -> R {
    let vm = move || {
        memory::install(model);
        jwt_gate::start();
        test(Host::new(Native { thread: PhantomData }))
    };
    let result = thread::scope(|scope| scope.spawn(vm).join());
    result.unwrap_or_else(|payload| panic::resume_unwind(payload))
}

/// The filter on this thread.
#[derive(Debug)]
pub struct Native {
    /// Keeps the filter on the thread whose dispatcher holds its contexts.
    thread: PhantomData<*const ()>,
}

impl Guest for Native {
    fn model<R>(&mut self, visit: impl FnOnce(&mut Model) -> R) -> R {
        memory::with_model(visit)
    }

    fn call(&mut self, callback: Callback) -> Result<Option<u32>, Trap> {
        // SAFETY: the SDK's functions take numbers only and may be called in any order by the thread
        // that holds their contexts.
        let answer = unsafe { enter(callback) };
        Ok(Some(answer))
    }
}

unsafe fn enter(callback: Callback) -> u32 {
    // SAFETY: as for this function.
    unsafe {
        match callback {
            Callback::ContextCreate { context, parent } => {
                sdk::proxy_on_context_create(context, parent);
                0
            }
            Callback::VmStart { context, size } => {
                sdk::proxy_on_vm_start(context, memory::size(size)).into()
            }
            Callback::Configure { context, size } => {
                sdk::proxy_on_configure(context, memory::size(size)).into()
            }
            Callback::Tick { context } => {
                sdk::proxy_on_tick(context);
                0
            }
            Callback::QueueReady { context, queue } => {
                sdk::proxy_on_queue_ready(context, queue);
                0
            }
            Callback::RequestHeaders { context, headers, end_of_stream } => {
                sdk::proxy_on_request_headers(context, memory::size(headers), end_of_stream)
            }
            Callback::RequestBody { context, size, end_of_stream } => {
                sdk::proxy_on_request_body(context, memory::size(size), end_of_stream)
            }
            Callback::ResponseHeaders { context, headers, end_of_stream } => {
                sdk::proxy_on_response_headers(context, memory::size(headers), end_of_stream)
            }
            Callback::HttpCallResponse { context, token, headers, body, trailers } => {
                sdk::proxy_on_http_call_response(
                    context,
                    token,
                    memory::size(headers),
                    memory::size(body),
                    memory::size(trailers),
                );
                0
            }
            Callback::Done { context } => sdk::proxy_on_done(context).into(),
            Callback::Log { context } => {
                sdk::proxy_on_log(context);
                0
            }
            Callback::Delete { context } => {
                sdk::proxy_on_delete(context);
                0
            }
        }
    }
}

/// The SDK's entry points (proxy-wasm `src/dispatcher.rs`), with its enums as numbers.
mod sdk {
    unsafe extern "C" {
        pub(super) fn proxy_on_context_create(context: u32, parent: u32);
        pub(super) fn proxy_on_vm_start(context: u32, size: usize) -> bool;
        pub(super) fn proxy_on_configure(context: u32, size: usize) -> bool;
        pub(super) fn proxy_on_tick(context: u32);
        pub(super) fn proxy_on_queue_ready(context: u32, queue: u32);
        pub(super) fn proxy_on_request_headers(context: u32, headers: usize, end: bool) -> u32;
        pub(super) fn proxy_on_request_body(context: u32, size: usize, end: bool) -> u32;
        pub(super) fn proxy_on_response_headers(context: u32, headers: usize, end: bool) -> u32;
        pub(super) fn proxy_on_http_call_response(
            context: u32,
            token: u32,
            headers: usize,
            body: usize,
            trailers: usize,
        );
        pub(super) fn proxy_on_done(context: u32) -> bool;
        pub(super) fn proxy_on_log(context: u32);
        pub(super) fn proxy_on_delete(context: u32);
    }
}
