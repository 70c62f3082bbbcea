//! The clients' side: HTTP/1 on a socket, to events and back.

use std::{
    error::Error as _,
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::Sender,
    },
    time::Duration,
};

use http_body_util::{BodyExt as _, Either};
use hyper::{
    Request, Response, StatusCode, Version,
    body::{Body as _, Incoming},
    header::{self, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::TcpStream,
    sync::{mpsc, watch},
    task::AbortHandle,
    time,
};
use wasmtime_harness::live::{self, BODY_MAX, Message, Piece, Whole};

use super::{
    event::{Arrival, Event},
    headers::{self, Refused},
    log,
    pieces::{CutOff, Pieces},
    upstream::Upstream,
};

/// The most bytes that the headers of a request may have.
const HEADERS_MAX: usize = 64 * 1024;

/// The clients' side.
pub(crate) struct Front {
    pub(crate) events: Sender<Event>,
    pub(crate) upstream: Upstream,
    /// How long a client may be silent in the middle of a request.
    pub(crate) patience: Duration,
    pub(crate) requests: AtomicU64,
}

/// Where a connection goes from and to.
#[derive(Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) client: SocketAddr,
    pub(crate) server: SocketAddr,
}

/// A response to a client: pieces from the engine, or a few words of the front's own.
type Answer = Response<Either<Pieces<Guard>, Whole>>;

/// Ends a request on the client's side when it is dropped: with the response, or before.
pub(crate) struct Guard {
    events: Sender<Event>,
    id: u64,
    /// What the front said in the filter's place, and why.
    refused: Option<Refused>,
    exchange: AbortHandle,
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.exchange.abort();
        // An engine that has ended has no open requests.
        let _ = self.events.send(Event::Gone(self.id, self.refused));
    }
}

impl Front {
    /// Serves the requests of one connection until it ends or `stop` says so.
    pub(crate) async fn serve(
        self: Arc<Self>,
        stream: TcpStream,
        ends: Ends,
        mut stop: watch::Receiver<bool>,
    ) {
        let service = service_fn(|request| Arc::clone(&self).answer(request, ends));
        let mut builder = http1::Builder::new();
        builder.timer(TokioTimer::new()).header_read_timeout(self.patience);
        builder.max_header_size(HEADERS_MAX);
        let connection = builder.serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = async { drop(stop.wait_for(|stop| *stop).await) } => {
                // The request under way is answered first.
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended
            && (error.is_parse() || error.is_timeout())
        {
            log::line(format_args!("{}: {error}", ends.client));
        }
    }

    /// Takes one request through the filter.
    ///
    /// # Errors
    ///
    /// The request was reset: the connection ends without an answer.
    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        ends: Ends,
    ) -> Result<Answer, CutOff> {
        let (parts, mut body) = request.into_parts();
        let shown = match headers::of_request(&parts) {
            Ok(shown) => shown,
            Err(refused) => {
                let Refused(status, why) = refused;
                let (method, uri, status) = (&parts.method, &parts.uri, status.as_u16());
                log::line(format_args!("{method} {uri} {status}, refused: {why}"));
                return Ok(words(refused));
            }
        };
        let id = self.requests.fetch_add(1, Ordering::Relaxed);
        let (to_upstream, for_upstream) = mpsc::unbounded_channel();
        let (to_client, mut for_client) = mpsc::unbounded_channel();
        let mut ended = body.is_end_stream();
        self.tell(Event::Open(Box::new(Arrival {
            id,
            headers: shown,
            end: ended,
            protocol: if parts.version == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" },
            client: ends.client,
            server: ends.server,
            to_upstream,
            to_client,
        })));
        let exchange = tokio::spawn(Arc::clone(&self).exchange(id, for_upstream)).abort_handle();
        let mut guard = Guard { events: self.events.clone(), id, refused: None, exchange };

        let mut size = 0_usize;
        // The head of the response may come before the request has ended.
        let head = loop {
            let piece = tokio::select! {
                biased;
                piece = for_client.recv() => break piece,
                piece = self.next_piece(&mut body), if !ended => piece,
            };
            let refused = match piece? {
                Ok(Piece::Body(part)) if part.len().saturating_add(size) > BODY_MAX => {
                    Refused(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large")
                }
                Ok(piece) => {
                    match &piece {
                        Piece::Body(part) => size = size.saturating_add(part.len()),
                        _ => ended = true,
                    }
                    self.tell(Event::Request(id, piece));
                    continue;
                }
                Err(refused) => refused,
            };
            guard.refused = Some(refused);
            return Ok(words(refused));
        };
        let Some(Piece::Head(headers, ended)) = head else {
            return Err(CutOff);
        };
        match headers::to_response(&headers) {
            Ok(response) => {
                Ok(response.map(|()| Either::Left(Pieces::new(for_client, ended, guard))))
            }
            Err(why) => {
                log::line(format_args!("the response cannot be sent: {why}"));
                let why = "what the filter made of the response cannot be sent";
                let refused = Refused(StatusCode::INTERNAL_SERVER_ERROR, why);
                guard.refused = Some(refused);
                Ok(words(refused))
            }
        }
    }

    /// The next piece of a request's body.
    ///
    /// # Errors
    ///
    /// The client has gone; or what it is told in the filter's place.
    async fn next_piece(&self, body: &mut Incoming) -> Result<Result<Piece, Refused>, CutOff> {
        match time::timeout(self.patience, body.frame()).await {
            Ok(None) => Ok(Ok(Piece::End(None))),
            Ok(Some(Ok(frame))) => Ok(Ok(match frame.into_data() {
                Ok(part) => Piece::Body(part.into()),
                Err(frame) => Piece::End(frame.trailers_ref().map(live::headers::of_trailers)),
            })),
            Ok(Some(Err(error))) if ended_early(&error) => Err(CutOff),
            Ok(Some(Err(_))) => {
                Ok(Err(Refused(StatusCode::BAD_REQUEST, "the body breaks the rules of HTTP/1")))
            }
            Err(_) => {
                let why = "the client was silent for too long";
                Ok(Err(Refused(StatusCode::REQUEST_TIMEOUT, why)))
            }
        }
    }

    /// Sends the request on, once it is there as a whole, and tells the engine the answer.
    async fn exchange(self: Arc<Self>, id: u64, mut request: mpsc::UnboundedReceiver<Piece>) {
        let Some(message) = Message::collect(&mut request).await else {
            return;
        };
        let mut begun = false;
        let answered = self.upstream.exchange(message, |piece| {
            begun = true;
            self.tell(Event::Response(id, piece));
        });
        if let Err(failed) = answered.await {
            log::line(format_args!("upstream: {failed}"));
            if begun {
                self.tell(Event::Response(id, Piece::Reset));
                return;
            }
            let Message { headers, body, .. } = failed.answer();
            for piece in [Piece::Head(headers, false), Piece::Body(body), Piece::End(None)] {
                self.tell(Event::Response(id, piece));
            }
        }
    }

    fn tell(&self, event: Event) {
        // An engine that has ended drops the channels of its requests, which ends them.
        let _ = self.events.send(event);
    }
}

/// Whether a body has no end since its client has gone.
fn ended_early(error: &hyper::Error) -> bool {
    let source = error.source().and_then(|source| source.downcast_ref::<io::Error>());
    let kind = source.map(io::Error::kind);
    !matches!(kind, Some(io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData))
}

/// A response of the front's own.
fn words(Refused(status, why): Refused) -> Answer {
    let mut response = Response::new(Either::Right(Whole::new(format!("{why}\n").into_bytes())));
    *response.status_mut() = status;
    let kind = HeaderValue::from_static("text/plain");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}
