//! What VMs share, and who else writes there.

use std::collections::BTreeMap;

use proxy_host_model::{LogLevel, Place, Spawn};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::{HOUR, MINUTE, PASSED, SECOND, assert_gaps};
use crate::{
    Key,
    story::{
        Setting, Stage, Story,
        client::{Token, get},
        setting::{changed, remote},
    },
};

pub(super) fn stories<S: Spawn>() -> Vec<Story<S>> {
    vec![
        Story {
            name: "poisoned shared data",
            why: "Any module with the same vm_id can write there (hosts.md 3.4): what was damaged, \
                  is foreign, or does not fit together is never believed",
            traps: false,
            setting: Setting::remote,
            play: poisoned,
        },
        Story {
            name: "an attacker's set behind the board",
            why: "A set that is not the one whose digest the board has is not read, whatever keys \
                  are in it",
            traps: false,
            setting: Setting::remote,
            play: attackers_set,
        },
        Story {
            name: "shared_data.use false",
            why: "Hosts that end a filter for a call to shared data are served too: each VM then \
                  fetches for itself",
            traps: false,
            setting: || Setting::remote().with("shared_data.use", false),
            play: unused,
        },
        Story {
            name: "one fetcher for all",
            why: "Envoy's singleton service fetches, the workers do not, and a worker's wish for a \
                  new key reaches the fetcher all the same",
            traps: false,
            setting: || Setting::remote().with("shared_data.fetch", false),
            play: one_fetcher,
        },
        Story {
            name: "nobody who fetches",
            why: "Where no VM may fetch, nobody waits without end and nobody passes",
            traps: false,
            setting: || Setting::remote().with("shared_data.fetch", false),
            play: no_fetcher,
        },
    ]
}

/// The keys and values of the board and of the set.
fn entries(shared: &BTreeMap<Vec<u8>, Vec<u8>>) -> [(Vec<u8>, Vec<u8>); 2] {
    let find = |part: &[u8]| {
        let mut keys = shared.iter().filter(|(key, _)| key.windows(part.len()).any(|w| w == part));
        let (key, value) = keys.next().expect("there is one");
        assert!(keys.next().is_none(), "there is no other");
        (key.clone(), value.clone())
    };
    assert_eq!(shared.len(), 2, "two entries for each issuer");
    [find(b"jwt_gate.1.board."), find(b"jwt_gate.1.set.")]
}

fn poisoned<S: Spawn>(stage: &mut Stage<S>) {
    let good = Token::by("rsa-1").mint();
    let evil = Token::by("mallory").mint();
    stage.pass(SECOND);
    stage.fetched(1);
    let [(board_key, board), (set_key, set)] = entries(&stage.shared());
    let mut poisons: Vec<(&[u8], Vec<u8>)> = Vec::new();
    for at in (0..board.len()).step_by(13) {
        let mut damaged = board.clone();
        damaged[at] ^= 1 << (at % 8);
        poisons.push((&board_key, damaged));
    }
    poisons.push((&board_key, Vec::new()));
    poisons.push((&board_key, board[..board.len() - 1].to_vec()));
    poisons.push((&board_key, [&board[..], b"\0"].concat()));
    poisons.push((&board_key, b"another module's value".to_vec()));
    poisons.push((&board_key, vec![0xff; 65_536]));
    poisons.push((&set_key, Vec::new()));
    poisons.push((&set_key, vec![0x20; 65_536]));
    let mut damaged = set.clone();
    damaged[40] ^= 1;
    poisons.push((&set_key, damaged));
    let count = poisons.len();
    for (key, value) in poisons {
        stage.overwrite(key, &value);
        for _ in 0..9 {
            for worker in [0, 1] {
                let answer = stage.ask(worker, get(&good));
                assert_eq!((answer.what.as_str(), answer.waited), (PASSED, 0));
                assert!(!stage.ask(worker, get(&evil)).passed());
            }
            stage.pass(SECOND);
            stage.sleep(SECOND * 9);
        }
    }
    let fetches = stage.fetches().len();
    // Each makes the VMs forget what they agreed on, and agree anew; the attacker's tokens ask for
    // one fetch per cool-down.
    assert!(fetches <= count * 5, "{fetches} fetches for {count} poisons in 90 seconds each");
    assert_eq!(stage.logged("fetch failed"), 0);
    let [(_, board), (_, set)] = entries(&stage.shared());
    assert_eq!(set, stage.issuer.set(), "mended");
    assert!(board.windows(32).any(|part| part == Sha256::digest(&set).as_slice()));
}

