//! The operation on integers of 16 bits, for builds with SIMD on machines that do not fuse.
//!
//! One instruction, `i32x4.dot_i16x8_s`, makes eight products of 16 bits and adds them up in pairs,
//! where one of `i64x2` makes two products of 32 bits, after two more that bring their operands into
//! place: for half of the bits that is four times the products.
//!
//! # Bounds
//!
//! `D`, the number of digits, is a multiple of 16, with `13 * D >= b + 2` for a modulus `n` below
//! `2^b`, and `R = 2^(13*D)`, so `R > 4n`. It is at most 640.
//!
//! - *Digits* are balanced but for a carry: at most `B` = 4600 in absolute value, which is `2^12` and
//!   a carry of 504. Doubled ones fit into 16 bits.
//! - *Open sums*: at most 92 products of digits, or 48 of a digit and a doubled one, before their
//!   high bits are taken off. `96 * B^2 + 2^12 < 2^31`.
//! - *Columns*, as a low and a high part (`low + 2^13 * high`): a column is at most `D * B^2`, so
//!   `high` is below `D * B^2 / 2^13 + 5 < 1,653,200`; `low` is at most `2^12` for each time that a
//!   sum was taken, 10 times at most.
//! - *First carry*: the high part of a column goes into the next one, which is then at most
//!   1,653,200 + 40,960.
//! - *Second carry*: of two such columns, one of the product and one of the reduction, and what the
//!   second carry of the product leaves, below 500. That is below 3,389,000, hence
//!   a carry of at most 414, and digits of at most `2^12 + 414 < B`.
//! - *Quotient*: `q = T * (-1/n) mod R` from the lower digits of `T` only, and all of its digits at
//!   most `B`, hence `|q| < 0.57 R`; so numbers stay below `n/4 + 0.57 n`.
//! - *The highest digit* keeps all that is carried into it: the column there is empty, as its number
//!   is `2D-1`, and the number is below `0.82 n < 0.21 R`, so the digit is below `0.3 * 2^13` and
//!   nothing is carried out of it.
//! - *Lower half of the sum*: `T + q*n` is a multiple of `R`, but only its upper columns are
//!   computed, and of the lower ones the last four. The others, below `2^34` each, weigh less than
//!   `2^34 / 2^65` of `R`, so the carry into the upper half, an integer, is what the four give,
//!   rounded to the nearest; it is below 1,653,300.

#![expect(clippy::arithmetic_side_effects, reason = "the bounds above")]

mod lanes;
mod number;
mod sums;

use alloc::vec::Vec;

use self::{
    lanes::{Lanes, add, array, lanes, splat_pairs},
    number::{Factor, Number, Writer},
    sums::{Carries, Sum, TILE, lower_sums, square_sums, upper_sums},
};
use crate::{
    digits::{self, Block},
    power::{self, Montgomery},
    precompute::power_of_two,
    scalar::negative_inverse,
};

/// Bits of a digit.
const W: u32 = 13;

/// A modulus with what its multiplications need.
#[derive(Clone)]
pub(crate) struct Simd128 {
    /// `n`.
    digits: Vec<Block>,
    modulus: Factor,
    /// `-1/n` modulo `R`.
    inverse: Factor,
    /// `R^2` modulo `n`.
    square: Factor,
}

impl Simd128 {
    /// Precomputes for an odd modulus of so many bits, big-endian.
    pub(crate) fn new(modulus: &[u8], bits: usize) -> Self {
        let width = usize::try_from(W).unwrap_or_default();
        let blocks = bits.saturating_add(2).div_ceil(4 * width).next_multiple_of(TILE);
        let radix_bits = 4 * width * blocks;
        let digits = |bytes: &[u8]| digits::from_bytes::<W>(bytes, blocks);
        Self {
            inverse: Factor::new(&digits(&negative_inverse(modulus, radix_bits.div_ceil(8)))),
            square: Factor::new(&digits(&power_of_two(modulus, bits, 2 * radix_bits))),
            modulus: Factor::new(&digits(modulus)),
            digits: digits(modulus),
        }
    }

    /// `base^exponent` modulo `n`, in place, as [`power::power`].
    pub(crate) fn power(&self, bytes: &mut [u8], exponent: u64) {
        power::power(self, &self.square, bytes, exponent);
    }

