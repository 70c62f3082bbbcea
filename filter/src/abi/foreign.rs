//! Functions that a host has beyond the ABI.

use std::ptr;

use super::{check, raw, take};
use crate::host_error::HostError;

/// Calls a function of the host's own, and gives its answer.
///
/// Only where the operator asked for it, or on a host that is known to have the function:
/// ngx_wasm_module ends the VM for a name that it does not know.
///
/// # Errors
///
/// Any status but OK.
pub(crate) fn call_foreign(name: &[u8], arguments: &[u8]) -> Result<Vec<u8>, HostError> {
    const CALL: &str = "proxy_call_foreign_function";
    let (mut data, mut size) = (ptr::null_mut(), 0);
    // SAFETY: pointers and lengths describe `name` and `arguments`, which the host only reads; it
    // writes through the two others, which are valid for the call.
    let status = unsafe {
        raw::proxy_call_foreign_function(
            name.as_ptr(),
            name.len(),
            arguments.as_ptr(),
            arguments.len(),
            &mut data,
            &mut size,
        )
    };
    check(CALL, status)?;
    // SAFETY: the host answered OK, so both values are its answer.
    unsafe { take(CALL, data, size) }
}
