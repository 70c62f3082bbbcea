//! Multiples of a point for which there is no table: doubled bit by bit, with a few odd multiples.

use crate::{
    comb::invert_all,
    field::Element,
    point::{Affine, Point},
};

/// Odd multiples that are kept: 1, 3, up to 15.
const MULTIPLES: usize = 8;
/// Digits of a scalar: its bits and a carry.
pub(crate) const DIGITS: u32 = 257;

/// The odd multiples of a point, from 1 to 15.
pub(crate) struct Multiples([Affine; MULTIPLES]);

impl Multiples {
    pub(crate) fn new(point: &Affine) -> Self {
        // With other units, in which twice the point has a `z` of one, sums get cheaper: `x` is
        // counted in `z^2` and `y` in `z^3`. The formula of sums does not know the curve's
        // coefficients, and no two points that it gets here have the same `x`.
        let twice = point.point().doubled();
        let step = Affine { x: twice.x, y: twice.y };
        let zz = twice.z.squared();
        let unit = Affine { x: point.x.times(&zz), y: point.y.times(&zz.times(&twice.z)) };
        let mut multiple = unit.point();
        let mut inverses = [Element::ONE; MULTIPLES];
        let points = inverses.each_mut().map(|inverse| {
            let this = Point { x: multiple.x, y: multiple.y, z: multiple.z.times(&twice.z) };
            *inverse = this.z;
            multiple = multiple.plus(&step);
            this
        });
        invert_all(&mut inverses, MULTIPLES);
        let mut inverses = inverses.iter();
        Self(points.map(|point| point.affine(inverses.next().unwrap_or(&Element::ONE))))
    }

    /// Adds the multiple that a digit says: 0, or odd and at most 15 in absolute value.
    pub(crate) fn add(&self, sum: &mut Point, digit: i8) {
        if digit == 0 {
            return;
        }
        let Some(point) = self.0.get(usize::from(digit.unsigned_abs() >> 1)) else {
            return;
        };
        *sum = if digit < 0 { sum.plus(&point.negated()) } else { sum.plus(point) };
    }
}

/// A number in digits that are 0, or odd and at most 15 in absolute value, four zeros at least
/// between two others; the lowest first.
pub(crate) fn digits(mut words: [u64; 4]) -> [i8; 257] {
    let mut digits = [0; 257];
    let mut places = digits.iter_mut();
    let mut carry = false;
    while let Some(place) = places.next() {
        let [w0, w1, w2, w3] = words;
        let mut shift = 1;
        if (w0 & 1 == 1) != carry {
            let [low, ..] = (w0 & 31).to_le_bytes();
            let low = low.saturating_add(u8::from(carry)).cast_signed();
            carry = low > 16;
            *place = if carry { low.saturating_sub(32) } else { low };
            // The four digits above are zero.
            let _ = places.nth(3);
            shift = 5;
        }
        let high = 64_u32.saturating_sub(shift);
        words = [
            w0 >> shift | w1 << high,
            w1 >> shift | w2 << high,
            w2 >> shift | w3 << high,
            w3 >> shift,
        ];
    }
    digits
}

#[cfg(test)]
mod tests;
