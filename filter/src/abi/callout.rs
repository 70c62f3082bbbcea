//! Requests of our own to other services.

use std::time::Duration;

use proxy_wasm::{hostcalls, types::Status};

use super::{buffer, headers};
use crate::host_error::HostError;

/// Sends a GET request for this root context, and gives the token that its answer will carry.
///
/// The one call that goes through the SDK: its dispatcher must have made the call to know whose the
/// answer is, and panics on an answer to any other. It panics as well on a status beside these
/// three, which no known host gives here, and on a token that it knows as open: see
/// [`Calls::send`](crate::callouts::Calls::send) for what is done about that.
///
/// # Errors
///
/// The status of a host that does not take the request.
pub(crate) fn send(
    cluster: &str,
    headers: Vec<(&str, &str)>,
    timeout: Duration,
) -> Result<u32, u32> {
    #[expect(clippy::disallowed_methods, reason = "the SDK's dispatcher must know the token")]
    let sent = hostcalls::dispatch_http_call(cluster, headers, None, Vec::new(), timeout);
    sent.map_err(|status| match status {
        Status::BadArgument => BAD_ARGUMENT,
        _ => INTERNAL_FAILURE,
    })
}

/// The headers of the answer that has just come, serialised; [`crate::pairs`] reads them.
pub(crate) fn answer_headers() -> Result<Vec<u8>, HostError> {
    headers::all(ANSWER_HEADERS)
}

/// The body of the answer that has just come, of which the host said that it has `size` bytes.
///
/// # Errors
///
/// A failed call, and any other length than `size`.
pub(crate) fn answer_body(size: usize) -> Result<Vec<u8>, HostError> {
    // Asking an empty buffer for nothing is an error to some hosts.
    if size == 0 { Ok(Vec::new()) } else { buffer(ANSWER_BODY, size) }
}

const ANSWER_HEADERS: u32 = 6;
const ANSWER_BODY: u32 = 4;

const BAD_ARGUMENT: u32 = 2;
const INTERNAL_FAILURE: u32 = 10;
