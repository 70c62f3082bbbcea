//! What is computed once for each key, on plain integers, whichever arithmetic serves the key then.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "the bounds beside each line; debug builds check them"
)]

use alloc::{vec, vec::Vec};

use crate::digits::{self, Block, cut};

/// Bits of a digit here: with a step of 24 bits its products are below `2^60`.
const W: u32 = 36;
/// By how many bits a remainder is shifted before a multiple of the modulus is taken off.
const STEP: u32 = 24;
/// Leading bits of a modulus that a quotient is computed from.
const LEADING: usize = 30;

/// `2^exponent` modulo a modulus of so many bits; big-endian, below the modulus and as long.
///
/// The remainder is shifted by 24 bits at a time, and the multiple of the modulus nearest to it is
/// taken off: a row of products for 24 bits, where a Montgomery squaring costs a hundred rows.
///
/// # Bounds
///
/// Let `n` be the modulus, `s` its length less 30 bits, `N` the real number `n / 2^s`, which is
/// between `2^29` and `2^30`, and `A` likewise `a / 2^s` for a remainder `a` with `|a| < n`.
///
/// - [`leading`] gives `N` and `A` with an error below 2: digits below the first that it reads sum
///   up to at most 0.51 of it, and the shift cuts off less than 1.
/// - The reciprocal `2^60 / N` is at most `2^31` with a relative error below `2^-29 + 2^-28`, thus its
///   product with `A` is below `2^62`.
/// - So the quotient, `a * 2^24 / n` to the nearest, is off by `0.5 + 2^24 * (2^-27 + 2^-28) < 0.7`, and
///   the next remainder is below `0.7 n`.
/// - A digit of it: at most `2^35 * 2^24` from the remainder, as much from the multiple, and a carry
///   below `2^26`; so less than `2^61`.
pub(crate) fn power_of_two(modulus: &[u8], bits: usize, exponent: usize) -> Vec<u8> {
    let width = usize::try_from(W).unwrap_or_default();
    let blocks = bits.saturating_add(2).div_ceil(4 * width);
    let digits = digits::from_bytes::<W>(modulus, blocks);
    let place = bits.saturating_sub(LEADING);
    let reciprocal = (1_i64 << 60).checked_div(leading(&digits, place)).unwrap_or_default();

    // The greatest power of two below the modulus.
    let below = bits.saturating_sub(1);
    let mut bytes = vec![0; modulus.len()];
    if let Some(first) = bytes.first_mut() {
        *first = 1_u8.wrapping_shl(u32::try_from(below % 8).unwrap_or_default());
    }
    let mut remainder = digits::from_bytes::<W>(&bytes, blocks);
    let mut missing = u32::try_from(exponent.saturating_sub(below)).unwrap_or_default();
    while missing > 0 {
        let step = missing.min(STEP);
        let product = leading(&remainder, place) * reciprocal;
        let quotient = ((product >> (59 - step)) + 1) >> 1;
        shift_and_take(&mut remainder, step, quotient, &digits);
        missing -= step;
    }
    if digits::is_negative(&remainder) {
        digits::combine::<W>(&mut remainder, 1, 1, &digits);
    }
    digits::to_bytes::<W>(&remainder, &mut bytes);
    bytes
}

/// A number divided by `2^place`, as an integer, for a number below `2^(place + 31)`.
fn leading(number: &[Block], place: usize) -> i64 {
    let width = usize::try_from(W).unwrap_or_default();
    let shift = u32::try_from(place % width).unwrap_or_default();
    let mut digits = number.as_flattened().iter().skip(place / width);
    let mut next = || digits.next().copied().unwrap_or_default();
    let (first, second, third) = (next(), next(), next());
    // What the third one adds fits, or it is zero.
    (first >> shift)
        .wrapping_add(second.wrapping_shl(W - shift))
        .wrapping_add(third.checked_shl(2 * W - shift).unwrap_or_default())
}

/// `number * 2^shift - quotient * modulus`.
fn shift_and_take(number: &mut [Block], shift: u32, quotient: i64, modulus: &[Block]) {
    let mut carry = 0;
    for (digit, other) in number.as_flattened_mut().iter_mut().zip(modulus.as_flattened()) {
        (*digit, carry) = cut::<W>((*digit << shift) - quotient * other + carry);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that fails stops")]

    use num_bigint_dig::BigUint;

    use super::*;
    use crate::extremes::{extremes, modulus_like};

    fn is_right(modulus: &BigUint, exponent: usize) {
        let bytes = modulus.to_bytes_be();
        let found = power_of_two(&bytes, modulus.bits(), exponent);
        let expected = BigUint::from(2_u8).modpow(&BigUint::from(exponent), modulus);
        assert_eq!(found.len(), bytes.len());
        assert!(BigUint::from_bytes_be(&found) == expected, "2^{exponent} mod {modulus:x}");
    }

    #[test]
    fn powers_of_two_for_moduli_of_every_length() {
        for bits in (2048..=8192).step_by(13) {
            let one = BigUint::from(1_u8);
            let ones = (&one << bits) - &one;
            let sparse = (&one << (bits - 1)) + &one;
            let thirds = (&ones / 3_u8) | (&one << (bits - 1)) | &one;
            for modulus in [ones, sparse, thirds] {
                is_right(&modulus, 2 * (bits + bits % 61 + 2));
            }
        }
    }

    /// Remainders near to half of the modulus and near to zero come about by each of these.
    #[test]
    fn every_exponent_of_some_moduli() {
        for pattern in extremes::<W>(57).iter().step_by(7) {
            let modulus = modulus_like::<W>(pattern);
            for exponent in (modulus.bits() - 1..).take(60).chain([4000, 4104, 4176, 8191]) {
                is_right(&modulus, exponent);
            }
        }
    }

    /// Digits of the modulus and of what is cut off at the ends of their range.
    #[test]
    fn extreme_digits_of_every_kind() {
        for count in [57, 58, 59, 60, 86, 114, 227] {
            for pattern in extremes::<W>(count) {
                let modulus = modulus_like::<W>(&pattern);
                is_right(&modulus, 2 * modulus.bits() + 100);
            }
        }
    }
}
