//! Sums of products of digits, as the bits of doubles, and the digits that they come to.
//!
//! # A chain of products
//!
//! `high` starts at [`HIGH`], which is `1.5 * 2^99`, and `low` at [`LOW`], which is `1.5 * 2^52`. For
//! each product of digits `a` and `b`:
//!
//! - `next = fma(a, b, high)`. While it lies between `2^99` and `2^100`, where doubles are `2^47`
//!   apart, it is `high + k * 2^47` for an integer `k`, and its bits are those of `high` plus `k`.
//! - `high - next = -k * 2^47` is exact: both are multiples of `2^47`, not above `2^100`.
//! - `rest = fma(a, b, high - next)` is what `next` was rounded by: an integer, at most `2^46` in
//!   absolute value, and so exact.
//! - `low + rest` is exact while it lies between `2^52` and `2^53`, where doubles are integers: its
//!   bits are those of `low` plus the rest.
//!
//! So in the end the bits of `high` are those of `HIGH` plus the sum of all `k`, and the bits of `low`
//! are those of `LOW` plus the sum of all rests.
//!
//! A chain has at most [`MOST`] products, each of at most `2 * B^2 < 2^93 * (1 + 2^-30)` for digits up to
//! `B` (see the module above). Together they are below `2^98`, which is how far `HIGH` is from either
//! end of its range, and their rests at most `31 * 2^46`, below the `2^51` that `LOW` is from either end.
//!
//! Without fusing, `ab` would be rounded before the addition, and everything above would be wrong.
//! [`is_fused`] finds out; relaxed SIMD leaves the choice to the machine.

#![expect(clippy::arithmetic_side_effects, reason = "the bounds of the module above")]

use core::hint::black_box;

use super::{
    W,
    lanes::{
        Lanes, add, add_doubles, and, array, between, doubles, integers, multiply_add, shift_right,
        sub, sub_doubles,
    },
};

/// The greatest number of products in a chain.
pub(super) const MOST: usize = 31;

/// `1.5 * 2^99`.
const HIGH: f64 = f64::from_bits(0x4628_0000_0000_0000);
/// `1.5 * 2^52`: the start of low halves, and in the bits of a digit.
const LOW: f64 = 6_755_399_441_055_744.0;

/// The bits of [`HIGH`].
const HIGH_BITS: i64 = HIGH.to_bits().cast_signed();
/// The bits of [`LOW`].
const LOW_BITS: i64 = LOW.to_bits().cast_signed();

/// What makes every column positive: a multiple of `2^47`.
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

/// The constants, in both places.
#[derive(Clone, Copy)]
pub(super) struct Constants {
    start: Chain,
    /// What a column starts at: it takes off what its two chains start at, makes the column positive
    /// and its carry rounded.
    one: Sums,
    /// The same for chains that are started twice.
    two: Sums,
    /// The bits of a column that stay in it.
    digit: Lanes,
    /// What makes these bits, with a carry, the bits of a double.
    double: Lanes,
    /// For a row in its own square: the first of its digits meets itself, the others were doubled.
    pub(super) once: Lanes,
}

impl Constants {
    /// Behind a black box: engines would make constants anew in every step.
    pub(super) fn new() -> Self {
        let bias = |chains: i64| Sums {
            low: integers([(POSITIVE + HALF).wrapping_sub(LOW_BITS.wrapping_mul(chains)); 2]),
            high: integers([HIGH_BITS.wrapping_mul(-chains); 2]),
        };
        black_box(Self {
            start: Chain {
                low: doubles([LOW; 2]),
                high: doubles([HIGH; 2]),
                #[cfg(test)]
                count: 0,
            },
            one: bias(2),
            two: bias(4),
            digit: integers([(1 << W) - 1; 2]),
            double: integers([LOW_BITS - HALF - (POSITIVE >> W); 2]),
            once: doubles([0.5, 1.0]),
        })
    }
}

/// A chain of products for a pair of columns.
#[derive(Clone, Copy)]
pub(super) struct Chain {
    low: Lanes,
    high: Lanes,
    /// How many products.
    #[cfg(test)]
    count: usize,
}

