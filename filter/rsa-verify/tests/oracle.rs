//! Every result equals that of `num-bigint-dig`, on random and on adversarial input.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "a test that fails stops"
)]

use std::fmt;

use num_bigint_dig::BigUint;
use rsa_verify::{EXPONENT_MAX_BITS, PreparedKey, PublicKey, Variant};

/// A modulus and the exponents that it is tried with, by each arithmetic of this build.
struct Key {
    modulus: BigUint,
    keys: Vec<(u64, PreparedKey)>,
}

impl Key {
    fn new(modulus: BigUint, exponents: &[u64]) -> Self {
        let bytes = modulus.to_bytes_be();
        let prepared = |exponent: &u64| {
            let exponent = *exponent;
            let key = PublicKey::new(&bytes, &exponent.to_be_bytes()).expect("a good key");
            assert_eq!(key.bits(), modulus.bits());
            let with = |variant| Some((exponent, key.prepare_with(variant)?));
            Variant::ALL.map(with).into_iter().flatten()
        };
        Self { keys: exponents.iter().flat_map(prepared).collect(), modulus }
    }

    /// What the crate recovers from a number below the modulus, against the oracle.
    fn check(&self, number: &BigUint, what: impl fmt::Display) {
        let bits = self.modulus.bits();
        let signature = padded(number, bits.div_ceil(8));
        let mut known = None;
        for (exponent, key) in &self.keys {
            let expected = known
                .take_if(|(other, _)| *other == exponent)
                .map_or_else(|| self.power(number, *exponent), |(_, power)| power);
            let found = key.recover(&signature).expect("a number below the modulus");
            assert_eq!(found.len(), key.key().size());
            assert!(
                BigUint::from_bytes_be(&found) == expected,
                "{what}, {bits} bits, exponent {exponent}, {}: {number:x} mod {:x}: found {}, expected {expected:x}",
                key.variant(),
                self.modulus,
                BigUint::from_bytes_be(&found),
            );
            known = Some((exponent, expected));
        }
    }

    fn power(&self, number: &BigUint, exponent: u64) -> BigUint {
        match exponent {
            3 => number * number % &self.modulus * number % &self.modulus,
            _ => number.modpow(&BigUint::from(exponent), &self.modulus),
        }
    }

    /// A number that is not below the modulus.
    fn refuses(&self, number: &BigUint) {
        let signature = padded(number, self.modulus.bits().div_ceil(8));
        for (_, key) in &self.keys {
            assert_eq!(key.recover(&signature), None, "{number:x} mod {:x}", self.modulus);
        }
    }

    /// Numbers near the ends, and those whose powers are just above or below multiples of the
    /// modulus.
    fn check_edges(&self) {
        let modulus = &self.modulus;
        let one = BigUint::from(1_u8);
        for small in 0..4_u8 {
            self.check(&BigUint::from(small), "small");
            self.check(&(modulus - &one - small), "near the modulus");
            self.check(&((modulus >> 1) + small), "near its half");
            self.check(&((modulus >> 1) - small), "near its half");
        }
        for factor in [1_u32, 2, 3, 1 << 29, u32::MAX] {
            for root in [2, 3] {
                let root = root_of(&(modulus * factor), root);
                for near in [&root - &one, root.clone(), &root + &one] {
                    self.check(&(near % modulus), "near a root of a multiple");
                }
            }
        }
        for bit in (0..modulus.bits() - 1).step_by(331) {
            self.check(&(&one << bit), "a power of two");
            self.check(&((&one << bit) - &one), "a number of ones");
            self.check(&(modulus - (&one << bit)), "a power of two below the modulus");
        }
        self.refuses(modulus);
        let all_ones = (&one << (modulus.bits().div_ceil(8) * 8)) - &one;
        if &all_ones > modulus {
            self.refuses(&(modulus + &one));
            self.refuses(&all_ones);
        }
    }
}

/// Moduli whose digits are extreme whatever their width: ones, sparse ones, digits of 47, 29, 28 and 13
/// bits that are all on the edge of their range, and the least and greatest of their length.
fn moduli(bits: usize, random: &mut Random) -> Vec<BigUint> {
    let one = BigUint::from(1_u8);
    let top = &one << (bits - 1);
    let ones = (&one << bits) - &one;
    let mut moduli = vec![
        ones.clone(),
        &ones - (&one << (bits / 2)),
        &ones - (&one << (bits - 2)),
        &top + &one,
        &top + (&one << (bits / 2)) + &one,
        &top + (&top >> 1) + &one,
    ];
    for width in [12, 13, 14, 27, 28, 29, 32, 46, 47, 48, 64] {
        // Each digit 2^(width-1), 2^(width-1) - 1 or its bits in turn.
        for digit in
            [&one << (width - 1), (&one << (width - 1)) - &one, (&one << (width - 1)) + &one]
        {
            let mut number = BigUint::from(0_u8);
            while number.bits() < bits {
                number = (number << width) + &digit;
            }
            let excess = number.bits() - bits;
            moduli.push((number >> excess) | &one);
        }
    }
    moduli.extend((0..2).map(|_| random.below(&top) | &top | &one));
    moduli
}

