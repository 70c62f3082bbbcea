//! Balanced digits: a number as signed digits of `W` bits, the least significant one first.
//!
//! A digit lies in `-2^(W-1) .. 2^(W-1)`, so that a product of two is at most `2^(2W-2)`: a bit
//! less each way than unsigned digits give, hence digits of one bit more and fewer products. The
//! sign of a number is that of its highest digit that is not zero.
//!
//! Digits come in blocks of four, the least significant block first; a number is padded with zeros
//! to whole blocks.

use alloc::{vec, vec::Vec};

/// Four digits, the least significant one first.
pub(crate) type Block = [i64; 4];

/// The digit that is congruent to `value` modulo `2^W`.
#[inline(always)]
pub(crate) const fn digit<const W: u32>(value: i64) -> i64 {
    let unused = i64::BITS.saturating_sub(W);
    value.wrapping_shl(unused).wrapping_shr(unused)
}

/// Cuts a value into its digit and what is carried to the next one.
///
/// The carry is rounded to the nearest, so it is at most `|value| / 2^W + 1/2`. `value` is at least
/// `2^(W-1)` below the end of its type.
#[inline(always)]
pub(crate) const fn cut<const W: u32>(value: i64) -> (i64, i64) {
    let half = 1_i64.wrapping_shl(W.saturating_sub(1));
    (digit::<W>(value), value.wrapping_add(half).wrapping_shr(W))
}

/// The digits of a big-endian number, in so many blocks; what does not fit into them is lost.
pub(crate) fn from_bytes<const W: u32>(bytes: &[u8], blocks: usize) -> Vec<Block> {
    let mut number = vec![[0; 4]; blocks];
    let mut bytes = bytes.iter().rev();
    // Of `pending`, `bits` were read; with the carry it is at most 2^bits, which is 2^(W+7).
    let (mut pending, mut bits) = (0_i64, 0_u32);
    for place in number.as_flattened_mut() {
        while bits < W {
            let byte = bytes.next().map_or(0, |byte| i64::from(*byte));
            pending = pending.wrapping_add(byte.wrapping_shl(bits));
            bits = bits.saturating_add(8);
        }
        (*place, pending) = cut::<W>(pending);
        bits = bits.saturating_sub(W);
    }
    number
}

/// The big-endian bytes of a number that is not negative, as many as there is room for.
pub(crate) fn to_bytes<const W: u32>(number: &[Block], bytes: &mut [u8]) {
    let mut digits = number.as_flattened().iter();
    // A negative digit borrows from the ones above it: `pending` is then negative, and its low byte
    // is right in two's complement. It is less than 2^(W+7) either way.
    let (mut pending, mut bits) = (0_i64, 0_u32);
    for place in bytes.iter_mut().rev() {
        while bits < 8 {
            let digit = digits.next().copied().unwrap_or_default();
            pending = pending.wrapping_add(digit.wrapping_shl(bits));
            bits = bits.saturating_add(W);
        }
        let [low, ..] = pending.to_le_bytes();
        *place = low;
        pending = pending.wrapping_shr(8);
        bits = bits.saturating_sub(8);
    }
}

/// Whether a number of balanced digits is below zero.
///
/// The digits below the highest one that is not zero sum up to less than one of it.
pub(crate) fn is_negative(number: &[Block]) -> bool {
    number.as_flattened().iter().rev().find(|digit| **digit != 0).is_some_and(|digit| *digit < 0)
}

/// `number * factor + sign * other`, for a factor of 1 or 2 and a sign of 1 or -1.
///
/// A sum of digits is at most `3 * 2^(W-1)`, a carry at most 2. The result must fit into the blocks
/// of `number`.
pub(crate) fn combine<const W: u32>(number: &mut [Block], factor: i64, sign: i64, other: &[Block]) {
    let mut carry = 0_i64;
    for (digit, other) in number.as_flattened_mut().iter_mut().zip(other.as_flattened()) {
        let sum =
            digit.wrapping_mul(factor).wrapping_add(other.wrapping_mul(sign)).wrapping_add(carry);
        (*digit, carry) = cut::<W>(sum);
    }
}

/// The inverse of an odd number modulo `2^64`.
pub(crate) fn inverse(number: i64) -> i64 {
    // Newton's iteration: an inverse modulo 2^k gives one modulo 2^(2k). An odd number is its own
    // inverse modulo 8; five steps make that more than 64 bits.
    (0..5).fold(number, |inverse, _| {
        inverse.wrapping_mul(2_i64.wrapping_sub(number.wrapping_mul(inverse)))
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::arithmetic_side_effects, reason = "numbers of a test")]

    use super::*;

    #[test]
    fn a_value_is_cut_into_a_balanced_digit_and_the_rest() {
        let half = 1_i64 << 28;
        for near in [0, half, -half, 2 * half, 3 * half, i64::MAX - 2 * half, i64::MIN + 2 * half] {
            for value in near - 2..=near + 2 {
                let (digit, carry) = cut::<29>(value);
                assert!((-half..half).contains(&digit), "{value}");
                assert_eq!(carry * (1 << 29) + digit, value);
            }
        }
    }

    #[test]
    fn bytes_come_back() {
        for fill in [0x00, 0x01, 0x55, 0x7f, 0x80, 0xaa, 0xff] {
            for length in [1, 7, 29, 255, 256, 257, 300] {
                let mut bytes = vec![fill; length];
                for first in [fill, 0x00, 0x01, 0xff] {
                    if let Some(place) = bytes.first_mut() {
                        *place = first;
                    }
                    back_and_forth::<28>(&bytes);
                    back_and_forth::<29>(&bytes);
                }
            }
        }
    }

    fn back_and_forth<const W: u32>(bytes: &[u8]) {
        // Two bits more than the number has: a balanced number needs one.
        let blocks = (bytes.len() * 8 + 2).div_ceil(28 * 4);
        let digits = from_bytes::<W>(bytes, blocks);
        let limit = 1_i64 << (W - 1);
        assert!(digits.as_flattened().iter().all(|digit| (-limit..limit).contains(digit)));
        assert!(!is_negative(&digits));
        let mut back = vec![0; bytes.len()];
        to_bytes::<W>(&digits, &mut back);
        assert_eq!(back, bytes);
    }

    #[test]
    fn the_highest_digit_gives_the_sign() {
        assert!(!is_negative(&[]));
        assert!(!is_negative(&[[0; 4]]));
        assert!(is_negative(&[[-1, 0, 0, 0], [0; 4]]));
        assert!(!is_negative(&[[-(1 << 28), -(1 << 28), 1, 0]]));
        assert!(is_negative(&[[1 << 27, 1 << 27, -1, 0]]));
    }

    #[test]
    fn a_carry_runs_through_all_digits() {
        let ones = from_bytes::<29>(&[0xff; 24], 2);
        let one = from_bytes::<29>(&[1], 2);
        let mut sum = ones;
        combine::<29>(&mut sum, 1, 1, &one);
        let mut bytes = [0; 25];
        to_bytes::<29>(&sum, &mut bytes);
        assert_eq!(bytes.first(), Some(&1));
        assert!(bytes.iter().skip(1).all(|byte| *byte == 0));
        combine::<29>(&mut sum, 2, -1, &one);
        combine::<29>(&mut sum, 1, -1, &one);
        to_bytes::<29>(&sum, &mut bytes);
        assert_eq!(bytes.first(), Some(&1));
        assert_eq!(bytes.last(), Some(&0xfe));
        let mut none = one.clone();
        combine::<29>(&mut none, 1, -1, &one);
        assert!(none.as_flattened().iter().all(|digit| *digit == 0));
    }
}
