//! Envoy's own filters.

use std::{fs, path::Path};

use jwt_gate_cli::import::{Imported, Kind, Options, import};
use scenario_corpus::Key;
use serde_json::json;

use crate::{compiled, fate, fixture, remarks, token};

/// The fixture, its key set beside it.
fn whole() -> Imported {
    let folder = tempfile::tempdir().expect("a folder");
    let set = json!({ "keys": [Key::load("rsa-1").expect("a key").jwk()] });
    fs::write(folder.path().join("staff.jwks.json"), set.to_string()).expect("writable");
    let text = fs::read_to_string(fixture("jwt-authn.yaml")).expect("the fixture");
    import(&folder.path().join("envoy.yaml"), &text, &Options::default()).expect("it is one")
}

fn says(imported: &Imported, kind: Kind, parts: &[&str]) {
    let remarks = remarks(imported, kind);
    for part in parts {
        assert!(remarks.contains(part), "{part:?} is not in\n{remarks}");
    }
}

#[test]
fn rules_and_rbac_become_rules() {
    let imported = whole();
    assert_eq!(remarks(&imported, Kind::Missing), "");
    let policy = compiled(&imported);
    let staff = |more: serde_json::Value| {
        let mut claims = json!({ "iss": "https://staff.example/", "aud": "https://api.example" });
        for (name, value) in more.as_object().unwrap() {
            claims[name] = value.clone();
        }
        format!("Bearer {}", token(claims))
    };
    let none = String::new;
    for (line, authorization, expected) in [
        ("GET /health", none(), "allowed"),
        ("GET /admin", none(), "token_missing"),
        ("GET /admin", staff(json!({})), "claim_condition_failed"),
        ("GET /admin", staff(json!({ "groups": ["ops"] })), "allowed"),
        ("GET /admin/x", staff(json!({ "groups": ["ops"] })), "allowed"),
        ("POST /admin", staff(json!({ "groups": ["ops"] })), "scope_insufficient"),
        ("POST /admin", staff(json!({ "scope": "write:admin x" })), "allowed"),
        ("POST /admin", staff(json!({ "scope": "write:admins" })), "scope_insufficient"),
        // No policy of RBAC allows it.
        ("PUT /admin", staff(json!({ "scope": "write:admin", "groups": ["ops"] })), "rule_denies"),
        ("GET /news", none(), "allowed"),
        ("GET /news", staff(json!({})), "allowed"),
        ("GET /news", staff(json!({ "aud": "http://api.example" })), "audience_mismatch"),
        ("GET /old", none(), "allowed"),
        // What the original lets pass.
        ("GET /old", staff(json!({ "exp": 1 })), "expired"),
        ("GET /api", staff(json!({ "exp": null })), "expiry_missing"),
        ("GET /api/x", staff(json!({})), "allowed"),
        ("GET /api", none(), "token_missing"),
        ("GET /elsewhere", none(), "no_rule"),
    ] {
        let headers: Vec<_> = (!authorization.is_empty())
            .then_some(("authorization", authorization.as_str()))
            .into_iter()
            .collect();
        assert_eq!(fate(&policy, line, &headers), expected, "{line}\n{}", imported.policy);
    }
    assert!(imported.policy.contains(
        "remote: { uri: https://partner.example/jwks.json, cluster: partner, refresh: 300s, timeout: 1000ms }"
    ));
    for part in [
        "payload: x-jwt-payload",
        "clock_skew: 30s",
        "max_lifetime: 3600s",
        "cors_preflight: allow",
        "cookie: partner_token",
    ] {
        assert!(imported.policy.contains(part), "{part}\n{}", imported.policy);
    }
}

#[test]
fn every_weakness_is_named() {
    let imported = whole();
    says(
        &imported,
        Kind::Closed,
        &[
            "`http://x`, `https://x/` and `x` for one audience",
            "a token without `exp` never expires",
            "passes until it expires, also when its key is gone",
            "`allow_missing_or_failed`",
            "leaves the token in the cookie partner_token",
            "finds `Bearer ` anywhere",
            "`write:admin` is also in `write:admin-admin`",
            "lets every request pass that no rule matches",
            "are not `/x` to Envoy's rules",
            "takes every algorithm that a key fits",
        ],
    );
    says(
        &imported,
        Kind::Changed,
        &["RS256 is assumed", "`exp - iat`", "`prefix: /api` takes /apix too", "gets 400"],
    );
    says(&imported, Kind::NotCarried, &["a route of its own mind"]);
}

