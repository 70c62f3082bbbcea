//! The provider changes its keys under load.

use std::io::Write;
use std::thread::sleep;
use std::time::Duration;

use envoy_e2e::{Answer, Page, Place, Provider};
use serde_json::json;

use crate::load::{Duty, Load};
use crate::{Gate, SETTLED, forged, send};

const SECOND: Duration = Duration::from_secs(1);

/// Three keys: the second comes without a warning, the third is shown before it signs, and each old
/// one is withdrawn. No good request is refused, none is allowed by a forged signature, and none by
/// a withdrawn key once its set was fetched.
#[test]
fn a_rotation_under_load_refuses_no_good_request_and_allows_no_bad_one() {
    let place = Place::new("keys-rotation").expect("a folder");
    let mut provider = Provider::start(&place, &[("max-age", "2")]).expect("the provider");
    let first = provider.tokens(4).expect("tokens by the first key");
    let discovery = json!({ "min_refetch_interval": "1s", "retry": "500ms", "retry_max": "1s" });
    let mut gate = Gate::start(&place, provider, discovery, json!({}));
    let bad = |gate: &Gate| forged(&gate.provider, gate.provider.kid());

    let load = Load::start(gate.port());
    load.add("first key", &first, Duty::Pass);
    load.add("forged by the first key's name", &[bad(&gate)], Duty::Refuse);
    sleep(SECOND);

    // Just after a fetch, so that none is under way that was answered before the rotation and would
    // be the one that requests wait for.
    gate.wait_for_fetch();
    gate.provider.rotate().expect("the second key");
    let second = gate.provider.tokens(4).expect("tokens by the second key");
    load.add("second key", &second, Duty::Pass);
    load.add("forged by the second key's name", &[bad(&gate)], Duty::Refuse);
    sleep(2 * SECOND);

    load.set("first key", Duty::Either);
    gate.provider.withdraw().expect("the first key goes");
    gate.wait_for_fetch();
    load.set("first key", Duty::Refuse);
    sleep(2 * SECOND);

    // The way that providers are advised to go; a flood of unknown names must not get in between.
    let unknown: Vec<_> =
        (0..50).map(|n| forged(&gate.provider, &format!("unknown-{n}"))).collect();
    load.add("unknown names", &unknown, Duty::Refuse);
    gate.provider.announce().expect("the third key");
    gate.wait_for_fetch();
    gate.provider.promote().expect("the third key signs");
    let third = gate.provider.tokens(40).expect("tokens by the third key");
    load.add("third key", &third, Duty::Pass);
    load.add("forged by the third key's name", &[bad(&gate)], Duty::Refuse);
    sleep(2 * SECOND);

    load.set("second key", Duty::Either);
    gate.provider.withdraw().expect("the second key goes");
    gate.wait_for_fetch();
    load.set("second key", Duty::Refuse);
    sleep(2 * SECOND);

    let outcome = load.finish();
    let fetches = gate.fetches();
    // Written past the capture of passed tests: this is the line to look for.
    let mut out = std::io::stdout();
    writeln!(out, "rotation under load: {outcome}, {fetches} fetches").expect("standard output");
    outcome.assert_right();
    assert!(outcome.requests > 1000, "too few requests to mean anything: {outcome}");

    // One a second for unknown names, and one after four fifths of `max-age`.
    let most = 2.0 + outcome.seconds / 1.0 + outcome.seconds / 1.6;
    assert!((fetches as f64) < most, "{fetches} fetches in {:.1} s", outcome.seconds);
    let workers = gate.envoy.stats("downstream_cx_total").expect("counters");
    let served = workers.iter().filter(|(name, count)| {
        name.starts_with("listener.127.0.0.1_") && name.contains(".worker_") && **count > 100
    });
    assert_eq!(served.count(), crate::WORKERS, "not all workers took part: {workers:?}");
    sleep(SETTLED);
    gate.assert_no_crash();
}

/// The new key comes while the answer with the old ones is on its way: whoever waits for that answer
/// is not told that his key is unknown, since the next one has it.
#[test]
fn a_request_that_waits_for_an_answer_of_before_the_rotation_waits_for_the_next() {
    let place = Place::new("keys-overtaken").expect("a folder");
    let mut provider = Provider::start(&place, &[("max-age", "3")]).expect("the provider");
    let first = provider.token().expect("a token by the first key");
    let discovery = json!({ "min_refetch_interval": "1s" });
    let mut gate = Gate::start(&place, provider, discovery, json!({}));
    assert_eq!(gate.send(&first).status, 200);
    gate.provider.answer(Page::Keys, Answer::Slow(2 * SECOND)).expect("the provider obeys");
    let before = gate.fetches();
    let provider = &mut gate.provider;
    let asked = || (provider.asked().ok()?.keys.len() > before).then_some(());
    gate.envoy.wait_for("another fetch", asked).expect("a fetch");

    gate.provider.rotate().expect("the second key");
    let second = gate.provider.token().expect("a token by the second key");
    let held = [0; 4].map(|_| {
        let (port, token) = (gate.port(), second.clone());
        std::thread::spawn(move || send(port, &token))
    });
    for held in held {
        let reply = held.join().expect("a client");
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    assert_eq!(gate.fetches(), before + 2, "the overtaken one, and the next");
    gate.assert_no_crash();
}
