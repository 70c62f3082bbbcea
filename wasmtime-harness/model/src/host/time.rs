//! What happens as time passes, and what a test makes happen at once.

use std::{mem, time::Duration};

use crate::{callback::Callback, clock::nanos, model::Due, services::ServiceAnswer};

use super::{Guest, Host};

/// How many things happen at one instant of [`Host::advance`].
const AT_ONCE: u32 = 1000;

impl<G: Guest> Host<G> {
    /// Lets time pass, and what falls due meanwhile happen at its time: ticks, answers of services,
    /// and calls that run out of time, which Envoy answers with a 504 of its own.
    ///
    /// No time at all delivers what is due already. When more than 1000 things are due at the same
    /// instant, the rest waits for the next time: a filter that answers each answer with a new call
    /// would hold up the clock for ever.
    pub fn advance(&mut self, time: Duration) {
        let until = self.guest.model(|model| model.clock.monotonic().saturating_add(nanos(time)));
        let mut instant = (0, 0_u32);
        while let Some((at, due)) = self.guest.model(|model| {
            let due = model.next_due(until)?;
            model.clock.advance_to(due.0);
            Some(due)
        }) {
            instant = if instant.0 == at { (at, instant.1.saturating_add(1)) } else { (at, 1) };
            if instant.1 > AT_ONCE {
                break;
            }
            match due {
                Due::Tick(context) => {
                    self.guest.model(|model| {
                        if let Some(root) = model.root_mut(context) {
                            let period = u64::from(root.tick_period).saturating_mul(1_000_000);
                            root.next_tick = Some(at.saturating_add(period));
                        }
                    });
                    self.call(Callback::Tick { context });
                    self.settle();
                }
                Due::Answer(_, number) => {
                    if let Some(arrival) = self.guest.model(|model| model.callouts.arrive(number)) {
                        self.arrive(arrival.root, arrival.token, arrival.what);
                    }
                }
                Due::Timeout(token) => {
                    if let Some(call) = self.guest.model(|model| model.callouts.end(token)) {
                        self.arrive(call.root, token, ServiceAnswer::timeout().what);
                    }
                }
            }
        }
        self.guest.model(|model| model.clock.advance_to(until));
    }

    /// Ticks every root that asked for ticks, whenever that was due.
    pub fn tick(&mut self) {
        for context in self.guest.model(|model| model.ticking()) {
            self.call(Callback::Tick { context });
        }
        self.settle();
    }

    /// Tells each queue's consumer of the items that came since the last time.
    pub fn deliver_queues(&mut self) {
        let ready = self.guest.model(|model| mem::take(&mut model.ready_queues));
        for (context, queue) in ready {
            self.call(Callback::QueueReady { context, queue });
        }
        self.settle();
    }
}
