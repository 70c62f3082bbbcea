//! The operation on plain 64-bit integers, which every machine and every host has.
//!
//! Montgomery multiplication, column by column: all products of digits that belong to one power of
//! `2^W` are added up in one 64-bit integer before anything is carried, so that a product costs one
//! multiplication and one addition. Four columns are summed at a time, since eight loads then serve
//! sixteen products.
//!
//! # Reduction
//!
//! Let `n` be the modulus, below `2^b`, and `D` the number of digits, a multiple of four with
//! `W * D >= b + 3`; `R = 2^(W*D)`, so `R > 8n`. A key has `m = -1/n` modulo `2^(4W)`, balanced, and
//! `N = (n*m + 1) / 2^(4W)`, so `|N| < 0.501 n`.
//!
//! - For four digits `q` of a number, the lowest that are not yet zero, adding `q*n*m`, which is
//!   `q*N * 2^(4W) - q`, makes them zero. So these digits are the quotient themselves, and what is
//!   added to the columns above is a product by `N`.
//! - Not for the last four digits below `R`, since the result would have four digits more than `n`:
//!   `q = x*m` modulo `2^(4W)` for these digits `x`, and `q*n` is added.
//!
//! # Bounds
//!
//! - *Digits* are balanced: at most `2^(W-1)` in absolute value.
//! - *Columns*: at most `D` products of two digits, together at most `D * 2^(2W-2)`. For `W` = 29
//!   and `D <= 124` that is `124 * 2^56 < 2^62.96`; for `W` = 28 and `D <= 296`, `2^62.21`.
//! - *A product's digits* are not balanced but cut once, without a chain of carries: a low part
//!   below `2^W` and the high part of the column below, at most `2^(63-W)`; so less than `2^36`.
//! - *A column of the reduction*: `D` products of digits of the quotient and of `N` or `n`, one digit
//!   of the product, and a carry that is at most `2^(64-W)`, or two of them between the halves. The sum
//!   is below `2^62.96 + 2^38`, which is below `2^63`.
//! - *Numbers*: all digits of `q` but the last four are below `0.501 * 2^(W*(D-4))` and the last four
//!   below `0.501 * 2^(4W)`. With `|a| <= n` and `|b| <= n` the result is below
//!   `n/8 + 0.501 * 0.501 n + 0.501 n`, hence below `0.88 n`. It has a balanced form in `D` digits,
//!   since `n < R/8`.
//!
//! Debug builds check every addition and multiplication for overflow, so the tests hold these
//! bounds against the extremes.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "the bounds above; a release build would wrap, and a wrong result is refused"
)]

use alloc::{vec, vec::Vec};

use crate::{
    digits::{self, Block, cut},
    power::{self, Montgomery},
    precompute::power_of_two,
};

mod columns;
mod inverse;

use self::columns::{
    NONE, add_lower, add_lower_triangle, add_row, add_rows, add_upper_triangle, block,
    lower_columns, part, upper_columns,
};
pub(crate) use self::inverse::negative_inverse;

/// A modulus with what its multiplications need.
#[derive(Clone)]
pub(crate) struct Scalar<const W: u32> {
    /// `n`.
    modulus: Vec<Block>,
    /// `m`.
    inverse: Block,
    /// `N`.
    multiple: Vec<Block>,
    /// `R^2` modulo `n`.
    square: Vec<Block>,
}

impl<const W: u32> Scalar<W> {
    /// Precomputes for an odd modulus of so many bits, big-endian.
    pub(crate) fn new(bytes: &[u8], bits: usize) -> Self {
        let width = usize::try_from(W).unwrap_or_default();
        let blocks = bits.saturating_add(3).div_ceil(4 * width);
        let modulus = digits::from_bytes::<W>(bytes, blocks);
        // What does not fit into one block is a multiple of 2^(4W).
        let inverse = digits::from_bytes::<W>(&negative_inverse(bytes, width.div_ceil(2)), 1);
        let inverse = *block(&inverse, 0);
        let square = power_of_two(bytes, bits, 2 * 4 * width * blocks);
        Self {
            multiple: multiple::<W>(&modulus, &inverse),
            inverse,
            square: digits::from_bytes::<W>(&square, blocks),
            modulus,
        }
    }

    /// `base^exponent` modulo `n`, in place, as [`power::power`].
    pub(crate) fn power(&self, bytes: &mut [u8], exponent: u64) {
        power::power(self, &self.square, bytes, exponent);
    }

    /// The product divided by `R` modulo `n`: a multiple of `n` is added that makes its lower half
    /// zero.
    fn reduce(&self, Scratch { product, quotient }: &mut Scratch, result: &mut [Block]) {
        let (modulus, multiple) = (self.modulus.as_slice(), self.multiple.as_slice());
        let (lower, upper) = product.split_at(modulus.len());
        let mut carry = 0;
        for (at, digits) in lower.iter().enumerate() {
            let mut columns = *digits;
            if let Some(before) = at.checked_sub(1) {
                add_lower(&mut columns, quotient, multiple, before);
                add_lower_triangle(&mut columns, block(quotient, before), block(multiple, 0));
            }
            let place = quotient.get_mut(at);
            cut_into::<W>(place.unwrap_or(&mut { NONE }), columns, &mut carry);
        }
        // The last four become digits of the quotient. With what is added for them they are zero.
        let Some((last, rows)) = quotient.split_last_mut() else { return };
        let (mut columns, mut zeros) = (NONE, *last);
        add_lower_triangle(&mut columns, last, &self.inverse);
        cut_into::<W>(last, columns, &mut 0);
        add_lower_triangle(&mut zeros, last, block(modulus, 0));
        let mut other = 0;
        cut_into::<W>(&mut { NONE }, zeros, &mut other);
        carry += other;

        let end = rows.len();
        for (at, (digits, result)) in upper.iter().zip(result).enumerate() {
            let mut columns = *digits;
            match at.checked_sub(1) {
                None => add_lower(&mut columns, rows, multiple, end),
                Some(before) => {
                    add_upper_triangle(&mut columns, block(rows, before), block(multiple, end));
                    let lows = part(multiple, at, end);
                    add_rows(&mut columns, part(rows, at, end), block(multiple, end), lows);
                }
            }
            add_row(&mut columns, last, block(modulus, at + 1), block(modulus, at));
            cut_into::<W>(result, columns, &mut carry);
        }
    }
}

