//! Asking for more never lets more pass.

use std::cell::RefCell;

use jwt_gate_core::Reject;
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};

use super::cases;
use crate::{
    gate::{Gate, Headers, bearer, document, headers, request},
    signer::{RSA_1, RSA_2},
    token::{NOW, claims_with, good, sign, sign_with},
};

/// What a rule may ask for. Each can be added to any of the others.
fn requirements() -> Vec<fn(&mut Value)> {
    fn condition(rule: &mut Value, condition: Value) {
        let claims = &mut rule["require"]["claims"];
        if claims.is_null() {
            *claims = json!([]);
        }
        claims.as_array_mut().unwrap().push(condition);
    }
    fn scope(rule: &mut Value, scope: &str) {
        let all = &mut rule["require"]["scopes"]["all"];
        if all.is_null() {
            *all = json!([]);
        }
        all.as_array_mut().unwrap().push(json!(scope));
    }
    vec![
        |rule| scope(rule, "read:hamsters"),
        |rule| scope(rule, "write:hamsters"),
        |rule| rule["require"]["scopes"]["any"] = json!(["write:hamsters", "admin"]),
        |rule| rule["require"]["issuers"] = json!(["test"]),
        |rule| condition(rule, json!({ "claim": ["sub"], "equals": "alice" })),
        |rule| condition(rule, json!({ "claim": ["level"], "one_of": [1, 2, "x"] })),
        |rule| condition(rule, json!({ "claim": ["realm", "roles"], "contains": "editor" })),
        |rule| condition(rule, json!({ "claim": ["tenant"], "equals_path": "tenant" })),
        |rule| condition(rule, json!({ "claim": ["tenant"], "equals_header": "x-tenant" })),
        |rule| condition(rule, json!({ "claim": ["email"], "present": true })),
    ]
}

/// Requests with every kind of token that differs in what the requirements look at.
fn requests() -> Vec<Headers> {
    let other = json!({ "iss": "https://other.test/", "scope": "read:hamsters write:hamsters" });
    let tokens = [
        good(),
        sign(&claims_with(json!({ "scope": "write:hamsters read:hamsters", "level": 2 }))),
        sign(&claims_with(
            json!({ "scope": null, "scp": ["admin"], "level": 1.0, "email": "a@b" }),
        )),
        sign(&claims_with(
            json!({ "realm": { "roles": ["editor"] }, "tenant": "acme", "email": null }),
        )),
        sign(&claims_with(json!({
            "scope": "read:hamsters write:hamsters", "realm": { "roles": "editor" }, "tenant": "acme",
            "level": "x", "email": "",
        }))),
        sign(&claims_with(json!({ "scope": 5, "sub": "bob", "tenant": ["acme"] }))),
        sign(&claims_with(json!({ "exp": NOW - 3600 }))),
        sign_with(&RSA_2, &json!({ "alg": "RS256" }), &claims_with(other)),
    ];
    let mut requests = vec![request("GET", "/t/acme/x")];
    for token in tokens {
        requests.push(bearer("GET", "/t/acme/x", &token));
        requests.push(bearer("GET", "/t/other", &token));
        let tenant = headers(&[("x-tenant", "acme")]);
        requests.push([bearer("GET", "/t/acme", &token), tenant].concat());
    }
    requests
}

fn gate(asked: &[usize]) -> Gate {
    let mut document = document();
    let mut other = document["issuers"][0].clone();
    other["name"] = json!("other");
    other["issuer"] = json!("https://other.test/");
    other["keys"] = json!({ "jwks": { "keys": [RSA_2.jwk()] } });
    document["issuers"].as_array_mut().unwrap().push(other);
    let mut rule = json!({ "match": { "template": "/t/{tenant}/**" }, "access": "token" });
    for place in asked {
        requirements()[*place](&mut rule);
    }
    document["rules"] = json!([rule]);
    Gate::new(&document)
}

#[test]
fn one_more_requirement_never_lets_more_pass() {
    let requests = requests();
    let decisive = RefCell::new(vec![0_u32; requirements().len()]);
    let all: Vec<usize> = (0..requirements().len()).collect();
    let sets = (prop::sample::subsequence(all.clone(), 0..4), prop::sample::select(all));
    TestRunner::new(cases(160))
        .run(&sets, |(mut asked, more)| {
            asked.retain(|one| *one != more);
            let before = gate(&asked);
            asked.push(more);
            let after = gate(&asked);
            for headers in &requests {
                let (before, after) = (before.decide(headers), after.decide(headers));
                prop_assert!(before.is_allowed() || !after.is_allowed(), "{:?}", asked);
                if before.is_allowed() && !after.is_allowed() {
                    decisive.borrow_mut()[more] += 1;
                }
            }
            Ok(())
        })
        .unwrap();
    // A requirement that never refused anything was not tested.
    assert!(decisive.borrow().iter().all(|count| *count > 0), "{decisive:?}");
}

/// The issuer's own checks, one more at a time.
#[test]
fn one_more_check_of_the_issuer_never_lets_more_pass() {
    let lax = document();
    let tokens = [
        good(),
        sign(&claims_with(json!({ "iat": null }))),
        sign(&claims_with(json!({ "exp": NOW - 30 }))),
        sign(&claims_with(json!({ "aud": "https://other.test" }))),
        sign_with(&RSA_1, &json!({ "alg": "RS256" }), &claims_with(json!({}))),
    ];
    let mut lax_issuer = lax;
    lax_issuer["issuers"][0]["audiences"] = json!("any");
    let before = Gate::new(&lax_issuer);
    for (name, value, refused) in [
        ("audiences", json!(["https://api.test"]), 3),
        ("clock_skew", json!("0s"), 2),
        ("max_lifetime", json!("600s"), 1),
        ("types", json!(["at+jwt"]), 4),
        ("types", json!(["at+jwt", "application/AT+JWT"]), 4),
    ] {
        let mut strict = lax_issuer.clone();
        strict["issuers"][0][name] = value;
        let after = Gate::new(&strict);
        assert_eq!(before.judge(&tokens[refused]), Ok(()), "{name}");
        assert!(after.judge(&tokens[refused]).is_err(), "{name}");
        for token in &tokens {
            assert!(before.judge(token).is_ok() || after.judge(token).is_err(), "{name}");
        }
    }
    assert_eq!(before.judge("x"), Err(Reject::TokenMalformed));
}
