//! Header maps.

use std::ptr;

use super::{check, raw, take};
use crate::{
    host_error::{Fault, HostError},
    pairs::Malformed,
};

/// The whole request header map, serialised; [`crate::pairs`] reads it.
pub(crate) fn request_headers() -> Result<Vec<u8>, HostError> {
    all(REQUEST_HEADERS)
}

/// What to report about a header map that came, but was no good.
pub(crate) fn bad_headers(malformed: Malformed) -> HostError {
    HostError::Answer { call: GET_HEADERS, fault: Fault::Map(malformed) }
}

/// A whole map, serialised.
pub(super) fn all(map: u32) -> Result<Vec<u8>, HostError> {
    let (mut data, mut size) = (ptr::null_mut(), 0);
    // SAFETY: the host writes through the two pointers, which are valid for the call.
    check(GET_HEADERS, unsafe { raw::proxy_get_header_map_pairs(map, &mut data, &mut size) })?;
    // SAFETY: the host answered OK, so both values are its answer.
    unsafe { take(GET_HEADERS, data, size) }
}

/// Removes all values of a request header.
pub(crate) fn remove_request_header(name: &[u8]) -> Result<(), HostError> {
    // SAFETY: pointer and length describe `name`, which the host only reads.
    let status =
        unsafe { raw::proxy_remove_header_map_value(REQUEST_HEADERS, name.as_ptr(), name.len()) };
    check("proxy_remove_header_map_value", status)
}

/// Sets a request header, in place of all values that it had.
pub(crate) fn set_request_header(name: &[u8], value: &[u8]) -> Result<(), HostError> {
    // SAFETY: pointers and lengths describe `name` and `value`, which the host only reads.
    let status = unsafe {
        raw::proxy_replace_header_map_value(
            REQUEST_HEADERS,
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    };
    check("proxy_replace_header_map_value", status)
}

/// Adds a response header beside those of the same name.
pub(crate) fn add_response_header(name: &[u8], value: &[u8]) -> Result<(), HostError> {
    // SAFETY: pointers and lengths describe `name` and `value`, which the host only reads.
    let status = unsafe {
        raw::proxy_add_header_map_value(
            RESPONSE_HEADERS,
            name.as_ptr(),
            name.len(),
            value.as_ptr(),
            value.len(),
        )
    };
    check("proxy_add_header_map_value", status)
}

const GET_HEADERS: &str = "proxy_get_header_map_pairs";

const REQUEST_HEADERS: u32 = 0;
const RESPONSE_HEADERS: u32 = 2;
