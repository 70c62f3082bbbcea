//! Sums of products of digits, as the bits of doubles.
//!
//! # One product
//!
//! For digits `a` and `b` with `|ab| < 2^102`, `C1 = 1.5 * 2^103` and `C2 = C1 + 3 * 2^51`:
//!
//! - `high = fma(a, b, C1)` lies between `2^103` and `2^104`, where doubles are `2^51` apart, so it
//!   is `C1 + k * 2^51` for the integer `k` nearest to `ab / 2^51`. Its bits are those of `C1`
//!   plus `k`, and `|k| <= 2^51`.
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
//! # Two blocks at a time
//!
//! A block is a pair of columns. Two blocks share the rows that they load, and the second takes the
//! digits of the factor over from the first, a step later.

#![expect(clippy::arithmetic_side_effects, reason = "the bounds of the module above")]

use core::hint::black_box;

use super::{
    W,
    lanes::{
        Lanes, add, array, between, doubles, integers, multiply_add, multiply_doubles, shift_left,
        shift_right, sub, sub_doubles,
    },
    number::Pairs,
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

/// What makes every column positive: a multiple of `2^51`.
const POSITIVE: i64 = 1 << 62;
/// Half of what a digit stands for in the next one.
const HALF: i64 = 1 << (W - 1);

/// Whether a relaxed multiply-add rounds once only, as everything here needs.
pub(crate) fn is_fused() -> bool {
    // (1 + e)^2 = 1 + 2e + e^2, whose last term is lost when the product is rounded by itself.
    let x = black_box(doubles([1.0 + f64::EPSILON; 2]));
    let rounded = black_box(doubles([-(1.0 + 2.0 * f64::EPSILON); 2]));
    let square = f64::EPSILON * f64::EPSILON;
    array(multiply_add(x, x, rounded)) == array(doubles([square; 2]))
}

/// The constants of a product, in both places.
#[derive(Clone, Copy)]
pub(super) struct Constants {
    c1: Lanes,
    c2: Lanes,
}

impl Constants {
    /// Behind a black box: engines would make constants anew in every step.
    pub(super) fn new() -> Self {
        Self { c1: black_box(doubles([C1; 2])), c2: black_box(doubles([C2; 2])) }
    }
}

/// The bits of the halves of products, added up, for a pair of columns.
#[derive(Clone, Copy)]
pub(super) struct Sums {
    low: Lanes,
    high: Lanes,
    /// How many products were added.
    count: i64,
}

impl Sums {
    fn none() -> Self {
        Self { low: integers([0; 2]), high: integers([0; 2]), count: 0 }
    }

    #[inline(always)]
    fn add(&mut self, a: Lanes, b: Lanes, constants: Constants) {
        let high = multiply_add(a, b, constants.c1);
        let low = multiply_add(a, b, sub_doubles(constants.c2, high));
        self.high = add(self.high, high);
        self.low = add(self.low, low);
        self.count = self.count.wrapping_add(1);
    }

    /// Adds the products of one row.
    #[inline(always)]
    fn add_row(&mut self, [r0, r1]: Pairs, [even, odd]: Pairs, constants: Constants) {
        self.add(r0, even, constants);
        self.add(r1, odd, constants);
    }
}

/// Adds the products of the first row with the last pairs of the factor, and so on, for the first of
/// two blocks. Those of the second lie one pair higher, and `above` is the one before the first row.
#[inline(always)]
fn add_rows(
    blocks: &mut [Sums; 2],
    rows: &[Pairs],
    factor: &[Pairs],
    above: Pairs,
    constants: Constants,
) {
    let [mut first, mut second] = *blocks;
    let counts = [first.count, second.count].map(|count| count + 2 * length(rows));
    let mut higher = above;
    for (row, pairs) in rows.iter().zip(factor.iter().rev()) {
        first.add_row(*row, *pairs, constants);
        second.add_row(*row, higher, constants);
        higher = *pairs;
    }
    [first.count, second.count] = counts;
    *blocks = [first, second];
}

/// The blocks `at` and `at + 1` of the lower half of `rows * factor`.
#[inline(always)]
pub(super) fn lower_sums(
    rows: &[Pairs],
    factor: &[Pairs],
    at: usize,
    constants: Constants,
) -> [Sums; 2] {
    let mut blocks = [Sums::none(); 2];
    let (common, above) = (part(rows, 0, at + 1), pairs(factor, at + 1));
    add_rows(&mut blocks, common, part(factor, 0, at + 1), above, constants);
    let [_, second] = &mut blocks;
    second.add_row(pairs(rows, at + 1), pairs(factor, 0), constants);
    blocks
}

/// The blocks `at` and `at + 1` of the upper half of `rows * factor`.
#[inline(always)]
pub(super) fn upper_sums(
    rows: &[Pairs],
    factor: &[Pairs],
    at: usize,
    constants: Constants,
) -> [Sums; 2] {
    let half = rows.len();
    let mut blocks = [Sums::none(); 2];
    let [first, _] = &mut blocks;
    first.add_row(pairs(rows, at), pairs(factor, half), constants);
    let (common, above) = (part(rows, at + 1, half), pairs(factor, half));
    add_rows(&mut blocks, common, part(factor, at + 1, half), above, constants);
    blocks
}

/// The blocks `at` and `at + 1` of a square, for an even `at`: products of two different digits are
/// made once, with one of them doubled.
#[inline(always)]
pub(super) fn square_sums(
    rows: &[Pairs],
    doubled: &[Pairs],
    at: usize,
    constants: Constants,
) -> [Sums; 2] {
    let (half, middle) = (rows.len(), at / 2);
    let mut blocks = [Sums::none(); 2];
    let [first, _] = &mut blocks;
    // The row that only the first has; in the last two blocks there is none before the middle.
    let start = match at.checked_sub(half) {
        Some(row) if row < middle => {
            first.add_row(pairs(rows, row), pairs(doubled, half), constants);
            row + 1
        }
        Some(row) => row + 1,
        None => 0,
    };
    let factor = part(doubled, at - middle + 1, at + 1 - start);
    let (common, above) = (part(rows, start, middle), pairs(doubled, at + 1 - start));
    add_rows(&mut blocks, common, factor, above, constants);
    // In the lower column of a pair the last product is a digit's own square.
    let once = doubles([0.5, 1.0]);
    let ([r0, r1], [even, _]) = (pairs(rows, middle), pairs(doubled, middle));
    let [next, odd] = pairs(doubled, middle + 1);
    let [first, second] = &mut blocks;
    first.add(r0, multiply_doubles(even, once), constants);
    second.add(r0, next, constants);
    second.add(r1, multiply_doubles(odd, once), constants);
    blocks
}

/// Pairs of columns in order: the high halves of one belong to the column above.
pub(super) struct Columns {
    high: Lanes,
}

impl Columns {
    pub(super) fn new() -> Self {
        Self { high: integers([0; 2]) }
    }

    /// Two columns of digits, without the bits of the constants.
    #[inline(always)]
    pub(super) fn next(&mut self, sums: Sums) -> Lanes {
        let low = sub(sums.low, integers([LOW_BITS.wrapping_mul(sums.count); 2]));
        let high = sub(sums.high, integers([C1_BITS.wrapping_mul(sums.count); 2]));
        let columns = add(low, between(self.high, high));
        self.high = high;
        columns
    }
}

/// Pairs of columns in order, each of which carries into the next.
pub(super) struct Carries {
    before: Lanes,
}

impl Carries {
    pub(super) fn new() -> Self {
        Self { before: integers([0; 2]) }
    }

    /// The digits of two columns: each is cut once, and gets what the one below carries.
    #[inline(always)]
    pub(super) fn next(&mut self, columns: Lanes) -> Lanes {
        // A shift of positive numbers is one instruction, the other one takes engines five.
        let shifted = shift_right::<W>(add(columns, integers([POSITIVE + HALF; 2])));
        let carries = sub(shifted, integers([POSITIVE >> W; 2]));
        let digits = sub(columns, shift_left::<W>(carries));
        let digits = add(digits, between(self.before, carries));
        self.before = carries;
        digits
    }

    /// What is carried into the next pair of columns.
    pub(super) fn out(&self) -> Lanes {
        between(self.before, integers([0; 2]))
    }
}

/// Two digits as doubles, exactly: their bits are below those of [`LOW`].
#[inline(always)]
pub(super) fn floats(digits: Lanes) -> Lanes {
    sub_doubles(add(digits, integers([LOW_BITS; 2])), doubles([LOW; 2]))
}

/// The pairs at a place.
#[inline(always)]
fn pairs(number: &[Pairs], at: usize) -> Pairs {
    number.get(at).copied().unwrap_or([doubles([0.0; 2]); 2])
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
