//! What one operation costs, against the crate `rsa` in the same run.
//!
//! Runs natively (`cargo bench --package rsa-verify`) and in Node's V8 (the same with
//! `--target wasm32-wasip1`). All take turns, round by round, so that a busy machine slows all
//! down; the figures are the least of the rounds.

#![allow(clippy::unwrap_used, reason = "a bench that cannot start stops")]
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing, reason = "no request here")]

use std::{hint::black_box, time::Instant};

use rsa::{BoxedUint, Pkcs1v15Sign, RsaPublicKey};
use rsa_verify::{PreparedKey, PublicKey, Variant};

const ROUNDS: usize = 101;

fn main() {
    println!("{:<24} {:>14} {:>12} {:>8}", "bits, exponent", "arithmetic", "time", "to rsa");
    for (bits, exponent, repeats) in [
        (2048, 65537_u64, 5_u32),
        (2048, 3, 20),
        (3072, 65537, 3),
        (4096, 65537, 2),
        (8192, 65537, 1),
    ] {
        let modulus = pattern(bits / 8, 0xc3);
        let signature = pattern(bits / 8, 0x5a);
        let key = PublicKey::new(&modulus, &exponent.to_be_bytes()).unwrap();
        let ours: Vec<_> =
            Variant::ALL.iter().filter_map(|variant| key.prepare_with(*variant)).collect();
        let theirs = RsaPublicKey::new(
            BoxedUint::from_be_slice_vartime(&modulus),
            BoxedUint::from(exponent),
        )
        .unwrap();
        let mut times = vec![Vec::new(); ours.len()];
        let mut oracle = Vec::new();
        for _ in 0..ROUNDS {
            for (key, times) in ours.iter().zip(&mut times) {
                times.push(micros(repeats, || {
                    assert!(black_box(key).recover(black_box(&signature)).is_some());
                }));
            }
            oracle.push(micros(repeats.div_ceil(4), || {
                let verified = black_box(&theirs).verify(
                    Pkcs1v15Sign::new_unprefixed(),
                    b"",
                    black_box(&signature),
                );
                assert!(verified.is_err());
            }));
        }
        let oracle = least(oracle);
        for (key, times) in ours.iter().zip(times) {
            show(bits, exponent, &key.variant().to_string(), least(times), oracle);
        }
        show(bits, exponent, "crate rsa", oracle, oracle);
        for variant in ours.iter().map(PreparedKey::variant) {
            let times = (0..ROUNDS).map(|_| {
                micros(repeats, || drop(black_box(black_box(&key).prepare_with(variant))))
            });
            show(bits, exponent, &format!("{variant} set-up"), least(times.collect()), oracle);
        }
    }
}

fn show(bits: usize, exponent: u64, what: &str, time: f64, oracle: f64) {
    let name = format!("{bits}, {exponent}");
    println!("{name:<24} {what:>14} {time:>9.1} us {:>8.3}", time / oracle);
}

/// The mean time of an operation.
fn micros(repeats: u32, mut operation: impl FnMut()) -> f64 {
    let start = Instant::now();
    for _ in 0..repeats {
        operation();
    }
    start.elapsed().as_secs_f64() * 1e6 / f64::from(repeats)
}

fn least(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[0]
}

/// An odd number of so many bytes, its highest byte given.
fn pattern(length: usize, first: u8) -> Vec<u8> {
    let mut state = 1_u32;
    let mut bytes: Vec<u8> = (0..length)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state.to_be_bytes()[0] | 1
        })
        .collect();
    bytes[0] = first;
    bytes
}
