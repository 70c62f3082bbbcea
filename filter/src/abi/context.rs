//! Time that passes, and requests that wait.

use std::time::Duration;

use super::{check, raw};
use crate::host_error::HostError;

/// Asks for ticks of this root context.
///
/// Once for each root, and never for a request: ngx_wasm_module traps on anything else.
pub(crate) fn set_tick_period(period: Duration) -> Result<(), HostError> {
    let millis = u32::try_from(period.as_millis()).unwrap_or(u32::MAX);
    // SAFETY: no memory is passed.
    let status = unsafe { raw::proxy_set_tick_period_milliseconds(millis) };
    check("proxy_set_tick_period_milliseconds", status)
}

/// Makes the calls that follow in this callback speak for another context.
pub(crate) fn speak_for(context: u32) -> Result<(), HostError> {
    // SAFETY: no memory is passed.
    check("proxy_set_effective_context", unsafe { raw::proxy_set_effective_context(context) })
}

/// Lets the paused request of this context go on when the callback returns.
pub(crate) fn continue_request() -> Result<(), HostError> {
    // SAFETY: no memory is passed.
    check("proxy_continue_stream", unsafe { raw::proxy_continue_stream(REQUEST) })
}

const REQUEST: u32 = 0;
