//! What Envoy makes of a request before a filter sees it, and of messages when they leave.
//!
//! None of this is the filter's or the model's business: it is what the codecs, the connection
//! manager and the router add or take, as the test's configuration of Envoy has them do.

use probe_corpus::{Message, NOW, Request, Response, Service};
use proxy_host_model::{self as model, Headers, Outcome, ServiceAnswer};

/// The bytes of a text whose characters are bytes.
pub(crate) fn latin1(text: &str) -> Vec<u8> {
    text.chars().map(|char| u8::try_from(u32::from(char)).unwrap_or(b'?')).collect()
}

/// A request as the first filter finds it.
pub(crate) fn request(request: &Request) -> model::Request {
    let mut headers = Headers::default();
    headers.add(b":authority", &latin1(&request.host));
    headers.add(b":path", &latin1(&request.path));
    headers.add(b":method", &latin1(&request.method));
    headers.add(b":scheme", b"http");
    for (name, value) in &request.headers {
        headers.add(&latin1(name), &latin1(value));
    }
    headers.add(b"x-forwarded-proto", b"http");
    let mut given = model::Request::new(headers)
        .property(&["xds", "route_name"], b"route")
        .property(&["xds", "cluster_name"], b"upstream")
        .property(&["xds", "virtual_host_name"], b"all")
        .property(&["xds", "listener_direction"], &[0; 8])
        .property(&["connection", "mtls"], &[0])
        .property(&["connection", "requested_server_name"], b"")
        .property(&["request", "protocol"], b"HTTP/1.1")
        .property(&["request", "time"], &(NOW * 1_000_000_000).to_le_bytes());
    if has_body(&request.body, &request.trailers) {
        given = given.to_be_continued();
    }
    given
}

/// The parts of a chunked body as the HTTP/1.1 codec brings them: the end comes by itself.
pub(crate) fn parts(body: &[String], trailers: &[(String, String)]) -> Vec<Vec<u8>> {
    let mut parts: Vec<Vec<u8>> = body.iter().map(|part| latin1(part)).collect();
    if trailers.is_empty() && !parts.is_empty() {
        parts.push(Vec::new());
    }
    parts
}

/// Trailers, if there are any.
pub(crate) fn trailers(trailers: &[(String, String)]) -> Option<Headers> {
    let pairs = trailers.iter().map(|(name, value)| (latin1(name), latin1(value)));
    (!trailers.is_empty()).then(|| pairs.collect())
}

/// The headers of a response as they come from the upstream.
pub(crate) fn response_headers(response: &Response) -> Headers {
    let mut headers = Headers::default();
    headers.add(b":status", response.status.to_string().as_bytes());
    for (name, value) in &response.headers {
        headers.add(&latin1(name), &latin1(value));
    }
    if has_body(&response.body, &response.trailers) {
        headers.add(b"transfer-encoding", b"chunked");
    } else if response.status != 204 {
        headers.add(b"content-length", b"0");
    }
    headers
}

/// What a call to the cluster `service` comes to.
pub(crate) fn service(service: &Service) -> ServiceAnswer {
    match service {
        Service::Answer(response) => {
            let mut headers = response_headers(response);
            // The records have 0 for any time.
            headers.add(b"x-envoy-upstream-service-time", b"0");
            let body: Vec<u8> = response.body.iter().flat_map(|part| latin1(part)).collect();
            let mut answer = ServiceAnswer::response(headers, &body);
            if let model::Answered::Response { trailers: given, .. } = &mut answer.what {
                *given = trailers(&response.trailers);
            }
            answer
        }
        Service::Reset => ServiceAnswer::connection_termination(),
        Service::Silence => ServiceAnswer::never(),
    }
}

/// The request as it leaves for the upstream.
pub(crate) fn to_upstream(sent: &Request, outcome: &Outcome) -> Message {
    let mut message = request_line(&outcome.request_headers);
    message.body = outcome.request_body.clone();
    message.trailers = pairs(outcome.request_trailers.as_ref());
    message.complete = outcome.request_complete;
    if has_body(&sent.body, &sent.trailers) {
        frame(&mut message, Framing::Chunks);
    } else if !["GET", "HEAD"].iter().any(|method| message.first.starts_with(method)) {
        frame(&mut message, Framing::NoBody);
    }
    message
}

