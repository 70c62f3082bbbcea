//! Numbers for the tests of each part: at the ends of their ranges, and from a seed.

#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "numbers of a test")]

use alloc::vec::Vec;

use num_bigint_dig::BigUint;

/// Nothing optimised, Node needs ten times as long.
pub(crate) const SHARE: usize = if cfg!(target_family = "wasm") { 10 } else { 1 };

/// The number of words, the lowest first.
pub(crate) fn number(words: [u64; 4]) -> BigUint {
    words.iter().rev().fold(BigUint::from(0_u8), |sum, word| (sum << 64) + *word)
}

/// The words of a number below `2^256`, the lowest first.
pub(crate) fn words(number: &BigUint) -> [u64; 4] {
    let mask = BigUint::from(u64::MAX);
    let word = |at: usize| {
        let word = (number >> (64 * at)) & &mask;
        word.to_bytes_le().iter().rev().fold(0, |sum, byte| (sum << 8) | u64::from(*byte))
    };
    [word(0), word(1), word(2), word(3)]
}

/// Numbers below `2^256` that are all ones, sparse, or near a power of two.
pub(crate) fn edges() -> Vec<[u64; 4]> {
    let one = BigUint::from(1_u8);
    let mut numbers = Vec::new();
    for bit in 0..=256_usize {
        let power = &one << bit;
        for near in [&power - &one, &power - &one - (&power >> 1), power.clone(), &power + &one] {
            if near.bits() <= 256 {
                numbers.push(words(&near));
            }
        }
    }
    for width in [5_usize, 8, 16, 29, 30, 32, 64] {
        for digit in [&one << (width - 1), (&one << width) - &one, one.clone()] {
            for step in [width, width + 1, 2 * width] {
                let mut sum = BigUint::from(0_u8);
                while sum.bits() + step <= 256 {
                    sum = (sum << step) + &digit;
                }
                numbers.push(words(&sum));
            }
        }
    }
    numbers
}

/// Numbers from a seed, the same in every run and on every machine (SplitMix64).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Four words, half of the time with long runs of zeros or ones.
    pub(crate) fn words(&mut self) -> [u64; 4] {
        let mut words = [self.word(), self.word(), self.word(), self.word()];
        let kind = self.word();
        for (word, kind) in words.iter_mut().zip(kind.to_le_bytes()) {
            *word = match kind % 8 {
                0 => 0,
                1 => u64::MAX,
                2 => *word >> (kind / 8),
                3 => u64::MAX << (kind / 8),
                _ => *word,
            };
        }
        words
    }
}
