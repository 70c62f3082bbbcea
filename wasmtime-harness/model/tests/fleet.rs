//! Several VMs in one world: what they share, who is told what, and in which order.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::unwrap_used,
    reason = "a test; clippy does not see that its helpers are part of it"
)]

mod script;

use std::{collections::BTreeSet, time::Duration};

use proxy_host_model::{
    Callback, Fate, Fleet, MetricValue, Model, Place, Plan, Recorded, Spawn, Status,
};

use script::{CONTINUE, PAUSE, REQUEST_HEADERS, Scripts, get, status};

fn fleet<F>(plan: Plan, run: F) -> Fleet<Recorded<Scripts<F>>>
where
    Scripts<F>: Spawn,
{
    Fleet::new(Recorded(Scripts(run)), plan, Model::default()).unwrap()
}

fn plan(workers: usize) -> Plan {
    Plan { workers, main: true, canary: true, ..Plan::default() }
}

/// Adds 1 to a shared number as a filter must: read, and write if nobody else did.
fn count(model: &mut Model, key: &[u8]) {
    let (value, cas) = match model.get_shared_data(key) {
        Ok((value, cas)) => (u64::from_le_bytes(value.try_into().unwrap()), cas),
        Err(refusal) => {
            assert_eq!(refusal, status(Status::NOT_FOUND));
            (0, 0)
        }
    };
    model.set_shared_data(key, &(value + 1).to_le_bytes(), cas).unwrap();
}

fn counted<S: Spawn>(fleet: &mut Fleet<S>, key: &[u8]) -> u64 {
    let value = fleet.world(|world| world.shared.get(b"vm", key)).unwrap().0;
    u64::from_le_bytes(value.try_into().unwrap())
}

#[test]
fn a_configuration_is_seen_by_the_canary_the_main_thread_and_each_worker() {
    let mut fleet = fleet(plan(2), |model: &mut Model, callback| {
        if let Callback::Configure { .. } = callback {
            count(model, b"configured");
            let metric = model.define_metric(0, b"configured").unwrap();
            assert_eq!(metric, 4, "ids are those of the VM");
            model.increment_metric(metric, 1).unwrap();
            let metric = model.define_metric(2, b"sizes").unwrap();
            model.record_metric(metric, 6).unwrap();
        }
        Ok(Some(1))
    });
    let started = fleet.start(b"", b"policy");
    assert!(started.accepted && !started.remembered);
    assert!(started.canary.unwrap().accepted);
    let asked: Vec<Place> = started.vms.iter().map(|(place, _)| *place).collect();
    assert_eq!(asked, [Place::Main, Place::Worker(0), Place::Worker(1)]);
    assert_eq!(counted(&mut fleet, b"configured"), 4, "hosts.md 3.2");
    fleet.world(|world| {
        assert_eq!(world.metrics.counter("configured"), Some(4));
        let values: Vec<MetricValue> = world.metrics.iter().map(|(_, _, value)| value).collect();
        assert_eq!(values, [MetricValue::Number(4), MetricValue::Samples(vec![6; 4])]);
    });
    let record = fleet.world(|world| world.record.clone());
    let begun: Vec<&str> =
        record.lines().filter(|line| line.contains("proxy_on_configure")).collect();
    assert_eq!(
        begun,
        [
            "canary: proxy_on_configure(1, 6)",
            "main: proxy_on_configure(1, 6)",
            "worker 0: proxy_on_configure(1, 6)",
            "worker 1: proxy_on_configure(1, 6)",
        ]
    );
}

#[test]
fn ticks_come_in_every_thread_at_their_time_and_in_order() {
    let mut fleet = fleet(plan(2), |model: &mut Model, callback| match callback {
        Callback::Configure { .. } => {
            model.set_tick_period_milliseconds(1000).unwrap();
            Ok(Some(1))
        }
        Callback::Tick { .. } => {
            let now = model.get_current_time_nanoseconds().unwrap();
            model.log(2, format!("at {now}").as_bytes()).unwrap();
            count(model, b"ticks");
            Ok(None)
        }
        _ => Ok(Some(1)),
    });
    fleet.world(|world| world.clock.set_nanos(0));
    fleet.start(b"", b"");
    fleet.advance(Duration::from_millis(2500));
    assert_eq!(counted(&mut fleet, b"ticks"), 6, "the canary's never come");
    let record = fleet.world(|world| world.record.clone());
    let lines: Vec<&str> = record
        .lines()
        .filter(|line| line.contains("tick(") || line.starts_with("  info"))
        .collect();
    let tick = |at: &'static str| {
        ["main", "worker 0", "worker 1"]
            .map(|place| [format!("{place}: proxy_on_tick(1)"), format!("  info: at {at}")])
    };
    let expected: Vec<String> =
        [tick("1000000000"), tick("2000000000")].into_iter().flatten().flatten().collect();
    assert_eq!(lines, expected);
    assert_eq!(fleet.world(|world| world.clock.nanos()), 2_500_000_000);
}

#[test]
fn streams_interleave_on_one_worker_and_on_several() {
    let mut fleet = fleet(plan(2), |model: &mut Model, callback| match callback {
        Callback::RequestHeaders { context, .. } => {
            model.log(2, format!("stream {context}").as_bytes()).unwrap();
            let path = model.get_header_map_value(REQUEST_HEADERS, b":path").unwrap();
            Ok(Some(if path == b"/wait" { PAUSE } else { CONTINUE }))
        }
        _ => Ok(None),
    });
    fleet.start(b"", b"");
    let mut wait = get();
    wait.headers.replace(b":path", b"/wait");
    let a = fleet.open(0, get());
    let b = fleet.open(0, wait);
    let c = fleet.open(1, get());
    assert_eq!([a.context(), b.context(), c.context()], [Some(2), Some(3), Some(2)]);
    assert_eq!(fleet.fate(&b), Fate::Paused);
    let c = fleet.finish(c);
    let b = fleet.abandon(b);
    let a = fleet.finish(a);
    assert_eq!([a.fate, b.fate, c.fate], [Fate::Continued, Fate::Paused, Fate::Continued]);
    assert_eq!([a.response.is_some(), b.response.is_some()], [true, false]);
    for (outcome, stream) in [(a, 2), (b, 3), (c, 2)] {
        let lines: Vec<&str> = outcome.logs.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(lines, [format!("stream {stream}")], "each stream has its own lines");
        assert_eq!(outcome.trace.len(), 2);
    }
}

#[test]
fn each_vm_has_random_bytes_of_its_own_that_follow_the_seed() {
    let run = |model: &mut Model, callback| {
        if let Callback::Configure { .. } = callback {
            let mut bytes = [0; 8];
            model.random.fill(&mut bytes);
            model.log(2, u64::from_le_bytes(bytes).to_string().as_bytes()).unwrap();
        }
        Ok(Some(1))
    };
    let drawn = |seed| {
        let mut fleet = fleet(Plan { seed, ..plan(2) }, run);
        let started = fleet.start(b"", b"");
        let startups = started.canary.iter().chain(started.vms.iter().map(|(_, startup)| startup));
        startups.map(|startup| startup.logs[0].text.clone()).collect::<Vec<_>>()
    };
    let first = drawn(7);
    assert_eq!(first, drawn(7));
    let second = drawn(8_000);
    let all: BTreeSet<&String> = first.iter().chain(&second).collect();
    assert_eq!(all.len(), 8, "no two of four VMs and two seeds draw the same");
}
