//! The functions that the host calls, and the memory that it fills.

use std::mem::ManuallyDrop;

use crate::program::run;

/// Marks the ABI version that the filter is written for.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_abi_version_0_2_1() {}

/// Gives the host memory for a result; [`take`] takes it back.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn proxy_on_memory_allocate(size: usize) -> *mut u8 {
    ManuallyDrop::new(Vec::with_capacity(size)).as_mut_ptr()
}

/// The bytes that the host has put into memory of [`proxy_on_memory_allocate`]; none for a null
/// pointer.
pub(crate) fn take(at: usize, size: usize) -> Vec<u8> {
    if at == 0 || size == 0 {
        return Vec::new();
    }
    // SAFETY: the host says that it allocated and filled `size` bytes there, which is what it is
    // for; a host that lies is caught by the sandbox.
    unsafe { Vec::from_raw_parts(std::ptr::with_exposed_provenance_mut(at), size, size) }
}

/// Callbacks: name, arguments, and the answer unless the program says otherwise, if there is one.
macro_rules! callbacks {
    ($($name:ident($($argument:ident),*) $(-> $answer:literal)?;)*) => {$(
        callback!($name($($argument),*) $(-> $answer)?);
    )*};
}

macro_rules! callback {
    ($name:ident($($argument:ident),*)) => {
        #[doc = concat!("Carries out `", stringify!($name), "` of the program.")]
        #[unsafe(export_name = concat!("proxy_", stringify!($name)))]
        pub(crate) extern "C" fn $name($($argument: u32),*) {
            run(stringify!($name), &[$($argument),*], 0);
        }
    };
    ($name:ident($($argument:ident),*) -> $answer:literal) => {
        #[doc = concat!("Carries out `", stringify!($name), "` of the program.")]
        #[unsafe(export_name = concat!("proxy_", stringify!($name)))]
        pub(crate) extern "C" fn $name($($argument: u32),*) -> u32 {
            run(stringify!($name), &[$($argument),*], $answer)
        }
    };
}

callbacks! {
    on_context_create(context, parent);
    on_vm_start(context, size) -> 1;
    on_configure(context, size) -> 1;
    on_tick(context);
    on_queue_ready(context, queue);
    on_new_connection(context) -> 0;
    on_downstream_data(context, size, end) -> 0;
    on_downstream_connection_close(context, peer);
    on_upstream_data(context, size, end) -> 0;
    on_upstream_connection_close(context, peer);
    on_request_headers(context, count, end) -> 0;
    on_request_body(context, size, end) -> 0;
    on_request_trailers(context, count) -> 0;
    on_request_metadata(context, count) -> 0;
    on_response_headers(context, count, end) -> 0;
    on_response_body(context, size, end) -> 0;
    on_response_trailers(context, count) -> 0;
    on_response_metadata(context, count) -> 0;
    on_http_call_response(context, token, headers, body, trailers);
    on_grpc_receive_initial_metadata(context, token, count);
    on_grpc_receive(context, token, size);
    on_grpc_receive_trailing_metadata(context, token, count);
    on_grpc_close(context, token, status);
    on_foreign_function(context, function, size);
    on_done(context) -> 1;
    on_log(context);
    on_delete(context);
}
