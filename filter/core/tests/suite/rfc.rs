//! The examples of RFC 7515, appendix A, and of RFC 7520, section 4.1.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jwt_gate_core::{
    Reject, UnixTime,
    stages::{JsonLimits, Unverified, parse_json, read_jwk_set},
};
use serde_json::{Value, json};

use crate::{
    gate::{Gate, document},
    test,
};

const A1_HS256: &str = include_str!("../../../../host-tests/vectors/rfc7515-a1-hs256.jws");
const A2_RS256: &str = include_str!("../../../../host-tests/vectors/rfc7515-a2-rs256.jws");
const A2_KEY: &str = include_str!("../../../../host-tests/vectors/rfc7515-a2-rs256.jwk.json");
const A3_ES256: &str = include_str!("../../../../host-tests/vectors/rfc7515-a3-es256.jws");
const A4_ES512: &str = include_str!("../../../../host-tests/vectors/rfc7515-a4-es512.jws");
const A5_NONE: &str = include_str!("../../../../host-tests/vectors/rfc7515-a5-none.jws");
const BILBO: &str = include_str!("../../../../host-tests/vectors/rfc7520-4.1-rs256.jws");
const BILBO_KEY: &str = include_str!("../../../../host-tests/vectors/rfc7520-4.1-rs256.jwk.json");

/// `exp` of the claims in appendix A.
const EXPIRY: i64 = 1_300_819_380;

fn joe() -> Gate {
    let key: Value = serde_json::from_str(A2_KEY).unwrap();
    let mut document = document();
    document["issuers"] = json!([{
        "issuer": "joe",
        "audiences": "any",
        "algorithms": ["RS256"],
        "keys": { "jwks": { "keys": [key] } },
        "clock_skew": "0s",
    }]);
    Gate::new(&document)
}

#[test]
fn rs256_of_rfc_7515_is_good_until_it_expires() {
    let gate = joe();
    let judge = |secs| gate.judge_at(A2_RS256.trim(), UnixTime::from_secs(secs));
    assert_eq!(judge(EXPIRY - 1), Ok(()));
    assert_eq!(judge(EXPIRY), Err(Reject::Expired));
}

#[test]
fn every_other_algorithm_of_rfc_7515_is_refused() {
    let gate = joe();
    for (token, reject) in [
        (A1_HS256, Reject::AlgorithmNotAllowed),
        (A3_ES256, Reject::AlgorithmNotAllowed),
        (A4_ES512, Reject::AlgorithmNotAllowed),
        // Its last part is empty, which is as far as reading goes.
        (A5_NONE, Reject::TokenMalformed),
    ] {
        let verdict = gate.judge_at(token.trim(), UnixTime::from_secs(EXPIRY - 1));
        assert_eq!(verdict, Err(reject), "{token}");
    }
    let none_with_a_signature = format!("{}AA", A5_NONE.trim());
    assert_eq!(gate.judge(&none_with_a_signature), Err(Reject::AlgorithmNotAllowed));
}

/// Its payload is a sentence of Tolkien's, no claims: the signature is good, the token is not.
#[test]
fn rs256_of_rfc_7520_verifies_and_is_no_token() {
    let set = format!("{{\"keys\":[{BILBO_KEY}]}}");
    let set = read_jwk_set(&parse_json(set.as_bytes(), JsonLimits::DOCUMENT).unwrap()).unwrap();
    let [key] = set.keys.as_slice() else { panic!("{:?}", set.skipped) };
    let (signed, signature) = BILBO.trim().rsplit_once('.').unwrap();
    let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    assert!(key.verifies(signed.as_bytes(), &signature));
    signature[0] ^= 1;
    assert!(!key.verifies(signed.as_bytes(), &signature));

    let parsed = Unverified::parse_text(BILBO.trim().as_bytes(), 8192);
    assert_eq!(parsed.map(|_| ()), Err(Reject::TokenMalformed));
}
