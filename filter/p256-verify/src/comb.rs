//! Multiples of one point by a table of sums of its powers of two (Lim and Lee's comb).
//!
//! A scalar is written with 256 digits that are 1 or -1, which every odd number below `2^256` has.
//! Eight digits, 32 apart, are a *column*; a table has the point for each column, or its negative.
//! There are four tables, for the columns from 0, 8, 16 and 24, so that 32 sums and seven doublings
//! make a multiple: a fifth of what doubling bit by bit takes.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    reason = "counters of loops, below constants: no number decides about an index, and the compiler \
              itself has run all of them once for the table of the generator"
)]

use crate::{
    field::Element,
    point::{Affine, Point},
};

/// Tables, each for the columns that begin with one of these.
const TABLES: usize = 4;
/// Columns that one table serves.
pub(crate) const ROWS: u32 = 8;
/// Points of a table: the highest digit of a column is made 1.
const POINTS: usize = 128;

/// A point in a table, both coordinates packed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packed {
    x: [u64; 4],
    y: [u64; 4],
}

/// The tables of a point.
#[derive(Clone, Debug)]
pub(crate) struct Comb([[Packed; POINTS]; TABLES]);

/// The tables of the generator, made by the compiler.
pub(crate) static GENERATOR: Comb = Comb::OF_GENERATOR;

impl Comb {
    /// Tables without points, to be filled.
    pub(crate) const EMPTY: Self = Self([[Packed { x: [0; 4], y: [0; 4] }; POINTS]; TABLES]);

    /// The tables of the generator.
    const OF_GENERATOR: Self = {
        let mut comb = Self::EMPTY;
        comb.fill(&Affine::GENERATOR);
        comb
    };

    /// Puts in the multiples of a point.
    ///
    /// No sum here is of two points that are the same or opposite, whatever the point: all are
    /// multiples `m` of it with different `m` between 0 and `2^255`, and the order is above that.
    pub(crate) const fn fill(&mut self, point: &Affine) {
        // The point times 2^(8j), and twice that.
        let mut powers = [[Point::INFINITY; 2]; 32];
        let mut power = point.point();
        let mut at = 0;
        while at < powers.len() {
            let twice = power.doubled();
            powers[at] = [power, twice];
            power = twice;
            let mut count = 1;
            while count < ROWS {
                power = power.doubled();
                count += 1;
            }
            at += 1;
        }
        let mut inverses = [Element::ONE; 256];
        at = 0;
        while at < powers.len() {
            let [once, twice] = &powers[at];
            inverses[2 * at] = once.z;
            inverses[2 * at + 1] = twice.z;
            at += 1;
        }
        invert_all(&mut inverses, 64);
        let mut ones = [*point; 32];
        let mut twos = [*point; 32];
        at = 0;
        while at < powers.len() {
            let [once, twice] = &powers[at];
            ones[at] = once.affine(&inverses[2 * at]);
            twos[at] = twice.affine(&inverses[2 * at + 1]);
            at += 1;
        }

        // The first point of each table: the highest power less all the others.
        let mut firsts = [Point::INFINITY; TABLES];
        let mut table = 0;
        while table < TABLES {
            let mut sum = ones[28 + table].point();
            let mut tooth = 0;
            while tooth < 7 {
                sum = sum.plus(&ones[4 * tooth + table].negated());
                tooth += 1;
            }
            firsts[table] = sum;
            inverses[table] = sum.z;
            table += 1;
        }
        invert_all(&mut inverses, TABLES);
        table = 0;
        while table < TABLES {
            self.0[table][0] = Packed::new(&firsts[table].affine(&inverses[table]));
            table += 1;
        }

        // Each digit that is 1 instead of -1 adds twice its power.
        let mut tooth = 0;
        let mut known = 1;
        while known < POINTS {
            let mut count = 0;
            while count < TABLES * known {
                let (table, index) = (count / known, count % known);
                let two = &twos[4 * tooth + table];
                inverses[count] = two.x.minus(&self.0[table][index].point().x).tight();
                count += 1;
            }
            invert_all(&mut inverses, count);
            count = 0;
            while count < TABLES * known {
                let (table, index) = (count / known, count % known);
                let two = &twos[4 * tooth + table];
                let point = sum_of(&self.0[table][index].point(), two, &inverses[count]);
                self.0[table][index + known] = Packed::new(&point);
                count += 1;
            }
            known *= 2;
            tooth += 1;
        }
    }

