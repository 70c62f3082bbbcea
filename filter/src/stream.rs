//! One request.

use std::{cell::Cell, rc::Rc};

use jwt_gate_core::Request;

use crate::{
    abi::{self, Action},
    gate::Gate,
    host_error::HostError,
    judgement::{self, Judgement},
    pairs::{self, Malformed, Pair},
    waiting::Held,
};

/// The stream context: asks the core when the request headers are there, and does what it says.
pub(crate) struct Stream {
    gate: Rc<Gate>,
    context: u32,
    state: State,
    /// In place of `state` once the request was put on hold: the root decides it then.
    waits: Option<Rc<Cell<State>>>,
}

/// How far a stream may go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum State {
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

impl State {
    /// Whether the request goes on to the upstream.
    pub(crate) fn goes_on(self) -> bool {
        match self {
            Self::Held => false,
            Self::Passed | Self::PassedPrivate | Self::ResponseHeld => true,
        }
    }
}

impl Stream {
    /// A stream that is held until it is decided.
    pub(crate) fn new(gate: Rc<Gate>, context: u32) -> Self {
        Self { gate, context, state: State::Held, waits: None }
    }

    /// Judges the request by its header map, or puts it on hold.
    fn judge(&mut self, map: Vec<u8>, told: usize) -> State {
        let wait = match request_pairs(&map, told) {
            Ok(headers) => match judgement::judge(&self.gate, &headers) {
                Judgement::Done(state) => return state,
                Judgement::Wait(wait) => wait,
            },
            Err(error) => return judgement::fail(&self.gate, &[], error),
        };
        let state = Rc::new(Cell::new(State::Held));
        self.waits = Some(Rc::clone(&state));
        self.gate.waiting.hold(self.context, Held { wait, map, state });
        State::Held
    }

    fn state(&self) -> State {
        self.waits.as_ref().map_or(self.state, |state| state.get())
    }

    fn set_state(&mut self, state: State) {
        match &self.waits {
            Some(shared) => shared.set(state),
            None => self.state = state,
        }
    }

    /// Judges the request, of whose headers the host said how many there are.
    pub(crate) fn request_headers(&mut self, told: usize) -> Action {
        self.state = match abi::request_headers() {
            Ok(map) => self.judge(map, told),
            Err(error) => judgement::fail(&self.gate, &[], error),
        };
        self.request_action()
    }

    /// What the host may do with the request.
    pub(crate) fn request_action(&self) -> Action {
        if self.state().goes_on() { Action::Continue } else { Action::Pause }
    }

    /// What the host may do with the response, which is also our own reply.
    pub(crate) fn response_headers(&mut self) -> Action {
        match self.state() {
            State::Held | State::Passed => Action::Continue,
            State::PassedPrivate => {
                let (state, action) = mark_private(&self.gate);
                self.set_state(state);
                action
            }
            State::ResponseHeld => Action::HoldAll,
        }
    }

    /// Whether nothing is left to do, whatever the host calls.
    pub(crate) fn is_done(&self) -> bool {
        self.waits.is_none() && self.state == State::Passed
    }
}

impl Drop for Stream {
    /// A client that goes away while its request waits takes up no place any more.
    fn drop(&mut self) {
        if self.waits.is_some() {
            self.gate.waiting.take(self.context);
        }
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
    .map_err(abi::bad_headers)
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
    let answered = judgement::answer(&denial);
    gate.note_denied(&denial, Some(error));
    // Where nobody answers, the body must not come by either: there is no callback for it.
    if answered { (State::Passed, Action::Pause) } else { (State::ResponseHeld, Action::HoldAll) }
}
