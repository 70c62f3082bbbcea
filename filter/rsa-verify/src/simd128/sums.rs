//! Sums of products of digits, four columns in a block and four blocks at a time.
//!
//! Four blocks share the rows that they load, and each but the first takes the digits of the factor over from the
//! one before it, a step later.

#![expect(clippy::arithmetic_side_effects, reason = "the bounds of the module above")]

use super::{
    W,
    lanes::{
        Lanes, add, and, dot, halve_halves, lanes, or, shift_in, shift_left, shift_right, sub,
    },
    number::Pairs,
};

/// Blocks of columns that are summed up together.
pub(super) const TILE: usize = 4;

/// Four columns: `low + 2^13 * high`.
#[derive(Clone, Copy)]
pub(super) struct Sum {
    pub(super) low: Lanes,
    pub(super) high: Lanes,
}

/// Splits each lane into its balanced digit and what is carried from it.
#[inline(always)]
fn split(lanes: Lanes) -> Sum {
    let high = shift_right::<W>(add(lanes, half()));
    Sum { low: sub(lanes, shift_left::<W>(high)), high }
}

#[inline(always)]
fn half() -> Lanes {
    lanes([1 << (W - 1); 4])
}

/// Columns in order, whose carries go from block to block.
pub(super) struct Carries {
    first: Lanes,
    second: Lanes,
}

impl Carries {
    pub(super) fn none() -> Self {
        Self { first: lanes([0; 4]), second: lanes([0; 4]) }
    }

    /// Columns with the high parts of those below.
    #[inline(always)]
    pub(super) fn first(&mut self, sum: Sum) -> Lanes {
        let columns = add(sum.low, shift_in(self.first, sum.high));
        self.first = sum.high;
        columns
    }

    /// The digits of columns that were carried once.
    #[inline(always)]
    pub(super) fn second(&mut self, columns: Lanes) -> Lanes {
        let Sum { low, high } = split(columns);
        let digits = add(low, shift_in(self.second, high));
        self.second = high;
        digits
    }

    /// The digits of columns.
    #[inline(always)]
    pub(super) fn both(&mut self, sum: Sum) -> Lanes {
        let columns = self.first(sum);
        self.second(columns)
    }

    /// What the second carry leaves for the next block.
    pub(super) fn out(&self) -> Lanes {
        shift_in(self.second, lanes([0; 4]))
    }
}

/// The sums of a tile: those taken apart, and those that products are still added to.
struct Tile {
    sums: [Sum; TILE],
    open: [Lanes; TILE],
}

impl Tile {
    #[inline(always)]
    fn new() -> Self {
        let none = lanes([0; 4]);
        Self { sums: [Sum { low: none, high: none }; TILE], open: [none; TILE] }
    }

    /// Takes the open sums apart before they overflow.
    #[inline(always)]
    fn close(&mut self) {
        for (sum, open) in self.sums.iter_mut().zip(&mut self.open) {
            let Sum { low, high } = split(*open);
            *sum = Sum { low: add(sum.low, low), high: add(sum.high, high) };
            *open = lanes([0; 4]);
        }
    }

    #[inline(always)]
    fn finish(mut self) -> [Sum; TILE] {
        self.close();
        self.sums
    }

    /// Adds the products of one row to one sum.
    #[inline(always)]
    fn add_one(&mut self, at: usize, row: Pairs, factor: Pairs) {
        if let Some(open) = self.open.get_mut(at) {
            *open = step(*open, row, factor);
        }
    }

    /// Adds the products of the first row with the last pairs of the factor, and so on, for the
    /// first block; those of the others lie one, two and three pairs higher, and `above` holds the ones before the
    /// first row, the lowest first.
    #[inline(always)]
    fn add_rows<const MOST: usize>(
        &mut self,
        rows: &[Pairs],
        factor: &[Pairs],
        above: [Pairs; TILE - 1],
    ) {
        let [mut second, mut third, mut fourth] = above;
        for (at, (rows, factor)) in rows.chunks(MOST).zip(factor.rchunks(MOST)).enumerate() {
            if at > 0 {
                self.close();
            }
            let [mut s0, mut s1, mut s2, mut s3] = self.open;
            for (row, first) in rows.iter().zip(factor.iter().rev()) {
                s0 = step(s0, *row, *first);
                s1 = step(s1, *row, second);
                s2 = step(s2, *row, third);
                s3 = step(s3, *row, fourth);
                (fourth, third, second) = (third, second, *first);
            }
            self.open = [s0, s1, s2, s3];
        }
    }
}

#[inline(always)]
fn step(sum: Lanes, [r0, r1]: Pairs, [even, odd]: Pairs) -> Lanes {
    add(sum, add(dot(r0, odd), dot(r1, even)))
}

