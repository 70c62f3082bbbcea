//! The callbacks in which requests come.
//!
//! The SDK has functions of the names that a host looks for, and they cannot be replaced. These have
//! names of their own; the build of the module exports them under the host's (`xtask/src/wasm.rs`).
//! What concerns a root context goes on to the SDK.

use crate::streams;

/// `proxy_on_context_create`; the parent of a root context is 0.
#[unsafe(no_mangle)]
extern "C" fn jwt_gate_on_context_create(context: u32, parent: u32) {
    if parent == NO_PARENT {
        // SAFETY: the SDK's function takes numbers only, and may be called at any time.
        unsafe { sdk::proxy_on_context_create(context, parent) }
    } else {
        streams::create(context, parent);
    }
}

/// `proxy_on_request_headers`.
#[unsafe(no_mangle)]
extern "C" fn jwt_gate_on_request_headers(context: u32, headers: usize, _end: u32) -> u32 {
    streams::request_headers(context, headers).code()
}

/// `proxy_on_request_body`.
///
/// A host may bring the body although the headers were held back, and take a `Continue` here as leave
/// to send both on.
#[unsafe(no_mangle)]
extern "C" fn jwt_gate_on_request_body(context: u32, _size: usize, _end: u32) -> u32 {
    streams::request_rest(context).code()
}

/// `proxy_on_request_trailers`; as for the body.
#[unsafe(no_mangle)]
extern "C" fn jwt_gate_on_request_trailers(context: u32, _trailers: usize) -> u32 {
    streams::request_rest(context).code()
}

/// `proxy_on_response_headers`.
#[unsafe(no_mangle)]
extern "C" fn jwt_gate_on_response_headers(context: u32, _headers: usize, _end: u32) -> u32 {
    streams::response_headers(context).code()
}

/// `proxy_on_delete`.
#[unsafe(no_mangle)]
extern "C" fn jwt_gate_on_delete(context: u32) {
    if streams::is_root(context) {
        // SAFETY: as above; the SDK knows every root context, for it made them.
        unsafe { sdk::proxy_on_delete(context) }
    } else {
        streams::delete(context);
    }
}

const NO_PARENT: u32 = 0;

/// The SDK's entry points (proxy-wasm `src/dispatcher.rs`).
mod sdk {
    unsafe extern "C" {
        pub(super) fn proxy_on_context_create(context: u32, parent: u32);
        pub(super) fn proxy_on_delete(context: u32);
    }
}
