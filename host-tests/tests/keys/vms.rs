//! Several VMs, and one after the other.

use std::time::Duration;

use host_tests::native::{self, Spawner};
use proxy_host_model::{Fate, Fleet, Plan, ServiceAnswer, profile::Cas};
use serde_json::json;

use crate::setting::{
    NAME, SECOND, TICK, UNAVAILABLE, assert_passed, assert_refused, fetches, model, plain, policy,
    request, set, start,
};

/// Two workers and a main thread, after a canary, as in Envoy.
fn fleet(answers: impl IntoIterator<Item = ServiceAnswer>, policy: &[u8]) -> Fleet<Spawner> {
    let plan = Plan { workers: 2, main: true, canary: true, ..Plan::default() };
    let mut fleet = Fleet::new(Spawner, plan, model(answers)).unwrap();
    assert!(fleet.start(b"", policy).accepted);
    fleet
}

fn fetched(fleet: &mut Fleet<Spawner>) -> u64 {
    fleet.world(|world| world.services[NAME].calls)
}

#[test]
fn one_fetch_serves_all() {
    let mut fleet = fleet([set(&["rsa-1"]).after(SECOND)], &plain());
    let streams = [0, 1].map(|worker| fleet.open(worker, request("rsa-1")));
    fleet.advance(SECOND);
    assert!(streams.iter().all(|stream| fleet.fate(stream) == Fate::Paused));
    fleet.advance(TICK * 2);
    for stream in streams {
        assert_passed(&fleet.finish(stream));
    }
    assert_eq!(fetched(&mut fleet), 1);
    fleet.advance(Duration::from_secs(300));
    assert_eq!(fetched(&mut fleet), 1);
}

/// Hosts differ in which CAS number writes a key that is not there, and whether any writes one that is.
#[test]
fn a_fetch_serves_all_by_whatever_rule_a_host_compares_and_swaps() {
    for cas in [Cas::NewKeysFree, Cas::ZeroFree, Cas::Exact] {
        let plan = Plan { workers: 2, ..Plan::default() };
        let mut model = model([set(&["rsa-1"]), set(&["rsa-2"])]);
        model.profile.cas = cas;
        let mut fleet = Fleet::new(Spawner, plan, model).unwrap();
        assert!(fleet.start(b"", &plain()).accepted);
        for (key, fetches) in [("rsa-1", 1), ("rsa-2", 2)] {
            let streams = [0, 1].map(|worker| fleet.open(worker, request(key)));
            fleet.advance(TICK * 4);
            for stream in streams {
                assert_passed(&fleet.finish(stream));
            }
            assert_eq!(fetched(&mut fleet), fetches, "{cas}, {key}");
            fleet.advance(Duration::from_secs(60));
        }
    }
}

#[test]
fn one_failure_ends_the_wait_in_all() {
    let mut fleet = fleet([ServiceAnswer::status(500).after(SECOND)], &plain());
    let streams = [0, 1].map(|worker| fleet.open(worker, request("rsa-1")));
    fleet.advance(SECOND + TICK * 2);
    for stream in streams {
        assert_refused(&fleet.finish(stream), UNAVAILABLE.0, UNAVAILABLE.1, Some("1"));
    }
    assert_eq!(fetched(&mut fleet), 1);
}

#[test]
fn a_key_that_both_workers_want_is_fetched_once() {
    let mut fleet = fleet([set(&["rsa-1"])], &plain());
    fleet.advance(Duration::from_secs(60));
    fleet.world(|world| {
        let service = world.services.get_mut(NAME).unwrap();
        service.answers = vec![set(&["rsa-1", "rsa-2"]).after(TICK)];
    });
    let streams = [0, 1, 0].map(|worker| fleet.open(worker, request("rsa-2")));
    fleet.advance(TICK * 4);
    for stream in streams {
        assert_passed(&fleet.finish(stream));
    }
    fleet.advance(Duration::from_secs(60));
    assert_eq!(fetched(&mut fleet), 2);
}

#[test]
fn a_vm_that_may_not_fetch_waits_for_one_that_may() {
    let answers = || [set(&["rsa-1"])];
    let waiting = policy(json!({}), json!({ "shared_data": { "fetch": false } }));
    let shared = native::run(model(answers()), |mut host| {
        start(&mut host, &waiting, 0);
        let stream = host.open(request("rsa-1"));
        host.advance(SECOND);
        assert_eq!(fetches(&mut host), 0);
        assert_eq!(host.abandon(stream).fate, Fate::Paused);
        host.model(|model| model.shared.clone())
    });
    let mut other = model(answers());
    other.shared = shared;
    other.clock.advance(SECOND);
    native::run(other, |mut host| {
        start(&mut host, &plain(), 2);
        assert_passed(&host.request(request("rsa-1")));
        assert_eq!(fetches(&mut host), 1);
    });
}

#[test]
fn a_vm_that_is_loaded_anew_has_its_keys_at_once() {
    let shared = native::run(model([set(&["rsa-1"])]), |mut host| {
        start(&mut host, &plain(), 2);
        assert_eq!(fetches(&mut host), 1);
        host.model(|model| model.shared.clone())
    });
    let mut reloaded = model([ServiceAnswer::never()]);
    reloaded.shared = shared;
    reloaded.clock.advance(SECOND);
    native::run(reloaded, |mut host| {
        start(&mut host, &plain(), 0);
        // Before its first tick, a request waits for what is there already.
        let stream = host.open(request("rsa-1"));
        host.advance(TICK);
        assert_passed(&host.finish(stream));
        assert_eq!(fetches(&mut host), 0);
    });
}
