//! Every host call of the filter, and its only unsafe code.
//!
//! Bytes in, [`Result`] out. The imports return the raw status as a number: the SDK declares them
//! as returning an enum, so a status that it does not know is undefined behaviour, and its wrappers
//! panic on most of those that it does know.
//!
//! `proxy_get_log_level` is not imported, nor may it be: nginx (ngx_wasm_module) has it with another
//! signature and refuses to link the module.

use std::ptr;

use crate::{
    host_error::{Fault, HostError},
    pairs::Malformed,
};

/// Writes a line to the proxy's log.
///
/// A host that cannot log is no reason to decide otherwise, so the status is not looked at.
pub(crate) fn log(level: LogLevel, line: &str) {
    // SAFETY: pointer and length describe `line`, which the host only reads.
    let _ = unsafe { raw::proxy_log(level.code(), line.as_ptr(), line.len()) };
}

/// The host's clock: nanoseconds since the Unix epoch.
///
/// # Errors
///
/// A failed call, and a clock at zero: that is what a host leaves behind that answers OK and writes
/// nothing, and at that time no token would be expired.
pub(crate) fn now() -> Result<u64, HostError> {
    const CALL: &str = "proxy_get_current_time_nanoseconds";
    let mut nanos = 0;
    // SAFETY: the host writes one u64 through the pointer, which is valid for the call.
    check(CALL, unsafe { raw::proxy_get_current_time_nanoseconds(&mut nanos) })?;
    if nanos == 0 {
        return Err(HostError::Answer { call: CALL, fault: Fault::ClockAtZero });
    }
    Ok(nanos)
}

/// The plugin configuration, of which the host said that it is `size` bytes long.
///
/// # Errors
///
/// A failed call, and any other length than `size`: a policy document that was cut off may still be
/// a document, of another policy.
pub(crate) fn plugin_configuration(size: usize) -> Result<Vec<u8>, HostError> {
    const CALL: &str = "proxy_get_buffer_bytes";
    let (mut data, mut found) = (ptr::null_mut(), 0);
    // SAFETY: the host writes through the two pointers, which are valid for the call.
    check(CALL, unsafe {
        raw::proxy_get_buffer_bytes(PLUGIN_CONFIGURATION, 0, size, &mut data, &mut found)
    })?;
    // SAFETY: the host answered OK, so both values are its answer.
    let configuration = unsafe { take(CALL, data, found) }?;
    if configuration.len() != size {
        return Err(HostError::Answer {
            call: CALL,
            fault: Fault::Length { found, expected: size },
        });
    }
    Ok(configuration)
}

/// The whole request header map, serialised; [`crate::pairs`] reads it.
pub(crate) fn request_headers() -> Result<Vec<u8>, HostError> {
    let (mut data, mut size) = (ptr::null_mut(), 0);
    // SAFETY: the host writes through the two pointers, which are valid for the call.
    check(GET_HEADERS, unsafe {
        raw::proxy_get_header_map_pairs(REQUEST_HEADERS, &mut data, &mut size)
    })?;
    // SAFETY: the host answered OK, so both values are its answer.
    unsafe { take(GET_HEADERS, data, size) }
}

/// What to report about a request header map that came, but was no good.
pub(crate) fn bad_request_headers(malformed: Malformed) -> HostError {
    HostError::Answer { call: GET_HEADERS, fault: Fault::Map(malformed) }
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

/// A reply in place of the upstream's.
pub(crate) struct LocalReply<'a> {
    /// The HTTP status code.
    pub(crate) status: u16,
    /// The response-code details, for the access log.
    pub(crate) details: &'a str,
    /// The header map, serialised by [`crate::pairs::serialize`].
    pub(crate) headers: &'a [u8],
    /// The body.
    pub(crate) body: &'a [u8],
    /// The gRPC status, if the caller speaks gRPC.
    pub(crate) grpc_status: Option<u32>,
}

/// Answers the request. The host stops it when the callback returns.
pub(crate) fn send_local_response(reply: &LocalReply<'_>) -> Result<(), HostError> {
    let grpc_status =
        reply.grpc_status.and_then(|status| i32::try_from(status).ok()).unwrap_or(NO_GRPC_STATUS);
    // SAFETY: pointers and lengths describe the slices, which the host only reads.
    let status = unsafe {
        raw::proxy_send_local_response(
            u32::from(reply.status),
            reply.details.as_ptr(),
            reply.details.len(),
            reply.body.as_ptr(),
            reply.body.len(),
            reply.headers.as_ptr(),
            reply.headers.len(),
            grpc_status,
        )
    };
    check(SEND_REPLY, status)
}

/// What to report about reply headers that the host cannot be given.
pub(crate) fn bad_reply_headers(malformed: Malformed) -> HostError {
    HostError::Answer { call: SEND_REPLY, fault: Fault::Map(malformed) }
}

/// Defines a counter, or finds the one of that name, and gives its number.
pub(crate) fn define_counter(name: &str) -> Result<u32, HostError> {
    let mut id = 0;
    // SAFETY: pointer and length describe `name`, which the host only reads; it writes one u32
    // through the other, which is valid for the call.
    let status = unsafe { raw::proxy_define_metric(COUNTER, name.as_ptr(), name.len(), &mut id) };
    check("proxy_define_metric", status)?;
    Ok(id)
}

