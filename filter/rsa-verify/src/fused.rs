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
//! - *Digits* are balanced but for a carry: at most `B = 2^50 + 2^10` in absolute value, doubled ones
//!   twice that. A product of a digit and a doubled one is below `2^102`.
//! - *Columns*: at most `D` rests of at most `2^50` and `D` integers `k` of at most `2^50 + 2^13`, which
//!   for the 162 digits of 8192 bits is below `2^59`. The reduction adds two such columns and what the
//!   lower half carries: below `2^61`.
//! - *Carries*: each column is cut once, and its carry, at most `2^61 / 2^51`, goes into the digit
//!   above, which is not cut again.
//! - *Quotient*: `q = T * (-1/n) mod R` from the lower digits of `T` only, and all of its digits at
//!   most `B`, hence `|q| < 0.51 R`; so numbers stay below `0.77 n` as in `scalar`.
//! - *The highest digit* keeps all that is carried into it: the number is below `0.2 R`, and the columns
//!   below weigh less than `2^61 / 2^51` of the highest one, which is then below `0.2 * 2^51 + 2^11` and
//!   carries nothing.
//! - *Lower half of the sum*: `T + q*n` is a multiple of `R`, but only its upper columns are
//!   computed, and of the lower ones the last, `D-1`. The others, below `2^60` each, weigh less
//!   than `2^60 / 2^102` and their sum less than `2^-41` of `R`, so the carry into the upper half,
//!   an integer, is column `D-1` divided by `2^51` and rounded to the nearest.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "the bounds above; sums of bits wrap by design"
)]

mod lanes;
mod number;
mod sums;

use alloc::{vec, vec::Vec};

pub(crate) use self::sums::is_fused;
use self::{
    lanes::{Lanes, add, array, doubles, integers, splat_each},
    number::{Factor, Number, Pairs, Writer, double},
    sums::{Carries, Columns, Constants, floats, lower_sums, square_sums, upper_sums},
};
use crate::{
    digits::{self, Block, cut},
    power::{self, Montgomery},
    precompute::power_of_two,
    scalar::negative_inverse,
};

/// Bits of a digit.
const W: u32 = 51;

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

    /// Divides by `R` modulo `n` what is in `product` and `upper`, with the carries between the two:
    /// a multiple of `n` is added that makes the lower half zero. `last` are the highest digits of
    /// `product`.
    fn reduce(&self, number: &mut Number, carries: &Carries, last: Lanes, constants: Constants) {
        let Number { rows, doubled, digits, product, quotient, upper } = number;
        let (inverse, modulus) = (&self.inverse.pairs, &self.modulus.pairs);
        low_product(product, inverse, quotient, constants);

        // What the lower half carries: its last column, rounded.
        let mut columns = Columns::new();
        let [highest, _] = lower_sums(quotient, modulus, quotient.len() - 1, constants);
        let highest = add(columns.next(highest), last);
        let [_, highest] = array(highest);
        let (_, carry) = cut::<W>(highest);
        let mut carry = add(carries.out(), integers([carry, 0]));

        let (mut carries, mut writer) = (Carries::new(), Writer::new());
        let mut places = upper.iter().zip(rows).zip(doubled.iter_mut()).zip(digits);
        for at in (0..quotient.len()).step_by(2) {
            let sums = upper_sums(quotient, modulus, at, constants);
            for (sum, (((upper, place), doubled), digits)) in sums.into_iter().zip(&mut places) {
                let sum = add(add(columns.next(sum), *upper), carry);
                carry = integers([0; 2]);
                *digits = carries.next(sum);
                let floats = floats(*digits);
                *place = splat_each(floats);
                *doubled = writer.next(double(floats));
            }
        }
        if let Some(end) = doubled.last_mut() {
            *end = writer.next(doubles([0.0; 2]));
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
        Number::new(digits, self.pairs())
    }

    fn digits(&self, number: &Number) -> Vec<Block> {
        let mut digits = vec![[0; 4]; self.digits.len()];
        let (places, _) = digits.as_flattened_mut().as_chunks_mut::<2>();
        for (place, digits) in places.iter_mut().zip(&number.digits) {
            *place = array(*digits);
        }
        digits
    }

    fn factor(&self, digits: &[Block]) -> Factor {
        Factor::new(digits, self.pairs())
    }

    fn square(&self, number: &mut Number) {
        let Number { rows, doubled, product, upper, .. } = number;
        let constants = Constants::new();
        let (mut columns, mut carries, mut last) =
            (Columns::new(), Carries::new(), integers([0; 2]));
        let half = product.len();
        for at in (0..2 * half).step_by(2) {
            let [first, second] = square_sums(rows, doubled, at, constants);
            for (at, sum) in [(at, first), (at + 1, second)] {
                let column = columns.next(sum);
                if let Some(place) = product.get_mut(at) {
                    last = carries.next(column);
                    *place = splat_each(floats(last));
                } else if let Some(place) = upper.get_mut(at - half) {
                    *place = column;
                }
            }
        }
        self.reduce(number, &carries, last, constants);
    }

    fn multiply(&self, number: &mut Number, factor: &Factor) {
        let Number { rows, product, upper, .. } = number;
        let constants = Constants::new();
        let (mut columns, mut carries, mut last) =
            (Columns::new(), Carries::new(), integers([0; 2]));
        let half = product.len();
        let mut places = product.iter_mut();
        for at in (0..half).step_by(2) {
            let sums = lower_sums(rows, &factor.pairs, at, constants);
            for (sum, place) in sums.into_iter().zip(&mut places) {
                last = carries.next(columns.next(sum));
                *place = splat_each(floats(last));
            }
        }
        let mut places = upper.iter_mut();
        for at in (0..half).step_by(2) {
            let sums = upper_sums(rows, &factor.pairs, at, constants);
            for (sum, place) in sums.into_iter().zip(&mut places) {
                *place = columns.next(sum);
            }
        }
        self.reduce(number, &carries, last, constants);
    }
}

/// `rows * factor` modulo `R`, as rows.
fn low_product(rows: &[Pairs], factor: &[Pairs], result: &mut [Pairs], constants: Constants) {
    let (mut columns, mut carries) = (Columns::new(), Carries::new());
    let half = result.len();
    let mut places = result.iter_mut();
    for at in (0..half).step_by(2) {
        let sums = lower_sums(rows, factor, at, constants);
        for (sum, place) in sums.into_iter().zip(&mut places) {
            *place = splat_each(floats(carries.next(columns.next(sum))));
        }
    }
}

#[cfg(test)]
mod tests;
