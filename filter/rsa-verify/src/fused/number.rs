//! Numbers in the forms that products of pairs take.

use alloc::{vec, vec::Vec};

use super::{
    lanes::{Lanes, add_doubles, between, doubles, integers, splat_each},
    sums::floats,
};
use crate::digits::Block;

/// Two pairs of digits. Of a row, the digits `2m` and `2m+1`, each in both places of its pair; of a
/// factor, the digits `2j` and `2j+1`, and the digits `2j-1` and `2j`.
pub(super) type Pairs = [Lanes; 2];

/// A number in the two forms that its square takes, and room for the multiplication.
pub(crate) struct Number {
    pub(super) rows: Vec<Pairs>,
    /// As a factor, each digit twice as great.
    pub(super) doubled: Vec<Pairs>,
    /// The digits themselves, as integers.
    pub(super) digits: Vec<Lanes>,
    /// The lower half of a product, as rows.
    pub(super) product: Vec<Pairs>,
    pub(super) quotient: Vec<Pairs>,
    /// The columns of the upper half of a product.
    pub(super) upper: Vec<Lanes>,
}

impl Number {
    pub(super) fn new(digits: &[Block], pairs: usize) -> Self {
        let digits: Vec<Lanes> = by_two(digits).take(pairs).collect();
        let rows: Vec<Pairs> = digits.iter().map(|digits| splat_each(floats(*digits))).collect();
        Self {
            doubled: factor(digits.iter().map(|digits| double(floats(*digits)))),
            product: rows.clone(),
            quotient: rows.clone(),
            upper: vec![integers([0; 2]); pairs],
            rows,
            digits,
        }
    }
}

/// A number as the second factor of a product: a pair of pairs for each two digits, and one more,
/// in which only the digit `D-1` is not zero.
#[derive(Clone)]
pub(crate) struct Factor {
    pub(super) pairs: Vec<Pairs>,
}

impl Factor {
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
    digits.chain([doubles([0.0; 2])]).map(|digits| writer.next(digits)).collect()
}

/// Two digits, each twice as great.
#[inline(always)]
pub(super) fn double(digits: Lanes) -> Lanes {
    add_doubles(digits, digits)
}

/// Makes a factor out of digits, two by two.
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