impl Chain {
    /// No product yet.
    #[inline(always)]
    pub(super) fn start(constants: &Constants) -> Self {
        constants.start
    }

    /// Adds a product of digits, in both places.
    #[inline(always)]
    pub(super) fn add(&mut self, a: Lanes, b: Lanes) {
        let high = multiply_add(a, b, self.high);
        let rest = multiply_add(a, b, sub_doubles(self.high, high));
        self.low = add_doubles(self.low, rest);
        self.high = high;
        #[cfg(test)]
        self.check();
    }

    /// That there is room for this product, and that the doubles are where their bits are as described
    /// above.
    #[cfg(test)]
    fn check(&mut self) {
        self.count += 1;
        assert!(self.count <= MOST, "{} products in a chain", self.count);
        for (lanes, start) in [(self.low, LOW_BITS), (self.high, HIGH_BITS)] {
            assert!(array(lanes).iter().all(|bits| (bits - start).abs() <= 1 << 51), "{lanes:x?}");
        }
    }
}

/// The bits of chains, added up, for a pair of columns.
#[derive(Clone, Copy)]
pub(super) struct Sums {
    low: Lanes,
    high: Lanes,
}

impl Sums {
    /// No products, for a column with two chains.
    #[inline(always)]
    pub(super) fn once(constants: &Constants) -> Self {
        constants.one
    }

    /// No products, for a column with two chains that are started twice.
    #[inline(always)]
    pub(super) fn twice(constants: &Constants) -> Self {
        constants.two
    }

    /// Adds what the chains have come to.
    #[inline(always)]
    pub(super) fn add(&mut self, chains: &[Chain; 2]) {
        for chain in chains {
            self.low = add(self.low, chain.low);
            self.high = add(self.high, chain.high);
        }
    }

    /// Takes off what two chains start at.
    #[inline(always)]
    pub(super) fn take_start(&mut self) {
        self.low = sub(self.low, integers([LOW_BITS.wrapping_mul(2); 2]));
        self.high = sub(self.high, integers([HIGH_BITS.wrapping_mul(2); 2]));
    }

    /// Adds to the columns.
    #[inline(always)]
    pub(super) fn add_columns(&mut self, columns: Lanes) {
        self.low = add(self.low, columns);
    }
}

/// Pairs of columns in order. The high halves of one belong to the column above, and so does what is
/// cut off it.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    high: Lanes,
    carry: Lanes,
}

impl Columns {
    /// With nothing below.
    pub(super) fn new() -> Self {
        Self { high: integers([0; 2]), carry: integers([POSITIVE >> W; 2]) }
    }

    /// The digits of two columns: each is cut once, and gets what the one below carries.
    #[inline(always)]
    pub(super) fn next(&mut self, sums: Sums, constants: &Constants) -> Lanes {
        let columns = add(sums.low, between(self.high, sums.high));
        // A shift of positive numbers is one instruction, the other one takes engines five.
        let carry = shift_right::<W>(columns);
        let digits = add(and(columns, constants.digit), between(self.carry, carry));
        *self = Self { high: sums.high, carry };
        sub_doubles(add(digits, constants.double), constants.start.low)
    }

    /// As those of the sum with others in the same place.
    pub(super) fn plus(self, other: Self) -> Self {
        let carry = add(sub(self.carry, integers([POSITIVE >> W; 2])), other.carry);
        Self { high: add(self.high, other.high), carry }
    }
}

/// Two digits as doubles, exactly: their bits are below those of [`LOW`].
#[inline(always)]
pub(super) fn floats(digits: Lanes) -> Lanes {
    sub_doubles(add(digits, integers([LOW_BITS; 2])), doubles([LOW; 2]))
}

/// Two digits as integers.
#[inline(always)]
pub(super) fn whole(digits: Lanes) -> Lanes {
    sub(add_doubles(digits, doubles([LOW; 2])), integers([LOW_BITS; 2]))
}
