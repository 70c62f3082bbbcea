//! Calls that a filter makes to other services: recorded, and answered by a service that the test
//! describes or by the test itself.

use std::collections::BTreeMap;

use crate::{
    clock::nanos,
    headers::Headers,
    model::Due,
    services::{Answered, GrpcEvent, GrpcService, Service},
};

/// An HTTP call that a filter asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HttpCall {
    /// The token that the answer carries.
    pub token: u32,
    /// The root context that is told of the answer.
    pub root: u32,
    /// The context that asked: the root or one of its streams.
    pub context: u32,
    /// The upstream cluster.
    pub cluster: String,
    /// Headers with pseudo headers.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
    /// Trailers.
    pub trailers: Headers,
    /// The time limit in milliseconds; 0 is none.
    pub timeout: u32,
    /// When that is over, on the monotonic clock in nanoseconds.
    pub deadline: Option<u64>,
}

/// A gRPC call or stream that a filter asked for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct GrpcCall {
    /// The token: odd for a call, even for a stream.
    pub token: u32,
    /// The root context that is told of answers.
    pub root: u32,
    /// The upstream, as the filter named it: a cluster, or a serialised `GrpcService`.
    pub upstream: Vec<u8>,
    /// The full name of the service.
    pub service: Vec<u8>,
    /// The method.
    pub method: Vec<u8>,
    /// Initial metadata.
    pub metadata: Headers,
    /// Messages sent so far.
    pub messages: Vec<Vec<u8>>,
    /// When a call's time is over, on the monotonic clock in nanoseconds.
    pub deadline: Option<u64>,
    /// Whether the filter closed its side.
    pub closed: bool,
    /// Whether the other side closed its side.
    pub remote_closed: bool,
}

/// All calls under way.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Callouts {
    /// HTTP calls that wait for an answer, in order.
    pub http: Vec<HttpCall>,
    /// gRPC calls and streams that are open, in order.
    pub grpc: Vec<GrpcCall>,
    /// What answers HTTP calls, by cluster. A cluster that is named here can be called, and one that
    /// is known to the [`Settings`](crate::Settings) alone leaves the answer to
    /// [`Host::answer`](crate::Host::answer).
    pub services: BTreeMap<String, Service>,
    /// What answers gRPC calls and streams, by service and method, as `package.Service/Method`.
    pub grpc_services: BTreeMap<String, GrpcService>,
    /// The contexts that asked, by token, in hosts that go by it: a late answer comes when its call
    /// is gone.
    pub(crate) callers: BTreeMap<u32, u32>,
    /// Answers on their way, by the order in which they set out.
    arrivals: BTreeMap<u64, Arrival>,
    last_arrival: u64,
    last: [u32; 3],
    /// The answer that is being delivered.
    pub(crate) answer: Option<Answer>,
    /// The parts of an answer to a gRPC call that are being delivered.
    pub(crate) grpc_initial: Option<Headers>,
    pub(crate) grpc_message: Option<Vec<u8>>,
    pub(crate) grpc_trailing: Option<Headers>,
    /// The last status that a call ended with, for `proxy_get_status`.
    pub(crate) status: (u32, Vec<u8>),
}

/// An answer that a service has given and that takes its time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Arrival {
    pub(crate) token: u32,
    pub(crate) root: u32,
    pub(crate) what: Arriving,
    /// When it is there, on the monotonic clock in nanoseconds.
    at: u64,
}

/// What arrives.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Arriving {
    Http(Answered),
    Grpc(GrpcEvent),
}

/// An HTTP answer while the filter may read it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Answer {
    pub(crate) headers: Headers,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Option<Headers>,
}

impl Callouts {
    /// Sends an HTTP call at this time of the monotonic clock; a service of its cluster answers it.
    pub(crate) fn send(&mut self, call: HttpCall, now: u64) {
        let service = self.services.get_mut(&call.cluster);
        if let Some(answer) = service.and_then(Service::call) {
            let at = now.saturating_add(nanos(answer.after));
            for _ in 0..answer.times {
                let what = Arriving::Http(answer.what.clone());
                self.set_out(Arrival { token: call.token, root: call.root, what, at });
            }
        }
        self.http.push(call);
    }

    /// Sends an HTTP call to a host that nobody finds, at this time of the monotonic clock.
    pub(crate) fn send_nowhere(&mut self, call: HttpCall, now: u64) {
        let what = Arriving::Http(Answered::Reset);
        self.set_out(Arrival { token: call.token, root: call.root, what, at: now });
        self.http.push(call);
    }

