//! Numbers in the forms that products of pairs take.

use alloc::vec::Vec;

use super::{
    lanes::{Lanes, add_doubles, between, doubles, integers, splat_each},
    sums::{floats, whole},
};
use crate::digits::Block;

/// Two pairs of digits. Of a row, the digits `2m` and `2m+1`, each in both places of its pair; of a
/// factor, the digits `2j` and `2j+1`, and the digits `2j-1` and `2j`.
pub(super) type Pairs = [Lanes; 2];

/// A number in the two forms that its square takes, and room for its reduction.
pub(crate) struct Number {
    pub(super) rows: Vec<Pairs>,
    /// As a factor, each digit twice as great.
    pub(super) doubled: Vec<Pairs>,
    pub(super) quotient: Vec<Pairs>,
}

impl Number {
    pub(super) fn new(digits: &[Block], pairs: usize) -> Self {
        let digits = || by_two(digits).take(pairs).map(floats);
        let rows: Vec<Pairs> = digits().map(splat_each).collect();
        Self { doubled: factor(digits().map(double)), quotient: rows.clone(), rows }
    }

    /// The digits, two by two.
    pub(super) fn digits(&self) -> impl Iterator<Item = Lanes> {
        self.rows.iter().map(|[a, b]| whole(between(*a, *b)))
    }
}

/// A number as the second factor of a product: a pair of pairs for each two digits, and one more,
/// in which only the digit `D-1` is not zero. The highest comes first, as rows meet them.
#[derive(Clone)]
pub(crate) struct Factor {
    pub(super) pairs: Vec<Pairs>,
}

impl Factor {
    /// With zeros before the highest digit.
    pub(super) fn after_zeros(mut self) -> Self {
        self.pairs.insert(0, [doubles([0.0; 2]); 2]);
        self
    }

    pub(super) fn new(digits: &[Block], pairs: usize) -> Self {
        Self { pairs: factor(by_two(digits).take(pairs).map(floats)) }
    }
}

/// Digits, two by two.
fn by_two(digits: &[Block]) -> impl Iterator<Item = Lanes> {
    digits.iter().flat_map(|[a, b, c, d]| [[*a, *b], [*c, *d]]).map(integers)
}

fn factor(digits: impl Iterator<Item = Lanes>) -> Vec<Pairs> {
    let mut writer = Writer::new();
    let mut pairs: Vec<Pairs> =
        digits.chain([doubles([0.0; 2])]).map(|digits| writer.next(digits)).collect();
    pairs.reverse();
    pairs
}

/// Two digits, each twice as great.
#[inline(always)]
pub(super) fn double(digits: Lanes) -> Lanes {
    add_doubles(digits, digits)
}

/// Makes a factor out of digits, two by two, the lowest first.
pub(super) struct Writer {
    before: Lanes,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { before: doubles([0.0; 2]) }
    }

    #[inline(always)]
    pub(super) fn next(&mut self, digits: Lanes) -> Pairs {
        let pairs = [digits, between(self.before, digits)];
        self.before = digits;
        pairs
    }
}
