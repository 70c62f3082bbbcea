//! Inverses modulo powers of two.

#![expect(clippy::arithmetic_side_effects, reason = "the bounds of the module above")]

use alloc::{vec, vec::Vec};

use super::columns::{NONE, lower_columns};
use crate::digits::{self, Block, digit};

/// The multiple of the modulus that makes a number a multiple of `R`, and what it carries there.
fn divide<const W: u32>(
    number: &[Block],
    modulus: &[Block],
    inverse: i64,
    quotient: &mut [Block],
) -> i64 {
    let [n0, n1, n2, n3] = modulus.first().copied().unwrap_or(NONE);
    let mut carry = 0;
    for (at, block) in number.iter().enumerate() {
        let Some((known, [next, ..])) = quotient.split_at_mut_checked(at) else {
            return carry;
        };
        let [c0, c1, c2, c3] = lower_columns(known, modulus, at);
        let [p0, p1, p2, p3] = block;
        // Each digit of the quotient makes its column a multiple of 2^W, and the columns above need
        // it.
        let c0 = c0 + p0 + carry;
        let q0 = digit::<W>(c0.wrapping_mul(inverse));
        let c1 = c1 + p1 + q0 * n1 + ((c0 + q0 * n0) >> W);
        let q1 = digit::<W>(c1.wrapping_mul(inverse));
        let c2 = c2 + p2 + q0 * n2 + q1 * n1 + ((c1 + q1 * n0) >> W);
        let q2 = digit::<W>(c2.wrapping_mul(inverse));
        let c3 = c3 + p3 + q0 * n3 + q1 * n2 + q2 * n1 + ((c2 + q2 * n0) >> W);
        let q3 = digit::<W>(c3.wrapping_mul(inverse));
        carry = (c3 + q3 * n0) >> W;
        *next = [q0, q1, q2, q3];
    }
    carry
}

/// `-1/n` modulo `2^(8 * length)`, big-endian, for an odd big-endian `n` that is not longer: the
/// multiple of `n` that a one needs.
pub(crate) fn negative_inverse(modulus: &[u8], length: usize) -> Vec<u8> {
    // Digits for which no modulus is too long.
    const NARROW: u32 = 28;
    let blocks = (8 * length).div_ceil(4 * 28);
    let modulus = digits::from_bytes::<NARROW>(modulus, blocks);
    let inverse = digits::inverse(modulus.first().unwrap_or(&NONE)[0]).wrapping_neg();
    let (mut one, mut quotient) = (vec![NONE; blocks], vec![NONE; blocks]);
    if let Some([first, ..]) = one.first_mut() {
        *first = 1;
    }
    divide::<NARROW>(&one, &modulus, digit::<NARROW>(inverse), &mut quotient);
    let mut bytes = vec![0; length];
    digits::to_bytes::<NARROW>(&quotient, &mut bytes);
    bytes
}