    /// Adds the points of a row: of the columns `row`, `8 + row`, `16 + row` and `24 + row`.
    #[inline(always)]
    pub(crate) fn add_row(&self, sum: &mut Point, columns: &Columns, row: u32) {
        for (table, first) in self.0.iter().zip([0, 8, 16, 24]) {
            let (index, negative) = columns.column(first + row);
            if let Some(packed) = table.get(index) {
                let mut point = packed.point();
                if negative != columns.negative {
                    point = point.negated();
                }
                *sum = sum.plus(&point);
            }
        }
    }
}

impl Packed {
    const fn new(point: &Affine) -> Self {
        Self { x: point.x.pack(), y: point.y.pack() }
    }

    const fn point(&self) -> Affine {
        Affine { x: Element::unpack(&self.x), y: Element::unpack(&self.y) }
    }
}

/// The sum of two points with different `x`, given `1/(b.x - a.x)`.
const fn sum_of(a: &Affine, b: &Affine, inverse: &Element) -> Affine {
    let slope = b.y.minus(&a.y).times(&inverse.loose());
    let x = slope.squared().minus(&a.x).minus(&b.x).tight();
    let y = slope.loose().times(&a.x.minus(&x)).minus(&a.y).tight();
    Affine { x, y }
}

/// Inverts the first numbers at once: three products each, and one inversion (Montgomery's trick).
/// None of them is zero.
pub(crate) const fn invert_all<const MOST: usize>(numbers: &mut [Element; MOST], count: usize) {
    let mut before = [Element::ONE; MOST];
    let mut product = Element::ONE;
    let mut at = 0;
    while at < count {
        before[at] = product;
        product = product.times(&numbers[at]);
        at += 1;
    }
    let mut inverse = product.inverted();
    while at > 0 {
        at -= 1;
        let number = numbers[at];
        numbers[at] = inverse.times(&before[at]);
        inverse = inverse.times(&number);
    }
}

/// The digits of a scalar, as columns.
pub(crate) struct Columns {
    /// Bit `32 k + j` is 1 if the digit of that place is 1, and 0 if it is -1.
    words: [u32; 8],
    /// Whether all digits have the other sign.
    negative: bool,
}

impl Columns {
    /// For an odd number below `2^256`, the lowest word first; `negative` for its negative.
    pub(crate) fn new(odd: [u64; 4], negative: bool) -> Self {
        let [w0, w1, w2, w3] = odd;
        // (odd + 2^256 - 1) / 2 has the bits that are wanted.
        let halves =
            [w0 >> 1 | w1 << 63, w1 >> 1 | w2 << 63, w2 >> 1 | w3 << 63, w3 >> 1 | 1 << 63];
        let mut words = [0; 8];
        for (pair, half) in words.as_chunks_mut::<2>().0.iter_mut().zip(halves) {
            let [b0, b1, b2, b3, b4, b5, b6, b7] = half.to_le_bytes();
            *pair = [u32::from_le_bytes([b0, b1, b2, b3]), u32::from_le_bytes([b4, b5, b6, b7])];
        }
        Self { words, negative }
    }

    /// The point of a table for a column, and whether it is its negative that is meant.
    #[inline(always)]
    fn column(&self, at: u32) -> (usize, bool) {
        let [rest @ .., top] = self.words;
        let negative = (top >> at) & 1 == 0;
        let mut index = 0_u8;
        for (tooth, word) in rest.into_iter().enumerate() {
            let [bit, ..] = ((word >> at) & 1).to_le_bytes();
            index |= bit << tooth;
        }
        if negative {
            index ^= 0x7f;
        }
        (usize::from(index), negative)
    }
}

#[cfg(test)]
mod tests;