fn attackers_set<S: Spawn>(stage: &mut Stage<S>) {
    let good = Token::by("rsa-1").mint();
    let evil = Token::by("mallory").mint();
    stage.pass(SECOND);
    let [(board_key, board), (set_key, set)] = entries(&stage.shared());
    let key = Key::load("mallory").expect("a key of the repository");
    let own = json!({"keys": [key.jwk()]}).to_string().into_bytes();
    let (digest, own_digest) = (Sha256::digest(&set), Sha256::digest(&own));
    let at = board.windows(32).position(|part| part == digest.as_slice());
    let at = at.expect("the board has the digest of the set");
    let mut forged = board.clone();
    forged[at..at + 32].copy_from_slice(&own_digest);

    // The set alone; the board with its digest, and a checksum that is not its own; both.
    for both in [[None, Some(&own)], [Some(&forged), None], [Some(&forged), Some(&own)]] {
        for (key, value) in [&board_key, &set_key].into_iter().zip(both) {
            if let Some(value) = value {
                stage.overwrite(key, value);
            }
        }
        for _ in 0..20 {
            for worker in [0, 1] {
                assert!(!stage.ask(worker, get(&evil)).passed(), "the attacker's key");
                assert_eq!(stage.ask(worker, get(&good)).what, PASSED);
            }
            stage.pass(SECOND);
        }
    }
    assert_eq!(stage.logged("kid=mallory"), 0);
}

fn unused<S: Spawn>(stage: &mut Stage<S>) {
    let token = Token::by("rsa-1").mint();
    for worker in [0, 1] {
        assert_eq!(stage.ask(worker, get(&token)).what, PASSED);
    }
    stage.pass(SECOND);
    stage.fetched(3);
    assert!(stage.shared().is_empty(), "nothing is written");
    assert_eq!(stage.lines_from(LogLevel::Warn), Vec::<&str>::new(), "as it was asked for");
    stage.sleep(HOUR);
    for place in [Place::Main, Place::Worker(0), Place::Worker(1)] {
        let own: Vec<_> = stage.fetches_of(place);
        assert_gaps(&own, 480..=601);
    }
    let fetches = stage.fetches().len();
    assert!((18..=24).contains(&fetches), "{fetches}");
    assert!(stage.shared().is_empty());
    // The cool-down is each VM's own.
    for round in 0..30 {
        for worker in [0, 1] {
            let unknown = Token::by("mallory").kid(&format!("{round}-{worker}")).forge();
            assert_eq!(stage.ask(worker, get(&unknown)).what, "401 key_unknown");
        }
        stage.pass(SECOND / 2);
    }
    stage.fetched(2);
}

fn one_fetcher<S: Spawn>(stage: &mut Stage<S>) {
    stage.configure_alone(Place::Main, &changed(remote(), "shared_data.fetch", true));
    let [first, second] = ["rsa-1", "rsa-2"].map(|key| Token::by(key).mint());
    for worker in [0, 1] {
        let answer = stage.ask(worker, get(&first));
        assert_eq!(answer.what, PASSED);
        assert!(answer.waited <= 500, "{answer:?}");
    }
    stage.fetched(1);
    stage.pass(MINUTE);
    stage.issuer.publish(&["rsa-1", "rsa-2"]);
    let answer = stage.ask(1, get(&second));
    assert_eq!(answer.what, PASSED, "the wish reached the fetcher");
    assert!(answer.waited <= 600, "{answer:?}");
    stage.fetched(1);
    stage.sleep(HOUR);
    let fetches = stage.fetches().to_vec();
    assert!(fetches.iter().all(|fetch| fetch.place == Place::Main));
    assert_gaps(&fetches, 480..=601);
    for round in 0..60 {
        let unknown = Token::by("mallory").kid(&format!("{round}")).forge();
        assert_eq!(stage.ask(round % 2, get(&unknown)).what, "401 key_unknown");
        stage.pass(SECOND / 2);
    }
    let fetches = stage.fetches().to_vec();
    assert_gaps(&fetches, 30..=31);
    assert!(fetches.len() <= 2, "{fetches:#?}");
}

fn no_fetcher<S: Spawn>(stage: &mut Stage<S>) {
    let token = Token::by("rsa-1").mint();
    for _ in 0..3 {
        for worker in [0, 1] {
            assert_eq!(stage.ask(worker, get(&token)).what, "503 keys_unavailable");
        }
    }
    stage.sleep(HOUR);
    stage.fetched(0);
    assert_eq!(stage.ask(0, get(&token)).what, "503 keys_unavailable");
}
