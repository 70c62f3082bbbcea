//! What happens to the filter: all that the engine hears of the world.

use std::net::SocketAddr;

use proxy_host_model::{Headers, Place};
use tokio::sync::mpsc::UnboundedSender;
use wasmtime_harness::live::{Call, Message, Piece};

use super::headers::Refused;

/// Something that happened outside.
#[derive(Debug)]
pub(crate) enum Event {
    /// A request came, and this is its head.
    Open(Box<Arrival>),
    /// A piece of this request's body or its trailers came.
    Request(u64, Piece),
    /// A piece of the upstream's response to this request came.
    Response(u64, Piece),
    /// The client of this request went away, or has the whole response, or the front refused the
    /// request in the filter's place.
    Gone(u64, Option<Refused>),
    /// A call that the filter made was answered, or is not going to be.
    Answered(Call<Place>, Option<Message>),
    /// The proxy is to end.
    Stop,
}

/// A request that came, and where its pieces go on.
#[derive(Debug)]
pub(crate) struct Arrival {
    /// Which request, counted by the front.
    pub(crate) id: u64,
    pub(crate) headers: Headers,
    /// Whether the headers are all there is.
    pub(crate) end: bool,
    /// `HTTP/1.1` or `HTTP/1.0`.
    pub(crate) protocol: &'static str,
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
    /// Where the pieces of the request go that the filter lets through.
    pub(crate) to_upstream: UnboundedSender<Piece>,
    /// Where the pieces of the response go that the filter lets through.
    pub(crate) to_client: UnboundedSender<Piece>,
}
