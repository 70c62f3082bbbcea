//! Products of numbers, two blocks at a time.
//!
//! A block is a pair of columns; it has two chains, one for the even and one for the odd digits of the
//! rows. Two blocks share the rows that they load, and the second takes the digits of the factor over
//! from the first, a step later.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "places in numbers; what is outside of them is zero"
)]

use super::{
    lanes::{Lanes, doubles, multiply_doubles},
    number::Pairs,
    sums::{Chain, Constants, MOST, Sums},
};

/// Rows that are added before chains are started again: further ones are added outside of them, two at
/// most.
const ROWS: usize = MOST - 3;

/// Zeros in place of pairs that are not there.
const NONE: [f64; 2] = [0.0; 2];

/// Two blocks that products are being added to. Chains of tiles that are not `LONG` have room for all
/// rows.
pub(super) struct Tile<'a, const LONG: bool> {
    first: [Chain; 2],
    second: [Chain; 2],
    sums: [Sums; 2],
    constants: &'a Constants,
}

impl<'a, const LONG: bool> Tile<'a, LONG> {
    /// Without products.
    #[inline(always)]
    pub(super) fn once(constants: &'a Constants) -> Self {
        let chains = [Chain::start(constants); 2];
        Self { first: chains, second: chains, sums: [Sums::once(constants); 2], constants }
    }

    /// Without products, for chains that are [started again](Self::restart).
    #[inline(always)]
    fn twice(constants: &'a Constants) -> Self {
        Self { sums: [Sums::twice(constants); 2], ..Self::once(constants) }
    }

    /// The blocks `at` and `at + 1` of the lower half of `rows * factor`, with room for another product.
    #[inline(always)]
    pub(super) fn of_lower(
        rows: &[Pairs],
        factor: &[Pairs],
        at: usize,
        constants: &'a Constants,
    ) -> Self {
        let mut tile = Self::twice(constants);
        tile.add_lower(rows, factor, at);
        tile.restart();
        tile
    }

    /// The same of the upper half.
    #[inline(always)]
    pub(super) fn of_upper(
        rows: &[Pairs],
        factor: &[Pairs],
        at: usize,
        constants: &'a Constants,
    ) -> Self {
        let mut tile = Self::twice(constants);
        let (above, factor) = below(factor, 0);
        let rows = tile.add_highest(above, rows, at);
        tile.add_rows(above, rows, factor);
        tile.restart();
        tile
    }

    /// The blocks `at` and `at + 1` of the lower half of a square, with room for another product.
    #[inline(always)]
    pub(super) fn of_lower_square(
        rows: &[Pairs],
        doubled: &[Pairs],
        at: usize,
        constants: &'a Constants,
    ) -> Self {
        let mut tile = if LONG { Self::twice(constants) } else { Self::once(constants) };
        let (above, doubled) = below(doubled, doubled.len().wrapping_sub(at + 2));
        tile.add_square(above, rows, doubled, at / 2);
        // Half as many rows, and a product of the lower half: a chain has room for both.
        if LONG {
            tile.restart();
        }
        tile
    }

    /// The same of the upper half.
    #[inline(always)]
    pub(super) fn of_upper_square(
        rows: &[Pairs],
        doubled: &[Pairs],
        at: usize,
        constants: &'a Constants,
    ) -> Self {
        let mut tile = Self::twice(constants);
        let count = rows.len().wrapping_sub(at + 1) / 2;
        let (above, doubled) = below(doubled, 0);
        let rows = tile.add_highest(above, rows, at);
        tile.add_square(above, rows, doubled, count);
        tile.restart();
        tile
    }

    /// Adds the blocks `at` and `at + 1` of the lower half of `rows * factor`.
    #[inline(always)]
    pub(super) fn add_lower(&mut self, rows: &[Pairs], factor: &[Pairs], at: usize) {
        // The second block has a row more.
        if let (Some([r0, r1]), Some([even, odd])) = (rows.get(at + 1), factor.last()) {
            let [a, b] = &mut self.second;
            a.add(*r0, *even);
            b.add(*r1, *odd);
        }
        let (above, factor) = below(factor, factor.len().wrapping_sub(at + 2));
        self.add_rows(above, rows, factor);
    }

    /// Adds the blocks `at - 2` and `at - 1` of the upper half of `rows * factor`, without the last two
    /// rows.
    #[inline(always)]
    pub(super) fn add_upper_of_most(&mut self, rows: &[Pairs], factor: &[Pairs], at: usize) {
        let rows = rows.get(..rows.len().wrapping_sub(2)).unwrap_or_default();
        // The first time these are the last of the lower half.
        let (above, factor) = below(factor, usize::from(at == 0));
        let rows = match at.checked_sub(2) {
            Some(at) => self.add_highest(above, rows, at),
            None => rows,
        };
        self.add_rows(above, rows, factor);
    }

    /// Adds the blocks `at` and `at + 1` of the upper half of `rows * factor`, but only of the last two
    /// rows, for a factor with zeros before its highest digit.
    #[inline(always)]
    pub(super) fn add_upper_of_two(&mut self, rows: &[Pairs], factor: &[Pairs], at: usize) {
        let factor = factor.get(factor.len().wrapping_sub(at + 4)..).unwrap_or_default();
        if let (Some(rows), [above, high, low, ..]) = (rows.last_chunk(), factor) {
            self.add_two(*above, rows, [*high, *low]);
        }
    }

