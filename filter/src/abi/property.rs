//! What the proxy knows of a request beside its bytes, and what later filters learn.

use std::ptr;

use super::{NOT_FOUND, check, raw, take};
use crate::host_error::HostError;

/// A property of the request; `None` if there is none or if it is empty, which hosts do not tell
/// apart.
///
/// `path` has a NUL between its parts.
///
/// # Errors
///
/// Any status but OK and NOT_FOUND.
pub(crate) fn property(path: &[u8]) -> Result<Option<Vec<u8>>, HostError> {
    const CALL: &str = "proxy_get_property";
    let (mut data, mut size) = (ptr::null_mut(), 0);
    // SAFETY: pointer and length describe `path`, which the host only reads; it writes through the
    // two others, which are valid for the call.
    match unsafe { raw::proxy_get_property(path.as_ptr(), path.len(), &mut data, &mut size) } {
        NOT_FOUND => return Ok(None),
        status => check(CALL, status)?,
    }
    // SAFETY: the host answered OK, so both values are its answer.
    let value = unsafe { take(CALL, data, size) }?;
    Ok(Some(value).filter(|value| !value.is_empty()))
}

/// Publishes a value to later filters and to the access log; Envoy calls it `wasm.NAME`.
///
/// `name` is one part: Envoy keeps a NUL inside the name of a filter state.
pub(crate) fn set_property(name: &[u8], value: &[u8]) -> Result<(), HostError> {
    // SAFETY: pointers and lengths describe `name` and `value`, which the host only reads.
    let status =
        unsafe { raw::proxy_set_property(name.as_ptr(), name.len(), value.as_ptr(), value.len()) };
    check("proxy_set_property", status)
}
