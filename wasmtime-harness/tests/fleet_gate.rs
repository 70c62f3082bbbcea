//! The module that is shipped on several workers: updates, a VM that ends, and no way around it.

#![allow(clippy::expect_used, clippy::panic, reason = "a test stops at what it did not expect")]

mod module;

use std::{sync::LazyLock, time::Duration};

use proxy_host_model::{
    Clock, Fate, Fault, Fleet, Model, OnTrap, Outcome, Place, Plan, Recorded, Request,
};
use scenario_corpus::{Exchange, Form, Scenario, load, named_policy};
use wasmtime_harness::Spawner;

const ROUTE_METADATA: &[&str] = &["xds", "route_metadata"];

/// Two workers that serve a policy at the time of [`accepted`].
fn fleet(on_trap: OnTrap, policy: &str) -> Fleet<Recorded<Spawner>> {
    let mut model = Model::default();
    model.clock = Clock::at_nanos(accepted().now);
    let plan = Plan { workers: 2, main: true, canary: true, on_trap, seed: 0 };
    let spawner = Recorded(Spawner::from(module::get().clone()));
    let mut fleet = Fleet::new(spawner, plan, model).expect("it loads");
    assert!(fleet.start(b"", &json(policy)).accepted);
    fleet
}

fn json(policy: &str) -> Vec<u8> {
    named_policy(policy).expect("there is one").json
}

/// The scenario of a good token.
fn accepted() -> &'static Scenario {
    static ACCEPTED: LazyLock<Scenario> = LazyLock::new(|| {
        let cases = load().expect("the scenarios can be read");
        let case = cases.iter().find(|case| case.name() == "token/accepted").expect("there is one");
        case.mint(0).expect("it can be minted")
    });
    &ACCEPTED
}

fn request(scenario: &Scenario, exchange: &Exchange) -> Request {
    let request: Request = exchange.headers.iter().map(|(name, value)| (name, value)).collect();
    match &scenario.route_metadata_bytes {
        Some(bytes) => request.property(ROUTE_METADATA, bytes),
        None => request,
    }
}

/// A request for `path` with a good token.
fn good(path: &str) -> Request {
    let scenario = accepted();
    let mut request = request(scenario, scenario.exchanges.first().expect("it has one"));
    request.headers.replace(b":path", path.as_bytes());
    request
}

fn bare(path: &str) -> Request {
    Request::from_iter([(":method", "GET"), (":path", path), (":authority", "api.test")])
}

#[track_caller]
fn status(outcome: &Outcome) -> Option<u32> {
    match outcome.fate {
        Fate::Continued => None,
        Fate::Replied => outcome.reply.as_ref().map(|reply| reply.status),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_live_update_leaves_open_streams_their_configuration() {
    let mut fleet = fleet(OnTrap::Closed, "sources");
    // Their token came in the query, so their answers are still to be marked as private.
    let bearer = good("/").headers.first("authorization").expect("it has a token").to_vec();
    let token = String::from_utf8(bearer).expect("a token is text").replace("Bearer ", "");
    let open = [0, 1, 0].map(|worker| fleet.open(worker, bare(&format!("/?access_token={token}"))));
    for worker in [0, 1] {
        assert_eq!(status(&fleet.request(worker, good("/deny"))), None);
    }

    assert!(!fleet.configure(b"{}").accepted, "refused by the canary");
    let again = fleet.configure(b"{}");
    assert!(!again.accepted && again.remembered && again.vms.is_empty());
    for worker in [0, 1] {
        assert_eq!(status(&fleet.request(worker, good("/deny"))), None);
    }

    let started = fleet.configure(&json("accesses"));
    assert!(started.accepted);
    assert_eq!(started.vms.len(), 3);
    for worker in [0, 1] {
        assert_eq!(status(&fleet.request(worker, good("/deny"))), Some(403));
    }
    for stream in open {
        let outcome = fleet.finish(stream);
        assert_eq!(outcome.fate, Fate::Continued);
        let response = outcome.response.expect("the upstream's");
        assert_eq!(response.first("cache-control"), Some(&b"private"[..]));
    }
    let record = fleet.world(|world| world.record.clone());
    for place in fleet.places() {
        let ended = format!("{place}: proxy_on_delete(1)");
        assert_eq!(record.matches(&ended).count(), 1, "the old root has ended: {place}");
    }
}

#[test]
fn a_vm_that_ends_leaves_the_other_worker_serving() {
    let mut fleet = fleet(OnTrap::Closed, "plain");
    let host = fleet.host(Place::Worker(0)).expect("there are two");
    host.model(|model| model.inject(Fault::trap_at(0, "power cut")));
    let outcome = fleet.request(0, good("/"));
    assert_eq!(outcome.fate, Fate::Trapped);
    for _ in 0..3 {
        for request in [good("/"), bare("/")] {
            let outcome = fleet.request(0, request);
            assert_eq!(status(&outcome), Some(503));
            assert_eq!(outcome.reply.expect("the proxy's").details, b"wasm_fail_stream");
        }
        assert_eq!(status(&fleet.request(1, good("/"))), None);
        assert_eq!(status(&fleet.request(1, bare("/"))), Some(401));
    }
    assert!(fleet.configure(&json("accesses")).accepted);
    assert_eq!(status(&fleet.request(0, good("/deny"))), Some(403), "an update brings a new VM");
}

#[test]
fn a_vm_that_is_reloaded_serves_the_policy_of_its_time() {
    let mut fleet = fleet(OnTrap::RELOAD, "plain");
    assert!(fleet.configure(&json("accesses")).accepted);
    fleet.advance(Duration::from_secs(2));
    let host = fleet.host(Place::Worker(0)).expect("there are two");
    host.model(|model| model.inject(Fault::trap_at(0, "power cut")));
    assert_eq!(fleet.request(0, good("/")).fate, Fate::Trapped);
    assert_eq!(status(&fleet.request(0, good("/deny"))), Some(403));
    assert_eq!(fleet.reloads().len(), 1);
}

/// With `FAIL_OPEN` a module that can be made to trap is a way around it. Every attack that we know
/// is tried on a worker with that policy.
#[test]
fn nothing_that_we_know_makes_it_fail_open() {
    let mut tried = 0_usize;
    for case in load().expect("the scenarios can be read") {
        let scenario = case.mint(0).expect("it can be minted");
        let mut model = Model::default();
        model.clock = Clock::at_nanos(scenario.now);
        let plan = Plan { on_trap: OnTrap::Open, ..Plan::default() };
        let spawner = Spawner::from(module::get().clone());
        let mut fleet = Fleet::new(spawner, plan, model).expect("it loads");
        let started = fleet.start(b"", scenario.policy.bytes(Form::Json));
        assert_eq!(started.accepted, scenario.refused.is_none(), "{}", scenario.name);
        for exchange in &scenario.exchanges {
            let outcome = fleet.request(0, request(&scenario, exchange));
            assert_eq!(outcome.trap, None, "{}", scenario.name);
            // One that waits for keys has not come past either.
            if outcome.fate != Fate::Paused {
                let _ = status(&outcome);
            }
            tried = tried.saturating_add(1);
        }
        assert_eq!(fleet.unseen(), 0, "{}", scenario.name);
    }
    assert!(tried > 250, "only {tried}");
}
