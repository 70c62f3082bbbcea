//! The examples of RFC 7515, appendix A, of RFC 7520, section 4.1, and of RFC 8037, appendix A.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jwt_gate_core::{
    Algorithm, Reject, UnixTime,
    stages::{JsonLimits, Key, Unverified, parse_json, read_jwk_set},
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

const A1_KEY: &str = r#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"}"#;
const A3_KEY: &str = r#"{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}"#;
const A4_KEY: &str = r#"{"kty":"EC","crv":"P-521","x":"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06wTjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk","y":"ADSmRA43Z1DSNx_RvcLI87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2"}"#;

/// RFC 8037, appendix A.4 and A.2.
const EDDSA: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
const EDDSA_KEY: &str =
    r#"{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;

/// `exp` of the claims in appendix A.
const EXPIRY: i64 = 1_300_819_380;

fn joe(algorithm: &str, key: &str) -> Gate {
    let key: Value = serde_json::from_str(key).unwrap();
    let mut document = document();
    document["issuers"] = json!([{
        "issuer": "joe",
        "audiences": "any",
        "algorithms": [algorithm],
        "keys": { "jwks": { "keys": [key] } },
        "clock_skew": "0s",
    }]);
    Gate::new(&document)
}

#[test]
fn tokens_of_rfc_7515_are_good_until_they_expire() {
    for (algorithm, key, token) in
        [("HS256", A1_KEY, A1_HS256), ("RS256", A2_KEY, A2_RS256), ("ES256", A3_KEY, A3_ES256)]
    {
        let gate = joe(algorithm, key);
        let judge = |secs| gate.judge_at(token.trim(), UnixTime::from_secs(secs));
        assert_eq!(judge(EXPIRY - 1), Ok(()), "{algorithm}");
        assert_eq!(judge(EXPIRY), Err(Reject::Expired), "{algorithm}");
    }
}

#[test]
fn every_algorithm_of_rfc_7515_that_is_not_listed_is_refused() {
    let gate = joe("RS256", A2_KEY);
    for (token, reject) in [
        (A1_HS256, Reject::AlgorithmNotAllowed),
        (A3_ES256, Reject::AlgorithmNotAllowed),
        // Its payload is no claims, which is as far as reading goes.
        (A4_ES512, Reject::TokenMalformed),
        // Its last part is empty.
        (A5_NONE, Reject::TokenMalformed),
    ] {
        let verdict = gate.judge_at(token.trim(), UnixTime::from_secs(EXPIRY - 1));
        assert_eq!(verdict, Err(reject), "{token}");
    }
    let none_with_a_signature = format!("{}AA", A5_NONE.trim());
    assert_eq!(gate.judge(&none_with_a_signature), Err(Reject::AlgorithmNotAllowed));
}

/// Their payloads are sentences and no claims: the signatures are good, the tokens are not.
#[test]
fn signatures_over_other_things_than_claims_verify_and_are_no_tokens() {
    for (algorithm, key, jws) in [
        (Algorithm::Rs256, BILBO_KEY, BILBO),
        (Algorithm::Es512, A4_KEY, A4_ES512),
        (Algorithm::EdDsa, EDDSA_KEY, EDDSA),
        (Algorithm::Ed25519, EDDSA_KEY, EDDSA),
    ] {
        let key = read(key);
        let (signed, signature) = jws.trim().rsplit_once('.').unwrap();
        let mut signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        assert!(key.verifies(algorithm, signed.as_bytes(), &signature), "{algorithm:?}");
        signature[0] ^= 1;
        assert!(!key.verifies(algorithm, signed.as_bytes(), &signature), "{algorithm:?}");

        let parsed = Unverified::parse_text(jws.trim().as_bytes(), 8192);
        assert_eq!(parsed.map(|_| ()), Err(Reject::TokenMalformed));
    }
}

fn read(jwk: &str) -> Key {
    let set = format!("{{\"keys\":[{jwk}]}}");
    let set = read_jwk_set(&parse_json(set.as_bytes(), JsonLimits::DOCUMENT).unwrap()).unwrap();
    let [(_, key)] = set.keys.as_slice() else { panic!("{:?}", set.skipped) };
    key.clone()
}
