//! Other services as a filter finds them: what they answer, and when.

use std::time::Duration;

use crate::headers::Headers;

/// What one cluster answers to HTTP calls.
///
/// The first answer is for the first call, the second for the next, and the last one for all calls
/// after it. Without any, no call is ever answered.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Service {
    /// The answers in order.
    pub answers: Vec<ServiceAnswer>,
    /// How many calls came so far.
    pub calls: u64,
}

/// What becomes of one HTTP call.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ServiceAnswer {
    /// How long after the call.
    pub after: Duration,
    /// How many times: 0 is never, 2 is once too often.
    ///
    /// Envoy knows a call only until its answer or the end of its time, and drops what comes after
    /// that; see [`Profile::late_answers`](crate::Profile::late_answers).
    pub times: u32,
    /// What comes.
    pub what: Answered,
}

/// How an HTTP call ends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answered {
    /// With a response.
    Response {
        /// Its headers, `:status` among them.
        headers: Headers,
        /// Its body.
        body: Vec<u8>,
        /// Its trailers, if it has any.
        trailers: Option<Headers>,
    },
    /// The connection is gone: no headers, and `proxy_get_status` tells.
    Reset,
}

impl Answered {
    /// Whether it is the answer that Envoy makes where a service cannot be reached in time.
    pub(crate) fn is_failure(&self) -> bool {
        let failures = [
            ServiceAnswer::connect_failure(),
            ServiceAnswer::connection_termination(),
            ServiceAnswer::no_healthy_upstream(),
            ServiceAnswer::timeout(),
        ];
        failures.iter().any(|failure| failure.what == *self)
    }
}

impl Service {
    /// A service that answers one call after the other like this.
    #[must_use]
    pub fn new(answers: impl IntoIterator<Item = ServiceAnswer>) -> Self {
        Self { answers: answers.into_iter().collect(), calls: 0 }
    }

    /// Counts a call and gives what becomes of it.
    pub(crate) fn call(&mut self) -> Option<ServiceAnswer> {
        this_or_last(&self.answers, &mut self.calls)
    }
}

impl From<ServiceAnswer> for Service {
    /// Every call is answered like this.
    fn from(answer: ServiceAnswer) -> Self {
        Self::new([answer])
    }
}

impl ServiceAnswer {
    /// A response that comes once and at once.
    #[must_use]
    pub fn response(headers: Headers, body: &[u8]) -> Self {
        let what = Answered::Response { headers, body: body.to_vec(), trailers: None };
        Self { after: Duration::ZERO, times: 1, what }
    }

    /// A response of this status with nothing else in it, once and at once.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self::response(Headers::from_iter([(":status", status.to_string())]), b"")
    }

    /// The connection breaks at once.
    #[must_use]
    pub fn reset() -> Self {
        Self { after: Duration::ZERO, times: 1, what: Answered::Reset }
    }

    /// Nothing ever comes; the time limit of the call ends it, if it has one.
    #[must_use]
    pub fn never() -> Self {
        Self { times: 0, ..Self::reset() }
    }

    /// No connection can be made: Envoy answers with a 503 of its own.
    #[must_use]
    pub fn connect_failure() -> Self {
        Self::local(503, &format!("{NO_HEADERS}remote connection failure"))
    }

    /// The service closes the connection before it has sent headers: a 503 of Envoy's own.
    ///
    /// A filter is told of a [reset](ServiceAnswer::reset) only when that comes later.
    #[must_use]
    pub fn connection_termination() -> Self {
        Self::local(503, &format!("{NO_HEADERS}connection termination"))
    }

    /// The cluster has no host to ask: a 503 of Envoy's own.
    #[must_use]
    pub fn no_healthy_upstream() -> Self {
        Self::local(503, "no healthy upstream")
    }

    /// The service takes too long: a 504 of Envoy's own.
    ///
    /// A call with a time limit gets it by itself when that is over.
    #[must_use]
    pub fn timeout() -> Self {
        Self::local(504, TIMEOUT)
    }

    /// The same, this long after the call.
    #[must_use]
    pub fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }

    /// The same, so many times.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    /// A reply that Envoy makes in the service's place.
    fn local(status: u16, text: &str) -> Self {
        let headers = [
            (":status", status.to_string()),
            ("content-length", text.len().to_string()),
            ("content-type", "text/plain".to_owned()),
        ];
        Self::response(Headers::from_iter(headers), text.as_bytes())
    }
}

