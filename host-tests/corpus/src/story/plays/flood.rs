//! Tokens by keys that nobody has.

use std::time::Duration;

use proxy_host_model::{LogLevel, Spawn};

use super::{MINUTE, PASSED, SECOND, assert_gaps};
use crate::story::{
    Setting, Stage, Story,
    client::{Token, get},
};

pub(super) fn stories<S: Spawn>() -> Vec<Story<S>> {
    vec![
        Story {
            name: "a flood of unknown kids",
            why: "Anybody can write a token with a new `kid`; thousands of them must not become \
                  thousands of fetches, over all workers (CVE-2026-32301 and its like)",
            traps: false,
            setting: Setting::remote,
            play: flood,
        },
        Story {
            name: "tokens that no key could save",
            why: "A token that would be refused by any key, or whose key is there, is no reason to \
                  fetch",
            traps: false,
            setting: Setting::remote,
            play: hopeless,
        },
    ]
}

fn flood<S: Spawn>(stage: &mut Stage<S>) {
    let good = Token::by("rsa-1").mint();
    stage.pass(MINUTE);
    stage.fetched(1);
    let mut sent = 0_u32;
    for step in 0..1500 {
        for worker in [0, 1] {
            let unknown = Token::by("mallory").kid(&format!("kid-{sent}")).forge();
            stage.send(worker, get(&unknown));
            sent = sent.saturating_add(1);
        }
        if step % 5 == 0 {
            let answer = stage.ask(step % 2, get(&good));
            assert_eq!((answer.what.as_str(), answer.waited), (PASSED, 0), "step {step}");
        }
        stage.pass(Duration::from_millis(200));
    }
    let answers = stage.settled();
    assert_eq!((answers.len(), sent), (3000, 3000));
    assert!(answers.iter().all(|answer| answer.what == "401 key_unknown"));
    assert!(answers.iter().all(|answer| answer.waited <= 300));
    let fetches = stage.fetches().to_vec();
    assert_gaps(&fetches, 30..=31);
    assert_eq!(fetches.len(), 10, "one per cool-down in five minutes");
    assert_eq!(stage.lines_from(LogLevel::Warn), Vec::<&str>::new());
}

fn hopeless<S: Spawn>(stage: &mut Stage<S>) {
    stage.pass(MINUTE);
    stage.fetched(1);
    let unknown = || Token::by("mallory");
    let cases = [
        (unknown().expired().mint(), "401 key_unknown"),
        (unknown().claim("aud", "https://other.test").mint(), "401 key_unknown"),
        (unknown().claim("nbf", 4_000_000_000_u64).mint(), "401 key_unknown"),
        (unknown().claim("iss", "https://evil.test/").mint(), "401 issuer_unknown"),
        (Token::by("rsa-1").forge(), "401 signature_invalid"),
        (unknown().kid("rsa-1").mint(), "401 signature_invalid"),
        (Token::by("rsa-1").expired().mint(), "401 expired"),
        ("no.token.at-all".to_owned(), "401 token_malformed"),
    ];
    for round in 0..100 {
        for (token, expected) in &cases {
            let answer = stage.ask(round % 2, get(token));
            assert_eq!((answer.what.as_str(), answer.waited), (*expected, 0));
        }
        stage.pass(SECOND);
    }
    stage.fetched(0);
}