    /// Divides by `R` modulo `n` what is in `product` and `upper`, with a carry between the two: a
    /// multiple of `n` is added that makes the lower half zero. `last` are the highest digits of
    /// `product`.
    fn reduce(&self, number: &mut Number, carries: &Carries, last: Lanes) {
        let Number { rows, doubled, digits, product, quotient, upper } = number;
        let (inverse, modulus) = (&self.inverse.pairs, &self.modulus.pairs);
        let mut quotient_carries = Carries::none();
        let (tiles, _) = quotient.as_chunks_mut::<TILE>();
        for (tile, places) in tiles.iter_mut().enumerate() {
            let sums = lower_sums(product, inverse, tile * TILE);
            for (place, sum) in places.iter_mut().zip(sums) {
                *place = splat_pairs(quotient_carries.both(sum));
            }
        }

        let end = quotient.len().saturating_sub(TILE);
        let [.., highest] = lower_sums(quotient, modulus, end);
        // Into the first of the upper columns.
        let mut carry = add(lanes([carried(highest, last), 0, 0, 0]), carries.out());

        let (mut sum_carries, mut carries) = (Carries::none(), Carries::none());
        let mut writer = Writer::new();
        let (tiles, _) = upper.as_chunks::<TILE>();
        let mut places = rows.iter_mut().zip(doubled.iter_mut()).zip(digits);
        for (tile, upper) in tiles.iter().enumerate() {
            let sums = upper_sums(quotient, modulus, tile * TILE);
            for ((sum, upper), ((row, doubled), place)) in
                sums.into_iter().zip(upper).zip(&mut places)
            {
                let columns = add(add(sum_carries.first(sum), *upper), carry);
                carry = lanes([0; 4]);
                let digits = carries.second(columns);
                *place = digits;
                *row = splat_pairs(digits);
                *doubled = writer.next(add(digits, digits));
            }
        }
        if let Some(end) = doubled.last_mut() {
            *end = writer.next(lanes([0; 4]));
        }
    }
}

/// What the lower half of a multiple of `R` carries into the upper half, from its four highest columns: those of
/// a sum and digits.
fn carried(sum: Sum, digits: Lanes) -> i32 {
    let columns = array(sum.low).into_iter().zip(array(sum.high)).zip(array(digits));
    let carry = columns.fold(0_i64, |below, ((low, high), digit)| {
        (below >> W) + i64::from(low) + (i64::from(high) << W) + i64::from(digit)
    });
    i32::try_from((carry + (1 << (W - 1))) >> W).unwrap_or_default()
}

impl Montgomery<W> for Simd128 {
    type Number = Number;
    type Factor = Factor;

    fn modulus(&self) -> &[Block] {
        &self.digits
    }

    fn number(&self, digits: &[Block]) -> Number {
        Number::new(digits)
    }

    fn digits(&self, number: &Number) -> Vec<Block> {
        number.digits.iter().map(|digits| array(*digits).map(i64::from)).collect()
    }

    fn factor(&self, digits: &[Block]) -> Factor {
        Factor::new(digits)
    }

    fn square(&self, number: &mut Number) {
        let Number { rows, doubled, product, upper, .. } = number;
        let (mut carries, mut last) = (Carries::none(), lanes([0; 4]));
        let (tiles, _) = product.as_chunks_mut::<TILE>();
        for (tile, places) in tiles.iter_mut().enumerate() {
            for (place, sum) in places.iter_mut().zip(square_sums(rows, doubled, tile * TILE)) {
                last = carries.both(sum);
                *place = splat_pairs(last);
            }
        }
        let half = upper.len();
        let (tiles, _) = upper.as_chunks_mut::<TILE>();
        for (tile, places) in tiles.iter_mut().enumerate() {
            let sums = square_sums(rows, doubled, half + tile * TILE);
            for (place, sum) in places.iter_mut().zip(sums) {
                *place = carries.first(sum);
            }
        }
        self.reduce(number, &carries, last);
    }

    fn multiply(&self, number: &mut Number, factor: &Factor) {
        let Number { rows, product, upper, .. } = number;
        let (mut carries, mut last) = (Carries::none(), lanes([0; 4]));
        let (tiles, _) = product.as_chunks_mut::<TILE>();
        for (tile, places) in tiles.iter_mut().enumerate() {
            for (place, sum) in places.iter_mut().zip(lower_sums(rows, &factor.pairs, tile * TILE))
            {
                last = carries.both(sum);
                *place = splat_pairs(last);
            }
        }
        let (tiles, _) = upper.as_chunks_mut::<TILE>();
        for (tile, places) in tiles.iter_mut().enumerate() {
            for (place, sum) in places.iter_mut().zip(upper_sums(rows, &factor.pairs, tile * TILE))
            {
                *place = carries.first(sum);
            }
        }
        self.reduce(number, &carries, last);
    }
}

#[cfg(test)]
mod tests;
