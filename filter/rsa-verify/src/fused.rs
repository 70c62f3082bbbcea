//! The operation on pairs of doubles, for builds with relaxed SIMD.
//!
//! A fused multiply-add gives the exact product of two digits in two halves, and both land in the
//! mantissas of numbers whose exponents are known, so that their raw bits can be added up as
//! integers: no carry runs from product to product. The idea is that of Emmart and others,
//! "double-precision floating-point multi-word multiplication", known from graphics processors.
//!
//! # One product
//!
//! For digits `a` and `b` with `|ab| <= 2^101`, `C1 = 1.5 * 2^103` and `C2 = C1 + 3 * 2^51`:
//!
//! - `high = fma(a, b, C1)` lies between `2^103` and `2^104`, where doubles are `2^51` apart, so it
//!   is `C1 + k * 2^51` for the integer `k` nearest to `ab / 2^51`. Its bits are those of `C1`
//!   plus `k`, and `|k| <= 2^50`.
//! - `C2 - high = (3 - k) * 2^51` is exact, as `|3 - k| < 2^53`.
//! - `low = fma(a, b, C2 - high) = 3 * 2^51 + (ab - k * 2^51)`; the rest is at most `2^50` in
//!   absolute value, so the sum lies between `2^52` and `2^53`, where doubles are integers: it is
//!   exact, and its bits are those of `3 * 2^51 = 1.5 * 2^52` plus the rest.
//!
//! Added up modulo `2^64`, with the bits of both constants taken off once for each product, that is
//! the sum of all `k` and of all rests.
//!
//! Without fusing, `ab` would be rounded before the addition, and everything above would be wrong.
//! [`is_fused`] finds out; relaxed SIMD leaves the choice to the machine.
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

use alloc::{vec, vec::Vec};
use core::{
    arch::wasm32::{
        f64x2, f64x2_extract_lane, f64x2_mul, f64x2_relaxed_madd, f64x2_splat, f64x2_sub, i64x2,
        i64x2_add, i64x2_extract_lane, v128,
    },
    hint::black_box,
};

use crate::digits::{self, Block, cut};

/// Bits of a digit.
const W: u32 = 51;
/// `1.5 * 2^103`.
const C1: f64 = f64::from_bits(0x4668_0000_0000_0000);
/// `C1 + 3 * 2^51`.
const C2: f64 = f64::from_bits(0x4668_0000_0000_0003);
/// `1.5 * 2^52`, the constant in a low half and in the bits of a digit.
const LOW: f64 = 6_755_399_441_055_744.0;

/// The bits of [`C1`].
const C1_BITS: i64 = C1.to_bits().cast_signed();
/// The bits of [`LOW`].
const LOW_BITS: i64 = LOW.to_bits().cast_signed();

/// Two pairs of digits. Of a row, the digits `2m` and `2m+1`, each in both places of its pair; of a
/// factor, the digits `2j` and `2j+1`, and the digits `2j-1` and `2j`.
type Pairs = [v128; 2];

/// Whether a relaxed multiply-add rounds once only, as everything here needs.
pub(crate) fn is_fused() -> bool {
    // (1 + e)^2 = 1 + 2e + e^2, whose last term is lost when the product is rounded by itself.
    let x = black_box(f64x2_splat(1.0 + f64::EPSILON));
    let rounded = black_box(f64x2_splat(-(1.0 + 2.0 * f64::EPSILON)));
    let rest = f64x2_relaxed_madd(x, x, rounded);
    let square = f64::EPSILON * f64::EPSILON;
    f64x2_extract_lane::<0>(rest) == square && f64x2_extract_lane::<1>(rest) == square
}

/// A modulus with what its multiplications need.
#[derive(Clone)]
pub(crate) struct Fused {
    /// `n`.
    digits: Vec<Block>,
    modulus: Factor,
    /// `-1/n` modulo `R`.
    inverse: Factor,
    /// `R^2` modulo `n`, between `-n` and `n`.
    square: Factor,
}

