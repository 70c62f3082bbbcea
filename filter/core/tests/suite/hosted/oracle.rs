//! `jwt-compact` as the oracle: another reader, another RSA arithmetic (`rsa` 0.9).
//!
//! What the gate accepts, the oracle accepts. What the oracle accepts, the gate accepts, unless the
//! token breaks one of the rules of [`Draft::strictness`], on which the two differ on purpose.

use std::{cell::Cell, sync::LazyLock};

use chrono::{DateTime, TimeDelta, Utc};
use jwt_compact::{
    AlgorithmExt as _, Claims, Header, TimeOptions, UntrustedToken,
    alg::{Rsa, RsaPrivateKey, RsaPublicKey},
};
use jwt_gate_core::Reject;
use proptest::{prelude::*, test_runner::TestRunner};
use rsa_of_the_oracle::pkcs8::DecodePrivateKey as _;
use serde_json::{Value, json};

use super::cases;
use crate::{
    gate::{Gate, document, issuer_with},
    signer::{MALLORY, RSA_1, RSA_3072, RSA_E3},
    token::{NOW, claims, sign_text},
};

/// The clock skew of a policy that says nothing about it.
const SKEW: i64 = 60;

static PRIVATE: LazyLock<RsaPrivateKey> = LazyLock::new(|| read(RSA_1.pem));
static PUBLIC: LazyLock<RsaPublicKey> = LazyLock::new(|| PRIVATE.to_public_key());

fn read(pem: &str) -> RsaPrivateKey {
    RsaPrivateKey::from_pkcs8_pem(pem).unwrap()
}

/// What the oracle says to a token of `rsa-1` at [`NOW`]. Issuer and audience, which it leaves to
/// its callers, are compared here in the plainest way.
fn oracle(token: &str) -> Result<(), String> {
    let parsed = UntrustedToken::new(token).map_err(|e| e.to_string())?;
    let algorithm = Rsa::rs256();
    let validator = algorithm.validator::<Value>(&PUBLIC);
    let token = validator.validate(&parsed).map_err(|e| e.to_string())?;
    let now: DateTime<Utc> = DateTime::from_timestamp(NOW, 0).unwrap();
    let options = TimeOptions::new(TimeDelta::seconds(SKEW), || now);
    let claims = token.claims();
    claims.validate_expiration(&options).map_err(|e| e.to_string())?;
    if claims.not_before.is_some() {
        claims.validate_maturity(&options).map_err(|e| e.to_string())?;
    }
    if claims.custom["iss"] != "https://issuer.test/" {
        return Err("issuer".to_owned());
    }
    let ours = json!("https://api.test");
    let audience = &claims.custom["aud"];
    if *audience != ours && !audience.as_array().is_some_and(|names| names.contains(&ours)) {
        return Err("audience".to_owned());
    }
    Ok(())
}

/// A token to be: most of them are good, or bad in one or two ways.
#[derive(Clone, Debug)]
struct Draft {
    header: Value,
    claims: Value,
    /// A claim that stands there twice.
    is_doubled: bool,
    is_forged: bool,
}

fn drafts() -> impl Strategy<Value = Draft> {
    let header = (
        mostly(json!("RS256"), [json!("HS256"), json!("none"), json!("RS384"), json!("rs256")]),
        mostly(
            json!("JWT"),
            [json!(null), json!("at+jwt"), json!("application/JWT"), json!("dpop+jwt")],
        ),
        mostly(json!(null), [json!(["exp"]), json!([])]),
        mostly(json!(null), [json!("rsa-1"), json!("any")]),
    );
    let header = header.prop_map(|(alg, typ, crit, kid)| {
        without_nulls(json!({ "alg": alg, "typ": typ, "crit": crit, "kid": kid }))
    });
    let iss = mostly(
        json!("https://issuer.test/"),
        [json!("https://issuer.test"), json!(null), json!(5)],
    );
    let ours = "https://api.test";
    let aud = mostly(
        json!(ours),
        [
            json!([ours]),
            json!(["other", ours]),
            json!(["other"]),
            json!([]),
            json!([ours, 1]),
            json!(null),
            json!({}),
        ],
    );
    let exp = prop_oneof![
        4 => Just(json!(NOW + 300)),
        6 => (-62..3_i64).prop_map(|d| json!(NOW + d)),
        2 => (-62.0..3.0_f64).prop_map(|d| json!(NOW as f64 + d)),
        1 => prop_oneof![Just(json!(null)), Just(json!("1900000000")), Just(json!(0)), Just(json!(-1)), Just(json!([]))],
    ];
    let soon = || {
        prop_oneof![
            4 => Just(json!(null)),
            3 => (-3..63_i64).prop_map(|d| json!(NOW + d)),
            1 => (57.0..63.0_f64).prop_map(|d| json!(NOW as f64 + d)),
            1 => prop_oneof![Just(json!("soon")), Just(json!(true)), Just(json!(0))],
        ]
    };
    let cnf = mostly(json!(null), [json!({ "jkt": "x" }), json!("x")]);
    let claims = (iss, aud, exp, soon(), soon(), cnf, ".{0,12}");
    let claims = claims.prop_map(|(iss, aud, exp, nbf, iat, cnf, sub)| {
        without_nulls(json!({
            "iss": iss, "aud": aud, "exp": exp, "nbf": nbf, "iat": iat, "cnf": cnf, "sub": sub,
        }))
    });
    (header, claims, prop::bool::weighted(0.1), prop::bool::weighted(0.1)).prop_map(
        |(header, claims, is_doubled, is_forged)| Draft { header, claims, is_doubled, is_forged },
    )
}

