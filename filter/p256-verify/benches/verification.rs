//! What one verification costs, against the crate `p256` in the same run.
//!
//! Runs natively (`cargo bench --package p256-verify`) and in Node's V8 (the same with
//! `--target wasm32-wasip1`). All take turns, round by round, so that a busy machine slows all of
//! them down; the figures are the least of the rounds.

#![allow(clippy::unwrap_used, reason = "a bench that cannot start stops")]

use std::{hint::black_box, time::Instant};

use p256::ecdsa::{
    Signature, SigningKey, VerifyingKey,
    signature::hazmat::{PrehashSigner as _, PrehashVerifier as _},
};
use p256_verify::PublicKey;

const ROUNDS: usize = 101;

fn main() {
    let signer = SigningKey::from_slice(&[7; 32]).unwrap();
    let theirs = VerifyingKey::from(&signer);
    let ours = PublicKey::from_sec1(theirs.to_sec1_point(false).as_bytes()).unwrap();
    let table = ours.table();
    let digest = [0x5a; 32];
    let signature: Signature = signer.sign_prehash(&digest).unwrap();
    let bytes: [u8; 64] = signature.to_bytes().into();

    let mut times = [const { Vec::new() }; 4];
    for _ in 0..ROUNDS {
        let [by_table, without, by_p256, set_up] = &mut times;
        by_table.push(micros(20, || {
            assert!(black_box(&table).verifies(black_box(&digest), black_box(&bytes)));
        }));
        without.push(micros(5, || {
            assert!(black_box(&ours).verifies(black_box(&digest), black_box(&bytes)));
        }));
        by_p256.push(micros(2, || {
            let verified = black_box(&theirs).verify_prehash(black_box(&digest), &signature);
            assert!(verified.is_ok());
        }));
        set_up.push(micros(2, || {
            black_box(black_box(&ours).table());
        }));
    }
    let times = times.map(least);
    let [_, _, by_p256, _] = times;
    println!("{:<24} {:>12} {:>8}", "", "", "to p256");
    for (name, time) in
        ["by a table", "without a table", "p256", "making a table"].iter().zip(times)
    {
        println!("{name:<24} {time:>9.1} us {:>8.3}", time / by_p256);
    }
}

/// The mean time of an operation.
fn micros(repeats: u32, mut operation: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..repeats {
        operation();
    }
    start.elapsed().as_secs_f64() * 1e6 / f64::from(repeats)
}

fn least(times: Vec<f64>) -> f64 {
    times.into_iter().fold(f64::INFINITY, f64::min)
}
