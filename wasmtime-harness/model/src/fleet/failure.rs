//! What becomes of streams when a VM has ended.

use super::{
    Fleet, Spawn,
    plan::OnTrap,
    standin::{Way, failure},
};
use crate::{
    host::Host,
    local_reply::Client,
    outcome::{Outcome, Startup, Trap},
    place::Place,
    profile::TrapCosts,
};

/// An attempt to bring back a worker's VM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reload {
    /// The worker.
    pub worker: usize,
    /// When: the monotonic clock in nanoseconds.
    pub at: u64,
    /// How the new VM started. It serves if it accepted the configuration; else it is thrown away.
    pub startup: Startup,
}

impl<S: Spawn> Fleet<S> {
    /// The attempts so far to bring back VMs, in order.
    ///
    /// Envoy's counters `vm_reload_success`, `vm_reload_failure` and `vm_reload_backoff`, after
    /// `wasm.` and the plugin's name, are among the metrics of the world.
    #[must_use]
    pub fn reloads(&self) -> &[Reload] {
        &self.reloads
    }

    /// What becomes of a new stream on this worker, reloading the VM if it is time: `None` if the
    /// filter sees it.
    pub(super) fn admit(&mut self, worker: usize) -> Option<Way> {
        let place = Place::Worker(worker);
        let exited = self.exited;
        let Some(seat) = self.seat(place).filter(|_| !exited) else {
            return Some(Way::Gone);
        };
        if seat.skipped {
            return Some(Way::Pass);
        }
        // A VM that runs takes it.
        seat.host.trap()?;
        match self.plan.on_trap {
            OnTrap::Open => Some(Way::Pass),
            OnTrap::Reload { base } => {
                let base = u64::try_from(base.as_millis()).unwrap_or(u64::MAX);
                (!self.reload_in_time(worker, base)).then_some(Way::Fail)
            }
            OnTrap::AsHost if self.template.profile.trap_costs == TrapCosts::Request => {
                (!self.reload(worker)).then_some(Way::Fail)
            }
            OnTrap::AsHost | OnTrap::Closed => Some(Way::Fail),
        }
    }

    /// Gives a stream that the VM could not be called for the answer of a proxy that fails closed,
    /// if it had none so far: the one in which the VM ended gets it whatever the policy.
    pub(super) fn fail(&self, outcome: &mut Outcome) {
        if outcome.failed && outcome.response.is_none() {
            let reply = failure(self.template.profile.trap_status);
            let client = Client::new(&outcome.request_headers);
            let (headers, body) = client.response(&reply, &self.template.profile);
            outcome.response = Some(headers);
            outcome.response_body = body;
            outcome.response_complete = true;
            outcome.reply = Some(reply);
        }
    }

    /// Loads the worker's VM anew, unless that was done a short time ago; whether it serves now.
    ///
    /// Envoy draws the time for each stream anew (`PluginConfig::maybeReloadHandleIfNeeded`).
    fn reload_in_time(&mut self, worker: usize, base: u64) -> bool {
        let spread = base.checked_div(2).unwrap_or_default();
        let wait = base.saturating_add(self.jitter.below(spread));
        let now = self.world(|world| world.clock.monotonic());
        let loaded = self.seat(Place::Worker(worker)).map_or(now, |seat| seat.loaded);
        let millis = now.saturating_sub(loaded).checked_div(1_000_000).unwrap_or_default();
        if millis < wait {
            self.count("vm_reload_backoff");
            return false;
        }
        let serves = self.reload(worker);
        self.count(if serves { "vm_reload_success" } else { "vm_reload_failure" });
        serves
    }

    /// Loads the worker's VM anew; whether it serves now.
    fn reload(&mut self, worker: usize) -> bool {
        let place = Place::Worker(worker);
        let now = self.world(|world| world.clock.monotonic());
        let Some(seat) = self.seat(place) else {
            return false;
        };
        seat.loaded = now;
        let configuration = seat.configuration.clone().unwrap_or_default();
        let (host, startup) = self.load_and_start(place, place.to_string(), &configuration);
        let serves = match (host, self.seat(place)) {
            (Some(host), Some(seat)) if startup.accepted => {
                seat.replace(host);
                true
            }
            _ => false,
        };
        self.reloads.push(Reload { worker, at: now, startup });
        serves
    }

    /// A new VM that has been started, which does not have the world, and how that went.
    ///
    /// A filter that cannot be loaded has a trap in its place.
    pub(super) fn load_and_start(
        &mut self,
        place: Place,
        label: String,
        configuration: &[u8],
    ) -> (Option<Host<S::Guest>>, Startup) {
        match self.load_as(place, label) {
            Ok(mut host) => {
                let vm_configuration = &self.vm_configuration;
                host.model(|model| self.world.swap(model));
                let startup = host.start(vm_configuration, configuration);
                host.model(|model| self.world.swap(model));
                (Some(host), startup)
            }
            Err(error) => {
                let startup = Startup {
                    root: 0,
                    vm_started: false,
                    accepted: false,
                    logs: Vec::new(),
                    trace: Vec::new(),
                    trap: Some(Trap(error)),
                };
                (None, startup)
            }
        }
    }

    fn count(&mut self, event: &str) {
        let name = format!("wasm.{}.{event}", self.template.settings.name);
        self.world(|world| world.metrics.count(&name, 1));
    }
}
