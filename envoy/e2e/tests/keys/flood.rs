//! Callers who make up names of keys.

use std::io::Write;
use std::thread::sleep;
use std::time::Duration;

use envoy_e2e::{Place, Provider};
use serde_json::json;

use crate::load::{Duty, Load};
use crate::{Gate, SETTLED, forged};

const COOL_DOWN: f64 = 2.0;

#[test]
fn unknown_names_cause_one_fetch_a_cool_down_over_all_workers() {
    let place = Place::new("keys-flood").expect("a folder");
    let mut provider = Provider::start(&place, &[]).expect("the provider");
    let tokens = provider.tokens(20).expect("tokens");
    let discovery = json!({ "min_refetch_interval": "2s" });
    let mut gate = Gate::start(&place, provider, discovery, json!({}));
    let token = tokens.first().expect("a token");
    assert_eq!(gate.send(token).status, 200);
    sleep(SETTLED);

    let unknown: Vec<_> = (0..200).map(|n| forged(&gate.provider, &format!("{n}"))).collect();
    let before = gate.fetches();
    let load = Load::start(gate.port());
    load.add("good", &tokens, Duty::Pass);
    load.add("unknown", &unknown, Duty::Refuse);
    sleep(Duration::from_secs(9));
    let outcome = load.finish();
    let asked = gate.provider.asked().expect("the provider's notes").keys;
    let fetches = asked.len() - before;
    let mut out = std::io::stdout();
    writeln!(out, "flood of unknown names: {outcome}, {fetches} fetches at one in {COOL_DOWN} s")
        .expect("standard output");
    outcome.assert_right();
    assert!(outcome.requests > 500, "too few requests to mean anything: {outcome}");
    // The first is made at once, each further one a cool-down after the one before.
    let most = 1.0 + (outcome.seconds / COOL_DOWN).floor();
    assert!(fetches as f64 <= most, "{fetches} fetches, at {asked:?}");
    assert!(fetches >= 2, "{fetches} fetches: a flood must not keep new keys out for good");
    gate.assert_no_crash();
}
