//! Requests and responses on their way through the front, piece by piece.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use proxy_host_model::Headers;
use tokio::sync::mpsc::UnboundedReceiver;

/// The most bytes that a body may have, in either direction: all of it is kept in memory.
pub const BODY_MAX: usize = 16 * 1024 * 1024;

/// A piece of a request or response, in the order of the variants.
#[derive(Debug)]
pub enum Piece {
    /// The headers, and whether they are all there is.
    Head(Headers, bool),
    /// A part of the body.
    Body(Vec<u8>),
    /// The end, with trailers if there are some.
    End(Option<Headers>),
    /// Nothing more comes, and the end has not.
    Reset,
}

/// A whole request or response.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Message {
    /// The headers, pseudo headers first.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
    /// The trailers, if there are some.
    pub trailers: Option<Headers>,
}

impl Message {
    /// Collects pieces until the last; `None` if that is a reset.
    pub async fn collect(pieces: &mut UnboundedReceiver<Piece>) -> Option<Self> {
        let mut message = Self::default();
        loop {
            match pieces.recv().await? {
                Piece::Head(headers, end) => {
                    message.headers = headers;
                    if end {
                        return Some(message);
                    }
                }
                Piece::Body(part) => message.body.extend(part),
                Piece::End(trailers) => {
                    message.trailers = trailers;
                    return Some(message);
                }
                Piece::Reset => return None,
            }
        }
    }
}

/// A body that is there as a whole, as hyper wants it.
#[derive(Debug)]
pub struct Whole {
    body: Option<Bytes>,
    trailers: Option<hyper::HeaderMap>,
}

impl Whole {
    /// A body without trailers.
    #[must_use]
    pub fn new(body: Vec<u8>) -> Self {
        Self { body: Some(body.into()).filter(|body: &Bytes| !body.is_empty()), trailers: None }
    }

    /// The same body with trailers.
    #[must_use]
    pub fn with_trailers(self, trailers: Option<hyper::HeaderMap>) -> Self {
        Self { trailers, ..self }
    }
}

impl Body for Whole {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = self.body.take().map(Frame::data);
        Poll::Ready(frame.or_else(|| self.trailers.take().map(Frame::trailers)).map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        // Trailers need a chunked body, which hyper chooses when the length is not known.
        if self.trailers.is_some() {
            return SizeHint::default();
        }
        let size = self.body.as_ref().map_or(0, Bytes::len);
        SizeHint::with_exact(u64::try_from(size).unwrap_or(u64::MAX))
    }
}
