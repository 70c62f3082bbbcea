//! What becomes of a request: it is judged, and the decision is carried out.

use jwt_gate_core::{Decision, Denial, HeaderOp, Outlook, Patch, Request, UnixTime, Verdict};

use crate::{
    abi::{self, LocalReply, LogLevel},
    gate::Gate,
    host_error::HostError,
    pairs::{self, Pair},
    stream::State,
    text::visible_ascii,
    waiting::{Held, Wait},
};

/// What was made of a request.
pub(crate) enum Judgement {
    /// It is decided.
    Done(State),
    /// It is worth a wait for keys, and there is a place to wait.
    Wait(Wait),
}

/// Judges a request that has just come.
pub(crate) fn judge(gate: &Gate, headers: &[Pair<'_>]) -> Judgement {
    try_judge(gate, headers).unwrap_or_else(|error| Judgement::Done(fail(gate, headers, error)))
}

fn try_judge(gate: &Gate, headers: &[Pair<'_>]) -> Result<Judgement, HostError> {
    let since = abi::now()?;
    let now = UnixTime::from_nanos(since);
    let route = gate.route()?;
    let rule = route.as_deref().and_then(Option::as_ref);
    let decision = gate.decide(&Request::new(headers, rule), now);
    if let Verdict::AwaitKeys(awaiting) = &decision.verdict {
        let followed = awaiting.followed();
        if gate.keys.outlook(followed, now) == Outlook::Pending && gate.waiting.want(followed) {
            return Ok(Judgement::Wait(Wait { followed, since, route }));
        }
    }
    conclude(gate, decision, now).map(Judgement::Done)
}

/// Whether this host lets one context speak for another, without which nobody can go on who waits.
///
/// ngx_wasm_module answers OK and goes on speaking for the one that called; it does so for a context
/// that does not exist too, which gives it away. `root` is the context that asks.
pub(crate) fn can_resume(root: u32) -> bool {
    let is_told_apart = abi::speak_for(NOBODY).is_err();
    if !is_told_apart {
        // Taken back, for a host that believes anything: the calls that follow are this root's.
        let _ = abi::speak_for(root);
    }
    is_told_apart
}

/// Judges a request that has waited, and lets the host go on with it or answers it.
///
/// `may_wait` tells whether it may be put on hold again: the answer that woke it can be one that was
/// under way before the request came, and lack the key for no other reason. Its time does not begin
/// anew.
///
/// The context that called is another one, so this comes last in its callback: what follows would
/// speak for the request.
pub(crate) fn resume(gate: &Gate, context: u32, may_wait: bool) {
    let Some(held) = gate.waiting.take(context) else {
        return;
    };
    if let Err(error) = abi::speak_for(context) {
        // The calls below would change another request, so this one stays where it is.
        abi::log(LogLevel::Error, &format!("jwt-gate: a request that waited is lost: {error}"));
        return;
    }
    let headers = match pairs::parse(&held.map) {
        Ok(headers) => headers,
        Err(malformed) => {
            held.state.set(fail(gate, &[], abi::bad_headers(malformed)));
            return;
        }
    };
    let state = match judge_again(gate, &headers, &held, may_wait) {
        Ok(Some(state)) => state,
        Ok(None) => {
            gate.waiting.hold(context, held);
            return;
        }
        Err(error) => fail(gate, &headers, error),
    };
    // Set first: a host may bring the body before the call is back.
    held.state.set(state);
    if state.goes_on()
        && let Err(error) = abi::continue_request()
    {
        held.state.set(fail(gate, &headers, error));
    }
}

/// Judges once more; `None` if the request is to go on waiting.
fn judge_again(
    gate: &Gate,
    headers: &[Pair<'_>],
    held: &Held,
    may_wait: bool,
) -> Result<Option<State>, HostError> {
    let nanos = abi::now()?;
    let now = UnixTime::from_nanos(nanos);
    let rule = held.wait.route.as_deref().and_then(Option::as_ref);
    let decision = gate.decide(&Request::new(headers, rule), now);
    if may_wait
        && matches!(decision.verdict, Verdict::AwaitKeys(_))
        && gate.waiting.is_patient(&held.wait, nanos)
        && gate.keys.outlook(held.wait.followed, now) == Outlook::Pending
        && gate.waiting.want(held.wait.followed)
    {
        return Ok(None);
    }
    conclude(gate, decision, now).map(Some)
}

/// Carries a decision out, without any further wait.
fn conclude(gate: &Gate, decision: Decision<'_>, now: UnixTime) -> Result<State, HostError> {
    let outlook = match &decision.verdict {
        Verdict::AwaitKeys(awaiting) => gate.keys.outlook(awaiting.followed(), now),
        _ => Outlook::Current,
    };
    let decision = decision.settle(&outlook);
    match &decision.verdict {
        Verdict::Allow(permit) => {
            apply(&decision.patch)?;
            gate.note_allowed(permit);
            Ok(passed(&decision.patch))
        }
        Verdict::Deny(denial) => Ok(deny(gate, denial, None)),
        // Settled above; whatever is not decided does not go on.
        Verdict::AwaitKeys(_) => Ok(State::Held),
        Verdict::Report(denial) => {
            apply(&decision.patch)?;
            gate.note_would_deny(denial);
            Ok(passed(&decision.patch))
        }
    }
}

/// Denies because a host call failed, in report mode too: what the request looks like by now is
/// anybody's guess, and it may carry an identity that nobody checked.
pub(crate) fn fail(gate: &Gate, headers: &[Pair<'_>], error: HostError) -> State {
    deny(gate, &gate.policy.host_error(&Request::new(headers, None)), Some(error))
}

/// Answers a request and holds it; `cause` is the host call that it failed on, if any.
fn deny(gate: &Gate, denial: &Denial<'_>, cause: Option<HostError>) -> State {
    answer(denial);
    gate.note_denied(denial, cause);
    State::Held
}

/// Makes the host's request what the decision wants it to be.
///
/// # Errors
///
/// The first call that fails. The request must not go on then: a header that stayed could be a
/// client's claim to be somebody.
fn apply(patch: &Patch) -> Result<(), HostError> {
    for op in &patch.headers {
        match op {
            HeaderOp::Remove(name) => abi::remove_request_header(name)?,
            HeaderOp::Set(name, value) => abi::set_request_header(name, value)?,
        }
    }
    for (name, value) in &patch.filter_state {
        abi::set_property(name.as_bytes(), value)?;
    }
    Ok(())
}

fn passed(patch: &Patch) -> State {
    if patch.private_response { State::PassedPrivate } else { State::Passed }
}

/// Sends the reply of a denial, and tells whether the host took it.
///
/// Nobody goes on because it failed: without a reply, the stream ends by the host's timeout.
pub(crate) fn answer(denial: &Denial<'_>) -> bool {
    let reply = denial.reply();
    let headers: Vec<_> =
        reply.headers.iter().map(|(name, value)| (name, visible_ascii(value))).collect();
    let sent = pairs::serialize(&headers).map_err(abi::bad_reply_headers).and_then(|headers| {
        abi::send_local_response(&LocalReply {
            status: reply.status,
            details: &reply.details,
            headers: &headers,
            body: &reply.body,
            grpc_status: reply.grpc_status,
        })
    });
    let Err(error) = sent else {
        return true;
    };
    abi::log(LogLevel::Error, &format!("jwt-gate: reply without headers and body: {error}"));
    // The host may have disliked a header or the size of the body. A bare status is better than a
    // caller who waits.
    abi::send_local_response(&LocalReply {
        status: reply.status,
        details: &reply.details,
        headers: pairs::NONE,
        body: &[],
        grpc_status: reply.grpc_status,
    })
    .is_ok()
}

/// A context that no host has.
const NOBODY: u32 = u32::MAX;