fn mostly<const N: usize>(usual: Value, others: [Value; N]) -> impl Strategy<Value = Value> {
    prop_oneof![6 => Just(usual), 1 => prop::sample::select(others.to_vec())]
}

fn without_nulls(mut object: Value) -> Value {
    object.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    object
}

impl Draft {
    fn mint(&self) -> String {
        let mut payload = self.claims.to_string();
        if self.is_doubled {
            payload.insert_str(1, "\"sub\":\"root\",");
        }
        let signer = if self.is_forged { &*MALLORY } else { &*RSA_1 };
        sign_text(signer, self.header.to_string(), payload)
    }

    /// The rule that the gate has and the oracle has not, if the token breaks one.
    fn strictness(&self) -> Option<&'static str> {
        let time = |name: &str| self.claims[name].as_f64();
        let typ = self.header["typ"].as_str();
        if self.is_doubled {
            return Some("the last of two equal names does not win");
        }
        if self.header.get("crit").is_some() {
            return Some("crit is not ignored");
        }
        if !matches!(typ, None | Some("JWT" | "at+jwt" | "application/JWT")) {
            return Some("typ is not ignored");
        }
        if time("exp").is_some_and(|exp| exp <= (NOW - SKEW) as f64) {
            return Some("in the very second of its expiry a token is dead");
        }
        if time("nbf").is_some_and(|nbf| nbf > (NOW + SKEW) as f64) {
            return Some("fractions of a second are not cut off");
        }
        if self.claims.get("iat").is_some()
            && time("iat").is_none_or(|iat| iat > (NOW + SKEW) as f64)
        {
            return Some("iat is not ignored");
        }
        if self.claims["aud"].as_array().is_some_and(|names| names.iter().any(|n| !n.is_string())) {
            return Some("an audience is a string");
        }
        if self.claims.get("cnf").is_some() {
            return Some("cnf is not ignored");
        }
        None
    }
}

#[test]
fn gate_and_oracle_agree_but_for_the_gates_own_rules() {
    let gate = Gate::new(&document());
    let (agreed, refused, stricter) = (Cell::new(0), Cell::new(0), Cell::new(0));
    let count = |counter: &Cell<u32>| counter.set(counter.get() + 1);
    let config = cases(400);
    let least = config.cases / 20;
    TestRunner::new(config)
        .run(&drafts(), |draft| {
            let token = draft.mint();
            let (gate, oracle) = (gate.judge(&token), oracle(&token));
            match (&oracle, draft.strictness()) {
                (Ok(()), None) => {
                    count(&agreed);
                    prop_assert_eq!(gate, Ok(()));
                }
                (Ok(()), Some(rule)) => {
                    count(&stricter);
                    prop_assert!(gate.is_err(), "{} ({:?})", rule, draft);
                }
                (Err(error), _) => {
                    count(&refused);
                    prop_assert!(gate.is_err(), "the oracle: {}", error);
                }
            }
            Ok(())
        })
        .unwrap();
    // Without tokens on both sides this test would say nothing.
    let counts = [agreed.get(), refused.get(), stricter.get()];
    assert!(counts.iter().all(|count| *count >= least), "accepted, refused, stricter: {counts:?}");
}

#[test]
fn what_the_oracle_mints_is_accepted_with_keys_of_any_shape() {
    for signer in [&*RSA_1, &*RSA_3072, &*RSA_E3] {
        let gate = Gate::new(&issuer_with("keys", json!({ "jwks": { "keys": [signer.jwk()] } })));
        let mut minted = Claims::new(claims());
        // The times are the oracle's own fields.
        for name in ["exp", "iat"] {
            minted.custom.as_object_mut().unwrap().remove(name);
        }
        minted.expiration = DateTime::from_timestamp(NOW + 300, 0);
        minted.issued_at = DateTime::from_timestamp(NOW, 0);
        for (kid, expected) in [(signer.name, Ok(())), ("another", Err(Reject::KeyUnknown))] {
            let header = Header::empty().with_key_id(kid);
            let token = Rsa::rs256().token(&header, &minted, &read(signer.pem)).unwrap();
            assert_eq!(gate.judge(&token), expected, "{} {kid}", signer.name);
        }
    }
}
