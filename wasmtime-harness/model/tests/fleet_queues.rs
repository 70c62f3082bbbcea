//! Queues between the VMs of a fleet: each item is told to one of them.

#![allow(
    clippy::unwrap_used,
    reason = "a test; clippy does not see that its helpers are part of it"
)]

mod script;

use std::time::Duration;

use proxy_host_model::{
    Callback, Fleet, Model, OnTrap, Place, Plan, Recorded, Request, Spawn, Status, Trap,
};

use script::{Answer, CONTINUE, REQUEST_HEADERS, Scripts, get, status};

/// Registers the queues that its configuration names; a request puts its path's last byte into the
/// queue that the rest of the path names. What comes in `relay` goes on to `queue`, and what comes
/// in `loop` comes again.
fn filter(model: &mut Model, callback: Callback) -> Answer {
    match callback {
        Callback::Configure { .. } => {
            let names = model.get_buffer_bytes(7, 0, 100).unwrap();
            for name in names.split(|byte| *byte == b' ').filter(|name| !name.is_empty()) {
                model.register_shared_queue(name).unwrap();
            }
            Ok(Some(1))
        }
        Callback::RequestHeaders { .. } => {
            let path = model.get_header_map_value(REQUEST_HEADERS, b":path").unwrap();
            match &*path {
                b"/trap" => return Err(Trap("asked for".to_owned())),
                [b'/', name @ .., item] => {
                    let queue = model.resolve_shared_queue(b"", name).unwrap();
                    model.enqueue_shared_queue(queue, &[*item]).unwrap();
                }
                _ => {}
            }
            Ok(Some(CONTINUE))
        }
        Callback::QueueReady { queue, .. } => {
            let item = match model.dequeue_shared_queue(queue) {
                Ok(item) => item,
                Err(refusal) => {
                    assert_eq!(refusal, status(Status::EMPTY));
                    return Ok(None);
                }
            };
            for (from, to) in [("relay", "queue"), ("loop", "loop")] {
                if model.resolve_shared_queue(b"", from.as_bytes()) == Ok(queue) {
                    let to = model.resolve_shared_queue(b"", to.as_bytes()).unwrap();
                    model.enqueue_shared_queue(to, &item).unwrap();
                }
            }
            model.log(2, format!("took {}", item.escape_ascii()).as_bytes()).unwrap();
            Ok(None)
        }
        _ => Ok(None),
    }
}

type Run = fn(&mut Model, Callback) -> Answer;

fn fleet(plan: Plan, configuration: &str) -> Fleet<Recorded<Scripts<Run>>> {
    let run: Run = filter;
    let mut fleet = Fleet::new(Recorded(Scripts(run)), plan, Model::default()).unwrap();
    assert!(fleet.start(b"", configuration.as_bytes()).accepted);
    fleet.world(|world| world.record.clear());
    fleet
}

fn envoy() -> Plan {
    Plan { workers: 3, main: true, canary: true, ..Plan::default() }
}

fn put(path: &str) -> Request {
    let mut request = get();
    request.headers.replace(b":path", path.as_bytes());
    request
}

/// Who was told of what since the last time, in order.
fn told<S: Spawn>(fleet: &mut Fleet<S>) -> Vec<String> {
    let record = fleet.world(|world| std::mem::take(&mut world.record));
    let mut place = "";
    let mut told = Vec::new();
    for line in record.lines() {
        match (line.strip_prefix("  info: "), line.split_once(": ")) {
            (Some(text), _) => told.push(format!("{place} {text}")),
            (None, Some((who, _))) if !line.starts_with(' ') => place = who,
            _ => {}
        }
    }
    told
}

#[test]
fn each_item_is_told_to_the_one_root_that_registered_last() {
    let mut fleet = fleet(envoy(), "queue");
    for (worker, item) in [(0, 'a'), (2, 'b'), (1, 'c'), (0, 'd')] {
        let outcome = fleet.request(worker, put(&format!("/queue{item}")));
        assert!(outcome.continued());
    }
    assert_eq!(told(&mut fleet), [""; 0], "nobody is told in the middle of something else");
    fleet.advance(Duration::ZERO);
    // The workers were started last, the third one of them last of all.
    let expected = ["a", "b", "c", "d"].map(|item| format!("worker 2 took {item}"));
    assert_eq!(told(&mut fleet), expected);
    fleet.advance(Duration::from_secs(1));
    assert_eq!(told(&mut fleet), [""; 0], "once per item");
}

#[test]
fn who_registers_again_takes_over_with_what_is_in_the_queue() {
    let mut fleet = fleet(envoy(), "queue");
    let again = fleet.host(Place::Worker(0)).unwrap();
    assert!(again.reconfigure(b"queue").accepted);
    let _ = fleet.request(2, put("/queuex"));
    fleet.deliver_queues();
    assert_eq!(told(&mut fleet), ["worker 0 took x"]);
}

