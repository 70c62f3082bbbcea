//! The operation on pairs of doubles, for builds with relaxed SIMD.
//!
//! A fused multiply-add gives the exact product of two digits in two halves, and both land in the
//! mantissas of numbers whose exponents are known, so that their raw bits can be added up as
//! integers: no carry runs from product to product. The idea is that of Emmart and others,
//! "double-precision floating-point multi-word multiplication", known from graphics processors.
//!
//! # Reduction
//!
//! Let `n` be the modulus, `W = 47`, `D` the number of digits, a multiple of four with
//! `W*D >= b + 3` for a modulus below `2^b`, and `R = 2^(W*D)`, so `R > 8n`. A key has
//! `m = -1/n` modulo `2^(4W)`, balanced, and `N = (n*m + 1) / 2^(4W)`, so `|N| < 0.501 n`.
//!
//! - For four digits `q` of a number, the lowest that are not yet zero, adding `q*n*m`, which is
//!   `q*N * 2^(4W) - q`, makes them zero. So these digits are the quotient themselves, and what is
//!   added to the columns above is a product by `N`.
//! - Not for the last four digits below `R`, since the result would have four digits more than `n`:
//!   `q = x*m` modulo `2^(4W)` for these digits `x`, and `q*n` is added.
//!
//! # Bounds
//!
//! - *Digits* are balanced but for a carry: at most `B = 2^46 + 2^10` in absolute value, doubled ones
//!   twice that.
//! - *Columns*: at most `D` rests of at most `2^46` and `D` integers `k` of at most `2^45 + 2^10`, for
//!   the product and as many for the quotient. For the 176 digits of 8192 bits that is
//!   below `2^56`.
//! - *Carries*: each column is cut once, and its carry, at most `2^56 / 2^47`, goes into the digit
//!   above, which is not cut again. Between the halves there is a second one, below 8.
//! - *Numbers*: all digits of `q` but the last four are below `0.501 * 2^(W*(D-4))` and the last four
//!   below `0.501 * 2^(4W)`. With `|a| <= n` and `|b| <= n` the result is below
//!   `n/8 + 0.501 * 0.501 n + 0.501 n`, hence below `0.88 n`.
//! - *The highest digit* keeps all that is carried into it: the number is below `0.11 R`, and the columns
//!   below weigh less than `2^56 / 2^47` of the highest one, which is then below `0.11 * 2^47 + 2^10` and
//!   carries nothing.
//! - *Chains* of a square that is short have room for its lower half and what the reduction adds there. In
//!   the last two blocks of 22 pairs these are 10 rows, one of digits that meet themselves, and 20
//!   rows: 31 products.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "the bounds above; sums of bits wrap by design"
)]

mod lanes;
mod number;
mod sums;
mod tile;

use alloc::{vec, vec::Vec};

pub(crate) use self::sums::is_fused;
use self::{
    lanes::{Lanes, array, doubles, splat_each},
    number::{Factor, Number, Pairs, Writer, double},
    sums::{Columns, Constants, whole},
    tile::Tile,
};
use crate::{
    digits::{self, Block},
    power::{self, Montgomery},
    precompute::power_of_two,
    scalar::negative_inverse,
};

/// Bits of a digit.
const W: u32 = 47;

/// Pairs of digits of the shortest modulus and of the usual ones, those of 2048 bits: there is code for
/// just this number, so that loops know their ends.
const SHORT: usize = 22;

/// A modulus with what its multiplications need.
#[derive(Clone)]
pub(crate) struct Fused {
    /// `n`.
    digits: Vec<Block>,
    /// `n`, after zeros.
    modulus: Factor,
    /// `m`.
    inverse: Factor,
    /// `N`.
    multiple: Factor,
    /// `R^2` modulo `n`.
    square: Factor,
}

impl Fused {
    /// Precomputes for an odd modulus of so many bits, big-endian.
    pub(crate) fn new(modulus: &[u8], bits: usize) -> Self {
        let width = usize::try_from(W).unwrap_or_default();
        let blocks = bits.saturating_add(3).div_ceil(4 * width);
        let pairs = 2 * blocks;
        let square = power_of_two(modulus, bits, 2 * 4 * width * blocks);
        let digits = digits::from_bytes::<W>(modulus, blocks);
        // What does not fit into one block is a multiple of 2^(4W).
        let inverse = digits::from_bytes::<W>(&negative_inverse(modulus, width.div_ceil(2)), 1);
        let modulus = Factor::new(&digits, pairs);
        Self {
            multiple: multiple(&modulus, &inverse, pairs),
            inverse: Factor::new(&inverse, 2),
            square: Factor::new(&digits::from_bytes::<W>(&square, blocks), pairs),
            modulus: modulus.after_zeros(),
            digits,
        }
    }

    /// `base^exponent` modulo `n`, in place, as [`power::power`].
    pub(crate) fn power(&self, bytes: &mut [u8], exponent: u64) {
        power::power(self, &self.square, bytes, exponent);
    }

    /// The number of pairs of digits.
    fn pairs(&self) -> usize {
        2 * self.digits.len()
    }

    /// What a multiplication works on.
    fn parts<'a>(&'a self, number: &'a mut Number) -> Parts<'a> {
        let Number { rows, doubled, quotient } = number;
        Parts {
            rows,
            doubled,
            quotient,
            modulus: &self.modulus.pairs,
            multiple: &self.multiple.pairs,
            inverse: &self.inverse.pairs,
        }
    }
}

/// A number, room for its quotient, and the modulus in its forms.
struct Parts<'a> {
    rows: &'a mut [Pairs],
    doubled: &'a mut [Pairs],
    quotient: &'a mut [Pairs],
    modulus: &'a [Pairs],
    multiple: &'a [Pairs],
    inverse: &'a [Pairs],
}

