//! The operation on plain 64-bit integers, which every machine and every host has.
//!
//! Montgomery multiplication, column by column: all products of digits that belong to one power of
//! `2^W` are added up in one 64-bit integer before anything is carried, so that a product costs one
//! multiplication and one addition. Four columns are summed at a time, since eight loads then serve
//! sixteen products.
//!
//! # Bounds
//!
//! Let `n` be the modulus, below `2^b`, and `D` the number of digits, a multiple of four with
//! `W * D >= b + 2`; `R = 2^(W*D)`, so `R > 4n`.
//!
//! - *Digits* are balanced: at most `2^(W-1)` in absolute value.
//! - *Columns*: at most `D` products of two digits, together at most `D * 2^(2W-2)`. For `W` = 29
//!   and `D <= 124` that is `124 * 2^56 < 2^62.96`; for `W` = 28 and `D <= 296`, `2^62.21`.
//! - *A product's digits* are not balanced but cut once, without a chain of carries: a low part
//!   below `2^W` and the high part of the column below, at most `2^(63-W)`; so less than `2^36`.
//! - *A column of the reduction*: `D` products of digits of the quotient and the modulus, one digit
//!   of the product, and a carry that is at most `2^(64-W)`. The sum is below `2^62.96 + 2^37`,
//!   which is below `2^63`.
//! - *Numbers*: with `|a| <= n` and `|b| <= n`, and a quotient `q` of balanced digits, thus
//!   `|q| < 0.51 R`, the result `(a*b + q*n) / R` is below `n/4 + 0.51 n` in absolute value, hence
//!   below `0.77 n`. It has a balanced form in `D` digits, since `n < R/4`.
//!
//! Debug builds check every addition and multiplication for overflow, so the tests hold these
//! bounds against the extremes.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "the bounds above; a release build would wrap, and a wrong result is refused"
)]

use alloc::{vec, vec::Vec};

use crate::{
    digits::{self, Block, cut, digit},
    power::{self, Montgomery},
    precompute::power_of_two,
};

/// Zeros in place of a block that is not there.
const NONE: Block = [0; 4];

/// A modulus with what its multiplications need.
#[derive(Clone)]
pub(crate) struct Scalar<const W: u32> {
    /// `n`.
    modulus: Vec<Block>,
    /// `-1/n` modulo `2^W`.
    inverse: i64,
    /// `R^2` modulo `n`.
    square: Vec<Block>,
}

impl<const W: u32> Scalar<W> {
    /// Precomputes for an odd modulus of so many bits, big-endian.
    pub(crate) fn new(bytes: &[u8], bits: usize) -> Self {
        let width = usize::try_from(W).unwrap_or_default();
        let count = bits.saturating_add(2).div_ceil(width).next_multiple_of(4);
        let blocks = count / 4;
        let modulus = digits::from_bytes::<W>(bytes, blocks);
        let inverse = digits::inverse(modulus.first().unwrap_or(&NONE)[0]);
        let inverse = digit::<W>(inverse.wrapping_neg());
        let square = power_of_two(bytes, bits, 2 * count * width);
        Self { inverse, square: digits::from_bytes::<W>(&square, blocks), modulus }
    }

    /// `base^exponent` modulo `n`, in place, as [`power::power`].
    pub(crate) fn power(&self, bytes: &mut [u8], exponent: u64) {
        power::power(self, &self.square, bytes, exponent);
    }

    /// The product divided by `R` modulo `n`: a multiple of `n` is added that makes its lower half
    /// zero.
    fn reduce(&self, scratch: &mut Scratch, result: &mut [Block]) {
        let modulus = self.modulus.as_slice();
        let (lower, upper) = scratch.product.split_at(modulus.len());
        let mut carry = divide::<W>(lower, modulus, self.inverse, &mut scratch.quotient);
        for (at, (product, result)) in upper.iter().zip(result).enumerate() {
            let columns = upper_columns(&scratch.quotient, modulus, at);
            for ((column, product), digit) in columns.iter().zip(product).zip(result) {
                (*digit, carry) = cut::<W>(column + product + carry);
            }
        }
    }
}

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
#[cfg(any(target_feature = "simd128", not(target_family = "wasm"), test))]
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

/// The columns of block `at` of `a * b`, without the products of block `at` of `a`.
#[inline(always)]
fn lower_columns(a: &[Block], b: &[Block], at: usize) -> Block {
    let mut columns = NONE;
    add_rows(&mut columns, part(a, 0, at), block(b, at), part(b, 0, at));
    columns
}

/// The columns of block `at` of the upper half of `a * b`.
#[inline(always)]
fn upper_columns(a: &[Block], b: &[Block], at: usize) -> Block {
    let mut columns = NONE;
    let last = b.len() - 1;
    add_upper_triangle(&mut columns, block(a, at), block(b, last));
    add_rows(&mut columns, part(a, at + 1, a.len()), block(b, last), part(b, at, last));
    columns
}

/// Adds the products of blocks: the first of `rows` with `high` and the last of `lows`, the second
/// with the last of `lows` and the one before it, and so on.
#[inline(always)]
fn add_rows(columns: &mut Block, rows: &[Block], high: &Block, lows: &[Block]) {
    let [mut c0, mut c1, mut c2, mut c3] = *columns;
    let [mut h0, mut h1, mut h2, mut h3] = *high;
    for (row, low) in rows.iter().zip(lows.iter().rev()) {
        let [r0, r1, r2, r3] = *row;
        let [l0, l1, l2, l3] = *low;
        c0 += r0 * h0 + r1 * l3 + r2 * l2 + r3 * l1;
        c1 += r0 * h1 + r1 * h0 + r2 * l3 + r3 * l2;
        c2 += r0 * h2 + r1 * h1 + r2 * h0 + r3 * l3;
        c3 += r0 * h3 + r1 * h2 + r2 * h1 + r3 * h0;
        (h0, h1, h2, h3) = (l0, l1, l2, l3);
    }
    *columns = [c0, c1, c2, c3];
}

/// Adds the products of the last row of a lower block of columns, which has no block below.
#[inline(always)]
fn add_lower_triangle(columns: &mut Block, row: &Block, high: &Block) {
    let [c0, c1, c2, c3] = columns;
    let [r0, r1, r2, r3] = row;
    let [h0, h1, h2, h3] = high;
    *c0 += r0 * h0;
    *c1 += r0 * h1 + r1 * h0;
    *c2 += r0 * h2 + r1 * h1 + r2 * h0;
    *c3 += r0 * h3 + r1 * h2 + r2 * h1 + r3 * h0;
}

/// Adds the products of the first row of an upper block of columns, which has no block above.
#[inline(always)]
fn add_upper_triangle(columns: &mut Block, row: &Block, low: &Block) {
    let [c0, c1, c2, _] = columns;
    let [_, r1, r2, r3] = row;
    let [_, l1, l2, l3] = low;
    *c0 += r1 * l3 + r2 * l2 + r3 * l1;
    *c1 += r2 * l3 + r3 * l2;
    *c2 += r3 * l3;
}

/// The block at a place, zeros beyond the end.
#[inline(always)]
fn block(number: &[Block], at: usize) -> &Block {
    number.get(at).unwrap_or(&NONE)
}

/// The blocks from one place to before another.
#[inline(always)]
fn part(number: &[Block], from: usize, to: usize) -> &[Block] {
    number.get(from..to).unwrap_or_default()
}

#[cfg(test)]
mod tests;
