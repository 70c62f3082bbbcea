//! Numbers in the forms that their products take.

use alloc::{vec, vec::Vec};

use super::lanes::{Lanes, add, and, between, lanes, or, shift_in, shift_left, splat_pairs};
use crate::digits::Block;

/// Four digits, as two operands. Of a row, the digits `4c` and `4c+1` as the halves of every lane,
/// and the digits `4c+2` and `4c+3`. Of a factor, lanes of two digits in falling order: `(4j-2, 4j-3)`,
/// `(4j-1, 4j-2)`, `(4j, 4j-1)`, `(4j+1, 4j)`, and the four lanes two digits further.
pub(super) type Pairs = [Lanes; 2];

/// A number in the two forms that its square takes, and room for the multiplication.
pub(crate) struct Number {
    pub(super) rows: Vec<Pairs>,
    /// As a factor, each digit twice as great.
    pub(super) doubled: Vec<Pairs>,
    /// The digits themselves.
    pub(super) digits: Vec<Lanes>,
    /// The lower half of a product, as rows.
    pub(super) product: Vec<Pairs>,
    pub(super) quotient: Vec<Pairs>,
    /// The columns of the upper half of a product, carried once.
    pub(super) upper: Vec<Lanes>,
}

impl Number {
    pub(super) fn new(digits: &[Block]) -> Self {
        let digits: Vec<Lanes> = digits.iter().map(small).collect();
        let none = lanes([0; 4]);
        Self {
            rows: digits.iter().map(|digits| splat_pairs(*digits)).collect(),
            doubled: factor(digits.iter().map(|digits| add(*digits, *digits))),
            product: vec![[none; 2]; digits.len()],
            quotient: vec![[none; 2]; digits.len()],
            upper: vec![none; digits.len()],
            digits,
        }
    }
}

/// A number as the second factor of a product: one more than its blocks, for the last digits as the
/// second of their lanes.
#[derive(Clone)]
pub(crate) struct Factor {
    pub(super) pairs: Vec<Pairs>,
}

impl Factor {
    pub(super) fn new(digits: &[Block]) -> Self {
        Self { pairs: factor(digits.iter().map(small)) }
    }
}

fn factor(digits: impl Iterator<Item = Lanes>) -> Vec<Pairs> {
    let mut writer = Writer::new();
    digits.chain([lanes([0; 4])]).map(|digits| writer.next(digits)).collect()
}

/// Four digits that fit.
fn small(digits: &Block) -> Lanes {
    lanes(digits.map(|digit| i32::try_from(digit).unwrap_or_default()))
}

/// Makes a factor out of digits, four by four.
pub(super) struct Writer {
    digits: Lanes,
    pairs: Lanes,
}

impl Writer {
    pub(super) fn new() -> Self {
        Self { digits: lanes([0; 4]), pairs: lanes([0; 4]) }
    }

    #[inline(always)]
    pub(super) fn next(&mut self, digits: Lanes) -> Pairs {
        let second = shift_left::<16>(shift_in(self.digits, digits));
        let pairs = or(and(digits, lanes([0xffff; 4])), second);
        let place = [between(self.pairs, pairs), pairs];
        *self = Self { digits, pairs };
        place
    }
}
