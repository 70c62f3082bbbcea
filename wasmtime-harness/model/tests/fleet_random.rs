//! Long runs in which everything happens at once: equal to the last byte each time.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test; clippy does not see that its helpers are part of it"
)]

mod script;

use std::time::Duration;

use proxy_host_model::{
    Callback, Fleet, FleetStream, Headers, Model, OnTrap, Plan, Random, Recorded, Service,
    ServiceAnswer, Trap, World, encode_pairs,
};

use script::{Answer, CONTINUE, PAUSE, Scripts, get};

const STEPS: usize = 3000;
const WORKERS: usize = 3;

/// Uses all that VMs share, and lets random bytes decide what it does next.
fn filter(model: &mut Model, callback: Callback) -> Answer {
    let mut byte = [0];
    model.random.fill(&mut byte);
    match callback {
        Callback::Configure { .. } => {
            model.register_shared_queue(b"queue").unwrap();
            model.set_tick_period_milliseconds(700).unwrap();
            let counter = model.define_metric(0, b"configured").unwrap();
            model.increment_metric(counter, 1).unwrap();
            let policy = model.get_buffer_bytes(7, 0, 9).unwrap();
            Ok(Some(u32::from(byte[0] < 200 || policy == b"first")))
        }
        Callback::RequestHeaders { context, .. } => match byte[0] {
            0..8 => Err(Trap("by chance".to_owned())),
            8..80 => {
                let headers = [(":method", "GET"), (":path", "/"), (":authority", "a.test")];
                let headers = encode_pairs(&Headers::from_iter(headers));
                model.http_call(b"keys", &headers, b"", b"", 900).unwrap();
                Ok(Some(PAUSE))
            }
            80..160 => {
                let queue = model.resolve_shared_queue(b"", b"queue").unwrap();
                model.enqueue_shared_queue(queue, &context.to_le_bytes()).unwrap();
                Ok(Some(CONTINUE))
            }
            _ => Ok(Some(CONTINUE)),
        },
        Callback::QueueReady { queue, .. } => {
            let _ = model.dequeue_shared_queue(queue);
            Ok(None)
        }
        Callback::Tick { .. } => {
            let cas = model.get_shared_data(b"ticks").map_or(0, |(_, cas)| cas);
            model.set_shared_data(b"ticks", &byte, cas).unwrap();
            let now = model.get_current_time_nanoseconds().unwrap();
            model.log(2, now.to_string().as_bytes()).unwrap();
            if byte[0] == 0 { Err(Trap("tick".to_owned())) } else { Ok(None) }
        }
        Callback::VmStart { .. } | Callback::Done { .. } => Ok(Some(1)),
        _ => Ok(None),
    }
}

/// Everything that one run left behind.
#[derive(Debug, Eq, PartialEq)]
struct Run {
    world: World,
    outcomes: String,
    unseen: u64,
}

fn run(on_trap: OnTrap, seed: u64) -> Run {
    let mut model = Model::default();
    let answers =
        [ServiceAnswer::status(200).after(Duration::from_millis(300)), ServiceAnswer::status(503)];
    model.callouts.services.insert("keys".to_owned(), Service::new(answers));
    model.settings.clusters.insert("keys".to_owned());
    let plan = Plan { workers: WORKERS, main: true, canary: true, on_trap, seed };
    let mut fleet = Fleet::new(Recorded(Scripts(filter)), plan, model).unwrap();
    let mut dice = Random::seeded(seed);
    let mut roll = |sides: usize| {
        let mut bytes = [0; 8];
        dice.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) >> 1).unwrap() % sides
    };
    let mut outcomes = String::new();
    let mut open: Vec<FleetStream> = Vec::new();
    assert!(fleet.start(b"vm", b"first").accepted);
    for step in 0..STEPS {
        match roll(10) {
            0..4 => open.push(fleet.open(roll(WORKERS), get())),
            4..7 if !open.is_empty() => {
                let stream = open.swap_remove(roll(open.len()));
                let outcome =
                    if roll(4) == 0 { fleet.abandon(stream) } else { fleet.finish(stream) };
                outcomes.push_str(&format!("{step}: {outcome:?}\n"));
            }
            7 => outcomes.push_str(&format!("{step}: {:?}\n", fleet.request(roll(WORKERS), get()))),
            8 => fleet.advance(Duration::from_millis(u64::try_from(roll(500)).unwrap())),
            9 if roll(20) == 0 => {
                let started = fleet.configure(roll(7).to_string().as_bytes());
                outcomes.push_str(&format!("{step}: {started:?}\n"));
            }
            _ => {}
        }
    }
    Run { unseen: fleet.unseen(), world: fleet.world(|world| world.clone()), outcomes }
}

#[test]
fn two_runs_of_a_long_random_interleaving_are_equal() {
    for (seed, on_trap) in [(1, OnTrap::RELOAD), (2, OnTrap::RELOAD), (3, OnTrap::Open)] {
        let first = run(on_trap, seed);
        let second = run(on_trap, seed);
        assert!(first == second, "seed {seed}: {}", difference(&first, &second));
        // Each of these has happened, or equality says little.
        let record = &first.world.record;
        for happened in [
            "canary: proxy_on_configure",
            "main: proxy_on_tick",
            "worker 2: proxy_on_queue_ready",
            "worker 0: proxy_on_http_call_response",
            "= trap: by chance",
        ] {
            assert!(record.contains(happened), "seed {seed}: no {happened}");
        }
        for happened in ["Paused", "Continued", "Trapped", "accepted: false", "remembered: true"] {
            assert!(first.outcomes.contains(happened), "seed {seed}: no {happened}");
        }
        match on_trap {
            OnTrap::RELOAD => {
                for counter in ["success", "backoff"] {
                    let name = format!("wasm.filter.vm_reload_{counter}");
                    assert!(first.world.metrics.counter(&name).is_some(), "seed {seed}: no {name}");
                }
            }
            _ => assert!(first.unseen > 0, "seed {seed}"),
        }
    }
    let (one, two) = (run(OnTrap::RELOAD, 1), run(OnTrap::RELOAD, 2));
    assert!(one.world.record != two.world.record, "the seed decides");
}

fn difference(first: &Run, second: &Run) -> String {
    let lines = |run: &Run| format!("{}{}", run.world.record, run.outcomes);
    let (first, second) = (lines(first), lines(second));
    let mut pairs = (1..).zip(first.lines().zip(second.lines()));
    match pairs.find(|(_, (first, second))| first != second) {
        Some((number, (first, second))) => format!("line {number} is `{first}`, then `{second}`"),
        None => "something that is in no line".to_owned(),
    }
}