impl<'a> Parts<'a> {
    /// The same, if they are [`SHORT`], with lengths that the compiler knows.
    #[inline(always)]
    fn short(&mut self) -> Option<Parts<'_>> {
        (self.rows.len() == SHORT).then_some(())?;
        Some(Parts {
            rows: self.rows.get_mut(..SHORT)?,
            doubled: self.doubled.get_mut(..=SHORT)?,
            quotient: self.quotient.get_mut(..SHORT)?,
            modulus: self.modulus.get(..SHORT + 2)?,
            multiple: self.multiple.get(..=SHORT)?,
            inverse: self.inverse,
        })
    }

    /// Divides a product by `R` modulo `n`: `lower` and `upper` give two blocks of its halves, made of
    /// the rows and the doubled factor.
    #[inline(always)]
    fn reduce<const LONG: bool>(
        self,
        lower: impl for<'b> Fn(&[Pairs], &[Pairs], usize, &'b Constants) -> Tile<'b, LONG>,
        upper: impl for<'b> Fn(&[Pairs], &[Pairs], usize, &'b Constants) -> Tile<'b, LONG>,
    ) {
        let Self { rows, doubled, quotient, modulus, multiple, inverse } = self;
        let constants = &Constants::new();
        let (mut columns, mut last) = (Columns::new(), [doubles([0.0; 2]); 2]);
        for at in (0..quotient.len()).step_by(2) {
            let mut tile = lower(rows, doubled, at, constants);
            if let Some(at) = at.checked_sub(2) {
                tile.add_lower(quotient, multiple, at);
            }
            last = tile.finish().map(|sums| columns.next(sums, constants));
            write(quotient, at, last);
        }

        // The last four become digits of the quotient.
        let end = quotient.len().saturating_sub(2);
        let two = quotient.get_mut(end..).unwrap_or_default();
        let (mut others, mut tile) = (Columns::new(), Tile::<LONG>::once(constants));
        tile.add_lower(two, inverse, 0);
        write(two, 0, tile.finish().map(|sums| others.next(sums, constants)));
        // With what is added for them they are zero.
        let (mut others, mut tile) = (Columns::new(), Tile::<LONG>::once(constants));
        tile.add_lower(two, modulus, 0);
        tile.add_columns(last.map(whole));
        for sums in tile.finish() {
            others.next(sums, constants);
        }

        let (mut columns, mut writer) = (columns.plus(others), Writer::new());
        for at in (0..quotient.len()).step_by(2) {
            let mut tile = upper(rows, doubled, at, constants);
            tile.add_upper_of_most(quotient, multiple, at);
            tile.add_upper_of_two(quotient, modulus, at);
            let digits = tile.finish().map(|sums| columns.next(sums, constants));
            write(rows, at, digits);
            let ends = doubled.len().saturating_sub(at + 2);
            let places = doubled.iter_mut().skip(ends).take(2).rev();
            for (place, digits) in places.zip(digits) {
                *place = writer.next(double(digits));
            }
        }
        if let Some(end) = doubled.first_mut() {
            *end = writer.next(doubles([0.0; 2]));
        }
    }

    #[inline(always)]
    fn square<const LONG: bool>(self) {
        self.reduce::<LONG>(
            |rows, doubled, at, constants| Tile::of_lower_square(rows, doubled, at, constants),
            |rows, doubled, at, constants| Tile::of_upper_square(rows, doubled, at, constants),
        );
    }

    #[inline(always)]
    fn multiply<const LONG: bool>(self, factor: &[Pairs]) {
        self.reduce::<LONG>(
            |rows, _, at, constants| Tile::of_lower(rows, factor, at, constants),
            |rows, _, at, constants| Tile::of_upper(rows, factor, at, constants),
        );
    }
}

/// Puts digits into rows.
#[inline(always)]
fn write(rows: &mut [Pairs], at: usize, digits: [Lanes; 2]) {
    for (row, digits) in rows.iter_mut().skip(at).zip(digits) {
        *row = splat_each(digits);
    }
}

/// `(n*m + 1) / 2^(4W)`, for the four digits of `m`.
fn multiple(modulus: &Factor, inverse: &[Block], pairs: usize) -> Factor {
    let constants = &Constants::new();
    let rows = Number::new(inverse, 2).rows;
    let (mut columns, mut blocks) = (Columns::new(), Vec::new());
    for at in (0..pairs + 2).step_by(2) {
        let mut tile = Tile::<false>::once(constants);
        if let Some(rows) = rows.first_chunk() {
            tile.add_product(rows, &modulus.pairs, at);
        }
        let [[a, b], [c, d]] =
            tile.finish().map(|sums| array(whole(columns.next(sums, constants))));
        blocks.push([a, b, c, d]);
    }
    // The lowest block is that of -1.
    Factor::new(blocks.get(1..).unwrap_or_default(), pairs)
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
        for (place, digits) in places.iter_mut().zip(number.digits()) {
            *place = array(digits);
        }
        digits
    }

    fn factor(&self, digits: &[Block]) -> Factor {
        Factor::new(digits, self.pairs())
    }

    fn square(&self, number: &mut Number) {
        let mut parts = self.parts(number);
        match parts.short() {
            Some(parts) => parts.square::<false>(),
            None => parts.square::<true>(),
        }
    }

    fn multiply(&self, number: &mut Number, factor: &Factor) {
        let mut parts = self.parts(number);
        match (parts.short(), factor.pairs.get(..=SHORT)) {
            (Some(parts), Some(factor)) => parts.multiply::<false>(factor),
            _ => parts.multiply::<true>(&factor.pairs),
        }
    }
}

#[cfg(test)]
mod tests;
