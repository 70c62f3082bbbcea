//! A proxy with several VMs of one filter: workers, a main thread, a canary.

/// Does the same to a stream or connection in the VM that has it, or in the standin.
macro_rules! on_its_host {
    ($fleet:expr, $stream:expr, |$host:ident| $body:expr) => {
        match $fleet.host_of($stream.worker, $stream.generation) {
            Some($host) => $body,
            None => {
                let $host = &mut $fleet.standin;
                $body
            }
        }
    };
}

mod connection;
mod failure;
mod plan;
mod seat;
mod standin;
mod stream;
mod turns;
mod update;

use std::{collections::BTreeMap, time::Duration};

use crate::{
    host::{Guest, Host, QUEUE_TURNS, Rush},
    model::Model,
    place::Place,
    random::Random,
    world::World,
};
use seat::Seat;
use standin::{Standin, Way};

pub use connection::FleetConnection;
pub use failure::Reload;
pub use plan::{OnTrap, Plan};
pub use stream::FleetStream;
pub use update::Started;

/// Something that makes VMs of one filter.
pub trait Spawn {
    /// What runs the filter.
    type Guest: Guest;

    /// A new VM, loaded and not started, with `model` as its proxy.
    ///
    /// # Errors
    ///
    /// Why the filter cannot be loaded.
    fn spawn(&mut self, model: Model) -> Result<Self::Guest, String>;
}

/// A proxy with several VMs of one filter, driven step by step.
///
/// The VMs share one [`World`] and take turns; which of them runs when is up to whoever drives the
/// fleet, so any interleaving of streams can be played, and played again. A fleet of one worker
/// behaves like a [`Host`], with a [failure policy](OnTrap) beside.
#[derive(Debug)]
pub struct Fleet<S: Spawn> {
    spawn: S,
    plan: Plan,
    /// What the model of a new VM is a copy of.
    template: Model,
    /// The world while no VM has it.
    world: World,
    /// The VM that has the world.
    resident: Option<Place>,
    main: Option<Seat<S::Guest>>,
    workers: Vec<Seat<S::Guest>>,
    /// What takes the filter's place in streams that it does not see.
    standin: Host<Standin>,
    /// What spreads reloads.
    jitter: Random,
    /// How many VMs were made so far.
    spawned: u64,
    vm_configuration: Vec<u8>,
    /// What canaries said to configurations, by configuration.
    verdicts: BTreeMap<Vec<u8>, bool>,
    /// Whether the proxy exited since its first configuration was refused.
    exited: bool,
    reloads: Vec<Reload>,
    /// How many streams passed without the filter.
    unseen: u64,
}

impl<S: Spawn> Fleet<S> {
    /// A proxy that has loaded the filter in each of its threads and started it in none.
    ///
    /// Each VM begins with a copy of `model`, whose clock, shared data, metrics and services become
    /// the world's; its random bytes follow the plan's seed instead of its own.
    ///
    /// # Errors
    ///
    /// Why the filter cannot be loaded.
    pub fn new(spawn: S, plan: Plan, mut model: Model) -> Result<Self, String> {
        let mut world = World::default();
        world.swap(&mut model);
        let mut fleet = Self {
            spawn,
            jitter: Random::seeded(plan.seed),
            standin: Host::new(Standin::new(model.clone())),
            template: model,
            world,
            resident: None,
            main: None,
            workers: Vec::new(),
            spawned: 0,
            vm_configuration: Vec::new(),
            verdicts: BTreeMap::new(),
            exited: false,
            reloads: Vec::new(),
            unseen: 0,
            plan,
        };
        if fleet.plan.main {
            fleet.main = Some(Seat::new(fleet.load(Place::Main)?, 0));
        }
        for number in 0..fleet.plan.workers {
            let host = fleet.load(Place::Worker(number))?;
            fleet.workers.push(Seat::new(host, 0));
        }
        Ok(fleet)
    }

    /// Lets time pass in all VMs, and what falls due meanwhile happen at its time, as
    /// [`Host::advance`] does.
    ///
    /// What falls due at the same time happens in the main thread first, then in worker 0, 1 and so
    /// on. Consumers of queues are told in the order in which the items came.
    pub fn advance(&mut self, time: Duration) {
        let until = self.world(|world| world.clock.after(time));
        let mut rush = Rush::default();
        self.deliver_queues();
        while let Some((at, place)) = self.next_place(until) {
            let now = self.world(|world| world.clock.monotonic());
            if rush.is_over(at.max(now)) {
                break;
            }
            if let Some(host) = self.host(place) {
                host.fire();
            }
            self.deliver_queues();
        }
        self.world(|world| world.clock.advance_to(until));
    }

