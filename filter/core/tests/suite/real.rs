//! The real token of an Auth0 tenant, and every way to change one bit of it.

use jwt_gate_core::{Reject, UnixTime};
use serde_json::{Value, json};

use crate::{
    gate::{Gate, bearer, document, document_with, issuer_with},
    signer::{RSA_1, RSA_2, RSA_3072, RSA_E3},
    test,
    token::{NOW, claims, good, sign_with},
};

const TOKEN: &str = include_str!("../../../../host-tests/vectors/auth0-access-token.jwt");
const CERTIFICATE: &str = include_str!("../../../../host-tests/vectors/auth0-certificate.pem");
const PUBLIC_KEY: &str = include_str!("../../../../host-tests/vectors/auth0-public-key.pem");
/// 2018-11-07T12:00:00Z, when it was good.
const THEN: i64 = 1_541_592_000;
/// Its `exp`, 2018-11-07T21:27:18Z.
const EXPIRY: i64 = 1_541_626_038;

fn auth0(pem: &str) -> Gate {
    let issuers: Value = json!([{
        "name": "auth0",
        "issuer": "https://nickram44.auth0.com/",
        "audiences": ["https://api.mywebsite.com"],
        "algorithms": ["RS256"],
        "keys": { "pem": pem },
        "clock_skew": "0s",
    }]);
    Gate::new(&document_with(json!({
        "issuers": issuers,
        "rules": [{
            "name": "change-hamsters",
            "match": { "prefix": "/" },
            "require": { "scopes": { "all": ["write:hamsters"] } },
        }],
    })))
}

#[test]
fn it_is_good_in_its_time() {
    for pem in [CERTIFICATE, PUBLIC_KEY] {
        let gate = auth0(pem);
        for (now, expected) in [
            (THEN, Ok(())),
            (EXPIRY - 1, Ok(())),
            (EXPIRY, Err(Reject::Expired)),
            (1_795_305_600, Err(Reject::Expired)),
        ] {
            let verdict = gate.judge_at(TOKEN.trim(), UnixTime::from_secs(now));
            assert_eq!(verdict, expected, "at {now}");
        }
    }
}

#[test]
fn no_bit_of_it_can_be_flipped() {
    let gate = auth0(CERTIFICATE);
    flip_every_bit(&gate, TOKEN.trim(), UnixTime::from_secs(THEN));
}

/// A small exponent leaves the most room for a forged signature.
#[test]
fn no_bit_of_a_token_with_a_small_exponent_can_be_flipped() {
    let key = &RSA_E3;
    let gate = Gate::new(&issuer_with("keys", json!({ "jwks": { "keys": [key.bare_jwk()] } })));
    let claims = claims();
    let token = sign_with(key, &json!({ "alg": "RS256" }), &claims);
    flip_every_bit(&gate, &token, UnixTime::from_secs(NOW));
}

fn flip_every_bit(gate: &Gate, token: &str, now: UnixTime) {
    assert_eq!(gate.judge_at(token, now), Ok(()), "the token itself is good");
    let mut headers = bearer("GET", "/", token);
    let value = headers.len() - 1;
    let start = "Bearer ".len();
    for place in 0..token.len() {
        for bit in 0..8 {
            headers[value].1[start + place] ^= 1 << bit;
            let outcome = gate.decide_at(&headers, now);
            assert!(!outcome.is_allowed(), "bit {bit} of byte {place}");
            headers[value].1[start + place] ^= 1 << bit;
        }
    }
}

/// Each character takes all other values, in the part that is cheapest to check: the signature.
#[test]
fn no_character_of_a_signature_can_be_another() {
    let gate = Gate::new(&document());
    let token = good();
    let (signed, signature) = token.rsplit_once('.').unwrap();
    for place in [0, 1, signature.len() / 2, signature.len() - 2, signature.len() - 1] {
        for byte in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_" {
            let mut changed = signature.as_bytes().to_vec();
            changed[place] = *byte;
            let changed = String::from_utf8(changed).unwrap();
            let expected = changed == signature;
            let verdict = gate.judge(&format!("{signed}.{changed}"));
            assert_eq!(verdict.is_ok(), expected, "{place} {byte}: {verdict:?}");
        }
    }
}

#[test]
fn keys_of_other_shapes_verify_their_own_tokens_only() {
    let keys = [&*RSA_1, &*RSA_3072, &*RSA_E3];
    for key in keys {
        let keys_of_gate = json!({ "jwks": { "keys": [key.bare_jwk()] } });
        let gate = Gate::new(&issuer_with("keys", keys_of_gate));
        for signer in keys {
            let token = sign_with(signer, &json!({ "alg": "RS256" }), &claims());
            let expected =
                if signer.name == key.name { Ok(()) } else { Err(Reject::SignatureInvalid) };
            assert_eq!(gate.judge(&token), expected, "{} with {}", signer.name, key.name);
        }
    }
}

#[test]
fn a_kid_chooses_among_the_keys_of_its_issuer() {
    let keys = json!({ "jwks": { "keys": [RSA_1.jwk(), RSA_2.jwk()] } });
    let gate = Gate::new(&issuer_with("keys", keys));
    let claims = claims();
    for (kid, expected) in [
        (json!("rsa-1"), Ok(())),
        (json!("rsa-2"), Err(Reject::SignatureInvalid)),
        (json!("rsa-3"), Err(Reject::KeyUnknown)),
        (json!(""), Err(Reject::KeyUnknown)),
        (json!(1), Err(Reject::TokenMalformed)),
        (json!(null), Err(Reject::TokenMalformed)),
    ] {
        let header = json!({ "alg": "RS256", "kid": kid });
        assert_eq!(gate.judge(&sign_with(&RSA_1, &header, &claims)), expected, "{kid}");
    }
    assert_eq!(gate.judge(&sign_with(&RSA_1, &json!({ "alg": "RS256" }), &claims)), Ok(()));
}
