//! An issuer that is away.

use std::time::Duration;

use proxy_host_model::{LogLevel, ServiceAnswer, Spawn};

use super::{DAY, HOUR, MINUTE, PASSED, SECOND, assert_gaps};
use crate::story::{
    Setting, Stage, Story,
    client::{Token, get},
};

pub(super) fn stories<S: Spawn>() -> Vec<Story<S>> {
    vec![
        Story {
            name: "an outage shorter than stale_for",
            why: "The issuer is away for most of a day, and nobody but the operator notices",
            traps: false,
            setting: Setting::remote,
            play: short,
        },
        Story {
            name: "an outage longer than stale_for",
            why: "Keys that nobody confirms are not trusted for ever; when they are too old all \
                  get 503, to the second, and when the issuer is back all pass",
            traps: false,
            setting: Setting::remote,
            play: long,
        },
        Story {
            name: "an outage with stale_for 0s",
            why: "Who trusts no key beyond its time gets exactly that",
            traps: false,
            setting: || Setting::remote().with("issuers[0].keys.remote.stale_for", "0s"),
            play: strict,
        },
    ]
}

fn short<S: Spawn>(stage: &mut Stage<S>) {
    let [good, unknown] = ["rsa-1", "rsa-2"].map(|key| Token::by(key).mint());
    stage.pass(SECOND);
    stage.fetched(1);
    stage.issuer.trouble = Some(ServiceAnswer::connect_failure());
    for _ in 0..20 * 6 {
        stage.sleep(MINUTE * 10);
        for worker in [0, 1] {
            let answer = stage.ask(worker, get(&good));
            assert_eq!((answer.what.as_str(), answer.waited), (PASSED, 0));
            let answer = stage.ask(worker, get(&unknown));
            assert!(
                ["503 keys_unavailable", "401 key_unknown"].contains(&answer.what.as_str()),
                "{answer:?}"
            );
            assert!(!answer.passed());
        }
    }
    let answer = stage.ask(0, get(&unknown));
    assert_eq!(answer.what, "503 keys_unavailable", "it may be a key that is not there yet");
    let fetches = stage.fetches().to_vec();
    // Back-off first, then once a minute whatever tokens come.
    assert_gaps(&fetches[6..], 60..=91);
    assert_eq!(stage.logged("fetch failed: connect"), fetches.len());
    assert_eq!(stage.lines_from(LogLevel::Warn).len(), fetches.len());
    assert_eq!(stage.lines_from(LogLevel::Error), Vec::<&str>::new(), "nobody good is refused");
    assert_eq!(stage.gauge("jwt_gate.keys.count.issuer.live"), Some(1));
    let age = stage.gauge("jwt_gate.keys.age_seconds.issuer.live").expect("it is set");
    assert!((19 * 3600..21 * 3600).contains(&age), "{age}");

    stage.issuer.trouble = None;
    stage.issuer.publish(&["rsa-1", "rsa-2"]);
    stage.pass(MINUTE * 2);
    stage.fetched(1);
    for worker in [0, 1] {
        assert_eq!(stage.ask(worker, get(&unknown)).what, PASSED);
    }
    stage.sleep(HOUR);
    let fetches = stage.fetches().to_vec();
    assert_gaps(&fetches, 480..=601);
}

fn long<S: Spawn>(stage: &mut Stage<S>) {
    let token = Token::by("rsa-1").mint();
    stage.pass(SECOND);
    let fetched_at = stage.fetches()[0].at;
    stage.issuer.trouble = Some(ServiceAnswer::status(500));
    // Seconds are what the board keeps; the answer came in the second of the fetch.
    let too_old = fetched_at.saturating_add(DAY).saturating_add(MINUTE * 10);
    let left = too_old.saturating_sub(stage.elapsed());
    stage.sleep(left.saturating_sub(SECOND * 2));
    for worker in [0, 1] {
        assert_eq!(stage.ask(worker, get(&token)).what, PASSED);
    }
    let left = too_old.saturating_sub(stage.elapsed()).saturating_add(SECOND);
    stage.pass(left);
    for worker in [0, 1] {
        let answer = stage.ask(worker, get(&token));
        assert_eq!(answer.what, "503 keys_unavailable");
        assert!(answer.retry_after <= Some(60), "{answer:?}");
    }
    stage.sleep(DAY);
    assert_eq!(stage.ask(0, get(&token)).what, "503 keys_unavailable");
    assert_eq!(stage.gauge("jwt_gate.keys.count.issuer.live"), Some(0));
    let errors = stage.lines_from(LogLevel::Error);
    assert!(!errors.is_empty());
    let fetches = stage.fetches().to_vec();
    assert_gaps(&fetches[7..], 60..=91);

    stage.issuer.trouble = None;
    stage.pass(MINUTE.saturating_add(SECOND));
    stage.fetched(1);
    for worker in [0, 1] {
        assert_eq!(stage.ask(worker, get(&token)).what, PASSED);
    }
}

fn strict<S: Spawn>(stage: &mut Stage<S>) {
    let token = Token::by("rsa-1").mint();
    stage.pass(SECOND);
    stage.issuer.trouble = Some(ServiceAnswer::reset());
    stage.sleep(MINUTE * 9);
    assert_eq!(stage.ask(0, get(&token)).what, PASSED);
    stage.pass(MINUTE + SECOND);
    for worker in [0, 1] {
        assert_eq!(stage.ask(worker, get(&token)).what, "503 keys_unavailable");
    }
    stage.issuer.trouble = None;
    stage.pass(Duration::from_secs(61));
    assert_eq!(stage.ask(1, get(&token)).what, PASSED);
    // While the issuer is there, the fetch ahead of the end leaves no gap.
    for _ in 0..1200 {
        let answer = stage.ask(0, get(&token));
        assert_eq!((answer.what.as_str(), answer.waited), (PASSED, 0));
        stage.pass(SECOND);
    }
}
