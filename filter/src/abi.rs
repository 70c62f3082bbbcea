//! Every host call of the filter, and its only unsafe code.
//!
//! Bytes in, [`Result`] out. The imports return the raw status as a number: the SDK declares them
//! as returning an enum, so a status that it does not know is undefined behaviour, and its wrappers
//! panic on most of those that it does know.
//!
//! `proxy_get_log_level` is not imported, nor may it be: nginx (ngx_wasm_module) has it with another
//! signature and refuses to link the module.

mod callback;
mod callout;
mod context;
mod foreign;
mod headers;
mod metric;
mod property;
mod raw;
mod reply;
mod shared_data;

use std::ptr;

use crate::host_error::{Fault, HostError};

pub(crate) use self::{
    callout::{answer_body, answer_headers, send},
    context::{continue_request, set_tick_period, speak_for},
    foreign::call_foreign,
    headers::{
        add_response_header, bad_headers, remove_request_header, request_headers,
        set_request_header,
    },
    metric::{MetricKind, define_metric, increment_counter, set_gauge},
    property::{property, set_property},
    reply::{LocalReply, bad_reply_headers, send_local_response},
    shared_data::{replace_shared_data, set_shared_data, shared_data},
};

/// What the host may do with what it has just shown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Action {
    /// It goes on.
    Continue,
    /// It stays, as long as a callback for what follows does not say otherwise.
    Pause,
    /// It stays, and so does all that follows, unseen: Envoy's `StopAllIterationAndWatermark`. Under
    /// Envoy's `allow_on_headers_stop_iteration`, `Pause` would let a body pass for which the filter has
    /// no callback. Other hosts do not know it and end the request with an error.
    HoldAll,
}

impl Action {
    fn code(self) -> u32 {
        match self {
            Self::Continue => 0,
            Self::Pause => 1,
            Self::HoldAll => 4,
        }
    }
}

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
    buffer(PLUGIN_CONFIGURATION, size)
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

/// The whole of a buffer, of which the host said that it is `size` bytes long.
fn buffer(buffer: u32, size: usize) -> Result<Vec<u8>, HostError> {
    const CALL: &str = "proxy_get_buffer_bytes";
    let (mut data, mut found) = (ptr::null_mut(), 0);
    // SAFETY: the host writes through the two pointers, which are valid for the call.
    check(CALL, unsafe { raw::proxy_get_buffer_bytes(buffer, 0, size, &mut data, &mut found) })?;
    // SAFETY: the host answered OK, so both values are its answer.
    let bytes = unsafe { take(CALL, data, found) }?;
    if bytes.len() != size {
        return Err(HostError::Answer {
            call: CALL,
            fault: Fault::Length { found, expected: size },
        });
    }
    Ok(bytes)
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

// Statuses.
const OK: u32 = 0;
const NOT_FOUND: u32 = 1;

const PLUGIN_CONFIGURATION: u32 = 7;
