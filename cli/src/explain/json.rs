//! An explanation for scripts.

use jwt_gate_core::{Fact, Outcome, Step, UnixTime};
use serde_json::{Map, Value, json};

use super::{
    answer::{Answer, Upstream},
    request::Sent,
};
use crate::time;

pub(super) fn document(sent: &Sent, now: UnixTime, steps: &[Step], answer: &Answer) -> Value {
    let reply = answer.reply.as_ref().map(|reply| {
        json!({
            "status": reply.status,
            "headers": reply.headers,
            "body": String::from_utf8_lossy(&reply.body),
            "grpc_status": reply.grpc_status,
        })
    });
    json!({
        "request": { "method": sent.method, "path": sent.without_signature(&sent.target) },
        "now": time::spell(now),
        "verdict": answer.verdict,
        "passes": answer.passes,
        "reason": answer.reason,
        "rule": answer.rule,
        "issuer": answer.issuer,
        "steps": steps.iter().map(step).collect::<Vec<_>>(),
        "reply": reply,
        "upstream": answer.upstream.as_ref().map(upstream),
    })
}

fn step(step: &Step) -> Value {
    let (outcome, reason) = match step.outcome {
        Outcome::GoesOn => ("goes on", None),
        Outcome::Allows => ("allows", None),
        Outcome::Awaits(reject) => ("awaits keys", Some(reject.reason())),
        Outcome::Rejects(reject) => ("rejects", Some(reject.reason())),
    };
    json!({
        "stage": step.stage.name(),
        "outcome": outcome,
        "reason": reason,
        "facts": step.facts.iter().map(fact).collect::<Vec<_>>(),
    })
}

fn fact(fact: &Fact) -> Value {
    json!({
        "subject": fact.subject,
        "found": fact.found,
        "expected": (!fact.wanted.is_empty()).then_some(&fact.wanted),
        "holds": fact.holds,
    })
}

fn upstream(upstream: &Upstream) -> Value {
    let state =
        upstream.filter_state.iter().map(|(name, value)| (name.clone(), value.clone().into()));
    json!({
        "headers": upstream.headers,
        "removed": upstream.removed,
        "filter_state": state.collect::<Map<String, Value>>(),
        "private_response": upstream.private_response,
    })
}
