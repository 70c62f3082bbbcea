//! The provider answers, but not with keys.

use std::time::Duration;

use envoy_e2e::{Answer, Page, Place, Provider};
use serde_json::json;

use crate::{Gate, SETTLED, forged};

#[test]
fn a_bad_answer_changes_no_key_and_is_named() {
    let place = Place::new("keys-faults").expect("a folder");
    let mut provider = Provider::start(&place, &[("max-age", "1")]).expect("the provider");
    let token = provider.token().expect("a token");
    let discovery = json!({
        "timeout": "500ms", "retry": "200ms", "retry_max": "200ms", "min_refetch_interval": "1s",
        "max_bytes": 65536,
    });
    let mut gate = Gate::start(&place, provider, discovery, json!({}));
    assert_eq!(gate.send(&token).status, 200);
    let forged = forged(&gate.provider, gate.provider.kid());

    let late = Answer::Slow(Duration::from_secs(2));
    for (page, answer, cause) in [
        (Page::Keys, late, "timeout"),
        (Page::Keys, Answer::Huge(70_000), "too_large"),
        (Page::Keys, Answer::Html, "not_json"),
        (Page::Keys, Answer::Status(500), "status"),
        (Page::Keys, Answer::Status(302), "status"),
        (Page::Keys, Answer::Unusable, "no_usable_key"),
        (Page::Keys, Answer::Broken, "reset"),
        (Page::Metadata, late, "timeout"),
        (Page::Metadata, Answer::Html, "not_json"),
        (Page::Metadata, Answer::Status(404), "status"),
        (Page::Metadata, Answer::Foreign, "metadata_issuer"),
    ] {
        let counter = format!("fetches.outcome.{cause}.issuer.test");
        let (failed, mark) = (gate.stat(&counter), gate.envoy.log_mark().expect("the log"));
        gate.provider.answer(page, answer).expect("the provider obeys");
        let case = format!("{page:?} {answer:?}: {cause}");
        let counted = || (gate.stat(&counter) > failed).then_some(());
        gate.envoy.wait_for(&case, counted).expect("the failure is counted");
        let shown = || (gate.stat("keys.last_error.issuer.test") != 0).then_some(());
        gate.envoy.wait_for(&case, shown).expect("the last error is shown");
        let line = format!("jwt-gate: keys of test: fetch failed: {cause}");
        let log = gate.envoy.log_since(mark).expect("the log");
        assert!(log.iter().any(|l| l.contains(&line)), "{case}: no {line:?} in {log:#?}");
        for _ in 0..10 {
            assert_eq!(gate.send(&token).status, 200, "{case}");
            assert_eq!(gate.send(&forged).status, 401, "{case}");
        }

        let fetched = gate.stat("fetches.outcome.ok.issuer.test");
        gate.provider.answer(page, Answer::Well).expect("the provider obeys");
        let healed = || (gate.stat("fetches.outcome.ok.issuer.test") > fetched).then_some(());
        gate.envoy.wait_for(&case, healed).expect("a good fetch is counted");
    }

    // A set without the key is as good as any: the issuer has withdrawn it. Once it shows the key
    // again, the next request brings it back.
    gate.provider.answer(Page::Keys, Answer::Lacking).expect("the provider obeys");
    let reply = gate.wait_for_status(&token, 401);
    let challenge = reply.header("www-authenticate");
    assert!(challenge.is_some_and(|c| c.contains("invalid_token")), "{reply:?}");
    let details = reply.header(envoy_e2e::config::DETAILS);
    assert_eq!(details.as_deref(), Some("jwt_gate.key_unknown"), "{reply:?}");
    gate.provider.answer(Page::Keys, Answer::Well).expect("the provider obeys");
    gate.wait_for_status(&token, 200);
    std::thread::sleep(SETTLED);
    for _ in 0..20 {
        assert_eq!(gate.send(&token).status, 200);
    }
    gate.assert_no_crash();
}
