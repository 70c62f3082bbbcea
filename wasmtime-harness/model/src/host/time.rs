//! What happens as time passes, and what a test makes happen at once.

use std::time::Duration;

use crate::{
    callback::Callback,
    callouts::Arriving,
    model::Due,
    services::{GrpcAnswer, ServiceAnswer},
    shared::{Consumer, Ready},
};

use super::{Guest, Host};

/// How often queues are looked at in one go, so that a filter that feeds itself ends too.
pub(crate) const QUEUE_TURNS: u32 = 1000;

/// How many things happen at one instant of [`Host::advance`].
const AT_ONCE: u32 = 1000;

impl<G: Guest> Host<G> {
    /// Lets time pass, and what falls due meanwhile happen at its time: ticks, answers of services,
    /// and calls that run out of time, which Envoy answers with a 504 of its own. Consumers of
    /// queues are told first of all, and after each of these.
    ///
    /// No time at all delivers what is due already. When more than 1000 things are due at the same
    /// instant, the rest waits for the next time: a filter that answers each answer with a new call
    /// would hold up the clock for ever.
    pub fn advance(&mut self, time: Duration) {
        let until = self.guest.model(|model| model.clock.after(time));
        let mut rush = Rush::default();
        self.deliver_queues();
        while let Some(at) = self.next_due(until) {
            let now = self.guest.model(|model| model.clock.monotonic());
            if rush.is_over(at.max(now)) {
                break;
            }
            self.fire();
            self.deliver_queues();
        }
        self.guest.model(|model| model.clock.advance_to(until));
    }

    /// How long it is until something falls due, if something will: when to call [`Host::advance`]
    /// next, for a proxy that follows real time.
    pub fn due_in(&mut self) -> Option<Duration> {
        let at = self.next_due(u64::MAX)?;
        let now = self.guest.model(|model| model.clock.monotonic());
        Some(Duration::from_nanos(at.saturating_sub(now)))
    }

    /// When the next thing falls due, if it does until then: times of the monotonic clock.
    ///
    /// Nothing does in a VM that has ended.
    pub(crate) fn next_due(&mut self, until: u64) -> Option<u64> {
        if self.trap.is_some() {
            return None;
        }
        self.guest.model(|model| model.next_due(until)).map(|(at, _)| at)
    }

    /// Lets time pass until the next thing falls due, and lets it happen.
    pub(crate) fn fire(&mut self) {
        let due = self.guest.model(|model| {
            let (at, due) = model.next_due(u64::MAX)?;
            model.clock.advance_to(at);
            Some(due)
        });
        let Some(due) = due else {
            return;
        };
        match due {
            Due::Tick(context) => {
                self.call(Callback::Tick { context });
                // Envoy sets its timer when the callback is back (`Wasm::tickHandler`): ticks that
                // were missed meanwhile are not made up for.
                self.guest.model(|model| {
                    let clock = model.clock;
                    if let Some(root) = model.root_mut(context) {
                        root.next_tick = clock.after_millis(root.tick_period);
                    }
                });
                self.settle();
            }
            Due::Answer(_, number) => {
                let arrival = self
                    .guest
                    .model(|model| model.callouts.arrive(number, model.profile.late_answers));
                if let Some(arrival) = arrival {
                    self.arrive(arrival.root, arrival.token, arrival.what);
                }
            }
            Due::Timeout(token) => {
                if let Some(call) = self.guest.model(|model| model.callouts.end(token)) {
                    self.arrive(call.root, token, Arriving::Http(ServiceAnswer::timeout().what));
                } else {
                    for (_, event) in GrpcAnswer::timeout().events {
                        self.grpc_event(token, event);
                    }
                }
            }
        }
    }

    /// Ticks every root that asked for ticks, whenever that was due.
    pub fn tick(&mut self) {
        for context in self.guest.model(|model| model.ticking()) {
            self.call(Callback::Tick { context });
        }
        self.settle();
    }

    /// Tells each queue's consumer of the items that came since the last time, until there are no
    /// more.
    pub fn deliver_queues(&mut self) {
        for _ in 0..QUEUE_TURNS {
            let (place, ready) = self.guest.model(|model| (model.place, model.shared.take_ready()));
            if ready.is_empty() {
                return;
            }
            for ready in ready.into_iter().filter(|ready| ready.consumer.place == place) {
                self.queue_ready(ready);
            }
        }
    }

    /// Tells a root of an item in a queue; one that is gone is told nothing.
    pub(crate) fn queue_ready(&mut self, ready: Ready) {
        let Ready { consumer: Consumer { root: context, .. }, queue } = ready;
        if self.guest.model(|model| model.root_mut(context).is_some()) {
            self.call(Callback::QueueReady { context, queue });
            self.settle();
        }
    }
}

/// Counts what happens at one instant.
#[derive(Debug, Default)]
pub(crate) struct Rush {
    instant: u64,
    count: u32,
}

impl Rush {
    /// Whether so much has happened at this instant that the next thing has to wait.
    pub(crate) fn is_over(&mut self, instant: u64) -> bool {
        self.count = if self.instant == instant { self.count.saturating_add(1) } else { 1 };
        self.instant = instant;
        self.count > AT_ONCE
    }
}
