//! Requests, whole and step by step.

use std::time::Duration;

use proxy_host_model::{FleetStream, Outcome, Request, Response, Spawn};

use super::Player;
use crate::{
    compare::{Differences, fate, state},
    expect::Expect,
    message::{Exchange, Message, set_properties},
    step::Part,
};

/// A request that is not over, with all that was sent of it and of its response so far.
pub(super) struct Stream {
    open: FleetStream,
    exchange: Exchange,
    responded: bool,
}

impl<S: Spawn> Player<'_, S> {
    pub(super) fn request(
        &mut self,
        exchange: &Exchange,
        wait: Option<Duration>,
        expect: &Expect,
        differences: &mut Differences,
    ) -> String {
        let outcome = match wait {
            Some(wait) => self.slow(exchange, wait),
            None => self.fleet.request(exchange.worker, request(exchange)),
        };
        self.ended(&exchange.line, exchange, &outcome, expect, differences)
    }

    /// A request that so much time passes in, for services to answer and ticks to come.
    fn slow(&mut self, exchange: &Exchange, wait: Duration) -> Outcome {
        let open = self.fleet.open_whole(exchange.worker, request(exchange));
        self.fleet.advance(wait);
        self.fleet.finish(open)
    }

    pub(super) fn open(
        &mut self,
        name: &str,
        exchange: &Exchange,
        end: bool,
        expect: &Expect,
        differences: &mut Differences,
    ) -> String {
        let request = Request { open_ended: !end, ..request(exchange) };
        let open = self.fleet.open(exchange.worker, request);
        let stream = Stream { open, exchange: exchange.clone(), responded: false };
        let said = format!("{name}: {}", exchange.line);
        self.streams.insert(name.to_owned(), stream);
        self.state(name, said, expect, differences)
    }

    pub(super) fn send(
        &mut self,
        name: &str,
        part: &Part,
        expect: &Expect,
        differences: &mut Differences,
    ) -> String {
        let Some(stream) = self.streams.get_mut(name) else {
            return not_open(name, differences);
        };
        let fleet = &mut self.fleet;
        let sent = &mut stream.exchange.request;
        if let Some(pairs) = part.metadata {
            fleet.request_metadata(&stream.open, pairs);
        }
        for (bytes, end) in parts(part) {
            fleet.request_body(&stream.open, bytes, end);
            sent.body.push(bytes.to_vec());
        }
        if let Some(trailers) = &part.trailers {
            fleet.request_trailers(&stream.open, trailers.clone());
            sent.trailers = Some(trailers.clone());
        }
        let said = format!("{name}: {}", shown(part));
        self.state(name, said, expect, differences)
    }

    pub(super) fn respond(
        &mut self,
        name: &str,
        part: &Part,
        expect: &Expect,
        differences: &mut Differences,
    ) -> String {
        let Some(stream) = self.streams.get_mut(name) else {
            return not_open(name, differences);
        };
        let fleet = &mut self.fleet;
        let sent = &mut stream.exchange.response;
        if !stream.responded {
            stream.responded = true;
            // What the request says of its response is for those that no step answers.
            let headers = part.headers.clone().unwrap_or_else(|| sent.headers.clone());
            let end = part.end && part.body.is_empty();
            fleet.respond_headers(&stream.open, headers.clone(), end);
            *sent = Message { headers, ..Message::default() };
        }
        if let Some(pairs) = part.metadata {
            fleet.respond_metadata(&stream.open, pairs);
        }
        for (bytes, end) in parts(part) {
            fleet.respond_body(&stream.open, bytes, end);
            sent.body.push(bytes.to_vec());
        }
        if let Some(trailers) = &part.trailers {
            fleet.respond_trailers(&stream.open, trailers.clone());
            sent.trailers = Some(trailers.clone());
        }
        let said = format!("{name}: the upstream sends {}", shown(part));
        self.state(name, said, expect, differences)
    }

    pub(super) fn finish(
        &mut self,
        name: &str,
        expect: &Expect,
        differences: &mut Differences,
    ) -> String {
        let Some(Stream { open, exchange, .. }) = self.streams.remove(name) else {
            return not_open(name, differences);
        };
        let outcome = self.fleet.finish(open);
        self.ended(&format!("{name}: the end"), &exchange, &outcome, expect, differences)
    }

    pub(super) fn abandon(&mut self, name: &str) -> String {
        if let Some(stream) = self.streams.remove(name) {
            self.fleet.abandon(stream.open);
        }
        format!("{name}: the client goes away")
    }

    fn ended(
        &mut self,
        said: &str,
        exchange: &Exchange,
        outcome: &Outcome,
        expect: &Expect,
        differences: &mut Differences,
    ) -> String {
        // As it was sent is as the host hands it over, which may put words of its own in.
        let mut sent = exchange.clone();
        let arriving = self.fleet.template().arriving(sent.request.headers.clone());
        sent.request.headers = arriving.unwrap_or(sent.request.headers);
        differences.ending(expect, &sent, outcome);
        format!("{said} -> {}", fate(outcome))
    }

    fn state(
        &mut self,
        name: &str,
        said: String,
        expect: &Expect,
        differences: &mut Differences,
    ) -> String {
        let Some(stream) = self.streams.get(name) else {
            return not_open(name, differences);
        };
        let found = self.fleet.fate(&stream.open);
        if let Some(expected) = expect.state
            && expected != found
        {
            differences.add("state", state(expected), state(found));
        }
        format!("{said} -> {}", state(found))
    }
}

/// The request as the proxy has it.
pub(crate) fn request(exchange: &Exchange) -> Request {
    let Exchange { request, response, properties, .. } = exchange;
    let mut whole = Request {
        body: request.body.clone(),
        trailers: request.trailers.clone(),
        response: Response {
            headers: response.headers.clone(),
            body: response.body.clone(),
            trailers: response.trailers.clone(),
        },
        ..Request::new(request.headers.clone())
    };
    set_properties(properties, &mut whole.properties);
    whole
}

/// The parts of a body, the last one with the end if nothing follows it; a bare end is an empty part.
fn parts(part: &Part) -> Vec<(&[u8], bool)> {
    let mut parts: Vec<(&[u8], bool)> = part.body.iter().map(|part| (&**part, false)).collect();
    let bare = part.body.is_empty() && part.headers.is_none();
    if part.end && bare {
        parts.push((b"", true));
    }
    if let Some((_, end)) = parts.last_mut() {
        *end = part.end;
    }
    parts
}

fn shown(part: &Part) -> String {
    let body = part.body.concat();
    let body = (!part.body.is_empty()).then(|| format!("{} bytes", body.len()));
    let said = [
        part.headers.as_ref().map(|_| "headers".to_owned()),
        part.metadata.map(|pairs| format!("{pairs} pairs of metadata")),
        body,
        part.trailers.as_ref().map(|_| "trailers".to_owned()),
        part.end.then(|| "the end".to_owned()),
    ];
    said.into_iter().flatten().collect::<Vec<_>>().join(", ")
}

/// A scenario is read only if its steps fit together, so this is never said of one.
fn not_open(name: &str, differences: &mut Differences) -> String {
    differences.add("the step", format!("that {name:?} is open"), "that it is not");
    name.to_owned()
}