    /// How long it is until something falls due, if something will: when to call
    /// [`Fleet::advance`] next, for a proxy that follows real time.
    pub fn due_in(&mut self) -> Option<Duration> {
        let (at, _) = self.next_place(u64::MAX)?;
        let now = self.world(|world| world.clock.monotonic());
        Some(Duration::from_nanos(at.saturating_sub(now)))
    }

    /// Tells the one consumer of each queue of the items that came since the last time, until there
    /// are no more.
    pub fn deliver_queues(&mut self) {
        for _ in 0..QUEUE_TURNS {
            let ready = self.world(|world| world.shared.take_ready());
            if ready.is_empty() {
                return;
            }
            for ready in ready {
                if let Some(host) = self.host(ready.consumer.place) {
                    host.queue_ready(ready);
                }
            }
        }
    }

    /// The threads that have a VM, in order.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        let main = self.main.iter().map(|_| Place::Main);
        main.chain((0..self.workers.len()).map(Place::Worker)).collect()
    }

    /// The VM of a thread, if the fleet has that thread.
    pub fn host(&mut self, place: Place) -> Option<&mut Host<S::Guest>> {
        self.give_world_to(place);
        self.seat(place).map(|seat| &mut seat.host)
    }

    /// Gives `visit` what all VMs see.
    pub fn world<R>(&mut self, visit: impl FnOnce(&mut World) -> R) -> R {
        self.take_world_back();
        visit(&mut self.world)
    }

    /// What VMs made from now on begin with, such as faults; those that run are not changed.
    ///
    /// Its clock, shared data, metrics and services are not used: see [`Fleet::world`].
    pub fn template(&mut self) -> &mut Model {
        &mut self.template
    }

    /// Whether the proxy exited, as Envoy does when its canary refuses the first configuration.
    #[must_use]
    pub fn exited(&self) -> bool {
        self.exited
    }

    /// How many streams the proxy passed on without the filter, since its VM had ended or had not
    /// taken the configuration.
    #[must_use]
    pub fn unseen(&self) -> u64 {
        self.unseen
    }

    /// What makes the VMs.
    pub fn spawner(&mut self) -> &mut S {
        &mut self.spawn
    }

    /// Where the next thing falls due, if one does until then.
    fn next_place(&mut self, until: u64) -> Option<(u64, Place)> {
        let places = self.places().into_iter();
        let due = places.filter_map(|place| {
            let at = self.seat(place)?.host.next_due(until)?;
            Some((at, place))
        });
        due.min()
    }

    fn seat(&mut self, place: Place) -> Option<&mut Seat<S::Guest>> {
        match place {
            Place::Main => self.main.as_mut(),
            Place::Worker(number) => self.workers.get_mut(number),
        }
    }

    /// Who takes a new stream on this worker: its VM of this generation, or the standin.
    fn admitted(
        &mut self,
        worker: usize,
    ) -> Result<(u64, &mut Host<S::Guest>), &mut Host<Standin>> {
        let way = self.admit(worker);
        if way.is_none() {
            self.give_world_to(Place::Worker(worker));
        }
        match (way, self.workers.get_mut(worker)) {
            (None, Some(seat)) => Ok((seat.generation, &mut seat.host)),
            (way, _) => {
                let way = way.unwrap_or(Way::Gone);
                if way == Way::Pass {
                    self.unseen = self.unseen.saturating_add(1);
                }
                self.standin.guest().way = way;
                Err(&mut self.standin)
            }
        }
    }

    fn host_of(&mut self, worker: usize, generation: Option<u64>) -> Option<&mut Host<S::Guest>> {
        let place = Place::Worker(worker);
        let generation = generation?;
        self.give_world_to(place);
        self.seat(place)?.of_generation(generation)
    }

    fn prune(&mut self, worker: usize) {
        if let Some(seat) = self.seat(Place::Worker(worker)) {
            seat.prune();
        }
    }
}
