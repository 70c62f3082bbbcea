//! The filter as native code under the model of a proxy: the whole ABI without an engine.
//!
//! The entry points exist natively too, the filter's own and the SDK's. The host functions that it imports are symbols of the
//! modules below: all 39 of the ABI, since the SDK's vtables need 31 of them to link. Each moves
//! memory and nothing else.
//!
//! What a native lane cannot show is a trap: a panic under an `extern "C"` entry point ends the
//! process, and so does a host call that the proxy forbids. The wasmtime lane shows those as results.

mod callouts;
mod data;
mod fleet;
mod http;
mod memory;

use std::{marker::PhantomData, panic, thread};

use proxy_host_model::{Callback, Guest, Host, Model, Trap};

pub use fleet::{Spawner, Vm};

/// Runs `test` on the filter in a thread of its own, with `model` as its proxy.
///
/// What knows the contexts is thread-local, so a thread is to a native filter what a VM is to a module.
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
        // SAFETY: the functions take numbers only and may be called in any order by the thread
        // that holds their contexts.
        Ok(unsafe { enter(callback) })
    }
}

/// Calls an entry point; `None` for those that the module does not export either.
unsafe fn enter(callback: Callback) -> Option<u32> {
    use memory::size as native;

    // SAFETY: as for this function.
    unsafe {
        match callback {
            Callback::ContextCreate { context, parent } => {
                gate::jwt_gate_on_context_create(context, parent);
                NOTHING
            }
            Callback::VmStart { context, size } => {
                yes(sdk::proxy_on_vm_start(context, native(size)))
            }
            Callback::Configure { context, size } => {
                yes(sdk::proxy_on_configure(context, native(size)))
            }
            Callback::Tick { context } => {
                sdk::proxy_on_tick(context);
                NOTHING
            }
            Callback::RequestHeaders { context, headers, end_of_stream } => {
                let end = end_of_stream.into();
                Some(gate::jwt_gate_on_request_headers(context, native(headers), end))
            }
            Callback::RequestBody { context, size, end_of_stream } => {
                let end = end_of_stream.into();
                Some(gate::jwt_gate_on_request_body(context, native(size), end))
            }
            Callback::RequestTrailers { context, trailers } => {
                Some(gate::jwt_gate_on_request_trailers(context, native(trailers)))
            }
            Callback::ResponseHeaders { context, headers, end_of_stream } => {
                let end = end_of_stream.into();
                Some(gate::jwt_gate_on_response_headers(context, native(headers), end))
            }
            Callback::HttpCallResponse { context, token, headers, body, trailers } => {
                sdk::proxy_on_http_call_response(
                    context,
                    token,
                    native(headers),
                    native(body),
                    native(trailers),
                );
                NOTHING
            }
            Callback::Delete { context } => {
                gate::jwt_gate_on_delete(context);
                NOTHING
            }
            _ => None,
        }
    }
}

/// The answer of an entry point that has none.
const NOTHING: Option<u32> = Some(0);

fn yes(answer: bool) -> Option<u32> {
    Some(answer.into())
}

/// The filter's own entry points (`filter/src/abi/callback.rs`).
mod gate {
    unsafe extern "C" {
        pub(super) fn jwt_gate_on_context_create(context: u32, parent: u32);
        pub(super) fn jwt_gate_on_request_headers(context: u32, headers: usize, end: u32) -> u32;
        pub(super) fn jwt_gate_on_request_body(context: u32, size: usize, end: u32) -> u32;
        pub(super) fn jwt_gate_on_request_trailers(context: u32, trailers: usize) -> u32;
        pub(super) fn jwt_gate_on_response_headers(context: u32, headers: usize, end: u32) -> u32;
        pub(super) fn jwt_gate_on_delete(context: u32);
    }
}

/// The SDK's entry points (proxy-wasm `src/dispatcher.rs`).
mod sdk {
    unsafe extern "C" {
        pub(super) fn proxy_on_vm_start(context: u32, size: usize) -> bool;
        pub(super) fn proxy_on_configure(context: u32, size: usize) -> bool;
        pub(super) fn proxy_on_tick(context: u32);
        pub(super) fn proxy_on_http_call_response(
            context: u32,
            token: u32,
            headers: usize,
            body: usize,
            trailers: usize,
        );
    }
}
