//! Every order of events, up to a depth: two VMs, their host, and an issuer that rotates and fails.
//!
//! The VMs run at the same time: between any two of one VM's host calls the other one may do
//! anything. Whatever happens, what the comments of [`World::check`] and its neighbours say holds.

#![allow(clippy::arithmetic_side_effects, reason = "a panic is how a test fails")]

use std::{
    collections::{HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use crate::{
    key::KeyRing,
    key_source::{KeySource, SharedData},
    time::UnixTime,
};

use super::{
    Answer, Command, Event, Outlook, Stored,
    answer::digest,
    board::Board,
    follower::Follower,
    stage::{ID, Store, good, issuer, response, set, source},
};

/// The sets of the issuer one after the other: each rotation withdraws the key before.
const KIDS: [&str; 2] = ["a", "b"];
/// The least step of time, in milliseconds.
const STEP: i64 = 1000;
/// Longest that a request waits, in milliseconds.
const WAITING: i64 = 5000;

/// Timings of whole steps, so short that all of them run out within a few.
fn timings() -> KeySource {
    KeySource {
        timeout: Duration::from_secs(1),
        refresh: Duration::from_secs(10),
        refresh_max: Duration::from_secs(10),
        retry: Duration::from_secs(1),
        retry_max: Duration::from_secs(2),
        stale_for: Duration::from_secs(4),
        min_refetch_interval: Duration::from_secs(3),
        ..source()
    }
}

/// What can happen next.
#[derive(Clone, Copy, Debug)]
enum Action {
    /// A VM's next host call is made, and its answer taken in.
    Step(usize),
    Tick(usize),
    /// A request with the key of this generation.
    Request(usize, usize),
    /// The issuer answers with the set of this generation.
    Good(usize, usize),
    Bad(usize),
    /// An answer is lost for good.
    Never(usize),
    Rotate,
    /// A VM traps, and comes back with nothing.
    Crash(usize),
    Time,
}

/// How often each kind of trouble may come.
#[derive(Clone, Copy, Debug, Hash)]
struct Budget {
    requests: u8,
    bad: u8,
    never: u8,
    rotations: u8,
    crashes: u8,
    /// Steps of time in the midst of a VM's calls.
    stalls: u8,
}

#[derive(Clone)]
struct World {
    now: i64,
    store: Store,
    vms: [Actor; 2],
    /// The set that the issuer publishes.
    generation: usize,
    flights: Vec<Flight>,
    budget: Budget,
    ghost: Ghost,
}

#[derive(Clone)]
struct Actor {
    follower: Follower,
    keys: KeyRing,
    /// Calls yet to be made in the callback that is running.
    calls: VecDeque<Command>,
    /// The generation whose key a request waits for, and since when.
    waiting: Option<(usize, i64)>,
    /// The newest generation that was in force here.
    newest: Option<usize>,
    /// The generation that the board had when this callback read it.
    read: Option<usize>,
    may_fetch: bool,
}

/// A request to the issuer that is under way.
#[derive(Clone, Copy, Debug, Hash)]
struct Flight {
    vm: usize,
    sent_at: i64,
    /// The end of the lease that it was sent under.
    until: UnixTime,
    /// What the issuer published then.
    generation: usize,
    /// Whether the VM that sent it still lives.
    has_owner: bool,
}

/// What is known to this test only.
#[derive(Clone, Debug, Default, Hash)]
struct Ghost {
    /// When the last fetch began that nothing but an unknown `kid` can have caused.
    refetched_at: Option<i64>,
    /// When the issuer last served each generation.
    served_at: [Option<i64>; 2],
}

impl Actor {
    fn new(may_fetch: bool) -> Self {
        let shared = SharedData { fetch: may_fetch, ..SharedData::default() };
        Self {
            follower: Follower::new(ID, &issuer(), &timings(), &shared),
            keys: KeyRing::default(),
            calls: VecDeque::new(),
            waiting: None,
            newest: None,
            read: None,
            may_fetch,
        }
    }
}

impl World {
    /// Nobody knows anything yet.
    fn cold(budget: Budget) -> Self {
        Self {
            now: 0,
            store: Store::default(),
            vms: [Actor::new(true), Actor::new(true)],
            generation: 0,
            flights: Vec::new(),
            budget,
            ghost: Ghost::default(),
        }
    }

    /// Both VMs have the first set, which is so old.
    fn warm(budget: Budget, age: i64) -> Self {
        let mut world = Self::cold(budget);
        world.all_goes_well();
        world.now += age;
        world
    }

    /// What tells two worlds apart.
    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        let Self { now, store, vms, generation, flights, budget, ghost } = self;
        (now, store, generation, flights, budget, ghost).hash(&mut hasher);
        for Actor { follower, keys: _, calls, waiting, newest, read, may_fetch: _ } in vms {
            // The keys follow from the set that the follower holds.
            follower.hash_state(&mut hasher);
            (calls.len(), waiting, newest, read).hash(&mut hasher);
            for call in calls {
                std::mem::discriminant(call).hash(&mut hasher);
            }
        }
        hasher.finish()
    }

    fn time(&self) -> UnixTime {
        UnixTime::from_millis(self.now)
    }

    fn actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        for (vm, actor) in self.vms.iter().enumerate() {
            if !actor.calls.is_empty() {
                actions.push(Action::Step(vm));
                continue;
            }
            actions.push(Action::Tick(vm));
            if self.budget.requests > 0 && actor.waiting.is_none() {
                actions.extend((0..KIDS.len()).map(|kid| Action::Request(vm, kid)));
            }
            if self.budget.crashes > 0 {
                actions.push(Action::Crash(vm));
            }
        }
        for (place, flight) in self.flights.iter().enumerate() {
            let is_busy = !self.vms[flight.vm].calls.is_empty();
            if !flight.has_owner || is_busy {
                continue;
            }
            // The host gives up after the timeout, which is one step.
            if self.now <= flight.sent_at + STEP {
                let served = flight.generation..=self.generation;
                actions.extend(served.map(|generation| Action::Good(place, generation)));
            }
            if self.budget.bad > 0 || self.now > flight.sent_at + STEP {
                actions.push(Action::Bad(place));
            }
            if self.budget.never > 0 {
                actions.push(Action::Never(place));
            }
        }
        if self.budget.rotations > 0 {
            actions.push(Action::Rotate);
        }
        let is_quiet = self.vms.iter().all(|actor| actor.calls.is_empty());
        // A host brings an answer or its own within the timeout, or never does.
        let is_late = |flight: &Flight| flight.has_owner && self.now > flight.sent_at + STEP;
        if (is_quiet || self.budget.stalls > 0) && !self.flights.iter().any(is_late) {
            actions.push(Action::Time);
        }
        actions
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Step(vm) => self.step(vm),
            Action::Tick(vm) => self.take_in(vm, Event::Tick),
            Action::Request(vm, kid) => {
                self.budget.requests -= 1;
                self.request(vm, kid);
            }
            Action::Good(place, generation) => {
                let flight = self.flights.remove(place);
                self.ghost.served_at[generation] = Some(self.now);
                self.take_in(flight.vm, Event::Answer(good(&[KIDS[generation]])));
            }
            Action::Bad(place) => {
                let flight = self.flights.remove(place);
                if self.now <= flight.sent_at + STEP {
                    self.budget.bad -= 1;
                }
                self.take_in(flight.vm, Event::Answer(bad()));
            }
            Action::Never(place) => {
                self.budget.never -= 1;
                self.flights[place].has_owner = false;
            }
            Action::Rotate => {
                self.budget.rotations -= 1;
                self.generation += 1;
            }
            Action::Crash(vm) => {
                self.budget.crashes -= 1;
                for flight in self.flights.iter_mut().filter(|flight| flight.vm == vm) {
                    flight.has_owner = false;
                }
                self.vms[vm] = Actor::new(self.vms[vm].may_fetch);
            }
            Action::Time => {
                if self.vms.iter().any(|actor| !actor.calls.is_empty()) {
                    self.budget.stalls -= 1;
                }
                self.pass_time();
                for actor in &mut self.vms {
                    // Nobody waits without end: that is the host's part.
                    actor.waiting = actor.waiting.filter(|(_, since)| self.now < since + WAITING);
                }
            }
        }
    }

    fn pass_time(&mut self) {
        self.now += STEP;
        let time = self.time();
        self.flights.retain(|flight| flight.has_owner || time <= flight.until);
    }

    fn take_in(&mut self, vm: usize, event: Event) {
        let now = self.time();
        let actor = &mut self.vms[vm];
        if event == Event::Tick {
            actor.read = None;
        }
        let commands = actor.follower.handle(event, now, &mut actor.keys);
        actor.calls.extend(commands);
        self.go_on(vm);
        // Whether a callback begins now or at its first look at the board makes no difference.
        if self.vms[vm].calls.front() == Some(&Command::ReadBoard) {
            self.step(vm);
        }
    }

    fn go_on(&mut self, vm: usize) {
        // What no other VM can see is done at once.
        while let Some(command) = self.vms[vm].calls.front() {
            match command {
                Command::Fetch(_) => self.fetch(vm),
                Command::Wake => self.wake(vm),
                Command::Report(_) => {}
                _ => break,
            }
            self.vms[vm].calls.pop_front();
        }
        self.check(vm);
    }

    fn step(&mut self, vm: usize) {
        let command = self.vms[vm].calls.pop_front().expect("a call");
        let event = self.store.execute(&command);
        if let Some(Event::Board(Some(stored))) = &event {
            self.vms[vm].read = match stored {
                Stored::Absent => None,
                Stored::Value(..) => self.board().posted.map(|posted| generation(&posted.digest)),
            };
        }
        match event {
            Some(event) => self.take_in(vm, event),
            None => assert!(matches!(command, Command::WriteSet(_))),
        }
    }

    /// What the VMs know in common.
    fn board(&self) -> Board {
        let value = self.store.board.as_ref().map(|(value, _)| value);
        let board = value.map(|value| self.vms[0].follower.decode(value).expect("a board"));
        board.unwrap_or_default()
    }

    /// A fetch begins: was it time, and was nobody else at it?
    fn fetch(&mut self, vm: usize) {
        let (now, time) = (self.now, self.time());
        let others = self.flights.iter().filter(|flight| time <= flight.until);
        assert_eq!(others.count(), 0, "a second fetch within the lease of another");

        // The lease is on the board already, beside the facts that it was taken for.
        let board = self.board();
        let since = |at: UnixTime| now - at.as_millis();
        if let Some(failed) = board.failed {
            let wait = if failed.times == 1 { 1000 } else { 2000 };
            assert!(since(failed.at) >= wait, "a fetch too soon after {failed:?}");
        } else if let Some(posted) = board.posted
            && since(posted.fetched_at) < 8000
        {
            let last = self.ghost.refetched_at.replace(now);
            assert!(last.is_none_or(|last| now - last >= 3000), "a fetch in the cool-down");
        }
        let generation = self.generation;
        let until = board.lease.expect("a lease").until;
        self.flights.push(Flight { vm, sent_at: now, until, generation, has_owner: true });
    }

    fn wake(&mut self, vm: usize) {
        if let Some((kid, _)) = self.vms[vm].waiting.take() {
            self.decide(vm, kid);
        }
    }

    fn request(&mut self, vm: usize, kid: usize) {
        if self.decide(vm, kid) {
            return;
        }
        let now = self.time();
        let actor = &mut self.vms[vm];
        if actor.follower.outlook(now, &actor.keys) == Outlook::Pending {
            actor.waiting = Some((kid, self.now));
        }
        // Told without need as well: how often there is a fetch is not in the hands of whoever
        // holds requests.
        self.take_in(vm, Event::Wanted);
    }

    /// Whether a request with this generation's key passes.
    fn decide(&self, vm: usize, kid: usize) -> bool {
        let passes = self.in_force(vm) == Some(kid);
        if passes {
            let served_at = self.ghost.served_at[kid].expect("a set that was served");
            assert!(self.now - served_at < 14_000, "a key after its end");
        }
        passes
    }

    /// The generation of the keys in force.
    fn in_force(&self, vm: usize) -> Option<usize> {
        let set = self.vms[vm].keys.of(ID, self.time())?;
        let kids: Vec<&str> = set.kids().collect();
        let place = KIDS.iter().position(|kid| kids == [*kid]);
        Some(place.unwrap_or_else(|| panic!("a set that nobody published: {kids:?}")))
    }

    /// What holds after each callback and in the midst of it.
    fn check(&mut self, vm: usize) {
        let in_force = self.in_force(vm);
        let actor = &mut self.vms[vm];
        let held = actor.follower.held_digest().map(|digest| generation(&digest));
        assert!(in_force.is_none() || in_force == held, "{in_force:?} as {held:?}");
        // A key that was withdrawn never comes back.
        assert!(in_force.is_none() || in_force >= actor.newest, "back to a withdrawn key");
        actor.newest = actor.newest.max(in_force);
        // What the board said is in force when the callback is over, unless the set was replaced
        // while it was being read.
        if actor.calls.is_empty()
            && let Some(read) = actor.read.take()
            && !actor.follower.lacks_bytes()
        {
            assert!(held >= Some(read), "{held:?} after {read} was read");
        }
    }

    /// From here on all goes well: is it all well soon? The host's deadline helps nobody here: who
    /// waits must be woken.
    fn heals(mut self) {
        for round in 0..16 {
            self.all_goes_well();
            // A lease that nobody holds, the longest wait after a failure, and a tick.
            if round >= 6 {
                let waiting = self.vms.iter().any(|actor| actor.waiting.is_some());
                assert!(!waiting, "a request waits in round {round}");
                assert!((0..2).all(|vm| self.in_force(vm).is_some()), "no keys in round {round}");
            }
            self.pass_time();
        }
        for vm in 0..2 {
            let expected = Some(self.generation);
            assert_eq!(self.in_force(vm), expected, "a rotation that was not followed");
        }
    }

    /// Each VM ends what it is at, ticks, and has a good answer to its fetch.
    fn all_goes_well(&mut self) {
        for vm in 0..2 {
            self.finish(vm);
        }
        for vm in [0, 1, 0] {
            self.take_in(vm, Event::Tick);
            self.finish(vm);
            while let Some(place) = self.flights.iter().position(|flight| flight.has_owner) {
                let vm = self.flights[place].vm;
                self.act(Action::Good(place, self.generation));
                self.finish(vm);
            }
        }
    }

    fn finish(&mut self, vm: usize) {
        while !self.vms[vm].calls.is_empty() {
            self.step(vm);
        }
    }
}

