//! The provider is gone: before the start, for a while, for too long; and each time it comes back.

use std::time::Duration;

use envoy_e2e::{Place, Provider};
use serde_json::json;

use crate::{Gate, SETTLED, for_a_while, forged, millis};

const MAX_AGE: u64 = 2000;
const STALE_FOR: u64 = 5000;

#[test]
fn without_the_provider_the_gate_lives_by_the_keys_it_has_and_no_longer() {
    let place = Place::new("keys-outage").expect("a folder");
    let mut provider = Provider::start(&place, &[("max-age", "2")]).expect("the provider");
    let token = provider.token().expect("a token");
    let forged = forged(&provider, provider.kid());
    provider.stop().expect("the provider stops");
    let discovery = json!({
        "min_refetch_interval": "1s", "retry": "500ms", "retry_max": "1s", "stale_for": "5s",
    });
    let mut gate = Gate::start(&place, provider, discovery, json!({}));

    cold_start(&gate, &token, &forged);
    gate.provider.restart().expect("the provider comes");
    heals(&gate, &token, &forged);

    gate.wait_for_fetch();
    gate.provider.stop().expect("the provider stops");
    outage(&mut gate, &token);
    assert_eq!(gate.send(&forged).status, 503);

    gate.provider.restart().expect("the provider is back");
    heals(&gate, &token, &forged);
    gate.assert_no_crash();
}

fn cold_start(gate: &Gate, token: &str, forged: &str) {
    for _ in 0..10 {
        let reply = gate.send(token);
        assert_eq!(reply.status, 503, "{reply:?}");
        let wait = reply.header("retry-after").and_then(|wait| wait.parse::<u64>().ok());
        assert!(wait.is_some_and(|wait| (1..=2).contains(&wait)), "{reply:?}");
        assert_eq!(gate.send(forged).status, 503);
    }
    let line = "jwt-gate: keys of test: fetch failed: connect";
    let found = || gate.envoy.log().contains(line).then_some(());
    gate.envoy.wait_for(line, found).expect("the line about the failure");
    let shown = || (gate.stat("keys.last_error.issuer.test") != 0).then_some(());
    gate.envoy.wait_for("the last error", shown).expect("the gauge");
    assert_eq!(gate.stat("keys.count.issuer.test"), 0);
}

fn heals(gate: &Gate, token: &str, forged: &str) {
    gate.wait_for_status(token, 200);
    let gone = || (gate.stat("keys.last_error.issuer.test") == 0).then_some(());
    gate.envoy.wait_for("the last error to go", gone).expect("the gauge");
    // In every worker.
    std::thread::sleep(SETTLED);
    for _ in 0..20 {
        assert_eq!(gate.send(token).status, 200);
        assert_eq!(gate.send(forged).status, 401);
    }
}

/// The provider has just stopped: first all pass, then none.
fn outage(gate: &mut Gate, token: &str) {
    let asked = gate.provider.asked().expect("the provider's notes");
    // The fetch was stamped no earlier than it was asked for, and no later than it settled.
    let fetched = *asked.keys.last().expect("a fetch");
    let end = fetched + MAX_AGE + STALE_FOR;
    let settled = u64::try_from(SETTLED.as_millis()).expect("a short time");

    let (mut passed_late, mut refused) = (0, 0);
    for_a_while(Duration::from_millis(end + 2 * settled - millis() + 1000), || {
        let before = millis();
        let reply = gate.send(token);
        let after = millis();
        if after < end {
            assert_eq!(reply.status, 200, "{} ms before their end: {reply:?}", end - after);
            // Twice as old as they are good for without an outage.
            passed_late += u64::from(before > fetched + 2 * MAX_AGE);
        } else if before > end + settled {
            assert_eq!(reply.status, 503, "{} ms after their end: {reply:?}", before - end);
            assert!(reply.header("retry-after").is_some(), "{reply:?}");
            refused += 1;
        }
    });
    assert!(passed_late > 5 && refused > 5, "{passed_late} passed late, {refused} refused");
    let stat = |name: &str| gate.stat(name);
    assert_eq!(stat("keys.count.issuer.test"), 0);
    assert_ne!(stat("keys.last_error.issuer.test"), 0);
    assert!(stat("fetches.outcome.connect.issuer.test") > 2);
}