impl Fused {
    /// Precomputes for an odd modulus of so many bits, big-endian.
    pub(crate) fn new(modulus: &[u8], bits: usize) -> Self {
        let width = usize::try_from(W).unwrap_or_default();
        let pairs = bits.saturating_add(2).div_ceil(2 * width);
        let digits = digits::from_bytes::<W>(modulus, pairs.div_ceil(2));
        let modulus = Factor::new(&digits, pairs);
        let inverse = inverse(&digits, &modulus);
        let mut this = Self { digits, modulus, inverse, square: Factor { pairs: Vec::new() } };
        let mut number = Number::new(pairs);
        let square = digits::square_of_radix::<W>(&this.digits, bits, pairs * 2 * width, |power| {
            number.load(power);
            this.square(&mut number);
            number.store(power);
        });
        this.square = Factor::new(&square, pairs);
        this
    }

    /// `base^exponent` modulo `n`, big-endian, for a base below `n` and an odd exponent.
    ///
    /// `bytes` holds the base and is as long as the modulus.
    pub(crate) fn power(&self, bytes: &mut [u8], exponent: u64) {
        let pairs = self.inverse.pairs.len() - 1;
        let mut digits = digits::from_bytes::<W>(bytes, self.digits.len());
        let base = Factor::new(&digits, pairs);
        let mut number = Number::new(pairs);
        number.load(&digits);
        self.multiply(&mut number, &self.square);
        number.store(&mut digits);
        let shifted = Factor::new(&digits, pairs);
        for bit in (0..exponent.ilog2()).rev() {
            self.square(&mut number);
            if exponent >> bit & 1 == 1 {
                // Each multiplication divides by R: with the plain base as the last factor, the
                // power leaves Montgomery's form.
                let factor = if bit == 0 { &base } else { &shifted };
                self.multiply(&mut number, factor);
            }
        }
        number.store(&mut digits);
        if digits::is_negative(&digits) {
            digits::combine::<W>(&mut digits, 1, 1, &self.digits);
        }
        digits::to_bytes::<W>(&digits, bytes);
    }

    /// `number * number / R` modulo `n`.
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

    /// `number * factor / R` modulo `n`.
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

/// A number in the two forms that its square takes, and room for the multiplication.
struct Number {
    rows: Vec<Pairs>,
    /// As a factor, each digit twice as great.
    doubled: Vec<Pairs>,
    /// The digits themselves.
    digits: Vec<[i64; 2]>,
    /// The lower half of a product, as rows.
    product: Vec<Pairs>,
    quotient: Vec<Pairs>,
    /// The columns of the upper half of a product.
    upper: Vec<[i64; 2]>,
}

impl Number {
    fn new(pairs: usize) -> Self {
        let rows = vec![[splat(0); 2]; pairs];
        Self {
            doubled: vec![[splat(0); 2]; pairs + 1],
            digits: vec![[0; 2]; pairs],
            product: rows.clone(),
            quotient: rows.clone(),
            upper: vec![[0; 2]; pairs],
            rows,
        }
    }

    fn load(&mut self, digits: &[Block]) {
        let mut before = 0.0;
        let (digits, _) = digits.as_flattened().as_chunks::<2>();
        let places = self.rows.iter_mut().zip(self.doubled.iter_mut()).zip(&mut self.digits);
        for (((row, doubled), place), digits) in places.zip(digits) {
            *row = digits.map(splat);
            before = double(doubled, before, *digits);
            *place = *digits;
        }
        if let Some(end) = self.doubled.last_mut() {
            double(end, before, [0; 2]);
        }
    }

