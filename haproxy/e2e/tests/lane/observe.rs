//! What came back, as facts for the corpus to compare.

use anyhow::Result;
use e2e_wire::{Received, Reply};
use haproxy_e2e::Outcome;
use scenario_corpus::{Fate, Header, Reason, Seen};

/// What HAProxy adds to a request, or writes anew in the other protocol.
pub(crate) const HOST_HEADERS: &[&str] =
    &[":scheme", "content-length", "transfer-encoding", "connection"];

/// How the filter's lines begin in the agent's log, after the agent's own part.
const FILTER_LINE: &str = "jwt-gate: ";

/// The facts about one exchange; `log` are the agent's lines and HAProxy's.
pub(crate) fn seen(
    sent: &[Header],
    reply: Result<Reply>,
    outcome: Option<&Outcome>,
    agent: &[String],
    haproxy: &[String],
) -> Seen {
    let logged = agent.iter().find_map(|line| reason_of(line));
    let (fate, reason) = match (reply, outcome) {
        (Err(error), _) => (Fate::Broken(format!("{error:#}")), Reason::Unseen),
        (Ok(reply), outcome) => match (reply.received(), outcome) {
            (Some(received), _) => (passed(&reply, &received), reason(logged)),
            (None, Some(outcome)) if outcome.verdict.as_deref() == Some("deny") => {
                replied(sent, &reply, outcome, logged)
            }
            (None, outcome) => {
                let (status, text) = (reply.status, reply.text());
                let what = format!("HAProxy itself answered {status} ({outcome:?}): {text}");
                (Fate::Broken(what), Reason::Unseen)
            }
        },
    };
    Seen { fate, reason, logs: [agent, haproxy].concat() }
}

/// The lines of the filter itself in the agent's log.
pub(crate) fn filter_lines(log: &[String]) -> Vec<String> {
    log.iter().filter_map(|line| Some(line.split_once(FILTER_LINE)?.1.to_owned())).collect()
}

fn reason_of(line: &str) -> Option<String> {
    let (_, rest) = line.split_once(FILTER_LINE)?.1.split_once("reason=")?;
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
        // HAProxy says `host` to an HTTP/1.1 server.
        let name = if name == "host" { ":authority".to_owned() } else { name };
        headers.push((name.into_bytes(), value));
    }
    Fate::Passed { headers, answer: Some(owned(reply)), filter_state: None }
}

fn replied(
    sent: &[Header],
    reply: &Reply,
    outcome: &Outcome,
    logged: Option<String>,
) -> (Fate, Reason) {
    // Both logs must say the same; where they do not, the difference is shown as the reason.
    let reason = match (&outcome.reason, logged) {
        (Some(code), Some(logged)) if logged == *code => Reason::Is(logged),
        (code, logged) => {
            Reason::Is(format!("{code:?} in HAProxy's log, {logged:?} in the agent's"))
        }
    };
    let grpc = sent
        .iter()
        .any(|(name, value)| name == b"content-type" && value.starts_with(b"application/grpc"));
    let grpc_status = reply.header("grpc-status").and_then(|status| status.parse().ok());
    let replied = scenario_corpus::Reply {
        // A gRPC client gets 200 and the gRPC status.
        status: (!grpc).then_some(reply.status),
        headers: owned(reply),
        body: match reply.header("grpc-message") {
            Some(message) => message.into_bytes(),
            None => reply.body.clone(),
        },
        grpc_status,
    };
    (Fate::Replied(replied), reason)
}

fn owned(reply: &Reply) -> Vec<Header> {
    let owned = |(name, value): &(String, Vec<u8>)| (name.clone().into_bytes(), value.clone());
    reply.headers.iter().map(owned).collect()
}
