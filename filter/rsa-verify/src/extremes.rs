//! Numbers whose digits are at the ends of their range, for the tests of each arithmetic.

#![allow(clippy::arithmetic_side_effects, clippy::unwrap_used, reason = "numbers of a test")]

use alloc::vec::Vec;

use num_bigint_dig::{BigInt, BigUint};

use crate::digits::{self, Block};

/// What digits, balanced or not, stand for.
pub(crate) fn value<const W: u32>(number: &[Block]) -> BigInt {
    let digits = number.as_flattened().iter().rev();
    digits.fold(BigInt::from(0), |sum, digit| (sum << width::<W>()) + digit)
}

/// The balanced digits of a value modulo `2^(W*count)`, in blocks.
pub(crate) fn balanced<const W: u32>(value: &BigInt, count: usize) -> Vec<Block> {
    let radix = BigInt::from(1) << (width::<W>() * count);
    let bytes = (((value % &radix) + &radix) % &radix).to_bytes_be().1;
    let mut number = digits::from_bytes::<W>(&bytes, count.div_ceil(4));
    // The carry out of the highest digit is a multiple of the radix.
    number.as_flattened_mut()[count..].fill(0);
    number
}

/// `W` as a number of bits.
pub(crate) fn width<const W: u32>() -> usize {
    usize::try_from(W).unwrap()
}

/// The extreme digits, alone, alternating, and one of a kind among the others.
pub(crate) fn extremes<const W: u32>(count: usize) -> Vec<Vec<i64>> {
    let (least, greatest) = (-(1_i64 << (W - 1)), (1_i64 << (W - 1)) - 1);
    let mut patterns = Vec::new();
    for (one, other) in [
        (least, least),
        (greatest, greatest),
        (least, greatest),
        (greatest, least),
        (least, 0),
        (greatest, 0),
        (least, 1),
        (0, -1),
        (1, 1),
        (-1, -1),
    ] {
        patterns.push((0..count).map(|at| if at % 2 == 0 { one } else { other }).collect());
        patterns.push((0..count).map(|at| if at % 4 == 3 { one } else { other }).collect());
        for single in [0, 1, 3, 4, count / 2, count - 2, count - 1] {
            patterns.push((0..count).map(|at| if at == single { one } else { other }).collect());
        }
    }
    patterns
}

/// Digits in blocks, padded with zeros.
pub(crate) fn blocks_of(digits: &[i64]) -> Vec<Block> {
    let (blocks, rest) = digits.as_chunks::<4>();
    let mut last = [0; 4];
    last[..rest.len()].copy_from_slice(rest);
    blocks.iter().copied().chain([last]).take(digits.len().div_ceil(4)).collect()
}

/// A modulus whose lower digits follow a pattern, just below the greatest that has as many digits.
pub(crate) fn modulus_like<const W: u32>(pattern: &[i64]) -> BigUint {
    let (last, lower) = pattern.split_last().unwrap();
    let mut digits = lower.to_vec();
    // Two bits stay free, and the highest digit makes the number positive.
    digits.push(if *last > 1 << (W - 4) { (1 << (W - 2)) - 1 } else { 1 << (W - 3) });
    let mut value = value::<W>(&blocks_of(&digits)).to_biguint().unwrap();
    if &value % 2_u8 == BigUint::from(0_u8) {
        value += 1_u8;
    }
    value
}

/// The absolute value.
pub(crate) fn magnitude(number: &BigInt) -> BigUint {
    BigUint::from_bytes_be(&number.to_bytes_be().1)
}
