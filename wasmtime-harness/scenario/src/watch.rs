//! What a filter does while a scenario is played, in the order in which it does it.

use std::{cell::RefCell, rc::Rc};

use proxy_host_model::{Call, Callback, Guest, LogLine, Model, Spawn, Trap};

/// What all filters of a fleet have done so far.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deeds(Rc<RefCell<Seen>>);

/// Host calls and log lines, in order.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) calls: Vec<Call>,
    pub(crate) logs: Vec<LogLine>,
}

impl Deeds {
    /// Takes what was done since the last time.
    pub(crate) fn take(&self) -> Seen {
        self.0.take()
    }

    fn add(&self, model: &Model, (calls, logs): (usize, usize)) {
        let mut seen = self.0.borrow_mut();
        seen.calls.extend(model.calls_since(calls).cloned());
        seen.logs.extend(model.logs_since(logs).cloned());
    }
}

/// Makes VMs that are watched.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    pub(crate) spawn: S,
    pub(crate) deeds: Deeds,
}

/// A guest that is watched.
#[derive(Debug)]
pub(crate) struct Watcher<G> {
    guest: G,
    deeds: Deeds,
}

impl<S: Spawn> Spawn for Watched<S> {
    type Guest = Watcher<S::Guest>;

    fn spawn(&mut self, model: Model) -> Result<Self::Guest, String> {
        let mut guest = self.spawn.spawn(model)?;
        // Loading is no callback, and a filter can do something all the same.
        guest.model(|model| self.deeds.add(model, (0, 0)));
        Ok(Watcher { guest, deeds: self.deeds.clone() })
    }
}

impl<G: Guest> Guest for Watcher<G> {
    fn model<R>(&mut self, visit: impl FnOnce(&mut Model) -> R) -> R {
        self.guest.model(visit)
    }

    fn call(&mut self, callback: Callback) -> Result<Option<u32>, Trap> {
        let before = self.guest.model(|model| (model.calls_recorded(), model.logs_recorded()));
        let answer = self.guest.call(callback);
        self.guest.model(|model| self.deeds.add(model, before));
        answer
    }
}
