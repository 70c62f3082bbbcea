//! One direction of an exchange, the request or the response: what the filter holds of it, and what
//! has gone on.
//!
//! This is what Envoy's filter manager does around a filter (`source/common/http/filter_manager.cc`)
//! together with what its wasm filter remembers (`source/extensions/common/wasm/context.cc`).

use std::mem;

use crate::headers::Headers;

/// A direction of an exchange.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Flow {
    pub(crate) headers: Slot,
    pub(crate) trailers: Slot,
    /// What has gone on past the filter.
    pub(crate) sent: Sent,
    iteration: Iteration,
    /// The part of the body that the filter is being shown, unless it keeps the body.
    part: Option<Vec<u8>>,
    /// Whether the filter can see that part.
    part_shown: bool,
    /// What is held back of the body.
    kept: Option<Vec<u8>>,
    /// The filter asked to see the body grow: it is shown all that is held back.
    growing: bool,
    arrived: Arrived,
    /// Nothing passes any more: an answer of the filter's own took its place, or a reset.
    closed: bool,
}

/// What has gone on past the filter, of a request or of a response.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Sent {
    /// The headers, once they have.
    pub headers: Option<Headers>,
    /// The bytes of the body so far.
    pub body: Vec<u8>,
    /// The trailers, once they have.
    pub trailers: Option<Headers>,
    /// Whether the end has gone on too.
    pub complete: bool,
}

/// How far a direction has come on the proxy's side.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Arrived {
    headers: bool,
    trailers: bool,
    end: bool,
}

/// Envoy's `IterationState`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Iteration {
    /// Parts go on as the filter lets them.
    #[default]
    Going,
    /// Something is held; what comes later is shown to the filter.
    Held,
    /// All is held; what comes later is shown when it goes on.
    HeldWhole,
}

impl Iteration {
    /// What a filter's answer to headers means (`convertVmCallResultToFilterHeadersStatus`).
    pub(crate) fn after_headers(answer: u32, stop: bool, body_passes_pause: bool) -> Self {
        match answer {
            _ if stop => Self::HeldWhole,
            // 2 is "continue and end the stream", which Envoy takes for "continue".
            0 | 2 => Self::Going,
            1 if body_passes_pause => Self::Held,
            _ => Self::HeldWhole,
        }
    }
}

/// What a filter's answer to a part of a body means (`convertVmCallResultToFilterDataStatus`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum BodyAnswer {
    /// It goes on, with all that is held.
    GoOn,
    /// It is held; next time the filter is shown all that is held.
    Grow,
    /// It is held; next time the filter is shown the next part alone.
    Keep,
    /// It is gone.
    Drop,
}

impl BodyAnswer {
    pub(crate) fn new(answer: u32, stop: bool) -> Self {
        match answer {
            _ if stop => Self::Drop,
            0 => Self::GoOn,
            1 => Self::Grow,
            2 => Self::Keep,
            _ => Self::Drop,
        }
    }
}

/// What the filter is to be shown when a direction goes on.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    pub(crate) body: Option<(Vec<u8>, bool)>,
    pub(crate) trailers: Option<Headers>,
}

impl Flow {
    /// Whether headers have arrived.
    pub(crate) fn begun(&self) -> bool {
        self.arrived.headers
    }

    /// Whether the filter holds something.
    pub(crate) fn held(&self) -> bool {
        self.iteration != Iteration::Going && !self.sent.complete
    }

    pub(crate) fn closed(&self) -> bool {
        self.closed
    }

    /// Nothing passes from here on.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Puts a whole message in the place of what was there, past the filter.
    pub(crate) fn replace(&mut self, headers: Headers, body: Vec<u8>) {
        self.closed = true;
        self.headers.headers.clone_from(&headers);
        self.sent = Sent { headers: Some(headers), body, trailers: None, complete: true };
    }

    /// Takes headers, before the filter is called.
    pub(crate) fn begin(&mut self, headers: Headers, end: bool) {
        // What was written before they arrived takes the place of what did.
        let early = mem::take(&mut self.headers.headers);
        self.headers = Slot { headers, access: Access::Write };
        for (name, value) in early.given() {
            self.headers.headers.replace(name, value);
        }
        self.arrived = Arrived { headers: true, trailers: false, end };
    }

    /// Does what the filter answered to the headers.
    pub(crate) fn headers_answered(&mut self, answer: Iteration) {
        if self.closed {
            return;
        }
        self.iteration = answer;
        if answer == Iteration::Going {
            self.headers.access = Access::None;
            self.send();
        }
    }

    /// Takes a part of the body; the size that the filter is shown, or `None` if it is not called.
    pub(crate) fn offer_body(&mut self, part: Vec<u8>, end: bool) -> Option<usize> {
        if self.closed || !self.arrived.headers {
            return None;
        }
        self.arrived.end |= end;
        if self.growing || self.iteration == Iteration::HeldWhole {
            self.kept.get_or_insert_default().extend(part);
        } else {
            self.part = Some(part);
            self.part_shown = true;
        }
        match self.iteration {
            Iteration::HeldWhole => None,
            Iteration::Going | Iteration::Held => Some(self.visible_body()?.len()),
        }
    }