#[test]
fn items_pass_from_vm_to_vm_in_one_go() {
    let mut fleet = fleet(Plan { workers: 2, ..Plan::default() }, "");
    for (worker, queues) in [(0, "queue"), (1, "relay")] {
        let host = fleet.host(Place::Worker(worker)).unwrap();
        assert!(host.reconfigure(queues.as_bytes()).accepted);
    }
    let _ = fleet.request(0, put("/relayx"));
    let _ = fleet.request(0, put("/queuey"));
    fleet.advance(Duration::ZERO);
    assert_eq!(
        told(&mut fleet),
        ["worker 1 took x", "worker 0 took y", "worker 0 took x"],
        "in the order in which they came"
    );
}

#[test]
fn what_a_tick_puts_into_a_queue_is_told_before_the_next_tick() {
    let run = |model: &mut Model, callback| match callback {
        Callback::Configure { .. } => {
            model.register_shared_queue(b"queue").unwrap();
            model.set_tick_period_milliseconds(1000).unwrap();
            Ok(Some(1))
        }
        Callback::Tick { .. } => {
            let queue = model.resolve_shared_queue(b"", b"queue").unwrap();
            let now = model.get_current_time_nanoseconds().unwrap().to_string();
            model.enqueue_shared_queue(queue, now.as_bytes()).unwrap();
            model.log(2, format!("put {now}").as_bytes()).unwrap();
            Ok(None)
        }
        callback => filter(model, callback),
    };
    let plan = Plan { workers: 2, ..Plan::default() };
    let mut fleet = Fleet::new(Recorded(Scripts(run)), plan, Model::default()).unwrap();
    fleet.world(|world| world.clock.set_nanos(0));
    assert!(fleet.start(b"", b"").accepted);
    fleet.advance(Duration::from_secs(1));
    assert_eq!(
        told(&mut fleet),
        [
            "worker 0 put 1000000000",
            "worker 1 took 1000000000",
            "worker 1 put 1000000000",
            "worker 1 took 1000000000",
        ]
    );
}

#[test]
fn a_filter_that_feeds_itself_does_not_hold_up_the_clock() {
    let mut fleet = fleet(Plan::default(), "loop");
    let _ = fleet.request(0, put("/loopx"));
    let before = fleet.world(|world| world.clock.nanos());
    fleet.advance(Duration::from_secs(1));
    assert_eq!(fleet.world(|world| world.clock.nanos()), before.saturating_add(1_000_000_000));
    assert_eq!(told(&mut fleet).len(), 1000, "the rest waits for the next time");
}

#[test]
fn a_root_that_has_ended_is_told_nothing_and_the_item_waits() {
    let mut fleet = fleet(Plan::default(), "queue");
    assert!(fleet.configure(b"").accepted, "the new root registers nothing");
    let _ = fleet.request(0, put("/queuex"));
    fleet.advance(Duration::ZERO);
    assert_eq!(told(&mut fleet), [""; 0]);
    assert!(fleet.configure(b"queue").accepted);
    let _ = fleet.request(0, put("/queuey"));
    fleet.advance(Duration::ZERO);
    assert_eq!(told(&mut fleet), [" took x"], "a proxy of one VM does not name it");
}

#[test]
fn a_vm_that_takes_over_a_thread_is_told_in_its_predecessors_stead() {
    let plan = Plan { on_trap: OnTrap::RELOAD, ..envoy() };
    let mut fleet = fleet(plan, "queue");
    fleet.advance(Duration::from_secs(10));
    assert!(!fleet.request(2, put("/trap")).continued());
    let _ = fleet.request(0, put("/queuea"));
    fleet.advance(Duration::ZERO);
    assert_eq!(told(&mut fleet), [""; 0], "a VM that has ended is told nothing");
    let _ = fleet.request(2, put("/queueb"));
    fleet.advance(Duration::ZERO);
    assert_eq!(told(&mut fleet), ["worker 2 took a"], "one word for one item");
}

#[test]
fn queues_of_a_canary_are_the_main_threads() {
    // Only the canary registers: it is the first to be asked.
    let run = |model: &mut Model, callback| match callback {
        Callback::Configure { .. } => {
            if model.resolve_shared_queue(b"", b"queue").is_err() {
                model.register_shared_queue(b"queue").unwrap();
            }
            Ok(Some(1))
        }
        callback => filter(model, callback),
    };
    let mut fleet = Fleet::new(Recorded(Scripts(run)), envoy(), Model::default()).unwrap();
    assert!(fleet.start(b"", b"").accepted);
    let _ = fleet.request(0, put("/queuex"));
    fleet.advance(Duration::ZERO);
    assert_eq!(told(&mut fleet), ["main took x"]);
}
