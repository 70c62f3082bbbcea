//! Random steps of a proxy with two workers, the same for the same seed.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test; clippy does not see that its helpers are part of it"
)]

use std::time::Duration;

use proxy_host_model::{
    Fault, Fleet, Headers, Model, OnTrap, Place, Plan, Profile, Random, Recorded, Request, Service,
    ServiceAnswer, Spawn, Status,
};

const WORKERS: usize = 2;

/// Something that happens to the proxy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Step {
    Abandon(usize),
    Advance(Duration),
    ClockBack(Duration),
    ClockJump(i64),
    ClockOn(Duration),
    Configure(String),
    Fault(usize, Fault),
    Finish(usize),
    Heal(usize),
    Open(usize, String),
}

/// So many steps that follow from the seed.
pub(crate) fn steps(seed: u64, count: usize) -> Vec<Step> {
    let mut random = Random::seeded(seed);
    let mut below = |limit: u64| {
        let mut bytes = [0; 8];
        random.fill(&mut bytes);
        u64::from_le_bytes(bytes) % limit
    };
    let place = |number: u64| usize::try_from(number).unwrap();
    let step = |_| match below(20) {
        0..=5 => Step::Open(place(below(2)), format!("/{}", below(4))),
        6..=8 => Step::Finish(place(below(8))),
        9 => Step::Abandon(place(below(8))),
        10..=13 => Step::Advance(Duration::from_millis(below(700))),
        14 => Step::Configure(format!("policy {}", below(3))),
        15 => {
            let status = Status(u32::try_from(below(14)).unwrap());
            let fault = match below(4) {
                0 => Fault::allocator(below(4)..below(8)),
                1 => Fault::trap_at(below(200), "random"),
                2 => Fault::from(below(30), status),
                _ => Fault::at(below(30), status),
            };
            Step::Fault(place(below(2)), fault)
        }
        16 => Step::Heal(place(below(2))),
        17 => Step::ClockJump(i64::try_from(below(10_000_000_000)).unwrap() - 5_000_000_000),
        18 => Step::ClockOn(Duration::from_micros(below(3))),
        _ => Step::ClockBack(Duration::from_micros(below(3))),
    };
    (0..count).map(step).collect()
}

/// A proxy under this profile whose services answer at once, late, too late, twice and not at all.
pub(crate) fn fleet<S: Spawn>(spawn: S, profile: Profile, seed: u64) -> Fleet<Recorded<S>> {
    let mut model = Model::default();
    model.profile = profile;
    let millis = |millis| ServiceAnswer::status(200).after(Duration::from_millis(millis));
    let answers = [
        millis(0),
        millis(50),
        ServiceAnswer::never(),
        millis(30).times(2),
        ServiceAnswer::reset(),
        millis(900),
        ServiceAnswer::connect_failure(),
        millis(10),
    ];
    model.callouts.services.insert("k".to_owned(), Service::new(answers));
    let on_trap = OnTrap::Reload { base: Duration::from_millis(100) };
    let plan = Plan { workers: WORKERS, main: true, canary: true, on_trap, seed };
    Fleet::new(Recorded(spawn), plan, model).unwrap()
}

/// All that can be seen of the steps: what passed between the proxy and its VMs, what became of the
/// streams, and what is left of the world.
pub(crate) fn play<S: Spawn>(fleet: &mut Fleet<Recorded<S>>, steps: &[Step]) -> String {
    let mut seen = format!("{:?}\n", fleet.start(b"vm", b"policy"));
    let mut open = Vec::new();
    for step in steps {
        match step {
            Step::Open(worker, path) => {
                let head = [(":method", "GET"), (":path", path), (":authority", "a.test")];
                let request = Request::from_iter(head)
                    .response(Headers::from_iter([(":status", "200"), ("x-from", "upstream")]));
                open.push(fleet.open(*worker, request));
            }
            Step::Finish(number) if *number < open.len() => {
                let outcome = fleet.finish(open.remove(*number));
                seen += &format!("{outcome:?}\n");
            }
            Step::Abandon(number) if *number < open.len() => {
                let outcome = fleet.abandon(open.remove(*number));
                seen += &format!("{outcome:?}\n");
            }
            Step::Finish(_) | Step::Abandon(_) => {}
            Step::Advance(time) => fleet.advance(*time),
            Step::Configure(policy) => {
                seen += &format!("{:?}\n", fleet.configure(policy.as_bytes()));
            }
            Step::Fault(worker, fault) => {
                on(fleet, *worker, |model| model.add_fault(fault.clone()));
            }
            Step::Heal(worker) => on(fleet, *worker, Model::heal),
            Step::ClockJump(nanos) => fleet.world(|world| world.clock.jump(*nanos)),
            Step::ClockOn(time) => fleet.world(|world| world.clock.step_by(*time)),
            Step::ClockBack(time) => fleet.world(|world| world.clock.step_back_by(*time)),
        }
    }
    for stream in open {
        let outcome = fleet.finish(stream);
        seen += &format!("{outcome:?}\n");
    }
    seen += &format!("{:?}\n", fleet.reloads());
    let world = fleet.world(|world| world.clone());
    seen + &world.record + &format!("{:?}\n{:?}\n", world.shared, world.metrics)
}

fn on<S: Spawn>(fleet: &mut Fleet<Recorded<S>>, worker: usize, visit: impl FnOnce(&mut Model)) {
    if let Some(host) = fleet.host(Place::Worker(worker)) {
        host.model(visit);
    }
}