/// The response as it leaves for the client, if it does.
pub(crate) fn to_client(sent: &Request, outcome: &Outcome) -> Option<Message> {
    let (mut message, pseudo) = match &outcome.response {
        Some(response) => message(response),
        // A proxy that fails closed.
        None if outcome.failed => message(&Headers::from_iter([(":status", "503")])),
        None => return None,
    };
    message.first = text(pseudo.first(":status").unwrap_or(b"503"));
    message.body = outcome.response_body.clone();
    message.trailers = pairs(outcome.response_trailers.as_ref());
    message.complete = outcome.response_complete || outcome.response.is_none();
    if !["204", "304"].contains(&&*message.first) {
        let ends = message.complete && message.body.is_empty() && message.trailers.is_empty();
        frame(&mut message, if ends { Framing::NoBody } else { Framing::Chunks });
    }
    if sent.method == "HEAD" || message.first == "304" {
        message.body.clear();
    } else if let Some(length) = header(&message, b"content-length") {
        // All that a client can read.
        let length = text(&length).parse().unwrap_or(0);
        message.complete &= message.body.len() >= length;
        message.body.truncate(length);
    }
    Some(message)
}

/// A call as it leaves for a service; beside a length, HTTP/1.1 has no place for trailers.
pub(crate) fn to_service(call: &model::HttpCall) -> Message {
    let mut message = request_line(&call.headers);
    message.body.clone_from(&call.body);
    message.complete = true;
    if !call.body.is_empty() {
        let length = call.body.len().to_string().into_bytes();
        message.headers.push((b"content-length".to_vec(), length));
    }
    message
}

/// How the HTTP/1.1 codec tells where a message ends, when its headers do not.
enum Framing {
    NoBody,
    Chunks,
}

fn frame(message: &mut Message, framing: Framing) {
    let framed = [&b"content-length"[..], b"transfer-encoding"];
    if framed.iter().any(|name| header(message, name).is_some()) {
        return;
    }
    let (name, value) = match framing {
        Framing::NoBody => ("content-length", "0"),
        Framing::Chunks => ("transfer-encoding", "chunked"),
    };
    message.headers.push((name.into(), value.into()));
}

fn header(message: &Message, name: &[u8]) -> Option<Vec<u8>> {
    let mut headers = message.headers.iter();
    headers.find(|(known, _)| known == name).map(|(_, value)| value.clone())
}

/// The first line, and `host` in front of the other headers.
fn request_line(headers: &Headers) -> Message {
    let (mut message, pseudo) = message(headers);
    let get = |name: &str| text(pseudo.first(name).unwrap_or_default());
    message.first = format!("{} {} HTTP/1.1", get(":method"), get(":path"));
    let host = pseudo.first(":authority").map(|host| (b"host".to_vec(), host.to_vec()));
    message.headers.splice(0..0, host);
    message
}

/// Headers as a client or server reads them from the wire, and apart from them the pseudo headers.
fn message(headers: &Headers) -> (Message, Headers) {
    let (pseudo, plain): (Vec<_>, Vec<_>) =
        headers.iter().partition(|(name, _)| name.starts_with(b":"));
    let mut headers = Vec::new();
    for (name, value) in plain {
        // Whatever is in a value, a line break ends the header.
        let mut lines = value.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        headers.push((name.to_vec(), lines.next().unwrap_or_default().to_vec()));
        for line in lines {
            let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
            let (name, value) = line.split_at(colon);
            let value = value.strip_prefix(b":").unwrap_or(value).trim_ascii();
            headers.push((name.to_vec(), value.to_vec()));
        }
    }
    (Message { headers, ..Message::default() }, pseudo.into_iter().collect())
}

fn pairs(headers: Option<&Headers>) -> Vec<(Vec<u8>, Vec<u8>)> {
    let pairs = headers.into_iter().flat_map(Headers::iter);
    pairs.map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn has_body(body: &[String], trailers: &[(String, String)]) -> bool {
    !body.is_empty() || !trailers.is_empty()
}