/// Rows between two takes: with three more for the corners, 23 rows of four products.
const ROWS: usize = 20;
/// The same for doubled factors: with two more, 12 rows of four products of double size.
const DOUBLED_ROWS: usize = 10;

/// Four blocks of columns, from block `at`, of the lower half of `rows * factor`.
#[inline(always)]
pub(super) fn lower_sums(rows: &[Pairs], factor: &[Pairs], at: usize) -> [Sum; TILE] {
    let mut tile = Tile::new();
    let above = [1, 2, 3].map(|block| pairs(factor, at + block));
    tile.add_rows::<ROWS>(part(rows, 0, at + 1), part(factor, 0, at + 1), above);
    // The rows that the higher blocks have more.
    for block in 1..TILE {
        for row in 1..=block {
            tile.add_one(block, pairs(rows, at + row), pairs(factor, block - row));
        }
    }
    tile.finish()
}

/// Four blocks of columns, from block `at`, of the upper half of `rows * factor`.
#[inline(always)]
pub(super) fn upper_sums(rows: &[Pairs], factor: &[Pairs], at: usize) -> [Sum; TILE] {
    let blocks = rows.len();
    let mut tile = Tile::new();
    add_corner(&mut tile, part(rows, at, blocks), factor, blocks);
    let above = [2, 3, 4].map(|block| pairs(factor, blocks + block - TILE));
    let (rows, factor) =
        (part(rows, at + TILE - 1, blocks), part(factor, at + 1, blocks + 2 - TILE));
    tile.add_rows::<ROWS>(rows, factor, above);
    tile.finish()
}

/// The rows before the first that all four blocks of a tile have, in the upper half.
#[inline(always)]
fn add_corner(tile: &mut Tile, rows: &[Pairs], factor: &[Pairs], blocks: usize) {
    for block in 0..TILE - 1 {
        for row in block..TILE - 1 {
            tile.add_one(block, pairs(rows, row), pairs(factor, blocks + block - row));
        }
    }
}

/// Four blocks of columns, from block `at`, of a square: products of two different digits are made
/// once, with one of them doubled.
#[inline(always)]
pub(super) fn square_sums(rows: &[Pairs], doubled: &[Pairs], at: usize) -> [Sum; TILE] {
    let mut tile = Tile::new();
    let (blocks, middle) = (rows.len(), at / 2);
    // The first row that all four blocks have.
    let first = (at + TILE - 1).saturating_sub(blocks);
    if first > 0 {
        for block in 0..TILE - 1 {
            for row in at + block - blocks..first.min((at + block) / 2) {
                tile.add_one(block, pairs(rows, row), pairs(doubled, at + block - row));
            }
        }
        tile.close();
    }
    let above = [1, 2, 3].map(|block| pairs(doubled, at + block - first));
    let factor = part(doubled, at - middle + 1, at - first + 1);
    tile.add_rows::<DOUBLED_ROWS>(part(rows, first, middle), factor, above);
    for block in 2..TILE {
        for row in first.max(middle)..(at + block) / 2 {
            tile.add_one(block, pairs(rows, row), pairs(doubled, at + block - row));
        }
    }
    for (block, open) in tile.open.iter_mut().enumerate() {
        *open = add(*open, middle_products(rows, doubled, at + block));
    }
    tile.finish()
}

/// The products of the last digits of a row that a block of a square has, those with itself among
/// them.
#[inline(always)]
fn middle_products(rows: &[Pairs], doubled: &[Pairs], at: usize) -> Lanes {
    // Lanes of (1, 0), (2, 0), (2, 1) and (2, 2) times a product: a digit by a greater one twice, by
    // itself once, and not by a smaller one.
    let doubled_ones = lanes([0, 0xffff, 0xffff, -1]);
    let plain_ones = lanes([0xffff, 0, -0x1_0000, 0]);
    let own = |row, factor| {
        let plain = and(halve_halves(factor), plain_ones);
        dot(row, or(and(factor, doubled_ones), plain))
    };
    let [r0, r1] = pairs(rows, at / 2);
    if at.is_multiple_of(2) {
        let [_, odd] = pairs(doubled, at / 2);
        own(r0, odd)
    } else {
        let [even, odd] = pairs(doubled, at / 2 + 1);
        add(dot(r0, odd), own(r1, even))
    }
}

/// The pairs at a place.
#[inline(always)]
fn pairs(number: &[Pairs], at: usize) -> Pairs {
    number.get(at).copied().unwrap_or([lanes([0; 4]); 2])
}

/// The pairs from one place to before another.
#[inline(always)]
fn part(number: &[Pairs], from: usize, to: usize) -> &[Pairs] {
    number.get(from..to).unwrap_or_default()
}
