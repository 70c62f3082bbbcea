//! Configurations: the first one and those that follow.

use super::{Fleet, Spawn};
use crate::{outcome::Startup, place::Place};

/// What came of configuring a fleet.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Started {
    /// Whether the configuration serves: the canary took it, or all VMs did if there is no canary.
    pub accepted: bool,
    /// Whether the canary had been asked about this very configuration before and was not again.
    pub remembered: bool,
    /// What the canary made of it, if one was asked.
    pub canary: Option<Startup>,
    /// What the VMs made of it, in the order in which they were asked.
    pub vms: Vec<(Place, Startup)>,
}

impl<S: Spawn> Fleet<S> {
    /// Starts all VMs with their first plugin configuration: the canary, the main thread, worker 0,
    /// 1 and so on.
    ///
    /// A proxy whose canary refuses exits, as Envoy does. Without a canary, VMs that refuse serve
    /// all the same, as [`Host::start`](crate::Host::start) says.
    pub fn start(&mut self, vm_configuration: &[u8], plugin_configuration: &[u8]) -> Started {
        self.vm_configuration = vm_configuration.to_vec();
        let mut started = Started { accepted: true, ..Started::default() };
        self.ask_canary(plugin_configuration, &mut started);
        if !started.accepted {
            self.exited = true;
            return started;
        }
        for place in self.places() {
            let Some(host) = self.host(place) else {
                continue;
            };
            let startup = host.start(vm_configuration, plugin_configuration);
            let now = self.world(|world| world.clock.monotonic());
            let skipped = self.plan.canary && !startup.accepted;
            if let Some(seat) = self.seat(place) {
                seat.loaded = now;
                seat.configuration = Some(plugin_configuration.to_vec());
                seat.skipped = skipped;
            }
            started.accepted &= startup.accepted || self.plan.canary;
            started.vms.push((place, startup));
        }
        started
    }

    /// Updates the configuration while the VMs run, in the order of [`Fleet::start`].
    ///
    /// With a canary: what it refuses changes nothing; what it said to a configuration once, it is
    /// not asked again; a VM that serves this very configuration already is left alone; and a VM
    /// that does not take what the canary took serves no more, so that streams pass unseen by the
    /// filter (proxy-wasm-cpp-host `WasmHandleBase::canary`, `getOrCreateThreadLocalPlugin`).
    /// Without one, a VM that refuses serves on as before. A VM that has ended is replaced by a new
    /// one.
    ///
    /// The new configuration gets a new root in the same VM. The old root ends with its last stream.
    pub fn configure(&mut self, plugin_configuration: &[u8]) -> Started {
        let mut started = Started { accepted: !self.exited, ..Started::default() };
        if self.exited {
            return started;
        }
        self.ask_canary(plugin_configuration, &mut started);
        if !started.accepted {
            return started;
        }
        for place in self.places() {
            if let Some(startup) = self.update(place, plugin_configuration) {
                started.accepted &= startup.accepted || self.plan.canary;
                started.vms.push((place, startup));
            }
        }
        started
    }

    /// Tries a configuration in a VM of its own, which is thrown away: what it does to shared data
    /// and metrics stays, its calls never arrive (hosts.md 3.2).
    fn ask_canary(&mut self, configuration: &[u8], started: &mut Started) {
        if !self.plan.canary {
            return;
        }
        if let Some(verdict) = self.verdicts.get(configuration) {
            started.remembered = true;
            started.accepted = *verdict;
            return;
        }
        // It runs in the main thread, so that is who hears of the queues it registers.
        let label = "canary".to_owned();
        let services = self.world(|world| (world.services.clone(), world.grpc_services.clone()));
        let (_, startup) = self.load_and_start(Place::Main, label, configuration);
        // No service heard of it.
        self.world(|world| (world.services, world.grpc_services) = services);
        started.accepted = startup.accepted;
        // A VM that does not even start says nothing about its configuration.
        if startup.vm_started {
            self.verdicts.insert(configuration.to_vec(), startup.accepted);
        }
        started.canary = Some(startup);
    }

    fn update(&mut self, place: Place, configuration: &[u8]) -> Option<Startup> {
        let canary = self.plan.canary;
        let seat = self.seat(place)?;
        let ended = seat.host.trap().is_some();
        let same = seat.configuration.as_deref() == Some(configuration);
        if canary && same && !ended && !seat.skipped {
            return None;
        }
        let startup = if ended {
            let (host, startup) = self.load_and_start(place, place.to_string(), configuration);
            if let Some(host) = host.filter(|_| startup.accepted) {
                self.seat(place)?.replace(host);
            }
            startup
        } else {
            self.host(place)?.reconfigure(configuration)
        };
        let now = self.world(|world| world.clock.monotonic());
        let seat = self.seat(place)?;
        seat.loaded = now;
        seat.skipped = canary && !startup.accepted;
        if startup.accepted {
            seat.configuration = Some(configuration.to_vec());
        }
        Some(startup)
    }
}
