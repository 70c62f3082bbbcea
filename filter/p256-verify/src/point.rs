//! Points of the curve `y^2 = x^3 - 3x + b`.
//!
//! All points but infinity have the order `n`, a prime. Sums are exact for all points: a sum whose
//! two points are the same, or opposite, is found out by its result and computed in another way.
//! Who forges signatures chooses both scalars, so each such case can be brought about.

use crate::field::Element;

/// `b`, the lowest word first (SP 800-186 section 3.2.1.3).
const B: Element = Element::encode([
    0x3bce_3c3e_27d2_604b,
    0x651d_06b0_cc53_b0f6,
    0xb3eb_bd55_7698_86bc,
    0x5ac6_35d8_aa3a_93e7,
]);

/// A point that is not infinity, by its coordinates.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Affine {
    pub(crate) x: Element,
    pub(crate) y: Element,
}

/// A point, `(x/z^2, y/z^3)`; infinity if `z` is zero (Jacobian coordinates).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Point {
    pub(crate) x: Element,
    pub(crate) y: Element,
    pub(crate) z: Element,
}

impl Affine {
    /// The point that every key is a multiple of.
    pub(crate) const GENERATOR: Self = Self {
        x: Element::encode([
            0xf4a1_3945_d898_c296,
            0x7703_7d81_2deb_33a0,
            0xf8bc_e6e5_63a4_40f2,
            0x6b17_d1f2_e12c_4247,
        ]),
        y: Element::encode([
            0xcbb6_4068_37bf_51f5,
            0x2bce_3357_6b31_5ece,
            0x8ee7_eb4a_7c0f_9e16,
            0x4fe3_42e2_fe1a_7f9b,
        ]),
    };

    /// Whether the curve's equation holds.
    pub(crate) const fn is_on_curve(&self) -> bool {
        self.y.squared().equals(&right_side(&self.x))
    }

    /// The point with this `x`, and the even or the odd `y`; `None` if there is none.
    pub(crate) fn lift(x: Element, odd: bool) -> Option<Self> {
        let y = right_side(&x).square_root()?;
        let [lowest, ..] = y.decode();
        let y = if (lowest & 1 == 1) == odd { y } else { y.loose().negated().tight() };
        // Zero has no odd form; no point of the curve has it, since the order is odd.
        (!y.is_zero()).then_some(Self { x, y })
    }

    /// The point of which the sum with this one is infinity.
    pub(crate) const fn negated(&self) -> Self {
        Self { x: self.x, y: self.y.loose().negated().tight() }
    }

    /// The same point.
    pub(crate) const fn point(&self) -> Point {
        Point { x: self.x, y: self.y, z: Element::ONE }
    }
}

/// `x^3 - 3x + b`.
const fn right_side(x: &Element) -> Element {
    let cube = x.squared().times(x);
    cube.loose().minus(x).minus(x).minus(x).plus(&B).tight()
}

impl Point {
    pub(crate) const INFINITY: Self = Self { x: Element::ONE, y: Element::ONE, z: Element::ZERO };

    pub(crate) const fn is_infinity(&self) -> bool {
        self.z.is_zero()
    }

    /// Whether the curve's equation holds, for a point that is not infinity:
    /// `y^2 = x^3 - 3 x z^4 + b z^6`.
    pub(crate) const fn is_on_curve(&self) -> bool {
        let z_2 = self.z.squared();
        let z_4 = z_2.squared();
        let slope = self.x.squared().minus(&z_4).minus(&z_4).minus(&z_4).tight();
        let right = self.x.times(&slope).plus(&B.times(&z_4.times(&z_2))).tight();
        self.y.squared().equals(&right)
    }

    /// Twice the point. Infinity stays what it is, since `z` is a factor of the new one.
    ///
    /// The factors of the numbers are those of `field`.
    pub(crate) const fn doubled(&self) -> Self {
        let delta = self.z.squared();
        let gamma = self.y.squared();
        let beta = self.x.times(&gamma);
        let product = self.x.minus(&delta).times(&self.x.plus(&delta));
        let alpha = product.plus(&product).plus(&product).tight();
        let beta_4 = beta.loose().doubled(2).tight();
        let x = alpha.squared().minus(&beta_4).minus(&beta_4).tight();
        let square_4 = gamma.plus(&gamma).tight().squared().loose().doubled(1);
        let less = square_4.tight();
        let y = alpha.loose().times(&beta_4.minus(&x)).minus(&less).tight();
        let z = self.y.plus(&self.y).times(&self.z.loose());
        Self { x, y, z }
    }

    /// The sum with another point.
    pub(crate) const fn plus(&self, other: &Affine) -> Self {
        if self.is_infinity() {
            return other.point();
        }
        let zz = self.z.squared();
        let h = other.x.times(&zz).minus(&self.x);
        let r = other.y.times(&self.z.times(&zz)).minus(&self.y);
        let z = self.z.loose().times(&h);
        if z.is_zero() {
            // The same `x`, as `z` of this point is not zero: the same point or its negative.
            return if r.tight().is_zero() { self.doubled() } else { Self::INFINITY };
        }
        let hh = h.squared();
        let hhh = h.times(&hh.loose());
        let v = self.x.times(&hh);
        let x = r.squared().minus(&hhh).minus(&v).minus(&v).tight();
        let y = r.times_minus(&v.minus(&x), &self.y.loose(), &hhh.loose());
        Self { x, y, z }
    }

    /// The point by its coordinates, given `1/z`.
    pub(crate) const fn affine(&self, inverse: &Element) -> Affine {
        let square = inverse.squared();
        Affine { x: self.x.times(&square), y: self.y.times(&inverse.times(&square)) }
    }
}

#[cfg(test)]
mod tests;
