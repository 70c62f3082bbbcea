//! The operation on pairs of doubles, for builds with relaxed SIMD.
//!
//! A fused multiply-add gives the exact product of two digits in two halves, and both land in the
//! mantissas of numbers whose exponents are known, so that their raw bits can be added up as
//! integers: no carry runs from product to product. The idea is that of Emmart and others,
//! "double-precision floating-point multi-word multiplication", known from graphics processors.
//!
//! # Bounds
//!
//! `D`, the number of digits, is even, with `51 * D >= b + 2` for a modulus `n` below `2^b`, and
//! `R = 2^(51*D)`, so `R > 4n`.
//!
//! - *Digits* are balanced: at most `2^50` in absolute value, doubled ones `2^51`. A product of a
//!   digit and a doubled one is at most `2^101`.
//! - *Columns*: at most `D` rests and `D` integers `k`, so `D * 2^51` in absolute value, which for
//!   the 162 digits of 8192 bits is below `2^59`. The reduction adds two such columns and a carry
//!   below `2^9`: below `2^61`.
//! - *Quotient*: `q = T * (-1/n) mod R` from the lower digits of `T` only, and all of its digits
//!   balanced, hence `|q| < 0.51 R`; so numbers stay below `0.77 n` as in `scalar`.
//! - *Lower half of the sum*: `T + q*n` is a multiple of `R`, but only its upper columns are
//!   computed, and of the lower ones the last, `D-1`. The others, below `2^60` each, weigh less
//!   than `2^60 / 2^102` and their sum less than `2^-41` of `R`, so the carry into the upper half,
//!   an integer, is column `D-1` divided by `2^51` and rounded to the nearest.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "the bounds above; sums of bits wrap by design"
)]

mod number;
mod sums;

use alloc::{vec, vec::Vec};

use self::{
    number::{Factor, Number, double},
    sums::{Columns, Constants, Pairs, integer, lower_sums, splat, square_sums, upper_sums},
};
use crate::{
    digits::{self, Block, cut},
    power::{self, Montgomery},
    precompute::power_of_two,
    scalar::negative_inverse,
};

/// Bits of a digit.
const W: u32 = 51;
pub(crate) use self::sums::is_fused;

/// A modulus with what its multiplications need.
#[derive(Clone)]
pub(crate) struct Fused {
    /// `n`.
    digits: Vec<Block>,
    modulus: Factor,
    /// `-1/n` modulo `R`.
    inverse: Factor,
    /// `R^2` modulo `n`.
    square: Factor,
}

impl Fused {
    /// Precomputes for an odd modulus of so many bits, big-endian.
    pub(crate) fn new(modulus: &[u8], bits: usize) -> Self {
        let width = usize::try_from(W).unwrap_or_default();
        let pairs = bits.saturating_add(2).div_ceil(2 * width);
        let digits = |bytes: &[u8]| digits::from_bytes::<W>(bytes, pairs.div_ceil(2));
        // The digits of the last block that are beyond `R` are not taken.
        let factor = |bytes: &[u8]| Factor::new(&digits(bytes), pairs);
        let radix_bits = 2 * width * pairs;
        Self {
            inverse: factor(&negative_inverse(modulus, radix_bits.div_ceil(8))),
            square: factor(&power_of_two(modulus, bits, 2 * radix_bits)),
            modulus: factor(modulus),
            digits: digits(modulus),
        }
    }

    /// `base^exponent` modulo `n`, in place, as [`power::power`].
    pub(crate) fn power(&self, bytes: &mut [u8], exponent: u64) {
        power::power(self, &self.square, bytes, exponent);
    }

    /// The number of pairs of digits.
    fn pairs(&self) -> usize {
        self.inverse.pairs.len() - 1
    }

