//! One request in the fleet, and what of it has been sent on.

use std::time::Instant;

use proxy_host_model::{Fate, Fleet, FleetStream, Headers, Outcome, Request, Sent};
use tokio::sync::mpsc::UnboundedSender;
use wasmtime_harness::live::Piece;

use super::{event::Arrival, log, watch::Watcher};

/// Whether a request goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Turn {
    Open,
    Done,
}

/// One request in the fleet.
pub(crate) struct Stream {
    stream: FleetStream,
    to_upstream: Way,
    to_client: Way,
    started: Instant,
    /// Method and path as the client sent them.
    line: String,
}

impl Stream {
    /// Shows the head of a request to the filter.
    pub(crate) fn open(fleet: &mut Fleet<Watcher>, worker: usize, arrival: Arrival) -> Self {
        let started = Instant::now();
        let shown = |name: &str| {
            String::from_utf8_lossy(arrival.headers.first(name).unwrap_or_default()).into_owned()
        };
        let line = format!("{} {}", shown(":method"), shown(":path"));
        let mut request = Request::new(arrival.headers);
        let (client, server) = (arrival.client, arrival.server);
        for (end, address) in [("source", client), ("destination", server)] {
            let port = u64::from(address.port()).to_le_bytes();
            request.properties.set(&[end, "address"], address.to_string().as_bytes());
            request.properties.set(&[end, "port"], &port);
        }
        request.properties.set(&["request", "protocol"], arrival.protocol.as_bytes());
        request.properties.set(&["connection", "mtls"], &[0]);
        if !arrival.end {
            request = request.to_be_continued();
        }
        let stream = fleet.open(worker, request);
        let to_upstream = Way::new(arrival.to_upstream);
        let to_client = Way::new(arrival.to_client);
        Self { stream, to_upstream, to_client, started, line }
    }

    /// Shows a piece of the request to the filter.
    pub(crate) fn request(&mut self, fleet: &mut Fleet<Watcher>, piece: Piece) {
        match piece {
            Piece::Body(part) => fleet.request_body(&self.stream, &part, false),
            // HTTP/1 tells of the end after the last part, as Envoy's codec does.
            Piece::End(None) => fleet.request_body(&self.stream, b"", true),
            Piece::End(Some(trailers)) => fleet.request_trailers(&self.stream, trailers),
            Piece::Head(..) | Piece::Reset => None,
        };
    }

    /// Shows a piece of the upstream's response to the filter.
    pub(crate) fn response(&mut self, fleet: &mut Fleet<Watcher>, piece: Piece) {
        match piece {
            Piece::Head(headers, end) => fleet.respond_headers(&self.stream, headers, end),
            Piece::Body(part) => fleet.respond_body(&self.stream, &part, false),
            Piece::End(None) => fleet.respond_body(&self.stream, b"", true),
            Piece::End(Some(trailers)) => fleet.respond_trailers(&self.stream, trailers),
            Piece::Reset => None,
        };
    }

    /// Sends on what the filter has let through since the last time.
    pub(crate) fn follow(&mut self, fleet: &mut Fleet<Watcher>) -> Turn {
        let (to_upstream, to_client) = (&mut self.to_upstream, &mut self.to_client);
        let done = fleet.progress(&self.stream, |progress| {
            to_upstream.send(progress.request);
            to_client.send(progress.response);
            to_client.ended || progress.failed || progress.fate == Fate::Reset
        });
        match done {
            Some(false) => Turn::Open,
            Some(true) | None => Turn::Done,
        }
    }

    /// Ends a request that has gone all its way, or that the filter gave an end.
    pub(crate) fn end(mut self, fleet: &mut Fleet<Watcher>) {
        if self.to_client.ended {
            self.close(fleet, what);
            return;
        }
        let failed = fleet.progress(&self.stream, |progress| progress.failed).unwrap_or_default();
        if !failed {
            self.reset(fleet, "reset by the filter");
            return;
        }
        // Answered by the failure policy, if the client has heard nothing yet.
        if self.to_client.status.is_none() {
            self.to_client.status = Some("503".to_owned());
            let headers = [(":status", "503"), ("content-length", "0")];
            self.to_client.tell(Piece::Head(Headers::from_iter(headers), true));
        } else {
            self.to_client.tell(Piece::Reset);
        }
        self.close(fleet, |_| "the filter ended".to_owned());
    }

    /// Ends a request without a response.
    pub(crate) fn reset(self, fleet: &mut Fleet<Watcher>, why: &str) {
        self.to_client.tell(Piece::Reset);
        self.close(fleet, |_| why.to_owned());
    }

    /// Ends a request that the front answered in the filter's place.
    pub(crate) fn refuse(mut self, fleet: &mut Fleet<Watcher>, status: u16, why: &str) {
        self.to_client.status = Some(status.to_string());
        self.close(fleet, |_| format!("refused: {why}"));
    }

    /// Lets the filter log and delete it, and writes a line about it.
    fn close(self, fleet: &mut Fleet<Watcher>, what: impl FnOnce(&Outcome) -> String) {
        let (place, context) = (self.stream.worker(), self.stream.context());
        let outcome = fleet.abandon(self.stream);
        let host = fleet.host(proxy_host_model::Place::Worker(place));
        let fuel = context.zip(host).map(|(context, host)| host.guest().take_fuel(context));
        let seen = match fuel {
            Some(fuel) => format!("fuel {fuel}"),
            None => "not seen by the filter".to_owned(),
        };
        let status = self.to_client.status.as_deref().unwrap_or("-");
        let millis = self.started.elapsed().as_secs_f64() * 1000.0;
        let what = what(&outcome);
        log::line(format_args!("{} {status}, {what}, {seen}, {millis:.1} ms", self.line));
    }
}

/// What the filter did, in a few words.
fn what(outcome: &Outcome) -> String {
    match (&outcome.reply, outcome.fate) {
        (Some(reply), _) if reply.details.is_empty() => "answered by the filter".to_owned(),
        (Some(reply), _) => {
            format!("answered by the filter: {}", reply.details.escape_ascii())
        }
        (None, _) => "passed".to_owned(),
    }
}

/// Where one direction goes on, and how far it has come.
struct Way {
    pieces: UnboundedSender<Piece>,
    /// `:status` of the head, once that was sent; something else in a request.
    status: Option<String>,
    body: usize,
    ended: bool,
}

impl Way {
    fn new(pieces: UnboundedSender<Piece>) -> Self {
        Self { pieces, status: None, body: 0, ended: false }
    }

    /// Sends on what has passed the filter since the last time.
    fn send(&mut self, sent: &Sent) {
        let Some(headers) = sent.headers.as_ref().filter(|_| !self.ended) else {
            return;
        };
        if self.status.is_none() {
            let status = headers.first(":status").unwrap_or_default();
            self.status = Some(String::from_utf8_lossy(status).into_owned());
            self.ended = sent.complete && sent.body.is_empty() && sent.trailers.is_none();
            self.tell(Piece::Head(headers.clone(), self.ended));
        }
        if let Some(part) = sent.body.get(self.body..).filter(|part| !part.is_empty()) {
            self.tell(Piece::Body(part.to_vec()));
            self.body = sent.body.len();
        }
        if sent.complete && !self.ended {
            self.tell(Piece::End(sent.trailers.clone()));
            self.ended = true;
        }
    }

    fn tell(&self, piece: Piece) {
        // Nobody listens when the client has gone.
        let _ = self.pieces.send(piece);
    }
}
