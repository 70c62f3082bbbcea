//! Replies in place of the upstream's.

use super::{check, raw};
use crate::{
    host_error::{Fault, HostError},
    pairs::Malformed,
};

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

const SEND_REPLY: &str = "proxy_send_local_response";

const NO_GRPC_STATUS: i32 = -1;
