//! VMs that end and policies that change.

use std::time::Duration;

use proxy_host_model::{Place, Spawn};
use serde_json::json;

use super::{HOUR, MINUTE, PASSED, SECOND};
use crate::story::{
    Setting, Stage, Story,
    client::{Token, get, to},
    setting::{changed, remote},
};

pub(super) fn stories<S: Spawn>() -> Vec<Story<S>> {
    vec![
        Story {
            name: "a worker that is reloaded",
            why: "Under FAIL_RELOAD a worker whose VM ended has its keys again without a fetch, \
                  even while the issuer is away",
            traps: true,
            setting: Setting::remote,
            play: reloaded,
        },
        Story {
            name: "the VM that fetches ends",
            why: "Envoy never brings back the main thread's VM (hosts.md 4): what it had begun, \
                  another one finishes, after the time that the lease has",
            traps: true,
            setting: Setting::remote,
            play: fetcher_ends,
        },
        Story {
            name: "a policy update with keys in force",
            why: "A new configuration in the same VM finds the keys in the shared data: no request \
                  is refused, nothing is fetched",
            traps: false,
            setting: Setting::remote,
            play: updated,
        },
        Story {
            name: "a policy update in the middle of a fetch",
            why: "The old root's call is dropped with it; the new one waits for the lease to run \
                  out and fetches for itself",
            traps: false,
            setting: Setting::remote,
            play: updated_in_flight,
        },
        Story {
            name: "a policy update to another address",
            why: "Keys from an address that the policy no longer names are worth nothing",
            traps: false,
            setting: Setting::remote,
            play: other_address,
        },
    ]
}

fn reloaded<S: Spawn>(stage: &mut Stage<S>) {
    let token = Token::by("rsa-1").mint();
    stage.pass(SECOND * 5);
    stage.fetched(1);
    stage.issuer.trouble = Some(proxy_host_model::ServiceAnswer::connect_failure());
    for round in 1..=5 {
        let worker = round % 2;
        stage.end_vm(Place::Worker(worker));
        stage.pass(SECOND * 5);
        let answer = stage.ask(worker, get(&token));
        assert_eq!(answer.what, PASSED, "round {round}");
        assert!(answer.waited <= 200, "one tick: {answer:?}");
        assert_eq!(stage.reloads(), round);
        assert_eq!(stage.ask((worker + 1) % 2, get(&token)).what, PASSED);
    }
    stage.fetched(0);
    assert_eq!(stage.logged("1 in force: kid=rsa-1, taken from shared data"), 2 + 5);
}

fn fetcher_ends<S: Spawn>(stage: &mut Stage<S>) {
    let token = Token::by("rsa-1").mint();
    stage.issuer.latency = SECOND * 2;
    stage.pass(SECOND);
    let fetches = stage.fetches().to_vec();
    assert_eq!(fetches.len(), 1);
    let fetcher = fetches[0].place;
    assert_eq!(fetcher, Place::Main, "it is ticked first");
    stage.end_vm(fetcher);
    stage.pass(SECOND);
    stage.fetched(0);
    let answer = stage.ask(0, get(&token));
    assert_eq!(answer.what, "503 keys_unavailable", "the lease outlasts its patience");
    assert!(answer.waited <= 5100, "{answer:?}");
    let answer = stage.ask(0, get(&token));
    assert_eq!(answer.what, PASSED);
    let fetches = stage.fetches().to_vec();
    assert_eq!(fetches.len(), 1, "{fetches:#?}");
    assert_ne!(fetches[0].place, fetcher);
    // Lease: 5 s for the one step, and 2 s.
    assert!((7..=8).contains(&fetches[0].at.as_secs()), "{fetches:#?}");
    stage.issuer.latency = Duration::from_millis(30);
    stage.sleep(HOUR);
    let fetches = stage.fetches().to_vec();
    assert!((6..=8).contains(&fetches.len()), "{fetches:#?}");
    assert_eq!(stage.ask(1, get(&token)).what, PASSED);
}

/// The policy with one more rule, so that it is another one.
fn other(name: &str) -> serde_json::Value {
    let rule = json!({"name": name, "match": {"path": format!("/{name}")}, "access": "deny"});
    let mut policy = remote();
    if let Some(rules) = policy["rules"].as_array_mut() {
        rules.insert(0, rule);
    }
    policy
}

fn updated<S: Spawn>(stage: &mut Stage<S>) {
    let token = Token::by("rsa-1").mint();
    stage.pass(SECOND);
    stage.fetched(1);
    for round in 0..10 {
        let name = format!("closed-{round}");
        assert!(stage.configure(&other(&name)));
        for worker in [0, 1] {
            stage.send(worker, get(&token));
            stage.send(worker, to(&format!("/{name}"), &token));
        }
        let mut answers = stage.settled();
        answers.sort_by(|one, other| one.what.cmp(&other.what));
        let whats: Vec<_> = answers.iter().map(|answer| answer.what.as_str()).collect();
        assert_eq!(whats, ["403 rule_denies", "403 rule_denies", PASSED, PASSED]);
        assert!(answers.iter().all(|answer| answer.waited <= 200), "{answers:?}");
        stage.pass(SECOND * 3);
    }
    stage.fetched(0);
}

fn updated_in_flight<S: Spawn>(stage: &mut Stage<S>) {
    let token = Token::by("rsa-1").mint();
    stage.issuer.latency = SECOND;
    stage.pass(Duration::from_millis(500));
    stage.fetched(1);
    assert!(stage.configure(&other("closed")));
    stage.pass(SECOND * 8);
    stage.fetched(1);
    for worker in [0, 1] {
        assert_eq!(stage.ask(worker, get(&token)).what, PASSED);
    }
    // A request that waits holds its root, and with it the old policy and its fetch.
    stage.pass(MINUTE);
    stage.issuer.publish(&["rsa-1", "rsa-2"]);
    let new = Token::by("rsa-2").mint();
    stage.send(0, get(&new));
    stage.send(1, get(&new));
    stage.pass(Duration::from_millis(500));
    assert_eq!(stage.held(), 2);
    assert!(stage.configure(&other("shut")));
    let answers = stage.settled();
    assert!(answers.iter().all(|answer| answer.waited <= 5100), "{answers:?}");
    assert!(answers.iter().all(|a| a.what == PASSED || a.what == "503 keys_unavailable"));
    stage.pass(SECOND * 10);
    assert!(stage.fetches().len() <= 2);
    assert_eq!(stage.ask(0, get(&new)).what, PASSED);
}

fn other_address<S: Spawn>(stage: &mut Stage<S>) {
    let token = Token::by("rsa-1").mint();
    assert_eq!(stage.ask(0, get(&token)).what, PASSED);
    stage.fetched(1);
    let uri = "https://issuer.test/moved.json";
    assert!(stage.configure(&changed(remote(), "issuers[0].keys.remote.uri", uri)));
    for worker in [0, 1] {
        assert_eq!(stage.ask(worker, get(&token)).what, "503 keys_unavailable");
    }
    assert!(stage.fetches().iter().all(|fetch| fetch.address == "issuer.test/moved.json"));
    assert!(stage.configure(&remote()));
    for worker in [0, 1] {
        assert_eq!(stage.ask(worker, get(&token)).what, PASSED, "the first address again");
    }
    stage.fetched(0);
}