fn bad() -> Answer {
    response("500", &[], set(&["bad"]))
}

/// The generation of a digest; no other set may ever be posted.
fn generation(found: &[u8; 32]) -> usize {
    let place = KIDS.iter().position(|kid| digest(&set(&[kid])) == *found);
    place.expect("a set of the issuer")
}

/// Breadth first, so that what fails is short; the number of states.
///
/// From one state in 64 it is tried whether all ends well from there.
fn explore(start: World, depth: usize, steps: i64) -> usize {
    let end = start.now + steps * STEP;
    let mut known = HashSet::from([start.fingerprint()]);
    let mut frontier = vec![(start, Vec::new())];
    for _ in 0..depth {
        let mut next = Vec::new();
        for (world, path) in frontier {
            for action in world.actions() {
                if matches!(action, Action::Time) && world.now >= end {
                    continue;
                }
                let mut after = world.clone();
                let path: Vec<Action> = [&path[..], &[action]].concat();
                let tried = catch_unwind(AssertUnwindSafe(|| {
                    after.act(action);
                    let is_new = known.insert(after.fingerprint());
                    if is_new && known.len() % 64 == 0 {
                        after.clone().heals();
                    }
                    is_new
                }));
                match tried {
                    Ok(true) => next.push((after, path)),
                    Ok(false) => {}
                    Err(_) => panic!("after {path:?}"),
                }
            }
        }
        frontier = next;
    }
    known.len()
}

