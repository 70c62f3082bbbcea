//! Answers that are no key set.

use proxy_host_model::{Headers, LogLevel, ServiceAnswer, Spawn};
use serde_json::json;

use super::{MINUTE, PASSED, SECOND};
use crate::{
    Key,
    story::{
        Setting, Stage, Story,
        client::{Token, get},
        issuer::{body, page},
    },
};

pub(super) fn stories<S: Spawn>() -> Vec<Story<S>> {
    vec![
        Story {
            name: "answers that are no key set",
            why: "A login page, an error, a redirect, a body without end: no bad answer replaces a \
                  good set, each is named, and the next good one heals it",
            traps: false,
            setting: Setting::remote,
            play: bad_answers,
        },
        Story {
            name: "bad answers from the beginning",
            why: "The same without a good set before: nobody passes",
            traps: false,
            setting: Setting::remote,
            play: bad_from_the_beginning,
        },
        Story {
            name: "a set that lacks the key",
            why: "A token by a key that the issuer does not publish is the caller's fault, once a \
                  fresh set says so",
            traps: false,
            setting: Setting::remote,
            play: lacks_the_key,
        },
        Story {
            name: "an odd key among good ones",
            why: "An entry of a kind that nobody knows yet must not cost the keys beside it (RFC \
                  7517 5)",
            traps: false,
            setting: Setting::remote,
            play: odd_key,
        },
    ]
}

/// Every bad answer, and the cause that is reported for it.
fn bad() -> Vec<(ServiceAnswer, &'static str)> {
    let redirect = Headers::from_iter([
        (":status", "302"),
        ("location", "https://issuer.test/elsewhere.json"),
    ]);
    let good = json!({"keys": [key("rsa-1")]}).to_string();
    let (half, _) = good.split_at(200);
    let padding = format!("{{\"pad\":\"{}\",{}", "x".repeat(262_144), &good[1..]);
    vec![
        (ServiceAnswer::connect_failure(), "connect"),
        (ServiceAnswer::timeout(), "timeout"),
        (ServiceAnswer::never(), "timeout"),
        (ServiceAnswer::reset(), "reset"),
        (page(500), "status"),
        (page(503), "status"),
        (page(404), "status"),
        (ServiceAnswer::status(204), "status"),
        (ServiceAnswer::response(redirect, good.as_bytes()), "status"),
        (page(200), "not_json"),
        (body(b""), "not_json"),
        (body(b"[]"), "not_json"),
        (body(b"\xff\xfe"), "not_json"),
        (body(half.as_bytes()), "not_json"),
        (body(padding.as_bytes()), "too_large"),
        (body(br#"{"keys":[]}"#), "no_usable_key"),
        (body(json!({"keys": [key("ec-1")]}).to_string().as_bytes()), "no_usable_key"),
        (body(br#"{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}"#), "no_usable_key"),
    ]
}

fn key(name: &str) -> serde_json::Value {
    Key::load(name).expect("a key of the repository").jwk()
}

fn bad_answers<S: Spawn>(stage: &mut Stage<S>) {
    let token = Token::by("rsa-1").mint();
    stage.pass(SECOND);
    stage.fetched(1);
    for (number, (answer, cause)) in bad().into_iter().enumerate() {
        let name = format!("bad answer {number}, {cause}");
        let counter = format!("jwt_gate.fetches.outcome.{cause}.issuer.live");
        let line = format!("jwt-gate: keys of live: fetch failed: {cause}");
        let (counted, logged) = (stage.counter(&counter), stage.logged(&line));
        stage.issuer.trouble = Some(answer);
        stage.sleep(MINUTE * 12);
        let failed = stage.fetches().len();
        assert!((5..=12).contains(&failed), "{name}: {failed} tries in the last minutes");
        stage.pass(SECOND * 6);
        let failed = failed + stage.fetches().len();
        assert_eq!(stage.logged(&line) - logged, failed, "{name}");
        assert_eq!(usize::try_from(stage.counter(&counter) - counted), Ok(failed), "{name}");
        for worker in [0, 1] {
            let answer = stage.ask(worker, get(&token));
            assert_eq!((answer.what.as_str(), answer.waited), (PASSED, 0), "{name}");
        }
        assert_ne!(stage.gauge("jwt_gate.keys.last_error.issuer.live"), Some(0), "{name}");
        stage.issuer.trouble = None;
        stage.sleep(MINUTE * 2);
        stage.fetched(1);
        stage.pass(SECOND);
        assert_eq!(stage.gauge("jwt_gate.keys.last_error.issuer.live"), Some(0), "{name}");
    }
    assert_eq!(stage.lines_from(LogLevel::Error), Vec::<&str>::new());
    assert_eq!(stage.logged(" in force: "), 3, "it is the same set all the time");
}

fn bad_from_the_beginning<S: Spawn>(stage: &mut Stage<S>) {
    let token = Token::by("rsa-1").mint();
    for (number, (answer, cause)) in bad().into_iter().enumerate() {
        stage.issuer.trouble = Some(answer);
        stage.sleep(MINUTE + SECOND * 7);
        for worker in [0, 1] {
            let answer = stage.ask(worker, get(&token));
            assert_eq!(answer.what, "503 keys_unavailable", "bad answer {number}, {cause}");
        }
    }
    assert_eq!(stage.logged(" in force: "), 0);
    stage.issuer.trouble = None;
    stage.pass(MINUTE + SECOND);
    assert_eq!(stage.ask(0, get(&token)).what, PASSED);
}

fn lacks_the_key<S: Spawn>(stage: &mut Stage<S>) {
    let unknown = Token::by("rsa-2").mint();
    stage.pass(MINUTE);
    stage.fetched(1);
    let answer = stage.ask(0, get(&unknown));
    assert_eq!(answer.what, "401 key_unknown");
    assert!(answer.waited > 0, "it waited for a fresh set");
    stage.fetched(1);
    stage.pass(SECOND);
    let answer = stage.ask(1, get(&unknown));
    assert_eq!((answer.what.as_str(), answer.waited), ("401 key_unknown", 0));
    stage.fetched(0);
    assert_eq!(stage.lines_from(LogLevel::Warn), Vec::<&str>::new());
}

fn odd_key<S: Spawn>(stage: &mut Stage<S>) {
    stage.issuer.publish(&["rsa-1", "rsa-2"]);
    stage
        .issuer
        .keys
        .insert(0, json!({"kty": "AKP", "alg": "ML-DSA-65", "kid": "pq", "pub": "AA"}));
    stage.pass(SECOND);
    for worker in [0, 1] {
        for key in ["rsa-1", "rsa-2"] {
            assert_eq!(stage.ask(worker, get(&Token::by(key).mint())).what, PASSED);
        }
    }
    let news = "2 in force: kid=rsa-1,rsa-2 (1 entry passed over), ";
    assert_eq!(stage.logged(news), 3);
    stage.fetched(1);
}