/// A filter by itself, with one provider `p`, and what is said of `GET /`.
#[test]
fn requirements_that_cannot_be_said_deny() {
    let set = json!({ "keys": [Key::load("rsa-1").expect("a key").jwk()] }).to_string();
    let provider = |more: &str| {
        format!("{{ issuer: i, audiences: [a], local_jwks: {{ inline_string: '{set}' }}{more} }}")
    };
    let good = format!("Bearer {}", token(json!({ "iss": "i", "aud": "a" })));
    let other = format!("Bearer {}", token(json!({ "iss": "i", "aud": "b" })));
    for (rules, more, authorization, expected) in [
        ("[{ match: { prefix: / }, requires: { provider_name: p } }]", "", &good, "allowed"),
        ("[{ match: { prefix: / }, requires: { provider_name: q } }]", "", &good, "rule_denies"),
        ("[{ match: { prefix: / }, requirement_name: none }]", "", &good, "rule_denies"),
        (
            "[{ match: { prefix: / }, requires: { requires_all: { requirements: [{ provider_name: p }, { provider_name: p }] } } }]",
            "",
            &good,
            "rule_denies",
        ),
        (
            "[{ match: { safe_regex: { regex: x } }, requires: { provider_name: p } }, { match: { prefix: / } }]",
            "",
            &good,
            "rule_denies",
        ),
        (
            "[{ match: { prefix: / }, requires: { provider_and_audiences: { provider_name: p, audiences: [b] } } }]",
            "",
            &other,
            "allowed",
        ),
        (
            "[{ match: { prefix: / }, requires: { provider_and_audiences: { provider_name: p, audiences: [b] } } }]",
            "",
            &good,
            "claim_condition_failed",
        ),
        (
            "[{ match: { prefix: / }, requires: { provider_name: p } }]",
            ", subjects: { exact: bob }",
            &good,
            "claim_condition_failed",
        ),
        (
            "[{ match: { prefix: / }, requires: { provider_name: p } }]",
            ", subjects: { prefix: a }",
            &good,
            "rule_denies",
        ),
        (
            "[{ match: { prefix: /, headers: [{ name: ':method', exact_match: GET }] } }]",
            "",
            &good,
            "allowed",
        ),
        (
            "[{ match: { prefix: /, headers: [{ name: x-debug, exact_match: y }] } }]",
            "",
            &good,
            "rule_denies",
        ),
        ("[]", "", &good, "rule_denies"),
    ] {
        let text = format!("providers:\n  p: {}\nrules: {rules}\n", provider(more));
        let imported = import(Path::new("x.yaml"), &text, &Options::default()).expect("it is one");
        let policy = compiled(&imported);
        let found = fate(&policy, "GET /", &[("authorization", authorization)]);
        assert_eq!(found, expected, "{rules}{more}\n{}", imported.policy);
    }
}

#[test]
fn a_secret_among_public_keys_is_not_taken() {
    let mut keys = vec![Key::load("rsa-1").expect("a key").jwk()];
    keys.push(json!({ "kty": "oct", "k": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY" }));
    let set = json!({ "keys": keys }).to_string();
    let text = format!(
        "providers: {{ p: {{ issuer: i, local_jwks: {{ inline_string: '{set}' }} }} }}\n\
         rules: [{{ match: {{ prefix: / }}, requires: {{ provider_name: p }} }}]\n"
    );
    let imported = import(Path::new("x.yaml"), &text, &Options::default()).expect("it is one");
    compiled(&imported);
    assert!(imported.policy.contains("algorithms: [RS256]"), "{}", imported.policy);
    says(&imported, Kind::Closed, &["a secret (`oct`) stands among the public keys"]);
    says(&imported, Kind::Open, &["`audiences: any`"]);
}