const QUIET: Budget = Budget { requests: 0, bad: 0, never: 0, rotations: 0, crashes: 0, stalls: 0 };

/// Explores, and sees to it that there was something to see. `EXPLORE_DEEPER` adds to the depth; one
/// more takes two to three times as long.
fn explore_to(depth: usize, start: World, steps: i64, at_least: usize) {
    let more = std::env::var("EXPLORE_DEEPER").ok().and_then(|more| more.parse().ok());
    let states = explore(start, depth + more.unwrap_or(0), steps);
    println!("{states} states");
    assert!(states >= at_least, "{states} states");
}

#[test]
fn a_cold_start() {
    let budget = Budget { requests: 1, bad: 1, never: 1, rotations: 1, crashes: 1, stalls: 1 };
    explore_to(7, World::cold(budget), 6, 20_000);
}

#[test]
fn a_rotation() {
    let budget = Budget { requests: 2, rotations: 1, stalls: 1, ..QUIET };
    explore_to(9, World::warm(budget, 4_000), 6, 10_000);
}

#[test]
fn a_set_that_is_due() {
    let budget = Budget { requests: 1, bad: 1, never: 1, rotations: 1, crashes: 1, stalls: 0 };
    explore_to(8, World::warm(budget, 10_000), 8, 20_000);
}

#[test]
fn keys_that_come_to_their_end() {
    let budget = Budget { requests: 2, bad: 2, never: 1, ..QUIET };
    explore_to(9, World::warm(budget, 11_000), 8, 10_000);
}

#[test]
fn a_vm_that_may_not_fetch() {
    let budget = Budget { requests: 2, bad: 1, rotations: 1, crashes: 1, ..QUIET };
    // Long before the set is due, so that only a wish can have it fetched in time.
    for (mut start, depth) in [(World::cold(budget), 7), (World::warm(budget, 1_000), 8)] {
        start.vms[1] = Actor::new(false);
        explore_to(depth, start, 6, 10_000);
    }
}
