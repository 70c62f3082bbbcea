//! Sums of products of digits, as the bits of doubles.
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

#![expect(clippy::arithmetic_side_effects, reason = "the bounds of the module above")]

use core::{
    arch::wasm32::{
        f64x2, f64x2_extract_lane, f64x2_mul, f64x2_relaxed_madd, f64x2_splat, f64x2_sub, i64x2,
        i64x2_add, i64x2_extract_lane, v128,
    },
    hint::black_box,
};

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
pub(super) type Pairs = [v128; 2];

/// Whether a relaxed multiply-add rounds once only, as everything here needs.
pub(crate) fn is_fused() -> bool {
    // (1 + e)^2 = 1 + 2e + e^2, whose last term is lost when the product is rounded by itself.
    let x = black_box(f64x2_splat(1.0 + f64::EPSILON));
    let rounded = black_box(f64x2_splat(-(1.0 + 2.0 * f64::EPSILON)));
    let rest = f64x2_relaxed_madd(x, x, rounded);
    let square = f64::EPSILON * f64::EPSILON;
    f64x2_extract_lane::<0>(rest) == square && f64x2_extract_lane::<1>(rest) == square
}

/// The constants of a product, in both places.
#[derive(Clone, Copy)]
pub(super) struct Constants {
    c1: v128,
    c2: v128,
}

impl Constants {
    /// Behind a black box: engines would make constants anew in every step.
    pub(super) fn new() -> Self {
        Self { c1: black_box(f64x2_splat(C1)), c2: black_box(f64x2_splat(C2)) }
    }
}

/// The bits of the halves of products, added up, for a pair of columns.
#[derive(Clone, Copy)]
pub(super) struct Sums {
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
pub(super) struct Columns {
    pub(super) high: i64,
}

impl Columns {
    /// Two columns of digits, without the bits of the constants.
    #[inline(always)]
    pub(super) fn next(&mut self, sums: Sums) -> [i64; 2] {
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
pub(super) fn lower_sums(
    rows: &[Pairs],
    factor: &[Pairs],
    at: usize,
    constants: Constants,
) -> Sums {
    let mut sums = Sums::none();
    sums.add_rows(part(rows, 0, at + 1), part(factor, 0, at + 1), constants);
    sums
}

/// The pair of columns `at` of the upper half of `rows * factor`.
#[inline(always)]
pub(super) fn upper_sums(
    rows: &[Pairs],
    factor: &[Pairs],
    at: usize,
    constants: Constants,
) -> Sums {
    let mut sums = Sums::none();
    let (rows, factor) = (part(rows, at, rows.len()), part(factor, at + 1, factor.len()));
    sums.add_rows(rows, factor, constants);
    sums
}

/// The pair of columns `at` of a square: products of two different digits are made once, with one
/// of them doubled.
#[inline(always)]
pub(super) fn square_sums(
    rows: &[Pairs],
    doubled: &[Pairs],
    at: usize,
    constants: Constants,
) -> Sums {
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

/// A digit as a double, exactly: its bits below those of [`LOW`].
#[inline(always)]
pub(super) fn float(digit: i64) -> f64 {
    f64::from_bits(digit.wrapping_add(LOW_BITS).cast_unsigned()) - LOW
}

/// A digit in both places.
#[inline(always)]
pub(super) fn splat(digit: i64) -> v128 {
    f64x2_splat(float(digit))
}

/// The digit that is in both places.
#[inline(always)]
pub(super) fn integer(pair: v128) -> i64 {
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
