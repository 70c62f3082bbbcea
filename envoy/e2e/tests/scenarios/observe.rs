//! What came back, as facts for the corpus to compare.

use std::collections::BTreeMap;

use anyhow::Result;
use envoy_e2e::config::{DETAILS, STATE};
use envoy_e2e::{Received, Reply};
use scenario_corpus::{Fate, Header, Reason, Seen};

/// What Envoy adds to a request, or writes anew in the other protocol.
pub(crate) const HOST_HEADERS: &[&str] = &[
    ":scheme",
    "content-length",
    "transfer-encoding",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-internal",
    "x-forwarded-proto",
    "x-request-id",
];

/// How the filter's lines begin in Envoy's log, after Envoy's own part.
pub(crate) const FILTER_LINE: &str = "jwt-gate: ";

/// The facts about one exchange.
pub(crate) fn seen(sent: &[Header], reply: Result<Reply>, log: &[String]) -> Seen {
    let logs: Vec<String> = filter_lines(log);
    let logged = logs.iter().find_map(|line| reason_of(line));
    let (fate, reason) = match reply {
        Err(error) => (Fate::Broken(format!("{error:#}")), Reason::Unseen),
        Ok(reply) => match reply.received() {
            Some(received) => (passed(&reply, &received), reason(logged)),
            None => replied(sent, &reply, logged),
        },
    };
    Seen { fate, reason, logs: log.to_vec() }
}

/// The lines of the filter itself.
pub(crate) fn filter_lines(log: &[String]) -> Vec<String> {
    let text = |line: &String| Some(line.split_once(FILTER_LINE)?.1.to_owned());
    (log.iter()).filter(|line| line.contains("[wasm]")).filter_map(text).collect()
}

fn reason_of(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("reason=")?;
    Some(rest.split(' ').next().unwrap_or_default().to_owned())
}

fn reason(code: Option<String>) -> Reason {
    code.map_or(Reason::None, Reason::Is)
}

fn passed(reply: &Reply, received: &Received) -> Fate {
    let mut headers: Vec<Header> = vec![
        (b":method".to_vec(), received.method.clone().into_bytes()),
        (b":path".to_vec(), received.path.clone().into_bytes()),
    ];
    for (name, value) in received.header_bytes() {
        // Envoy says `host` to an HTTP/1.1 upstream.
        let name = if name == "host" { ":authority".to_owned() } else { name };
        headers.push((name.into_bytes(), value));
    }
    let state = |(name, value): &(String, Vec<u8>)| {
        Some((name.strip_prefix(STATE)?.to_owned(), value.clone()))
    };
    Fate::Passed {
        headers,
        answer: Some(visible(reply)),
        filter_state: Some(reply.headers.iter().filter_map(state).collect::<BTreeMap<_, _>>()),
    }
}

fn replied(sent: &[Header], reply: &Reply, logged: Option<String>) -> (Fate, Reason) {
    let details = reply.header(DETAILS).unwrap_or_default();
    let Some(code) = details.strip_prefix("jwt_gate.") else {
        let status = reply.status;
        let what = format!("Envoy itself answered {status} ({details}): {}", reply.text());
        return (Fate::Broken(what), Reason::Unseen);
    };
    // Both places must say the same; where they do not, the difference is shown as the reason.
    let reason = match logged {
        Some(logged) if logged == code => Reason::Is(logged),
        logged => Reason::Is(format!("{code} in the details, {logged:?} in the log")),
    };
    let grpc = sent
        .iter()
        .any(|(name, value)| name == b"content-type" && value.starts_with(b"application/grpc"));
    let grpc_status = reply.header("grpc-status").and_then(|status| status.parse().ok());
    let replied = scenario_corpus::Reply {
        // Envoy turns it into 200 and the gRPC status.
        status: (!grpc).then_some(reply.status),
        headers: visible(reply),
        body: match reply.header("grpc-message") {
            Some(message) => percent_decoded(&message),
            None => reply.body.clone(),
        },
        grpc_status,
    };
    (Fate::Replied(replied), reason)
}

/// The headers without those that the test itself added.
fn visible(reply: &Reply) -> Vec<Header> {
    (reply.headers.iter())
        .filter(|(name, _)| name != DETAILS && !name.starts_with(STATE))
        .map(|(name, value)| (name.clone().into_bytes(), value.clone()))
        .collect()
}

/// The text of a `grpc-message` (percent-encoding, gRPC over HTTP/2).
fn percent_decoded(message: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = message.as_bytes();
    while let Some((first, tail)) = rest.split_first() {
        let code = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match code.and_then(|hex| u8::from_str_radix(hex, 16).ok()).filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            None => {
                bytes.push(*first);
                rest = tail;
            }
        }
    }
    bytes
}
