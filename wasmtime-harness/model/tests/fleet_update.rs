//! Configurations that change while the VMs of a fleet run.

#![allow(
    clippy::unwrap_used,
    reason = "a test; clippy does not see that its helpers are part of it"
)]

mod script;

use std::time::Duration;

use proxy_host_model::{
    Callback, Fate, Fleet, Model, Outcome, Place, Plan, Recorded, Request, Spawn, Started, Trap,
};

use script::{Answer, CONTINUE, PAUSE, PLUGIN_CONFIGURATION, REQUEST_HEADERS, Scripts, get};

/// Tells requests which root serves them; `bad` is refused, `worse` traps, and what shared data
/// names is refused by whoever is asked after it was written there.
fn filter(model: &mut Model, callback: Callback) -> Answer {
    match callback {
        Callback::VmStart { .. } => match model.get_shared_data(b"cannot start") {
            Ok(_) => Ok(Some(0)),
            Err(_) => Ok(Some(1)),
        },
        Callback::Configure { context, .. } => {
            let policy = model.get_buffer_bytes(PLUGIN_CONFIGURATION, 0, 100).unwrap();
            model.log(2, format!("root {context}").as_bytes()).unwrap();
            let refused = model.get_shared_data(b"refused").is_ok_and(|(name, _)| name == policy);
            if policy == b"once" {
                model.set_shared_data(b"refused", b"once", 0).unwrap();
            }
            match &*policy {
                b"worse" => Err(Trap("worse".to_owned())),
                b"bad" => Ok(Some(0)),
                _ => Ok(Some(u32::from(!refused))),
            }
        }
        Callback::RequestHeaders { .. } => {
            let path = model.get_header_map_value(REQUEST_HEADERS, b":path").unwrap();
            model.replace_header_map_value(REQUEST_HEADERS, b"x-seen", b"1").unwrap();
            Ok(Some(if path == b"/wait" { PAUSE } else { CONTINUE }))
        }
        Callback::ContextCreate { context, parent: 1.. } => {
            model.log(2, format!("stream {context}").as_bytes()).unwrap();
            Ok(None)
        }
        _ => Ok(None),
    }
}

type Run = fn(&mut Model, Callback) -> Answer;

fn fleet(plan: Plan) -> Fleet<Recorded<Scripts<Run>>> {
    let run: Run = filter;
    let mut fleet = Fleet::new(Recorded(Scripts(run)), plan, Model::default()).unwrap();
    assert!(fleet.start(b"", b"one").accepted);
    fleet.world(|world| world.record.clear());
    fleet
}

fn envoy(workers: usize) -> Plan {
    Plan { workers, main: true, canary: true, ..Plan::default() }
}

fn root<S: Spawn>(fleet: &mut Fleet<S>, place: Place) -> u32 {
    fleet.host(place).unwrap().root().unwrap()
}

fn asked(started: &Started) -> Vec<String> {
    let canary = started.canary.iter().map(|_| "canary".to_owned());
    canary.chain(started.vms.iter().map(|(place, _)| place.to_string())).collect()
}

/// The callbacks in the record that have one of these in their name, without the request's own.
fn callbacks<S: Spawn>(fleet: &mut Fleet<S>, names: &[&str]) -> Vec<String> {
    let record = fleet.world(|world| world.record.clone());
    let callbacks = record.lines().filter(|line| !line.starts_with("  "));
    let callbacks = callbacks.map(|line| line.replace("proxy_on_", ""));
    callbacks.filter(|line| names.iter().any(|name| line.contains(name))).collect()
}

fn waiting() -> Request {
    let mut request = get();
    request.headers.replace(b":path", b"/wait");
    request
}

fn seen(outcome: &Outcome) -> bool {
    outcome.request_headers.has("x-seen")
}

#[test]
fn an_update_gets_a_new_root_in_the_same_vms_after_the_canary() {
    let mut fleet = fleet(envoy(2));
    let started = fleet.configure(b"two");
    assert!(started.accepted && !started.remembered);
    assert_eq!(asked(&started), ["canary", "main", "worker 0", "worker 1"]);
    assert_eq!(started.canary.unwrap().root, 1, "a VM of its own");
    for (place, startup) in &started.vms {
        assert_eq!(startup.root, 2, "{place}");
        assert_eq!(root(&mut fleet, *place), 2);
    }
    assert_eq!(
        callbacks(&mut fleet, &["configure", "done", "delete"]),
        [
            "canary: configure(1, 3)",
            "main: configure(2, 3)",
            "main: done(1)",
            "main: delete(1)",
            "worker 0: configure(2, 3)",
            "worker 0: done(1)",
            "worker 0: delete(1)",
            "worker 1: configure(2, 3)",
            "worker 1: done(1)",
            "worker 1: delete(1)",
        ],
        "the canary is thrown away without a word"
    );
}

#[test]
fn what_the_canary_refuses_changes_nothing_and_is_not_asked_again() {
    let mut fleet = fleet(envoy(2));
    for document in [&b"bad"[..], b"worse"] {
        let started = fleet.configure(document);
        assert!(!started.accepted && !started.remembered);
        assert_eq!(asked(&started), ["canary"]);
        let again = fleet.configure(document);
        assert!(!again.accepted && again.remembered);
        assert_eq!(asked(&again), [""; 0]);
    }
    for place in fleet.places() {
        assert_eq!(root(&mut fleet, place), 1);
        assert_eq!(fleet.host(place).unwrap().trap(), None);
    }
    assert!(seen(&fleet.request(0, get())));
    assert_eq!(callbacks(&mut fleet, &["configure"]).len(), 2);
}