/// What answers the gRPC calls and streams of one method.
///
/// The first answer is for the first call, the second for the next, and the last one for all calls
/// after it. Without any, no call is ever answered.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct GrpcService {
    /// The answers in order.
    pub answers: Vec<GrpcAnswer>,
    /// How many calls came so far.
    pub calls: u64,
}

/// What becomes of one gRPC call or stream: nothing, if there are no events.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct GrpcAnswer {
    /// What happens, each so long after the call.
    pub events: Vec<(Duration, GrpcEvent)>,
}

/// Something that a filter is told about its gRPC call or stream.
///
/// Envoy tells a call that went well of its message alone, one that did not of its end alone, and a
/// stream of everything (`context.cc`, `AsyncRequestCallbacks` and `AsyncStreamCallbacks`). After a
/// call's message, or the end of either, nothing more comes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum GrpcEvent {
    /// The metadata that begins the answer.
    InitialMetadata(Headers),
    /// A message.
    Message(Vec<u8>),
    /// The metadata that ends the answer.
    TrailingMetadata(Headers),
    /// The end.
    Close {
        /// The gRPC status.
        status: u32,
        /// What the other side says about it.
        message: String,
    },
}

impl GrpcService {
    /// A service that answers one call after the other like this.
    #[must_use]
    pub fn new(answers: impl IntoIterator<Item = GrpcAnswer>) -> Self {
        Self { answers: answers.into_iter().collect(), calls: 0 }
    }

    /// Counts a call and gives what becomes of it.
    pub(crate) fn call(&mut self) -> Option<GrpcAnswer> {
        this_or_last(&self.answers, &mut self.calls)
    }
}

impl GrpcAnswer {
    /// Nothing so far; see [`GrpcAnswer::then`].
    #[must_use]
    pub fn never() -> Self {
        Self::default()
    }

    /// One message, at once.
    #[must_use]
    pub fn message(message: &[u8]) -> Self {
        Self::never().then(Duration::ZERO, GrpcEvent::Message(message.to_vec()))
    }

    /// An end with this status, at once.
    #[must_use]
    pub fn close(status: u32, message: &str) -> Self {
        let message = message.to_owned();
        Self::never().then(Duration::ZERO, GrpcEvent::Close { status, message })
    }

    /// The service takes too long: Envoy ends the call as unavailable, with the words of its 504.
    ///
    /// A call with a time limit gets it by itself when that is over.
    #[must_use]
    pub fn timeout() -> Self {
        Self::close(UNAVAILABLE, TIMEOUT)
    }

    /// The same, and this happens too, so long after the call.
    #[must_use]
    pub fn then(mut self, after: Duration, event: GrpcEvent) -> Self {
        self.events.push((after, event));
        self
    }
}

/// The answer for the call with this number, which is counted.
fn this_or_last<T: Clone>(answers: &[T], calls: &mut u64) -> Option<T> {
    let number = usize::try_from(*calls).unwrap_or(usize::MAX);
    *calls = calls.saturating_add(1);
    answers.get(number).or_else(|| answers.last()).cloned()
}

/// What Envoy says of an answer that takes too long.
const TIMEOUT: &str = "upstream request timeout";

/// The gRPC status that Envoy makes of a 504 (`Grpc::Utility::httpToGrpcStatus`).
const UNAVAILABLE: u32 = 14;

/// How Envoy 1.40 begins to say that a service went away too early; the reason follows.
const NO_HEADERS: &str =
    "upstream connect error or disconnect/reset before headers. reset reason: ";
