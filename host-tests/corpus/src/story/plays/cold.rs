//! The first minutes of a proxy.

use std::time::Duration;

use proxy_host_model::{LogLevel, ServiceAnswer, Spawn};

use super::{HOUR, MINUTE, PASSED, SECOND, gaps};
use crate::story::{
    Setting, Stage, Story,
    client::{Token, get},
};

pub(super) fn stories<S: Spawn>() -> Vec<Story<S>> {
    vec![
        Story {
            name: "first token",
            why: "Whoever comes before the first set is there waits for it instead of being \
                  refused, and three VMs make one fetch",
            traps: false,
            setting: Setting::remote,
            play: first_token,
        },
        Story {
            name: "cold start with the issuer down",
            why: "A gate that never had keys lets nobody pass, says when to come back, asks ever \
                  more rarely, and heals by itself",
            traps: false,
            setting: Setting::remote,
            play: issuer_down,
        },
        Story {
            name: "cold start with a silent issuer",
            why: "An issuer that takes connections and says nothing must not hold requests without \
                  end, nor more of them than the policy allows",
            traps: false,
            setting: Setting::remote,
            play: issuer_silent,
        },
        Story {
            name: "a cluster that the host does not have",
            why: "A typing error in the name of the cluster is a failure with a cause, no trap and \
                  no storm",
            traps: false,
            setting: || Setting::remote().with("issuers[0].keys.remote.cluster", "isuer"),
            play: no_cluster,
        },
    ]
}

fn first_token<S: Spawn>(stage: &mut Stage<S>) {
    let token = Token::by("rsa-1").mint();
    for worker in [0, 1] {
        stage.send(worker, get(&token));
    }
    assert_eq!(stage.held(), 2, "they wait for the keys");
    let answers = stage.settled();
    assert!(answers.iter().all(|answer| answer.what == PASSED), "{answers:?}");
    assert!(answers.iter().all(|answer| answer.waited <= 300), "a few ticks: {answers:?}");
    stage.fetched(1);
    stage.pass(SECOND);
    let news = "jwt-gate: keys of live: 1 in force: kid=rsa-1, ";
    assert_eq!(stage.logged(news), 3, "each VM tells once");
    assert_eq!(stage.logged(&format!("{news}fetched from the issuer")), 1);
    assert_eq!(stage.logged(&format!("{news}taken from shared data")), 2);
    assert_eq!(stage.lines_from(LogLevel::Warn), Vec::<&str>::new());
    for worker in [0, 1] {
        assert_eq!(stage.ask(worker, get(&token)).waited, 0, "nobody waits any more");
    }
    assert_eq!(stage.gauge("jwt_gate.keys.count.issuer.live"), Some(1));
    assert_eq!(stage.gauge("jwt_gate.keys.last_error.issuer.live"), Some(0));
    assert_eq!(stage.counter("jwt_gate.fetches.outcome.ok.issuer.live"), 1);
    stage.fetched(0);
}

fn issuer_down<S: Spawn>(stage: &mut Stage<S>) {
    stage.issuer.trouble = Some(ServiceAnswer::connect_failure());
    let token = Token::by("rsa-1").mint();
    let first = stage.ask(0, get(&token));
    assert_eq!(first.what, "503 keys_unavailable");
    assert_eq!(first.retry_after, Some(1));
    assert!(first.waited <= 300, "a failure ends the wait: {first:?}");
    for second in 0..600 {
        let answer = stage.ask(second % 2, get(&token));
        assert_eq!(answer.what, "503 keys_unavailable", "second {second}");
        assert!(answer.retry_after <= Some(60), "{answer:?}");
        stage.pass(SECOND);
    }
    let fetches = stage.fetches().to_vec();
    // 1, 2, 4, 8, 16 and 32 seconds, then a minute each.
    let waits = gaps(&fetches);
    for (wait, expected) in waits.iter().zip([1, 2, 4, 8, 16, 32].into_iter().chain([60; 20])) {
        let expected = Duration::from_secs(expected);
        let range = expected..=expected.saturating_add(Duration::from_millis(300));
        assert!(range.contains(wait), "{expected:?}: {waits:?}");
    }
    assert_eq!(fetches.len(), 15, "in ten minutes");
    assert_eq!(stage.logged("jwt-gate: keys of live: fetch failed: connect"), 15);
    assert_eq!(stage.lines_from(LogLevel::Error).len(), 15, "requests are refused");
    assert_eq!(stage.counter("jwt_gate.fetches.outcome.connect.issuer.live"), 15);
    assert_eq!(stage.gauge("jwt_gate.keys.count.issuer.live"), Some(0));

    stage.issuer.trouble = None;
    stage.pass(MINUTE.saturating_add(SECOND));
    stage.fetched(1);
    for worker in [0, 1] {
        let answer = stage.ask(worker, get(&token));
        assert_eq!((answer.what.as_str(), answer.waited), (PASSED, 0));
    }
    assert_eq!(stage.gauge("jwt_gate.keys.last_error.issuer.live"), Some(0));
}

fn issuer_silent<S: Spawn>(stage: &mut Stage<S>) {
    stage.issuer.trouble = Some(ServiceAnswer::never());
    let token = Token::by("rsa-1").mint();
    for _ in 0..300 {
        stage.send(0, get(&token));
    }
    assert_eq!(stage.held(), 256, "the places of one VM");
    stage.pass(SECOND);
    // Their clients lose patience, and others take their places.
    for _ in 0..100 {
        stage.hang_up();
    }
    for _ in 0..100 {
        stage.send(0, get(&token));
    }
    assert_eq!(stage.held(), 256);
    let answers = stage.settled();
    assert_eq!(answers.len(), 300);
    for answer in &answers {
        assert_eq!(answer.what, "503 keys_unavailable");
        assert!(answer.waited <= 5100, "the policy's waiting time: {answer:?}");
    }
    assert_eq!(answers.iter().filter(|answer| answer.waited == 0).count(), 44);
    stage.fetched(1);
    stage.issuer.trouble = None;
    stage.pass(Duration::from_secs(5));
    stage.fetched(1);
    assert_eq!(stage.logged("fetch failed: timeout"), 1);
    assert_eq!(stage.ask(0, get(&token)).what, PASSED);
}

fn no_cluster<S: Spawn>(stage: &mut Stage<S>) {
    let token = Token::by("rsa-1").mint();
    let answer = stage.ask(0, get(&token));
    assert_eq!(answer.what, "503 keys_unavailable");
    stage.sleep(HOUR);
    stage.fetched(0);
    let tried = stage.logged("fetch failed: not_sent");
    assert!((50..=66).contains(&tried), "{tried} tries in an hour");
    assert_eq!(stage.ask(1, get(&token)).what, "503 keys_unavailable");
}
