//! Keys that come and go.

use std::time::Duration;

use proxy_host_model::{LogLevel, Place, Spawn};

use super::{DAY, HOUR, MINUTE, PASSED, SECOND, assert_gaps};
use crate::story::{
    Setting, Stage, Story,
    client::{Token, get},
};

pub(super) fn stories<S: Spawn>() -> Vec<Story<S>> {
    vec![
        Story {
            name: "rotation under load",
            why: "While an issuer rotates its keys, not one good request is refused, and none \
                  passes by a key that was withdrawn once the new set is in force",
            traps: false,
            setting: Setting::remote,
            play: under_load,
        },
        Story {
            name: "a key withdrawn at once",
            why: "When an issuer replaces a stolen key, the first token by the new one makes the \
                  old one worthless in all VMs",
            traps: false,
            setting: Setting::remote,
            play: withdrawn,
        },
        Story {
            name: "two rotations within the cool-down",
            why: "The cool-down holds for rotations too: the second new key has to wait, and does \
                  not wait long",
            traps: false,
            setting: Setting::remote,
            play: too_fast,
        },
        Story {
            name: "a rotation while a fetch is under way",
            why: "An answer from before the rotation lacks the new key: who waited for it goes on \
                  waiting, for the next one",
            traps: false,
            setting: Setting::remote,
            play: overtaken,
        },
        Story {
            name: "a week of rotations",
            why: "An issuer that rotates daily, and tokens that live for an hour, are the normal \
                  case; it must hold without a refusal, at one fetch per refresh",
            traps: false,
            setting: Setting::remote,
            play: a_week,
        },
        Story {
            name: "max-age within bounds",
            why: "The issuer says how long its answer holds (RFC 9111 5.2.2.1), and the operator \
                  how much of that is believed: neither a second nor a day is",
            traps: false,
            setting: Setting::remote,
            play: max_age,
        },
    ]
}

fn under_load<S: Spawn>(stage: &mut Stage<S>) {
    let [old, new] = ["rsa-1", "rsa-2"].map(|key| Token::by(key).mint());
    let (published, withdrawn) = (300, 900);
    for second in 0..1500 {
        match second {
            300 => stage.issuer.publish(&["rsa-1", "rsa-2"]),
            900 => stage.issuer.publish(&["rsa-2"]),
            _ => {}
        }
        let current = if second < published { &old } else { &new };
        for worker in [0, 1] {
            stage.send(worker, get(current));
            if second < withdrawn {
                stage.send(worker, get(&old));
            }
        }
        stage.pass(SECOND);
        for answer in stage.settled() {
            assert_eq!(answer.what, PASSED, "second {second}: {answer:?}");
            assert!(answer.waited <= 300, "second {second}: {answer:?}");
        }
    }
    assert_eq!(stage.lines_from(LogLevel::Warn), Vec::<&str>::new());
    // The withdrawn key: the issuer's set without it came at the next refresh.
    for worker in [0, 1] {
        let told = stage.lines().iter().filter(|line| line.place == Place::Worker(worker));
        let in_force: Vec<_> = told.filter(|line| line.text.contains(" in force: ")).collect();
        let without = in_force.last().expect("it told of three sets");
        assert_eq!(in_force.len(), 3);
        assert!(without.text.contains("1 in force: kid=rsa-2, "), "{without:?}");
        assert!(without.at >= Duration::from_secs(900));
        assert_eq!(stage.ask(worker, get(&old)).what, "401 key_unknown");
        assert_eq!(stage.ask(worker, get(&new)).what, PASSED);
    }
    let fetches = stage.fetches().to_vec();
    let for_the_new_key = fetches.iter().filter(|fetch| fetch.at.as_secs() == 300).count();
    let for_the_old_key = fetches.iter().filter(|fetch| fetch.at.as_secs() == 1500).count();
    assert_eq!((for_the_new_key, for_the_old_key), (1, 1), "{fetches:#?}");
    assert_eq!(fetches.len(), 5, "the others by age: {fetches:#?}");
}

fn withdrawn<S: Spawn>(stage: &mut Stage<S>) {
    let [stolen, new] = ["rsa-1", "rsa-2"].map(|key| Token::by(key).mint());
    stage.pass(MINUTE);
    for worker in [0, 1] {
        assert_eq!(stage.ask(worker, get(&stolen)).what, PASSED);
    }
    stage.issuer.publish(&["rsa-2"]);
    assert_eq!(stage.ask(0, get(&new)).what, PASSED);
    assert_eq!(stage.ask(0, get(&stolen)).what, "401 key_unknown", "by the new set");
    stage.pass(Duration::from_millis(100));
    for _ in 0..50 {
        for worker in [0, 1] {
            let answer = stage.ask(worker, get(&stolen));
            assert_eq!((answer.what.as_str(), answer.waited), ("401 key_unknown", 0));
            assert_eq!(stage.ask(worker, get(&new)).what, PASSED);
        }
        stage.pass(Duration::from_millis(500));
    }
    stage.fetched(2);
}

