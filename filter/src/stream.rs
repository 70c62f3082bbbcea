//! One request.

use std::rc::Rc;

use jwt_gate_core::{Denial, HeaderOp, Outlook, Patch, Request, UnixTime, Verdict};
use proxy_wasm::{
    traits::{Context, HttpContext},
    types::Action,
};

use crate::{
    abi::{self, LocalReply, LogLevel},
    gate::Gate,
    host_error::HostError,
    pairs::{self, Malformed, Pair},
    text::visible_ascii,
};

/// The stream context: asks the core when the request headers are there, and does what it says.
pub(crate) struct Stream {
    gate: Rc<Gate>,
    state: State,
}

/// How far a stream may go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// The request does not go on: undecided, answered, or denied without an answer.
    Held,
    /// The request went on.
    Passed,
    /// The request went on, with a token in its query: the response is for this caller alone.
    PassedPrivate,
    /// The request went on, and the response stays here: it could not be marked as private, nor
    /// could another be sent.
    ResponseHeld,
}

impl Stream {
    /// A stream that is held until it is decided.
    pub(crate) fn new(gate: Rc<Gate>) -> Self {
        Self { gate, state: State::Held }
    }

    /// What the host may do with the request.
    fn request_action(&self) -> Action {
        match self.state {
            State::Held => Action::Pause,
            State::Passed | State::PassedPrivate | State::ResponseHeld => Action::Continue,
        }
    }

    /// What the host may do with the response, which is also our own reply.
    fn response_action(&self) -> Action {
        match self.state {
            State::Held | State::Passed | State::PassedPrivate => Action::Continue,
            State::ResponseHeld => Action::Pause,
        }
    }
}

impl Context for Stream {}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, num_headers: usize, _end_of_stream: bool) -> Action {
        let map = abi::request_headers();
        let headers = match &map {
            Ok(map) => request_pairs(map, num_headers),
            Err(error) => Err(*error),
        };
        self.state = match headers {
            Ok(headers) => judge(&self.gate, &headers),
            Err(error) => fail(&self.gate, &[], error),
        };
        self.request_action()
    }

    // A host may bring the body although the headers were held back, and take a `Continue` here as
    // leave to send both on.
    fn on_http_request_body(&mut self, _body_size: usize, _end_of_stream: bool) -> Action {
        self.request_action()
    }

    fn on_http_request_trailers(&mut self, _num_trailers: usize) -> Action {
        self.request_action()
    }

    fn on_http_response_headers(&mut self, _num_headers: usize, _end_of_stream: bool) -> Action {
        if self.state == State::PassedPrivate {
            let (state, action) = mark_private(&self.gate);
            self.state = state;
            return action;
        }
        self.response_action()
    }

    fn on_http_response_body(&mut self, _body_size: usize, _end_of_stream: bool) -> Action {
        self.response_action()
    }

    fn on_http_response_trailers(&mut self, _num_trailers: usize) -> Action {
        self.response_action()
    }
}

/// The headers of a request, of which the host said how many there are. There are some:
/// pseudo-headers at least. Some hosts give an empty map where they have none to give.
fn request_pairs(map: &[u8], told: usize) -> Result<Vec<Pair<'_>>, HostError> {
    let pairs = if map.is_empty() { Ok(Vec::new()) } else { pairs::parse(map) };
    match pairs {
        Ok(pairs) if pairs.is_empty() => Err(Malformed::Empty),
        Ok(pairs) => pairs::all_shown(&pairs, told).map(|()| pairs),
        malformed => malformed,
    }
    .map_err(abi::bad_request_headers)
}

/// Decides on a request and carries the decision out.
fn judge(gate: &Gate, headers: &[Pair<'_>]) -> State {
    try_judge(gate, headers).unwrap_or_else(|error| fail(gate, headers, error))
}

fn try_judge(gate: &Gate, headers: &[Pair<'_>]) -> Result<State, HostError> {
    let now = UnixTime::from_nanos(abi::now()?);
    let route = gate.route()?;
    let rule = route.as_deref().and_then(Option::as_ref);
    let decision =
        jwt_gate_core::decide(&gate.policy, &gate.keys, &Request::new(headers, rule), now)
            .settle(&Outlook::Current);
    match &decision.verdict {
        Verdict::Allow(permit) => {
            apply(&decision.patch)?;
            gate.note_allowed(permit);
            Ok(passed(&decision.patch))
        }
        Verdict::Deny(denial) => Ok(deny(gate, denial, None)),
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
fn fail(gate: &Gate, headers: &[Pair<'_>], error: HostError) -> State {
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

/// Marks the response to a request with a token in its query as private ([RFC 6750 section 2.3]).
///
/// Added beside what the upstream says: `no-store` must stay, and of contradicting directives caches
/// heed the strictest. A response that cannot be marked is replaced, since a shared cache in front
/// could hand it to the next who sends the same address.
///
/// [RFC 6750 section 2.3]: https://www.rfc-editor.org/rfc/rfc6750#section-2.3
///
/// The action is for the response at hand: one that was replaced stays here, whatever the host
/// makes of the reply, which comes by as a response of its own.
fn mark_private(gate: &Gate) -> (State, Action) {
    let Err(error) = abi::add_response_header(b"cache-control", b"private") else {
        return (State::Passed, Action::Continue);
    };
    let denial = gate.policy.host_error(&Request::new(&[], None));
    let answered = answer(&denial);
    gate.note_denied(&denial, Some(error));
    (if answered { State::Passed } else { State::ResponseHeld }, Action::Pause)
}

/// Sends the reply of a denial, and tells whether the host took it.
///
/// Nobody goes on because it failed: without a reply, the stream ends by the host's timeout.
fn answer(denial: &Denial<'_>) -> bool {
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