    /// Adds the blocks `at` and `at + 1` of `rows * factor`, for two rows.
    pub(super) fn add_product(&mut self, rows: &[Pairs; 2], factor: &[Pairs], at: usize) {
        let pairs = |from_end: usize| {
            let place = factor.len().checked_sub(from_end);
            place.and_then(|place| factor.get(place)).copied().unwrap_or([doubles(NONE); 2])
        };
        // None of them is the one that a factor has below its lowest.
        self.add_two(pairs(at + 2), rows, [pairs(at + 1), pairs(at)]);
    }

    /// Adds more columns.
    #[inline(always)]
    pub(super) fn add_columns(&mut self, columns: [Lanes; 2]) {
        for (sums, columns) in self.sums.iter_mut().zip(columns) {
            sums.add_columns(columns);
        }
    }

    /// What the blocks have come to.
    #[inline(always)]
    pub(super) fn finish(mut self) -> [Sums; 2] {
        let [first, second] = &mut self.sums;
        first.add(&self.first);
        second.add(&self.second);
        self.sums
    }

    /// Adds what only the first of two upper blocks has: the row `at` with the highest digit. Gives the
    /// other rows.
    #[inline(always)]
    fn add_highest<'b>(&mut self, [_, odd]: Pairs, rows: &'b [Pairs], at: usize) -> &'b [Pairs] {
        let ([_, r1], rows) = below(rows, at);
        let [_, chain] = &mut self.first;
        chain.add(r1, odd);
        rows
    }

    /// Adds what two blocks of a square have: so many rows, and then one whose digits meet themselves.
    /// Products of two different digits are made once, with one of them doubled.
    #[inline(always)]
    fn add_square(&mut self, above: Pairs, rows: &[Pairs], doubled: &[Pairs], count: usize) {
        let (common, rest) = rows.split_at_checked(count).unwrap_or_default();
        let before = count.checked_sub(1).map_or(Some(&above), |before| doubled.get(before));
        if let (Some([r0, r1]), Some([next, odd]), Some([even, _])) =
            (rest.first(), before, doubled.get(count))
        {
            let once = self.constants.once;
            let ([a, _], [c, d]) = (&mut self.first, &mut self.second);
            a.add(*r0, multiply_doubles(*even, once));
            c.add(*r0, *next);
            d.add(*r1, multiply_doubles(*odd, once));
        }
        self.add_rows(above, common, doubled);
    }

    /// Adds the products of the first row with the first pairs of the factor, and so on, until either
    /// ends; `above` are the pairs before the first.
    #[inline(always)]
    fn add_rows(&mut self, mut above: Pairs, mut rows: &[Pairs], mut factor: &[Pairs]) {
        while LONG
            && let (Some((some, more)), Some((pairs, lower))) =
                (rows.split_at_checked(ROWS), factor.split_at_checked(ROWS))
        {
            above = self.add_some(above, some, pairs);
            self.restart();
            self.sums.iter_mut().for_each(Sums::take_start);
            (rows, factor) = (more, lower);
        }
        self.add_some(above, rows, factor);
    }

    /// As [`add_rows`](Self::add_rows), for which the chains have room; gives the last pairs.
    #[inline(always)]
    fn add_some(&mut self, above: Pairs, rows: &[Pairs], factor: &[Pairs]) -> Pairs {
        let ([mut a, mut b], [mut c, mut d]) = (self.first, self.second);
        let [mut even, mut odd] = above;
        for ([r0, r1], [e, o]) in rows.iter().zip(factor) {
            c.add(*r0, even);
            a.add(*r0, *e);
            d.add(*r1, odd);
            b.add(*r1, *o);
            (even, odd) = (*e, *o);
        }
        (self.first, self.second) = ([a, b], [c, d]);
        [even, odd]
    }

    /// As [`add_rows`](Self::add_rows), of two rows.
    #[inline(always)]
    fn add_two(&mut self, above: Pairs, [row, last]: &[Pairs; 2], [high, low]: [Pairs; 2]) {
        let ([a, b], [c, d]) = (&mut self.first, &mut self.second);
        for ([r0, r1], [even, odd], [e, o]) in [(*row, above, high), (*last, high, low)] {
            c.add(r0, even);
            a.add(r0, e);
            d.add(r1, odd);
            b.add(r1, o);
        }
    }

    /// Starts the chains again.
    #[inline(always)]
    fn restart(&mut self) {
        for (sums, chains) in self.sums.iter_mut().zip([&mut self.first, &mut self.second]) {
            sums.add(chains);
            *chains = [Chain::start(self.constants); 2];
        }
    }
}

/// The pairs at a place, and those that come after it.
#[inline(always)]
fn below(number: &[Pairs], at: usize) -> (Pairs, &[Pairs]) {
    match number.get(at..).and_then(<[Pairs]>::split_first) {
        Some((pairs, lower)) => (*pairs, lower),
        None => ([doubles(NONE); 2], &[]),
    }
}
