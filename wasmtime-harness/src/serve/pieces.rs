//! Responses on their way to a client, piece by piece.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll, ready},
};

use hyper::body::{Body, Bytes, Frame};
use tokio::sync::mpsc::UnboundedReceiver;
use wasmtime_harness::live::{Piece, headers};

/// A response was cut off by the filter or by the upstream.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CutOff;

impl fmt::Display for CutOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the response was cut off")
    }
}

impl std::error::Error for CutOff {}

/// What comes after the head of a response, as hyper wants it.
pub(crate) struct Pieces<G> {
    pieces: UnboundedReceiver<Piece>,
    ended: bool,
    cut_off: bool,
    /// Tells the engine when the client went away: it is dropped with the body.
    _guard: G,
}

impl<G> Pieces<G> {
    /// The rest of a response whose head was the first of the pieces.
    pub(crate) fn new(pieces: UnboundedReceiver<Piece>, ended: bool, guard: G) -> Self {
        Self { pieces, ended, cut_off: false, _guard: guard }
    }
}

impl<G: Unpin> Body for Pieces<G> {
    type Data = Bytes;
    type Error = CutOff;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, CutOff>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        if self.cut_off {
            self.ended = true;
            return Poll::Ready(Some(Err(CutOff)));
        }
        match ready!(self.pieces.poll_recv(context)) {
            Some(Piece::Body(part)) => Poll::Ready(Some(Ok(Frame::data(part.into())))),
            Some(Piece::End(trailers)) => {
                self.ended = true;
                let trailers = trailers.map(|trailers| headers::map(&trailers));
                Poll::Ready(trailers.map(|map| map.map(Frame::trailers).map_err(|_| CutOff)))
            }
            Some(Piece::Head(..) | Piece::Reset) | None => {
                // An error at once would take along what hyper has not written yet.
                self.cut_off = true;
                context.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::sync::mpsc::unbounded_channel;

    use proxy_host_model::Headers;

    use super::*;

    /// What a body of these pieces gives, one word a poll.
    fn polled(pieces: impl IntoIterator<Item = Piece>) -> Vec<String> {
        let (sender, receiver) = unbounded_channel();
        pieces.into_iter().for_each(|piece| sender.send(piece).unwrap());
        drop(sender);
        let mut body = Pieces::new(receiver, false, ());
        let mut context = Context::from_waker(Waker::noop());
        let mut seen = Vec::new();
        while !body.is_end_stream() {
            seen.push(match Pin::new(&mut body).poll_frame(&mut context) {
                Poll::Pending => "pending".to_owned(),
                Poll::Ready(None) => "end".to_owned(),
                Poll::Ready(Some(Err(CutOff))) => "cut off".to_owned(),
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(part) => String::from_utf8(part.into()).unwrap(),
                    Err(frame) => format!("{} trailers", frame.trailers_ref().unwrap().len()),
                },
            });
        }
        assert!(matches!(Pin::new(&mut body).poll_frame(&mut context), Poll::Ready(None)));
        seen
    }

    #[test]
    fn a_body_ends_in_order_or_is_cut_off_after_what_came() {
        let part = || Piece::Body(b"part".to_vec());
        assert_eq!(polled([part(), Piece::End(None)]), ["part", "end"]);
        let trailers = Headers::from_iter([("a", "1"), ("b", "2")]);
        assert_eq!(polled([Piece::End(Some(trailers))]), ["2 trailers"]);
        assert_eq!(polled([part(), Piece::Reset]), ["part", "pending", "cut off"]);
        assert_eq!(polled([part()]), ["part", "pending", "cut off"]);
    }
}
