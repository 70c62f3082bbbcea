//! Clocks that jump.

use std::time::Duration;

use proxy_host_model::{LogLevel, ServiceAnswer, Spawn};

use super::{HOUR, MINUTE, PASSED, SECOND, assert_gaps};
use crate::story::{
    Setting, Stage, Story,
    client::{Token, get},
};

pub(super) fn stories<S: Spawn>() -> Vec<Story<S>> {
    vec![
        Story {
            name: "the clock jumps back an hour",
            why: "Times in the future are not believed: neither a lease nor the age of a set may \
                  stop the fetches until the clock is there again",
            traps: false,
            setting: Setting::remote,
            play: back,
        },
        Story {
            name: "the clock jumps forward",
            why: "A laptop that slept, a clock that was wrong: keys that are suddenly old are \
                  fetched before anybody is refused",
            traps: false,
            setting: Setting::remote,
            play: forward,
        },
        Story {
            name: "the clock jumps while a fetch is under way",
            why: "The answer to a fetch counts whatever the clock did meanwhile, and a lease from \
                  the future is free",
            traps: false,
            setting: Setting::remote,
            play: in_flight,
        },
    ]
}

fn back<S: Spawn>(stage: &mut Stage<S>) {
    let token = Token::by("rsa-1").mint();
    stage.sleep(HOUR * 2);
    stage.fetches();
    stage.jump(-3600);
    for _ in 0..600 {
        for worker in [0, 1] {
            let answer = stage.ask(worker, get(&token));
            assert_eq!((answer.what.as_str(), answer.waited), (PASSED, 0));
        }
        stage.pass(SECOND);
    }
    let fetches = stage.fetches().to_vec();
    assert!((2..=3).contains(&fetches.len()), "at once, and by age: {fetches:#?}");
    assert_gaps(&fetches, 480..=571);

    // The same with the issuer away: the back-off is no reason to stop for an hour either.
    stage.issuer.trouble = Some(ServiceAnswer::connect_failure());
    stage.sleep(MINUTE * 20);
    stage.fetches();
    stage.jump(-3600);
    stage.sleep(MINUTE * 10);
    let fetches = stage.fetches().to_vec();
    assert!((8..=11).contains(&fetches.len()), "{}", fetches.len());
    assert_eq!(stage.ask(0, get(&token)).what, PASSED);
    stage.issuer.trouble = None;
    stage.sleep(MINUTE * 2);
    stage.fetched(1);
    // An unknown `kid` after the clock went back: the cool-down does not last for an hour.
    let unknown = |name: &str| Token::by("mallory").kid(name).forge();
    assert_eq!(stage.ask(0, get(&unknown("a"))).what, "401 key_unknown");
    stage.fetches();
    stage.jump(-3600);
    stage.pass(MINUTE);
    stage.fetches();
    assert_eq!(stage.ask(1, get(&unknown("b"))).what, "401 key_unknown");
    stage.pass(MINUTE);
    assert_eq!(stage.ask(1, get(&unknown("c"))).what, "401 key_unknown");
    let fetches = stage.fetches().len();
    assert!((1..=2).contains(&fetches), "{fetches}");
}

fn forward<S: Spawn>(stage: &mut Stage<S>) {
    let token = Token::by("rsa-1").mint();
    stage.pass(MINUTE);
    stage.fetched(1);
    // A day is not yet too old, two are.
    for (days, waits) in [(1, false), (2, true)] {
        stage.jump(days * 24 * 3600);
        for worker in [0, 1] {
            stage.send(worker, get(&token));
        }
        assert_eq!(stage.held(), if waits { 2 } else { 0 });
        for answer in stage.settled() {
            assert_eq!(answer.what, PASSED);
            assert!(answer.waited <= 300, "{answer:?}");
        }
        stage.pass(MINUTE);
        stage.fetched(1);
    }
    assert_eq!(stage.logged("fetch failed"), 0);
}

fn in_flight<S: Spawn>(stage: &mut Stage<S>) {
    let token = Token::by("rsa-1").mint();
    stage.issuer.latency = SECOND;
    for jump in [3600, -3600, 7200, -10_000_000] {
        stage.sleep(MINUTE * 11);
        let unknown = Token::by("mallory").kid(&format!("{jump}")).forge();
        stage.fetches();
        stage.send(0, get(&unknown));
        stage.pass(Duration::from_millis(500));
        stage.jump(jump);
        for answer in stage.settled() {
            assert!(!answer.passed());
        }
        stage.pass(SECOND * 20);
        let fetches = stage.fetches().len();
        assert!((1..=3).contains(&fetches), "{jump}: {fetches}");
        for worker in [0, 1] {
            assert_eq!(stage.ask(worker, get(&token)).what, PASSED, "{jump}");
        }
    }
    assert_eq!(stage.lines_from(LogLevel::Error), Vec::<&str>::new());
}
