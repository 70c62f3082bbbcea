//! What a host brings back from a fetch.

/// How a fetch ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// An HTTP response, which hosts also make up themselves: Envoy gives 503 when it cannot
    /// connect and 504 when time is up.
    Response {
        /// All headers, `:status` included.
        headers: Vec<(Vec<u8>, Vec<u8>)>,
        /// The body; `None` if it is longer than [`Fetch::max_bytes`](super::Fetch::max_bytes).
        body: Option<Vec<u8>>,
    },
    /// No response: the stream was reset.
    Reset,
    /// The host did not take the request; the status of its call.
    NotSent(u32),
}