    fn store(&self, digits: &mut [Block]) {
        let (places, _) = digits.as_flattened_mut().as_chunks_mut::<2>();
        for (place, digits) in places.iter_mut().zip(&self.digits) {
            *place = *digits;
        }
    }
}

/// A number as the second factor of a product: a pair of pairs for each two digits, and one more,
/// in which only the digit `D-1` is not zero.
#[derive(Clone)]
struct Factor {
    pairs: Vec<Pairs>,
}

impl Factor {
    fn new(digits: &[Block], pairs: usize) -> Self {
        let (digits, _) = digits.as_flattened().as_chunks::<2>();
        let mut before = 0.0;
        let pairs = digits.iter().copied().chain([[0; 2]]).take(pairs).chain([[0; 2]]);
        let pairs = pairs.map(|digits| {
            let [first, second] = digits.map(float);
            let pair = [f64x2(first, second), f64x2(before, first)];
            before = second;
            pair
        });
        Self { pairs: pairs.collect() }
    }
}

/// `-1/n` modulo `R`.
fn inverse(digits: &[Block], modulus: &Factor) -> Factor {
    let pairs = modulus.pairs.len() - 1;
    let low = digits.as_flattened().first().copied().unwrap_or_default();
    let mut inverse = vec![[0; 4]; digits.len()];
    if let Some([first, ..]) = inverse.first_mut() {
        (*first, _) = cut::<W>(digits::inverse(low).wrapping_neg());
    }
    // y * (2 + n*y) is right modulo 2^(2k) if y is modulo 2^k.
    let constants = Constants::new();
    let (mut number, mut product) = (Number::new(pairs), Number::new(pairs));
    for _ in 0..=pairs.ilog2() + 1 {
        number.load(&inverse);
        low_product(&number.rows, &modulus.pairs, &mut product.quotient, constants);
        let (mut sum, mut carry) = (vec![[0; 4]; digits.len()], 2);
        let (places, _) = sum.as_flattened_mut().as_chunks_mut::<2>();
        for (place, pairs) in places.iter_mut().zip(&product.quotient) {
            *place = cut_pair(pairs.map(integer), &mut carry);
        }
        let factor = Factor::new(&sum, pairs);
        low_product(&number.rows, &factor.pairs, &mut product.quotient, constants);
        let (places, _) = inverse.as_flattened_mut().as_chunks_mut::<2>();
        for (place, pairs) in places.iter_mut().zip(&product.quotient) {
            *place = pairs.map(integer);
        }
    }
    Factor::new(&inverse, pairs)
}

/// `rows * factor` modulo `R`, as rows.
fn low_product(rows: &[Pairs], factor: &[Pairs], result: &mut [Pairs], constants: Constants) {
    let (mut columns, mut carry) = (Columns::default(), 0);
    for (at, place) in result.iter_mut().enumerate() {
        let column = columns.next(lower_sums(rows, factor, at, constants));
        *place = cut_pair(column, &mut carry).map(splat);
    }
}

/// The constants of a product, in both places.
#[derive(Clone, Copy)]
struct Constants {
    c1: v128,
    c2: v128,
}

impl Constants {
    /// Behind a black box: engines would make constants anew in every step.
    fn new() -> Self {
        Self { c1: black_box(f64x2_splat(C1)), c2: black_box(f64x2_splat(C2)) }
    }
}

/// The bits of the halves of products, added up, for a pair of columns.
#[derive(Clone, Copy)]
struct Sums {
    low: v128,
    high: v128,
    /// How many products were added.
    count: i64,
}

impl Sums {
    fn none() -> Self {
        Self { low: i64x2(0, 0), high: i64x2(0, 0), count: 0 }
    }

    #[inline(always)]
    fn add(&mut self, a: v128, b: v128, constants: Constants) {
        let high = f64x2_relaxed_madd(a, b, constants.c1);
        let low = f64x2_relaxed_madd(a, b, f64x2_sub(constants.c2, high));
        self.high = i64x2_add(self.high, high);
        self.low = i64x2_add(self.low, low);
        self.count = self.count.wrapping_add(1);
    }

