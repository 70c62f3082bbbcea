//! The first token.

use envoy_e2e::{Place, Provider};
use serde_json::json;

use crate::{Gate, forged};

#[test]
fn the_first_token_passes_and_the_operator_sees_whose_keys_they_are() {
    let place = Place::new("keys-first-token").expect("a folder");
    let mut provider = Provider::start(&place, &[]).expect("the provider");
    let token = provider.token().expect("a token");
    let mut gate = Gate::start(&place, provider, json!({}), json!({}));

    // At once: the request waits for the keys, not the client for a good moment.
    let reply = gate.send(&token);
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(gate.send(&forged(&gate.provider, gate.provider.kid())).status, 401);

    let line = format!("jwt-gate: keys of test: 1 in force: kid={}", gate.provider.kid());
    let log = || gate.envoy.log();
    for origin in ["fetched from the issuer", "taken from shared data"] {
        let found =
            || log().lines().any(|l| l.contains(&line) && l.ends_with(origin)).then_some(());
        gate.envoy.wait_for(origin, found).expect("the line about the keys");
    }
    gate.envoy
        .wait_for("the gauge", || (gate.stat("keys.count.issuer.test") == 1).then_some(()))
        .expect("one key");
    gate.envoy
        .wait_for("the age", || (gate.stat("keys.age_seconds.issuer.test") >= 1).then_some(()))
        .expect("an age that grows");
    assert_eq!(gate.stat("keys.last_error.issuer.test"), 0);
    assert_eq!(gate.stat("fetches.outcome.ok.issuer.test"), 1);

    // Two workers and the main thread, and one of them asked.
    let asked = gate.provider.asked().expect("the provider's notes");
    assert_eq!((asked.metadata.len(), asked.keys.len()), (1, 1), "{asked:?}");
    gate.assert_no_crash();
}