    /// Does what the filter answered to a part of the body.
    pub(crate) fn body_answered(&mut self, answer: BodyAnswer) {
        let part = self.part.take();
        if self.closed {
            return;
        }
        self.growing = answer == BodyAnswer::Grow;
        if answer != BodyAnswer::Drop
            && let Some(part) = part
        {
            self.kept.get_or_insert_default().extend(part);
        }
        if answer == BodyAnswer::GoOn {
            self.iteration = Iteration::Going;
            self.send();
        } else {
            self.iteration = Iteration::Held;
        }
    }

    /// Takes trailers; their number if the filter is to be shown them.
    pub(crate) fn offer_trailers(&mut self, trailers: Headers) -> Option<usize> {
        if self.closed || !self.arrived.headers {
            return None;
        }
        self.arrived.end = true;
        self.arrived.trailers = true;
        let count = trailers.len();
        let shown = self.iteration != Iteration::HeldWhole;
        let access = if shown { Access::Write } else { Access::None };
        self.trailers = Slot { headers: trailers, access };
        shown.then_some(count)
    }

    /// Does what the filter answered to the trailers.
    pub(crate) fn trailers_answered(&mut self, goes_on: bool) {
        if self.closed {
            return;
        }
        if goes_on {
            self.trailers.access = Access::None;
            self.iteration = Iteration::Going;
            self.growing = false;
            self.send();
        } else {
            self.iteration = Iteration::Held;
        }
    }

    /// Lets what is held go on; what was held whole is shown to the filter first.
    pub(crate) fn resume(&mut self) -> Shown {
        let whole = self.iteration == Iteration::HeldWhole;
        if self.closed {
            return Shown::default();
        }
        if self.iteration == Iteration::Going {
            // Asked for in the callback that is to answer for these headers or trailers: they go on
            // now, and what it answers counts for what comes behind them.
            let headers = self.sent.headers.is_none() && self.arrived.headers;
            if headers || self.sent.trailers.is_none() && self.arrived.trailers {
                self.send();
            }
            return Shown::default();
        }
        self.iteration = Iteration::Going;
        self.growing = false;
        if !whole {
            self.send();
            return Shown::default();
        }
        let trailers =
            mem::take(&mut self.arrived.trailers).then(|| mem::take(&mut self.trailers.headers));
        let end = self.arrived.end && trailers.is_none();
        let body = self.kept.take().map(|body| (body, end));
        // Not complete until the filter has seen the rest.
        self.arrived.end &= body.is_none() && trailers.is_none();
        self.send();
        Shown { body, trailers }
    }

    /// What the filter may read of the body.
    pub(crate) fn visible_body(&self) -> Option<&Vec<u8>> {
        if self.growing {
            return self.kept.as_ref();
        }
        self.part.as_ref().filter(|_| self.part_shown)
    }

    /// What the filter may change of the body.
    pub(crate) fn visible_body_mut(&mut self) -> Option<&mut Vec<u8>> {
        if self.growing {
            return self.kept.as_mut();
        }
        self.part.as_mut().filter(|_| self.part_shown)
    }

    /// Takes away what the filter could touch, as Envoy does at once when a stream is resumed.
    pub(crate) fn hide(&mut self) {
        self.part_shown = false;
        self.headers.access = Access::None;
        self.trailers.access = Access::None;
    }

    /// Sends on what has arrived and is not held.
    fn send(&mut self) {
        if self.sent.headers.is_none() {
            self.sent.headers = Some(self.headers.headers.clone());
        }
        if let Some(kept) = self.kept.take() {
            self.sent.body.extend(kept);
        }
        if self.arrived.trailers {
            self.sent.trailers = Some(self.trailers.headers.clone());
        }
        self.sent.complete = self.arrived.end;
    }
}

/// A header map and what the filter may do with it now.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Slot {
    pub(crate) headers: Headers,
    pub(crate) access: Access,
}

impl Slot {
    /// The map, if it can be read now.
    pub(crate) fn readable(&self) -> Option<&Headers> {
        (self.access == Access::Write).then_some(&self.headers)
    }

    /// Whether nothing has arrived yet.
    pub(crate) fn is_early(&self) -> bool {
        self.access == Access::Early
    }

    /// The map, if it can be written now.
    pub(crate) fn writable(&mut self) -> Option<&mut Headers> {
        (self.access == Access::Write).then_some(&mut self.headers)
    }
}

/// What a filter may do with a header map.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Access {
    /// It has not arrived; some hosts let a filter write to it nevertheless.
    #[default]
    Early,
    None,
    Write,
}
