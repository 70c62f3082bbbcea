//! Hosts that are not Envoy.

use proxy_host_model::{LogLevel, Place, Profile, ServiceAnswer, Spawn};

use super::{HOUR, MINUTE, PASSED, SECOND, assert_gaps};
use crate::story::{
    Setting, Stage, Story,
    client::{Token, bare, get},
};

pub(super) fn stories<S: Spawn>() -> Vec<Story<S>> {
    vec![
        Story {
            name: "a host without shared data",
            why: "Where the calls are there and do nothing, each VM fetches for itself and says so \
                  once",
            traps: false,
            setting: || Setting::remote().on(NO_SHARED_DATA),
            play: no_shared_data,
        },
        Story {
            name: "spec-strict",
            why: "A host that does what the specification says and no more",
            traps: false,
            setting: || Setting::remote().on(Profile::SPEC_STRICT),
            play: a_day_elsewhere,
        },
        Story {
            name: "ngx_wasm without shared data",
            why: "nginx ends a request for a shared key without a zone, and a filter for a second \
                  tick period: the policy that its documentation shows makes neither call",
            traps: false,
            setting: || Setting::remote().on(Profile::NGX_WASM).with("shared_data.use", false),
            play: nginx,
        },
        Story {
            name: "hostile",
            why: "A host that changes the shared data under us, answers late and turns back time \
                  gets no storm of fetches and lets nobody through by a key that is not the issuer's",
            traps: false,
            setting: || Setting::remote().on(Profile::HOSTILE),
            play: hostile,
        },
    ]
}

/// Envoy with a host that has none.
const NO_SHARED_DATA: Profile = Profile {
    name: "no shared data",
    unimplemented: &["proxy_get_shared_data", "proxy_set_shared_data"],
    ..Profile::ENVOY_1_40
};

fn no_shared_data<S: Spawn>(stage: &mut Stage<S>) {
    let token = Token::by("rsa-1").mint();
    for worker in [0, 1] {
        assert_eq!(stage.ask(worker, get(&token)).what, PASSED);
    }
    stage.pass(SECOND);
    stage.fetched(3);
    assert_eq!(stage.lines_from(LogLevel::Warn).len(), 3, "once in each VM");
    stage.sleep(HOUR);
    for place in [Place::Main, Place::Worker(0), Place::Worker(1)] {
        assert_gaps(&stage.fetches_of(place), 480..=601);
    }
    assert_eq!(stage.lines_from(LogLevel::Warn).len(), 3);
}

fn a_day_elsewhere<S: Spawn>(stage: &mut Stage<S>) {
    let [old, new] = ["rsa-1", "rsa-2"].map(|key| Token::by(key).mint());
    assert_eq!(stage.ask(0, get(&old)).what, PASSED);
    stage.fetched(1);
    stage.pass(MINUTE);
    stage.issuer.publish(&["rsa-2"]);
    assert_eq!(stage.ask(1, get(&new)).what, PASSED);
    stage.fetched(1);
    stage.pass(SECOND);
    assert_eq!(stage.ask(0, get(&old)).what, "401 key_unknown");
    stage.issuer.trouble = Some(ServiceAnswer::connect_failure());
    stage.sleep(HOUR * 20);
    // The host says neither 503 nor 504, so the cause is a guess.
    assert!(stage.logged("fetch failed: ") > 1000);
    assert_eq!(stage.ask(0, get(&new)).what, PASSED);
    stage.sleep(HOUR * 5);
    assert_eq!(stage.ask(1, get(&new)).what, "503 keys_unavailable");
    stage.issuer.trouble = None;
    stage.pass(MINUTE + SECOND);
    assert_eq!(stage.ask(1, get(&new)).what, PASSED);
}

fn nginx<S: Spawn>(stage: &mut Stage<S>) {
    let [old, new] = ["rsa-1", "rsa-2"].map(|key| Token::by(key).mint());
    stage.pass(SECOND);
    stage.fetched(3);
    for worker in [0, 1] {
        assert_eq!(stage.ask(worker, get(&old)).what, PASSED);
        assert_eq!(stage.ask(worker, bare("/public")).what, "passed");
    }
    stage.issuer.publish(&["rsa-2"]);
    stage.sleep(HOUR);
    for worker in [0, 1] {
        assert_eq!(stage.ask(worker, get(&new)).what, PASSED);
    }
    for place in [Place::Main, Place::Worker(0), Place::Worker(1)] {
        assert_gaps(&stage.fetches_of(place), 480..=601);
    }
    assert!(stage.shared().is_empty());
    assert_eq!(stage.lines_from(LogLevel::Warn), Vec::<&str>::new());
}

fn hostile<S: Spawn>(stage: &mut Stage<S>) {
    let [good, evil] = ["rsa-1", "mallory"].map(|key| Token::by(key).mint());
    let mut passed = 0_usize;
    for second in 0..600 {
        let answer = stage.ask(second % 2, get(&good));
        passed = passed.saturating_add(usize::from(answer.passed()));
        assert!(!stage.ask(second % 2, get(&evil)).passed());
        stage.pass(SECOND);
    }
    assert!(passed >= 590, "the keys are in force: {passed} of 600");
    for place in [Place::Main, Place::Worker(0), Place::Worker(1)] {
        let fetches = stage.fetches_of(place);
        // One per cool-down, and one by age.
        assert!(fetches.len() <= 22, "{place}: {} in ten minutes", fetches.len());
    }
    assert_eq!(stage.logged("kid=mallory"), 0);
}