/// Adds one to a counter.
pub(crate) fn increment_counter(id: u32) -> Result<(), HostError> {
    // SAFETY: no memory is passed.
    let status = unsafe { raw::proxy_increment_metric(id, 1) };
    check("proxy_increment_metric", status)
}

/// The severity of a log line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum LogLevel {
    /// The filter is about to end its VM.
    #[cfg_attr(
        not(target_arch = "wasm32"),
        allow(dead_code, reason = "only the module's panic hook writes it")
    )]
    Critical,
    /// The operator has to act.
    Error,
    /// What happens in the ordinary course.
    Info,
    /// The operator should know.
    Warn,
}

impl LogLevel {
    fn code(self) -> u32 {
        match self {
            Self::Info => 2,
            Self::Warn => 3,
            Self::Error => 4,
            Self::Critical => 5,
        }
    }
}

fn check(call: &'static str, status: u32) -> Result<(), HostError> {
    if status == OK { Ok(()) } else { Err(HostError::Status { call, status }) }
}

/// Takes over a buffer that the host filled.
///
/// # Safety
///
/// `data` and `size` are what the host wrote while it answered OK: null, or a buffer of `size` bytes
/// that it got from `proxy_on_memory_allocate` for this answer and that nothing else refers to.
unsafe fn take(call: &'static str, data: *mut u8, size: usize) -> Result<Vec<u8>, HostError> {
    if data.is_null() && size == 0 {
        return Ok(Vec::new());
    }
    let fits = !data.is_null()
        && isize::try_from(size).is_ok()
        && data.addr().checked_add(size).is_some_and(|end| end <= memory_end());
    if !fits {
        return Err(HostError::Answer { call, fault: Fault::OutOfMemory { size } });
    }
    // SAFETY: the SDK's `proxy_on_memory_allocate(size)` makes a boxed slice of `size` bytes with
    // the global allocator, whose layout is that of a vector with this capacity; for zero bytes
    // both allocate nothing. The size was just checked against `isize::MAX`.
    Ok(unsafe { Vec::from_raw_parts(data, size, size) })
}

/// The first address behind the module's memory.
#[cfg(target_arch = "wasm32")]
fn memory_end() -> usize {
    const PAGE: usize = 65536;
    core::arch::wasm32::memory_size(0).saturating_mul(PAGE)
}

/// A native test shares its host's memory.
#[cfg(not(target_arch = "wasm32"))]
fn memory_end() -> usize {
    usize::MAX
}

/// The imports, as version 0.2.1 of the ABI has them.
mod raw {
    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
        pub(super) fn proxy_add_header_map_value(
            map: u32,
            name_data: *const u8,
            name_size: usize,
            value_data: *const u8,
            value_size: usize,
        ) -> u32;
        pub(super) fn proxy_define_metric(
            kind: u32,
            name_data: *const u8,
            name_size: usize,
            return_id: *mut u32,
        ) -> u32;
        pub(super) fn proxy_get_buffer_bytes(
            buffer: u32,
            start: usize,
            max_size: usize,
            return_data: *mut *mut u8,
            return_size: *mut usize,
        ) -> u32;
        pub(super) fn proxy_get_current_time_nanoseconds(return_time: *mut u64) -> u32;
        pub(super) fn proxy_get_header_map_pairs(
            map: u32,
            return_data: *mut *mut u8,
            return_size: *mut usize,
        ) -> u32;
        pub(super) fn proxy_get_property(
            path_data: *const u8,
            path_size: usize,
            return_data: *mut *mut u8,
            return_size: *mut usize,
        ) -> u32;
        pub(super) fn proxy_increment_metric(id: u32, offset: i64) -> u32;
        pub(super) fn proxy_log(level: u32, message_data: *const u8, message_size: usize) -> u32;
        pub(super) fn proxy_remove_header_map_value(
            map: u32,
            name_data: *const u8,
            name_size: usize,
        ) -> u32;
        pub(super) fn proxy_replace_header_map_value(
            map: u32,
            name_data: *const u8,
            name_size: usize,
            value_data: *const u8,
            value_size: usize,
        ) -> u32;
        pub(super) fn proxy_send_local_response(
            status_code: u32,
            details_data: *const u8,
            details_size: usize,
            body_data: *const u8,
            body_size: usize,
            headers_data: *const u8,
            headers_size: usize,
            grpc_status: i32,
        ) -> u32;
        pub(super) fn proxy_set_property(
            path_data: *const u8,
            path_size: usize,
            value_data: *const u8,
            value_size: usize,
        ) -> u32;
    }
}

const SEND_REPLY: &str = "proxy_send_local_response";
const GET_HEADERS: &str = "proxy_get_header_map_pairs";

// Statuses.
const OK: u32 = 0;
const NOT_FOUND: u32 = 1;

// Maps, buffers and kinds of metrics.
const REQUEST_HEADERS: u32 = 0;
const RESPONSE_HEADERS: u32 = 2;
const PLUGIN_CONFIGURATION: u32 = 7;
const COUNTER: u32 = 0;

const NO_GRPC_STATUS: i32 = -1;