    /// Divides by `R` modulo `n` what is in `product` and `upper`, with a carry between the two: a
    /// multiple of `n` is added that makes the lower half zero.
    fn reduce(&self, number: &mut Number, carry: i64, constants: Constants) {
        let Number { rows, doubled, digits, product, quotient, upper } = number;
        let (inverse, modulus) = (&self.inverse.pairs, &self.modulus.pairs);
        low_product(product, inverse, quotient, constants);

        // What the lower half carries: its last column, rounded.
        let last = quotient.len() - 1;
        let mut columns = Columns::default();
        let [_, column] = columns.next(lower_sums(quotient, modulus, last, constants));
        let [_, digit] = product.last().map_or([0; 2], |pairs| pairs.map(integer));
        let (_, lower) = cut::<W>(column + digit);
        let mut carry = carry + lower;

        let mut before = 0.0;
        let results = upper.iter().zip(rows).zip(doubled.iter_mut()).zip(digits);
        for (at, (((upper, row), doubled), digits)) in results.enumerate() {
            let [c0, c1] = columns.next(upper_sums(quotient, modulus, at, constants));
            let [u0, u1] = upper;
            *digits = cut_pair([c0 + u0, c1 + u1], &mut carry);
            *row = digits.map(splat);
            before = double(doubled, before, *digits);
        }
        if let Some(end) = doubled.last_mut() {
            double(end, before, [0; 2]);
        }
    }
}

impl Montgomery<W> for Fused {
    type Number = Number;
    type Factor = Factor;

    fn modulus(&self) -> &[Block] {
        &self.digits
    }

    fn number(&self, digits: &[Block]) -> Number {
        let mut number = Number::new(self.pairs());
        number.load(digits);
        number
    }

    fn digits(&self, number: &Number) -> Vec<Block> {
        let mut digits = vec![[0; 4]; self.digits.len()];
        let (places, _) = digits.as_flattened_mut().as_chunks_mut::<2>();
        for (place, digits) in places.iter_mut().zip(&number.digits) {
            *place = *digits;
        }
        digits
    }

    fn factor(&self, digits: &[Block]) -> Factor {
        Factor::new(digits, self.pairs())
    }

    fn square(&self, number: &mut Number) {
        let Number { rows, doubled, product, upper, .. } = number;
        let constants = Constants::new();
        let (mut columns, mut carry) = (Columns::default(), 0);
        for (at, place) in product.iter_mut().enumerate() {
            let column = columns.next(square_sums(rows, doubled, at, constants));
            *place = cut_pair(column, &mut carry).map(splat);
        }
        let at = upper.len();
        for (at, place) in (at..).zip(upper.iter_mut()) {
            *place = columns.next(square_sums(rows, doubled, at, constants));
        }
        self.reduce(number, carry, constants);
    }

    fn multiply(&self, number: &mut Number, factor: &Factor) {
        let Number { rows, product, upper, .. } = number;
        let constants = Constants::new();
        let (mut columns, mut carry) = (Columns::default(), 0);
        for (at, place) in product.iter_mut().enumerate() {
            let column = columns.next(lower_sums(rows, &factor.pairs, at, constants));
            *place = cut_pair(column, &mut carry).map(splat);
        }
        for (at, place) in upper.iter_mut().enumerate() {
            *place = columns.next(upper_sums(rows, &factor.pairs, at, constants));
        }
        self.reduce(number, carry, constants);
    }
}

/// `rows * factor` modulo `R`, as rows.
fn low_product(rows: &[Pairs], factor: &[Pairs], result: &mut [Pairs], constants: Constants) {
    let (mut columns, mut carry) = (Columns::default(), 0);
    for (at, place) in result.iter_mut().enumerate() {
        let column = columns.next(lower_sums(rows, factor, at, constants));
        *place = cut_pair(column, &mut carry).map(splat);
    }
}

/// Cuts two columns into digits, with the carry from below and to above.
#[inline(always)]
fn cut_pair(columns: [i64; 2], carry: &mut i64) -> [i64; 2] {
    columns.map(|column| {
        let digit;
        (digit, *carry) = cut::<W>(column.wrapping_add(*carry));
        digit
    })
}

#[cfg(test)]
mod tests;