/// Four balanced digits of columns, with a carry from the ones below and to the ones above.
#[inline(always)]
fn cut_into<const W: u32>(digits: &mut Block, columns: Block, carry: &mut i64) {
    for (digit, column) in digits.iter_mut().zip(columns) {
        (*digit, *carry) = cut::<W>(column + *carry);
    }
}

/// `(n*m + 1) / 2^(4W)`, for the four digits of `m`.
fn multiple<const W: u32>(modulus: &[Block], inverse: &Block) -> Vec<Block> {
    let mut blocks = vec![NONE; modulus.len() + 1];
    let (mut carry, mut low) = (0, &NONE);
    for (at, place) in blocks.iter_mut().enumerate() {
        let mut columns = NONE;
        let high = block(modulus, at);
        add_row(&mut columns, inverse, high, low);
        cut_into::<W>(place, columns, &mut carry);
        low = high;
    }
    // The lowest block is that of -1.
    blocks.remove(0);
    blocks
}

impl<const W: u32> Montgomery<W> for Scalar<W> {
    type Number = (Vec<Block>, Scratch);
    type Factor = Vec<Block>;

    fn modulus(&self) -> &[Block] {
        &self.modulus
    }

    fn number(&self, digits: &[Block]) -> Self::Number {
        (digits.to_vec(), Scratch::new(digits.len()))
    }

    fn digits(&self, (number, _): &Self::Number) -> Vec<Block> {
        number.clone()
    }

    fn factor(&self, digits: &[Block]) -> Self::Factor {
        digits.to_vec()
    }

    fn square(&self, (number, scratch): &mut Self::Number) {
        square::<W>(number, &mut scratch.product);
        self.reduce(scratch, number);
    }

    fn multiply(&self, (number, scratch): &mut Self::Number, factor: &Self::Factor) {
        multiply::<W>(number, factor, &mut scratch.product);
        self.reduce(scratch, number);
    }
}

/// Room for one multiplication.
pub(crate) struct Scratch {
    product: Vec<Block>,
    quotient: Vec<Block>,
}

impl Scratch {
    fn new(blocks: usize) -> Self {
        Self { product: vec![NONE; blocks.saturating_mul(2)], quotient: vec![NONE; blocks] }
    }
}

/// The product of two numbers, not yet carried.
fn multiply<const W: u32>(a: &[Block], b: &[Block], product: &mut [Block]) {
    let (lower, upper) = product.split_at_mut(a.len());
    let mut carry = 0;
    for (at, place) in lower.iter_mut().enumerate() {
        let mut columns = lower_columns(a, b, at);
        add_lower_triangle(&mut columns, block(a, at), block(b, 0));
        carry = store::<W>(place, columns, carry);
    }
    for (at, place) in upper.iter_mut().enumerate() {
        carry = store::<W>(place, upper_columns(a, b, at), carry);
    }
}

/// The square of a number, not yet carried: each product of two different digits is made once and
/// doubled.
fn square<const W: u32>(a: &[Block], product: &mut [Block]) {
    let blocks = a.len();
    let mut carry = 0;
    for (at, place) in product.iter_mut().enumerate() {
        let middle = at / 2;
        let mut columns = NONE;
        match at.checked_sub(blocks) {
            None => {
                let (rows, lows) = (part(a, 0, middle), part(a, at - middle, at));
                add_rows(&mut columns, rows, block(a, at), lows);
            }
            Some(first) if first < middle => {
                let high = block(a, blocks - 1);
                add_upper_triangle(&mut columns, block(a, first), high);
                let (rows, lows) = (part(a, first + 1, middle), part(a, at - middle, blocks - 1));
                add_rows(&mut columns, rows, high, lows);
            }
            Some(_) => {}
        }
        let [c0, c1, c2, c3] = columns;
        let [a0, a1, a2, a3] = *block(a, middle);
        let columns = if at.is_multiple_of(2) {
            [
                2 * c0 + a0 * a0,
                2 * (c1 + a0 * a1),
                2 * (c2 + a0 * a2) + a1 * a1,
                2 * (c3 + a0 * a3 + a1 * a2),
            ]
        } else {
            let [h0, h1, h2, h3] = *block(a, middle + 1);
            [
                2 * (c0 + a0 * h0 + a1 * a3) + a2 * a2,
                2 * (c1 + a0 * h1 + a1 * h0 + a2 * a3),
                2 * (c2 + a0 * h2 + a1 * h1 + a2 * h0) + a3 * a3,
                2 * (c3 + a0 * h3 + a1 * h2 + a2 * h1 + a3 * h0),
            ]
        };
        carry = store::<W>(place, columns, carry);
    }
}

/// Cuts four columns once: each keeps its low bits and gets the high ones of the column below.
#[inline(always)]
fn store<const W: u32>(place: &mut Block, columns: Block, carry: i64) -> i64 {
    let low = |column: i64| column & ((1 << W) - 1);
    let [c0, c1, c2, c3] = columns;
    *place = [low(c0) + carry, low(c1) + (c0 >> W), low(c2) + (c1 >> W), low(c3) + (c2 >> W)];
    c3 >> W
}

#[cfg(test)]
mod tests;
