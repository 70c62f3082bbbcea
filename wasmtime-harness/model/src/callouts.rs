//! Calls that a filter makes to other services: recorded, answered by the test.

use crate::headers::Headers;

/// An HTTP call that a filter asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HttpCall {
    /// The token that the answer carries.
    pub token: u32,
    /// The root context that is told of the answer.
    pub root: u32,
    /// The upstream cluster.
    pub cluster: String,
    /// Headers with pseudo headers.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
    /// Trailers.
    pub trailers: Headers,
    /// The time limit in milliseconds; 0 is none.
    pub timeout: u32,
    /// When that is over, on the monotonic clock in nanoseconds.
    pub deadline: Option<u64>,
}

/// A gRPC call or stream that a filter asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GrpcCall {
    /// The token: odd for a call, even for a stream.
    pub token: u32,
    /// The root context that is told of answers.
    pub root: u32,
    /// The upstream, a serialised `GrpcService` in Envoy.
    pub upstream: Vec<u8>,
    /// The full name of the service.
    pub service: Vec<u8>,
    /// The method.
    pub method: Vec<u8>,
    /// Initial metadata.
    pub metadata: Headers,
    /// Messages sent so far.
    pub messages: Vec<Vec<u8>>,
    /// Whether the filter closed its side.
    pub closed: bool,
}

/// All calls under way.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Callouts {
    /// HTTP calls that wait for an answer, in order.
    pub http: Vec<HttpCall>,
    /// gRPC calls and streams that are open, in order.
    pub grpc: Vec<GrpcCall>,
    last_http: u32,
    last_grpc: u32,
    /// The answer that is being delivered.
    pub(crate) answer: Option<Answer>,
    /// The last status that a call ended with, for `proxy_get_status`.
    pub(crate) status: (u32, Vec<u8>),
}

/// An HTTP answer while the filter may read it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Answer {
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Option<Headers>,
}

impl Callouts {
    pub(crate) fn http_token(&mut self) -> u32 {
        self.last_http = self.last_http.checked_add(1).unwrap_or(1);
        self.last_http
    }

    /// A token whose parity tells a call (odd) from a stream (even).
    pub(crate) fn grpc_token(&mut self, stream: bool) -> u32 {
        loop {
            self.last_grpc = self.last_grpc.checked_add(1).unwrap_or(1);
            if self.last_grpc.is_multiple_of(2) == stream {
                return self.last_grpc;
            }
        }
    }

    pub(crate) fn open_grpc(&mut self, token: u32) -> Option<&mut GrpcCall> {
        self.grpc.iter_mut().find(|call| call.token == token)
    }

    pub(crate) fn drop_grpc(&mut self, token: u32) {
        self.grpc.retain(|call| call.token != token);
    }
}