#[test]
fn what_the_canary_took_once_it_is_not_asked_again_either() {
    let mut fleet = fleet(envoy(1));
    assert!(fleet.configure(b"two").accepted);
    let back = fleet.configure(b"one");
    assert!(back.accepted && back.remembered);
    assert_eq!(asked(&back), ["main", "worker 0"], "each has a new root for it");
    let same = fleet.configure(b"one");
    assert!(same.accepted && same.remembered);
    assert_eq!(asked(&same), [""; 0], "it serves already");
}

#[test]
fn a_canary_that_does_not_start_says_nothing_about_its_configuration() {
    let mut fleet = fleet(envoy(1));
    fleet.world(|world| world.shared.set(b"vm", b"cannot start", b"", 0)).unwrap();
    assert!(!fleet.configure(b"two").accepted);
    fleet.world(|world| world.shared = proxy_host_model::Shared::default());
    let again = fleet.configure(b"two");
    assert!(again.accepted && !again.remembered);
}

#[test]
fn open_streams_stay_with_their_root_which_ends_after_the_last_one() {
    let mut fleet = fleet(envoy(2));
    let old = [fleet.open(0, waiting()), fleet.open(0, waiting())];
    let elsewhere = fleet.open(1, waiting());
    assert!(fleet.configure(b"two").accepted);
    let new = fleet.open(0, get());
    assert_eq!(new.context(), Some(5), "after the root 4");
    fleet.world(|world| world.record.clear());
    let [first, second] = old;
    assert_eq!(fleet.finish(first).fate, Fate::Paused);
    assert_eq!(fleet.finish(new).fate, Fate::Continued);
    assert_eq!(fleet.abandon(second).fate, Fate::Paused);
    assert_eq!(
        callbacks(&mut fleet, &["done", "delete", "log"]),
        [
            "worker 0: log(2)",
            "worker 0: done(2)",
            "worker 0: delete(2)",
            "worker 0: log(5)",
            "worker 0: done(5)",
            "worker 0: delete(5)",
            "worker 0: log(3)",
            "worker 0: done(3)",
            "worker 0: delete(3)",
            "worker 0: done(1)",
            "worker 0: delete(1)",
        ]
    );
    assert_eq!(fleet.finish(elsewhere).fate, Fate::Paused);
    assert_eq!(
        callbacks(&mut fleet, &["worker 1: delete"]),
        ["worker 1: delete(2)", "worker 1: delete(1)"]
    );
}

#[test]
fn a_vm_that_does_not_take_what_the_canary_took_is_left_out() {
    let mut fleet = fleet(envoy(2));
    // The canary takes it, whoever is asked after it does not.
    let started = fleet.configure(b"once");
    assert!(started.accepted, "the canary's word counts");
    assert!(started.vms.iter().all(|(_, startup)| !startup.accepted));
    let outcome = fleet.request(0, get());
    assert!(!seen(&outcome));
    assert_eq!((outcome.fate, fleet.unseen()), (Fate::Continued, 1));
    assert!(fleet.configure(b"two").accepted);
    assert!(seen(&fleet.request(0, get())));
}

#[test]
fn without_a_canary_each_vm_decides_for_itself() {
    let mut fleet = fleet(Plan { workers: 2, ..Plan::default() });
    let started = fleet.configure(b"once");
    assert!(!started.accepted, "not all took it");
    let accepted: Vec<bool> = started.vms.iter().map(|(_, startup)| startup.accepted).collect();
    assert_eq!(accepted, [true, false]);
    assert_eq!([root(&mut fleet, Place::Worker(0)), root(&mut fleet, Place::Worker(1))], [2, 1]);
    for worker in [0, 1] {
        assert!(seen(&fleet.request(worker, get())));
    }
    assert!(!fleet.configure(b"bad").accepted);
    let again = fleet.configure(b"bad");
    assert_eq!((asked(&again).len(), again.remembered), (2, false), "nobody remembers");
    assert_eq!([root(&mut fleet, Place::Worker(0)), root(&mut fleet, Place::Worker(1))], [2, 1]);
}

#[test]
fn without_a_canary_vms_that_refuse_their_first_configuration_serve_all_the_same() {
    let run: Run = filter;
    let mut fleet = Fleet::new(Recorded(Scripts(run)), Plan::default(), Model::default()).unwrap();
    assert!(!fleet.start(b"", b"bad").accepted);
    assert!(!fleet.exited());
    assert!(seen(&fleet.request(0, get())));
}

#[test]
fn ticks_of_an_old_root_go_on_until_it_ends() {
    let run = |model: &mut Model, callback| match callback {
        Callback::Configure { .. } => {
            model.set_tick_period_milliseconds(1000).unwrap();
            Ok(Some(1))
        }
        Callback::RequestHeaders { .. } => Ok(Some(PAUSE)),
        _ => Ok(None),
    };
    let mut fleet = Fleet::new(Recorded(Scripts(run)), Plan::default(), Model::default()).unwrap();
    fleet.start(b"", b"one");
    let stream = fleet.open(0, get());
    assert!(fleet.configure(b"two").accepted);
    let second = |fleet: &mut Fleet<_>| {
        fleet.world(|world| world.record.clear());
        fleet.advance(Duration::from_secs(1));
        callbacks(fleet, &["tick"])
    };
    assert_eq!(second(&mut fleet), ["tick(1)", "tick(3)"]);
    let _ = fleet.finish(stream);
    assert_eq!(second(&mut fleet), ["tick(3)"]);
}
