//! A thread's VM, and the ones before it.

use crate::host::{Guest, Host};

/// A thread's VM, and what the thread knows about it.
#[derive(Debug)]
pub(super) struct Seat<G> {
    pub(super) host: Host<G>,
    /// How many VMs the thread had before this one.
    pub(super) generation: u64,
    /// When the thread last loaded a VM, or tried to: nanoseconds of the monotonic clock.
    pub(super) loaded: u64,
    /// The configuration that new streams get.
    pub(super) configuration: Option<Vec<u8>>,
    /// The VM did not take a configuration that the canary took. Envoy leaves out the filter then,
    /// whatever the failure policy: the thread has no plugin handle (`PluginConfig::createContext`).
    pub(super) skipped: bool,
    /// VMs that have ended and still have open streams, by generation.
    retired: Vec<(u64, Host<G>)>,
}

impl<G: Guest> Seat<G> {
    pub(super) fn new(host: Host<G>, loaded: u64) -> Self {
        Self {
            host,
            generation: 0,
            loaded,
            configuration: None,
            skipped: false,
            retired: Vec::new(),
        }
    }

    /// Puts another VM in the place of one that has ended.
    pub(super) fn replace(&mut self, host: Host<G>) {
        let old = std::mem::replace(&mut self.host, host);
        self.retired.push((self.generation, old));
        self.generation = self.generation.saturating_add(1);
        self.prune();
    }

    /// The VM of this generation, if it is still there.
    pub(super) fn of_generation(&mut self, generation: u64) -> Option<&mut Host<G>> {
        if generation == self.generation {
            return Some(&mut self.host);
        }
        let mut retired = self.retired.iter_mut();
        retired.find(|(known, _)| *known == generation).map(|(_, host)| host)
    }

    /// Forgets VMs that have ended, with all their streams.
    pub(super) fn prune(&mut self) {
        self.retired.retain_mut(|(_, host)| host.model(|model| model.open_streams()) > 0);
    }
}