#[test]
fn adversarial_numbers_for_moduli_of_every_shape() {
    let mut random = Random(1);
    // All remainders of the number of digits by four, for every width of digits.
    let all =
        [2048, 2049, 2063, 2064, 2065, 2066, 2077, 2093, 2105, 2150, 2560, 3072, 3593, 3594, 4096];
    // Node runs the code of an unoptimised build ten times slower.
    let lengths: &[usize] = if cfg!(target_family = "wasm") { &[2048, 2150, 3594] } else { &all };
    for &bits in lengths {
        for modulus in moduli(bits, &mut random) {
            Key::new(modulus, &[3]).check_edges();
        }
    }
}

#[test]
fn every_length_of_modulus() {
    let mut random = Random(2);
    for bits in (2048..=8192)
        .step_by(if cfg!(target_family = "wasm") { 577 } else { 59 })
        .chain([8191, 8192])
    {
        let one = BigUint::from(1_u8);
        let top = &one << (bits - 1);
        let random_modulus = random.below(&top) | &top | &one;
        for modulus in [random_modulus, (&one << bits) - &one, &top + &one] {
            let key = Key::new(modulus.clone(), &[3]);
            for number in [random.below(&modulus), &modulus - &one, &modulus >> 1] {
                key.check(&number, "every length");
            }
            key.refuses(&modulus);
        }
    }
}

#[test]
fn exponents_of_every_shape() {
    let mut random = Random(3);
    let greatest = (1_u64 << EXPONENT_MAX_BITS) - 1;
    let exponents = [3, 5, 7, 17, 257, 65535, 65537, 65539, (1 << 32) + 1, greatest - 2, greatest];
    for bits in [2048, 2055, 3072, 4096] {
        let one = BigUint::from(1_u8);
        let top = &one << (bits - 1);
        let modulus = random.below(&top) | &top | &one;
        let key = Key::new(modulus.clone(), &exponents);
        for number in [&modulus - &one, &modulus >> 1, random.below(&modulus), random.below(&top)] {
            key.check(&number, "exponents");
        }
    }
}

/// Many numbers for few keys; the exponent 3 is the quickest that uses all there is.
#[test]
fn a_hundred_thousand_random_numbers() {
    let mut random = Random(4);
    // As above.
    let share = if cfg!(target_family = "wasm") { 10 } else { 1 };
    for (bits, count) in [(2048, 80_000), (3072, 15_000), (4096, 10_000)] {
        let one = BigUint::from(1_u8);
        let top = &one << (bits - 1);
        let modulus = random.below(&top) | &top | &one;
        let key = Key::new(modulus.clone(), &[3]);
        for _ in 0..count / share {
            key.check(&random.number(&modulus), "random");
        }
    }
}

#[test]
fn the_usual_exponent() {
    let mut random = Random(5);
    for bits in [2048, 3072, 4096] {
        let one = BigUint::from(1_u8);
        let top = &one << (bits - 1);
        let modulus = random.below(&top) | &top | &one;
        let key = Key::new(modulus.clone(), &[65537]);
        for _ in 0..300 {
            key.check(&random.number(&modulus), "random");
        }
    }
}

/// Numbers from a seed, the same in every run and on every machine (SplitMix64).
struct Random(u64);

impl Random {
    fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below a limit, evenly spread but for the rounding.
    fn below(&mut self, limit: &BigUint) -> BigUint {
        let bytes: Vec<u8> =
            (0..=limit.bits() / 64).flat_map(|_| self.word().to_le_bytes()).collect();
        BigUint::from_bytes_be(&bytes) % limit
    }

    /// A number below a limit, half of the time with long runs of zeros or ones.
    fn number(&mut self, limit: &BigUint) -> BigUint {
        let even = self.below(limit);
        match self.word() % 4 {
            0 => (&even >> usize::try_from(self.word() % 64).unwrap()) & self.below(limit),
            1 => {
                let mut runs = BigUint::from(0_u8);
                while runs.bits() < limit.bits() {
                    let run = usize::try_from(1 + self.word() % 150).unwrap();
                    let ones = (BigUint::from(1_u8) << run) - 1_u8;
                    let zeros = usize::try_from(1 + self.word() % 150).unwrap();
                    runs = (runs << (run + zeros)) + ones;
                }
                runs % limit
            }
            _ => even,
        }
    }
}

/// The greatest number whose power is not above `number`.
fn root_of(number: &BigUint, root: u64) -> BigUint {
    let power = |base: &BigUint| (1..root).fold(base.clone(), |power, _| power * base);
    let mut found = BigUint::from(0_u8);
    let bits = number.bits() / usize::try_from(root).unwrap();
    for bit in (0..=bits).rev() {
        let next = &found | (BigUint::from(1_u8) << bit);
        if &power(&next) <= number {
            found = next;
        }
    }
    found
}

/// Big-endian, with leading zeros up to a length.
fn padded(number: &BigUint, length: usize) -> Vec<u8> {
    let bytes = number.to_bytes_be();
    let mut padded = vec![0; length.saturating_sub(bytes.len())];
    padded.extend(bytes);
    padded
}