fn too_fast<S: Spawn>(stage: &mut Stage<S>) {
    let [second, third] = ["rsa-2", "rsa-3"].map(|key| Token::by(key).mint());
    stage.pass(MINUTE);
    stage.issuer.publish(&["rsa-1", "rsa-2"]);
    assert_eq!(stage.ask(0, get(&second)).what, PASSED);
    stage.fetched(2);
    stage.pass(Duration::from_secs(5));
    stage.issuer.publish(&["rsa-2", "rsa-3"]);
    let answer = stage.ask(1, get(&third));
    assert_eq!((answer.what.as_str(), answer.waited), ("401 key_unknown", 0), "the cool-down");
    stage.pass(Duration::from_secs(20));
    assert_eq!(stage.ask(1, get(&third)).what, "401 key_unknown");
    stage.fetched(0);
    stage.pass(Duration::from_secs(5));
    assert_eq!(stage.ask(1, get(&third)).what, PASSED, "30 seconds are over");
    stage.fetched(1);
}

fn overtaken<S: Spawn>(stage: &mut Stage<S>) {
    let new = Token::by("rsa-2").mint();
    stage.issuer.latency = SECOND;
    stage.pass(SECOND * 2);
    stage.fetched(1);
    while stage.fetches().is_empty() {
        stage.pass(Duration::from_millis(100));
    }
    stage.issuer.publish(&["rsa-1", "rsa-2"]);
    for worker in [0, 1] {
        stage.send(worker, get(&new));
    }
    for answer in stage.settled() {
        assert_eq!(answer.what, PASSED, "by the answer after the one that was under way");
        assert!(answer.waited <= 2400, "{answer:?}");
    }
    for worker in [0, 1] {
        assert_eq!(stage.ask(worker, get(&new)).what, PASSED);
    }
    stage.fetched(1);
}

fn a_week<S: Spawn>(stage: &mut Stage<S>) {
    let keys = ["rsa-1", "rsa-2", "rsa-3"];
    let tokens = keys.map(|key| Token::by(key).mint());
    let turn = |day: usize| day % keys.len();
    for day in 0_usize..7 {
        let (last, now) = (turn(day + 2), turn(day));
        for quarter in 0..96 {
            // What is under way would bring the set of a moment ago.
            stage.pass(SECOND);
            match quarter {
                0 => stage.issuer.publish(&[keys[last], keys[now]]),
                // The tokens of yesterday have expired.
                4 => stage.issuer.publish(&[keys[now]]),
                _ => {}
            }
            for worker in [0, 1] {
                let answer = stage.ask(worker, get(&tokens[now]));
                assert_eq!(answer.what, PASSED, "day {day}, quarter {quarter}");
                if quarter < 4 && day > 0 {
                    assert_eq!(stage.ask(worker, get(&tokens[last])).what, PASSED);
                }
            }
            stage.sleep(MINUTE * 15 - SECOND);
        }
    }
    assert_eq!(stage.elapsed().checked_sub(DAY * 7).map(|more| more < HOUR), Some(true));
    let fetches = stage.fetches().to_vec();
    let wanted = fetches.iter().filter(|fetch| fetch.at.as_secs() % (24 * 3600) < 60).count();
    assert!(wanted >= 6, "each new key is fetched for the first token: {wanted}");
    let most = 7 * 24 * 3600 / 480 + wanted;
    assert!(fetches.len() <= most, "{} fetches, at most {most}", fetches.len());
    assert_eq!(stage.lines_from(LogLevel::Warn), Vec::<&str>::new());
}

fn max_age<S: Spawn>(stage: &mut Stage<S>) {
    let hold = |stage: &mut Stage<S>, headers: &[(&'static str, &str)]| {
        let own = |(name, value): &(&'static str, &str)| (*name, (*value).to_owned());
        stage.issuer.headers = headers.iter().map(own).collect();
        // The answer that came under the last headers runs out first.
        stage.sleep(HOUR);
        stage.fetches();
        stage.sleep(HOUR);
        stage.fetches().to_vec()
    };
    let tick = 31;
    // 0.8 to 0.95 of what holds, and the next tick.
    let fetches = hold(stage, &[("cache-control", "public, max-age=60")]);
    assert_gaps(&fetches, 48..=57 + tick);
    let fetches = hold(stage, &[("cache-control", "max-age=1")]);
    assert_gaps(&fetches, 24..=28 + tick);
    let fetches = hold(stage, &[("cache-control", "max-age=86400")]);
    assert_gaps(&fetches, 480..=570 + tick);
    let fetches = hold(stage, &[("cache-control", "max-age=300"), ("age", "200")]);
    assert_gaps(&fetches, 80..=95 + tick);
    let fetches = hold(stage, &[("cache-control", "no-store")]);
    assert_gaps(&fetches, 24..=570 + tick);
    let fetches = hold(stage, &[("cache-control", "max-age=99999999999999999999")]);
    assert_gaps(&fetches, 480..=570 + tick);
    let token = Token::by("rsa-1").mint();
    assert_eq!(stage.ask(0, get(&token)).what, PASSED);
    assert_eq!(stage.lines_from(LogLevel::Warn), Vec::<&str>::new());
}
