//! The filter's side: a fleet of VMs on a thread of its own, in real time.

use std::{
    collections::BTreeMap,
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use proxy_host_model::{Fleet, Place};
use wasmtime_harness::live::{Callouts, Message, Piece};

use super::{
    event::{Arrival, Event},
    headers::Refused,
    log,
    stream::{Stream, Turn},
    watch::Watcher,
};

/// How long the engine sleeps when nothing is due.
const IDLE: Duration = Duration::from_secs(3600);
/// gRPC's UNAVAILABLE.
const UNAVAILABLE: u32 = 14;

/// The filter's side.
pub(crate) struct Engine {
    fleet: Fleet<Watcher>,
    workers: usize,
    events: Receiver<Event>,
    streams: BTreeMap<u64, Stream>,
    callouts: Callouts<Place>,
    /// When the fleet's clock was set to real time.
    now: Instant,
    /// Who takes the next request.
    turn: usize,
}

impl Engine {
    /// An engine that drives a fleet which has been started.
    pub(crate) fn new(
        fleet: Fleet<Watcher>,
        workers: usize,
        events: Receiver<Event>,
        callouts: Callouts<Place>,
    ) -> Self {
        let streams = BTreeMap::new();
        Self { fleet, workers, events, streams, callouts, now: Instant::now(), turn: 0 }
    }

    /// Runs until [`Event::Stop`].
    pub(crate) fn run(mut self) {
        loop {
            self.send_on();
            let due = self.fleet.due_in().unwrap_or(IDLE);
            let event = match self.events.recv_timeout(due.saturating_sub(self.now.elapsed())) {
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => break,
                Ok(event) => Some(event),
                Err(RecvTimeoutError::Timeout) => None,
            };
            self.keep_time();
            if let Some(event) = event {
                self.take(event);
            }
        }
        for (_, stream) in std::mem::take(&mut self.streams) {
            stream.reset(&mut self.fleet, "the front was stopped");
        }
        self.callouts.stop();
    }

    /// Lets the time pass in the fleet that has passed outside, with what falls due in it.
    fn keep_time(&mut self) {
        let before = std::mem::replace(&mut self.now, Instant::now());
        self.fleet.advance(self.now.duration_since(before));
        if let Ok(since) = SystemTime::now().duration_since(UNIX_EPOCH) {
            let nanos = u64::try_from(since.as_nanos()).unwrap_or(u64::MAX);
            self.fleet.world(|world| world.clock.set_nanos(nanos));
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Open(arrival) => self.open(*arrival),
            Event::Request(id, piece) => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.request(&mut self.fleet, piece);
                }
            }
            Event::Response(id, Piece::Reset) => {
                if let Some(stream) = self.streams.remove(&id) {
                    stream.reset(&mut self.fleet, "the upstream broke off");
                }
            }
            Event::Response(id, piece) => {
                if let Some(stream) = self.streams.get_mut(&id) {
                    stream.response(&mut self.fleet, piece);
                }
            }
            Event::Gone(id, refused) => {
                if let Some(stream) = self.streams.remove(&id) {
                    match refused {
                        None => stream.reset(&mut self.fleet, "the client went away"),
                        Some(Refused(status, why)) => {
                            stream.refuse(&mut self.fleet, status.as_u16(), why);
                        }
                    }
                }
            }
            Event::Answered(call, answer) => {
                if self.callouts.end(call)
                    && let Some(host) = self.fleet.host(call.vm)
                {
                    // No headers at all is how a host tells of a reset.
                    let Message { headers, body, trailers } = answer.unwrap_or_default();
                    host.answer(call.token, headers, &body, trailers);
                    self.fleet.deliver_queues();
                }
            }
            Event::Stop => {}
        }
    }

    fn open(&mut self, arrival: Arrival) {
        let worker = self.turn;
        self.turn = worker.saturating_add(1).checked_rem(self.workers).unwrap_or_default();
        let id = arrival.id;
        self.streams.insert(id, Stream::open(&mut self.fleet, worker, arrival));
    }

    /// Sends on what the filter let through, and makes the calls that it asked for.
    fn send_on(&mut self) {
        loop {
            let done: Vec<u64> = self
                .streams
                .iter_mut()
                .filter_map(|(id, stream)| match stream.follow(&mut self.fleet) {
                    Turn::Open => None,
                    Turn::Done => Some(*id),
                })
                .collect();
            for id in done {
                if let Some(stream) = self.streams.remove(&id) {
                    stream.end(&mut self.fleet);
                }
            }
            let mut again = false;
            for place in self.fleet.places() {
                again |= self.call_out(place);
            }
            if !again {
                return;
            }
        }
    }

    /// Makes the calls of one VM; whether the filter heard of something meanwhile.
    fn call_out(&mut self, place: Place) -> bool {
        let Some(host) = self.fleet.host(place) else {
            return false;
        };
        if host.trap().is_some() {
            self.callouts.forget(place);
            return false;
        }
        let callouts = &mut self.callouts;
        let grpc = host.model(|model| {
            callouts.follow(place, &model.callouts.http);
            model.callouts.grpc.iter().map(|call| call.token).collect::<Vec<_>>()
        });
        for token in &grpc {
            let why = "serve carries no gRPC calls";
            log::line(format_args!("[{place}] gRPC call {token}: {why}"));
            host.grpc_close(*token, UNAVAILABLE, why);
        }
        !grpc.is_empty()
    }
}