    /// Adds the products of the first row with the last pairs of the factor, and so on.
    #[inline(always)]
    fn add_rows(&mut self, rows: &[Pairs], factor: &[Pairs], constants: Constants) {
        let Self { mut low, mut high, count } = *self;
        for ([r0, r1], [even, odd]) in rows.iter().zip(factor.iter().rev()) {
            let mut sums = Self { low, high, count: 0 };
            sums.add(*r0, *even, constants);
            sums.add(*r1, *odd, constants);
            Self { low, high, .. } = sums;
        }
        let count = count.wrapping_add(length(rows).wrapping_mul(2));
        *self = Self { low, high, count };
    }
}

/// Pairs of columns in order: the high halves of one belong to the column above.
#[derive(Default)]
struct Columns {
    high: i64,
}

impl Columns {
    /// Two columns of digits, without the bits of the constants.
    #[inline(always)]
    fn next(&mut self, sums: Sums) -> [i64; 2] {
        let low_bits = LOW_BITS.wrapping_mul(sums.count);
        let high_bits = C1_BITS.wrapping_mul(sums.count);
        let low = |bits: i64| bits.wrapping_sub(low_bits);
        let high = |bits: i64| bits.wrapping_sub(high_bits);
        let first = low(i64x2_extract_lane::<0>(sums.low)) + self.high;
        let second =
            low(i64x2_extract_lane::<1>(sums.low)) + high(i64x2_extract_lane::<0>(sums.high));
        self.high = high(i64x2_extract_lane::<1>(sums.high));
        [first, second]
    }
}

/// The pair of columns `at` of the lower half of `rows * factor`.
#[inline(always)]
fn lower_sums(rows: &[Pairs], factor: &[Pairs], at: usize, constants: Constants) -> Sums {
    let mut sums = Sums::none();
    sums.add_rows(part(rows, 0, at + 1), part(factor, 0, at + 1), constants);
    sums
}

/// The pair of columns `at` of the upper half of `rows * factor`.
#[inline(always)]
fn upper_sums(rows: &[Pairs], factor: &[Pairs], at: usize, constants: Constants) -> Sums {
    let mut sums = Sums::none();
    let (rows, factor) = (part(rows, at, rows.len()), part(factor, at + 1, factor.len()));
    sums.add_rows(rows, factor, constants);
    sums
}

/// The pair of columns `at` of a square: products of two different digits are made once, with one
/// of them doubled.
#[inline(always)]
fn square_sums(rows: &[Pairs], doubled: &[Pairs], at: usize, constants: Constants) -> Sums {
    let mut sums = Sums::none();
    let (middle, top) = (at / 2, at.min(rows.len()));
    let factor = part(doubled, at - middle + 1, top + 1);
    sums.add_rows(part(rows, at - top, middle), factor, constants);
    // In the lower column of the pair the last product is a digit's own square.
    let once = f64x2(0.5, 1.0);
    let [r0, r1] = pairs(rows, middle);
    if at.is_multiple_of(2) {
        sums.add(r0, f64x2_mul(pairs(doubled, middle)[0], once), constants);
    } else {
        let [next, odd] = pairs(doubled, middle + 1);
        sums.add(r0, next, constants);
        sums.add(r1, f64x2_mul(odd, once), constants);
    }
    sums
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

/// Writes two digits, doubled, as a part of a factor, and gives the double of the second.
#[inline(always)]
fn double(place: &mut Pairs, before: f64, digits: [i64; 2]) -> f64 {
    let [first, second] = digits.map(|digit| 2.0 * float(digit));
    *place = [f64x2(first, second), f64x2(before, first)];
    second
}

/// A digit as a double, exactly: its bits below those of [`LOW`].
#[inline(always)]
fn float(digit: i64) -> f64 {
    f64::from_bits(digit.wrapping_add(LOW_BITS).cast_unsigned()) - LOW
}

/// A digit in both places.
#[inline(always)]
fn splat(digit: i64) -> v128 {
    f64x2_splat(float(digit))
}

/// The digit that is in both places.
#[inline(always)]
fn integer(pair: v128) -> i64 {
    let digit = f64x2_extract_lane::<0>(pair);
    (digit + LOW).to_bits().cast_signed().wrapping_sub(LOW_BITS)
}

/// The pairs at a place.
#[inline(always)]
fn pairs(number: &[Pairs], at: usize) -> Pairs {
    number.get(at).copied().unwrap_or([f64x2(0.0, 0.0); 2])
}

/// The pairs from one place to before another.
#[inline(always)]
fn part(number: &[Pairs], from: usize, to: usize) -> &[Pairs] {
    number.get(from..to).unwrap_or_default()
}

/// A length as a number of products.
#[inline(always)]
fn length(rows: &[Pairs]) -> i64 {
    i64::try_from(rows.len()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
