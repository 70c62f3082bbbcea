//! What a signature on a curve costs, against the crates that are the oracles, in the same run.
//!
//! Runs natively (`cargo bench --package jwt-gate-core --bench curves`) and in Node's V8 (the same
//! with `--target wasm32-wasip1`). All take turns, round by round, so that a busy machine slows all
//! of them down; the figures are the least of the rounds.

#![allow(clippy::unwrap_used, reason = "a bench that cannot start stops")]
#![allow(clippy::arithmetic_side_effects, reason = "no request here")]

use std::{hint::black_box, time::Instant};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::Signer as _;
use jwt_gate_core::{
    Algorithm,
    stages::{JsonLimits, Key, parse_json, read_jwk_set},
};
use p256::ecdsa::signature::Verifier as _;

const ROUNDS: usize = 51;
/// A token of middle length.
const MESSAGE: [u8; 400] = [0x61; 400];

fn main() {
    println!("{:<24} {:>12} {:>8}", "", "", "to oracle");

    let signer = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let oracle = p256::ecdsa::VerifyingKey::from(&signer);
    let point = oracle.to_sec1_point(false);
    let [x, y] = [point.x(), point.y()].map(|bytes| URL_SAFE_NO_PAD.encode(bytes.unwrap()));
    let jwk = format!(r#"{{"kty":"EC","crv":"P-256","x":"{x}","y":"{y}"}}"#);
    let signature: p256::ecdsa::Signature = signer.sign(&MESSAGE);
    measure("ES256", &jwk, Algorithm::Es256, &signature.to_bytes(), || {
        oracle.verify(&MESSAGE, black_box(&signature)).is_ok()
    });

    let signer = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let oracle = signer.verifying_key();
    let x = URL_SAFE_NO_PAD.encode(oracle.as_bytes());
    let jwk = format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#);
    let signature = signer.sign(&MESSAGE);
    measure("EdDSA", &jwk, Algorithm::EdDsa, &signature.to_bytes(), || {
        oracle.verify_strict(&MESSAGE, black_box(&signature)).is_ok()
    });
}

fn measure(
    name: &str,
    jwk: &str,
    algorithm: Algorithm,
    signature: &[u8],
    oracle: impl Fn() -> bool,
) {
    // Good signatures earn a table, forged ones do not.
    let (with_table, without) = (key(jwk), key(jwk));
    for _ in 0..100 {
        assert!(with_table.verifies(algorithm, &MESSAGE, signature));
    }
    let mut other = MESSAGE;
    other[0] ^= 1;
    let mut times = [const { Vec::new() }; 3];
    for _ in 0..ROUNDS {
        let [by_table, plain, by_oracle] = &mut times;
        by_table.push(micros(10, || {
            assert!(black_box(&with_table).verifies(algorithm, black_box(&MESSAGE), signature));
        }));
        plain.push(micros(5, || {
            assert!(!black_box(&without).verifies(algorithm, black_box(&other), signature));
        }));
        by_oracle.push(micros(3, || assert!(oracle())));
    }
    let times = times.map(|times| times.into_iter().fold(f64::INFINITY, f64::min));
    let [_, _, by_oracle] = times;
    for (way, time) in ["by a table", "without a table", "oracle"].iter().zip(times) {
        println!("{:<24} {time:>9.1} us {:>8.3}", format!("{name} {way}"), time / by_oracle);
    }
}

fn key(jwk: &str) -> Key {
    let set = format!(r#"{{"keys":[{jwk}]}}"#);
    let set = parse_json(set.as_bytes(), JsonLimits::DOCUMENT).unwrap();
    let mut keys = read_jwk_set(&set).unwrap().keys;
    keys.remove(0).1
}

/// The mean time of an operation.
fn micros(repeats: u32, mut operation: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..repeats {
        operation();
    }
    start.elapsed().as_secs_f64() * 1e6 / f64::from(repeats)
}