    /// Opens a gRPC call or stream at this time of the monotonic clock; a service answers it.
    pub(crate) fn send_grpc(&mut self, call: GrpcCall, now: u64) {
        let name = [&*call.service, b"/", &*call.method].concat();
        let service = str::from_utf8(&name).ok().and_then(|name| self.grpc_services.get_mut(name));
        for (after, event) in service.and_then(GrpcService::call).into_iter().flat_map(|a| a.events)
        {
            let at = now.saturating_add(nanos(after));
            let what = Arriving::Grpc(event);
            self.set_out(Arrival { token: call.token, root: call.root, what, at });
        }
        self.grpc.push(call);
    }

    fn set_out(&mut self, arrival: Arrival) {
        self.last_arrival = self.last_arrival.saturating_add(1);
        self.arrivals.insert(self.last_arrival, arrival);
    }

    /// The HTTP call with this token, which waits no longer.
    pub(crate) fn end(&mut self, token: u32) -> Option<HttpCall> {
        let at = self.http.iter().position(|call| call.token == token)?;
        Some(self.http.remove(at))
    }

    /// The answers on their way and the ends of time limits, with their times.
    pub(crate) fn due(&self) -> impl Iterator<Item = (u64, Due)> {
        let arrivals = self.arrivals.iter();
        let arrivals =
            arrivals.map(|(number, arrival)| (arrival.at, Due::Answer(arrival.token, *number)));
        let http = self.http.iter().map(|call| (call.deadline, call.token));
        let grpc = self.grpc.iter().map(|call| (call.deadline, call.token));
        let limits = http.chain(grpc);
        arrivals.chain(limits.filter_map(|(at, token)| Some((at?, Due::Timeout(token)))))
    }

    /// An answer that is there, unless nobody waits for it any more and `late` ones do not count.
    ///
    /// A gRPC call that is over is told nothing in any case: see [`Callouts::open_grpc`].
    pub(crate) fn arrive(&mut self, number: u64, late: bool) -> Option<Arrival> {
        let arrival = self.arrivals.remove(&number)?;
        let awaited = match arrival.what {
            Arriving::Http(_) => self.end(arrival.token).is_some() || late,
            Arriving::Grpc(_) => true,
        };
        awaited.then_some(arrival)
    }

    /// Drops what a root that is gone waits for, as Envoy does.
    pub(crate) fn forget(&mut self, root: u32) {
        self.http.retain(|call| call.root != root);
        self.grpc.retain(|call| call.root != root);
        self.arrivals.retain(|_, arrival| arrival.root != root);
    }

    /// The token of a new call. The kind of call is in it, and each kind counts for itself
    /// (proxy-wasm-cpp-host `wasm.h`).
    pub(crate) fn token(&mut self, kind: CallKind) -> u32 {
        let number = kind.number();
        let last = self.last.iter_mut().zip(0..).find(|(_, i)| *i == number);
        last.map_or(0, |(last, _)| {
            *last = last.wrapping_add(CallKind::COUNT_STEP);
            *last | number
        })
    }

    pub(crate) fn open_grpc(&mut self, token: u32) -> Option<&mut GrpcCall> {
        self.grpc.iter_mut().find(|call| call.token == token)
    }

    /// A message came: a call has its answer, a stream goes on.
    pub(crate) fn grpc_answered(&mut self, token: u32) {
        if CallKind::of(token) == Some(CallKind::Grpc) {
            self.drop_grpc(token);
        }
    }

    /// The other side closed a call, which is over, or a stream, which is if both sides did.
    pub(crate) fn grpc_closed(&mut self, token: u32) {
        self.grpc_answered(token);
        if let Some(stream) = self.open_grpc(token) {
            stream.remote_closed = true;
            if stream.closed {
                self.drop_grpc(token);
            }
        }
    }

    pub(crate) fn drop_grpc(&mut self, token: u32) {
        self.grpc.retain(|call| call.token != token);
    }
}

/// What a call is, as its token tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum CallKind {
    Http,
    Grpc,
    GrpcStream,
}

impl CallKind {
    /// The step between two tokens of a kind; the bits below it are the kind.
    const COUNT_STEP: u32 = 4;

    /// The kind of call that a token may be of.
    pub(crate) fn of(token: u32) -> Option<Self> {
        let kinds = [Self::Http, Self::Grpc, Self::GrpcStream];
        kinds.into_iter().find(|kind| Some(kind.number()) == token.checked_rem(Self::COUNT_STEP))
    }

    fn number(self) -> u32 {
        match self {
            Self::Http => 0,
            Self::Grpc => 1,
            Self::GrpcStream => 2,
        }
    }
}
