//! Numbers modulo `n`, the order of the curve, in digits of 29 bits.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "sums of at most 18 products of two digits and a carry stay below 2^63; see `product`"
)]

mod inverse;

/// Bits of a digit.
const WIDTH: u32 = 29;
/// The bits of a digit.
const MASK: u64 = (1 << WIDTH) - 1;

/// `n`, the lowest word first (SP 800-186 section 3.2.1.3).
pub(crate) const ORDER: [u64; 4] =
    [0xf3b9_cac2_fc63_2551, 0xbce6_faad_a717_9e84, 0xffff_ffff_ffff_ffff, 0xffff_ffff_0000_0000];

/// `n`.
const N: Digits = digits(ORDER);
/// `-1/n` modulo `2^29`.
const INVERSE: u64 = {
    let [n0, ..] = N;
    // Each step doubles the number of right bits, of which the first guess has three.
    let mut inverse = n0;
    let mut bits = 3;
    while bits < WIDTH {
        inverse = inverse.wrapping_mul(2_u64.wrapping_sub(n0.wrapping_mul(inverse)));
        bits *= 2;
    }
    inverse.wrapping_neg() & MASK
};
/// `R^2` modulo `n`, where `R = 2^261`.
const SQUARE_OF_RADIX: Digits = {
    let mut number = [1, 0, 0, 0];
    let mut count = 0;
    while count < 522 {
        let (doubled, carry) = sum(number, number);
        let (less, borrow) = difference(doubled, ORDER);
        number = if carry || !borrow { less } else { doubled };
        count += 1;
    }
    digits(number)
};

type Digits = [u64; 9];

/// A number from 0 to `n - 1`, as words, the lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Scalar([u64; 4]);

impl Scalar {
    /// A number that is below `n`; `None` for any other.
    pub(crate) fn new(words: [u64; 4]) -> Option<Self> {
        difference(words, ORDER).1.then_some(Self(words))
    }

    /// The remainder of any number below `2^256`, which is below `2n`.
    pub(crate) fn reduced(words: [u64; 4]) -> Self {
        Self::new(words).unwrap_or(Self(difference(words, ORDER).0))
    }

    /// The number as words, the lowest first.
    pub(crate) fn words(&self) -> [u64; 4] {
        self.0
    }

    /// Whether it is zero.
    pub(crate) fn is_zero(&self) -> bool {
        self.0 == [0; 4]
    }

    /// Either the number or `n` less the number, whichever is odd, and whether it is the second.
    pub(crate) fn odd(&self) -> ([u64; 4], bool) {
        let [lowest, ..] = self.0;
        if lowest & 1 == 1 { (self.0, false) } else { (difference(ORDER, self.0).0, true) }
    }

    /// Both numbers divided by this one; `None` if it is zero.
    ///
    /// The inverse is proven by a multiplication.
    pub(crate) fn divide(&self, numbers: [&Self; 2]) -> Option<[Self; 2]> {
        let inverse = product(&digits(inverse::inverse(&self.0)?), &SQUARE_OF_RADIX);
        let times = |number: &Self| Self(words(product(&inverse, &digits(number.0))));
        (times(self) == Self([1, 0, 0, 0])).then(|| numbers.map(times))
    }
}

/// Digits of a number, the lowest first.
const fn digits(words: [u64; 4]) -> Digits {
    let [w0, w1, w2, w3] = words;
    [
        w0 & MASK,
        w0 >> 29 & MASK,
        (w0 >> 58 | w1 << 6) & MASK,
        w1 >> 23 & MASK,
        (w1 >> 52 | w2 << 12) & MASK,
        w2 >> 17 & MASK,
        (w2 >> 46 | w3 << 18) & MASK,
        w3 >> 11 & MASK,
        w3 >> 40,
    ]
}

/// The number of such digits, below `2^256`.
const fn words(digits: Digits) -> [u64; 4] {
    let [d0, d1, d2, d3, d4, d5, d6, d7, d8] = digits;
    [
        d0 | d1 << 29 | d2 << 58,
        d2 >> 6 | d3 << 23 | d4 << 52,
        d4 >> 12 | d5 << 17 | d6 << 46,
        d6 >> 18 | d7 << 11 | d8 << 40,
    ]
}

/// The product divided by `R`, modulo `n` (Montgomery's multiplication); both below `n`.
///
/// A column gets two products of digits from each of nine rows, and a carry: less than
/// `18 * 2^58 + 2^35 < 2^63`. The sum is below `(n^2 + R n) / R < 2n`.
fn product(a: &Digits, b: &Digits) -> Digits {
    let [b0, b_rest @ ..] = b;
    let [n0, n_rest @ ..] = &N;
    let mut sum = [0_u64; 9];
    for digit in a {
        let [lowest, rest @ ..] = sum;
        let lowest = lowest + digit * b0;
        let quotient = lowest.wrapping_mul(INVERSE) & MASK;
        let carry = (lowest + quotient * n0) >> WIDTH;
        let mut next = [0_u64; 9];
        let places = next.iter_mut().zip(rest.into_iter().chain([0]));
        for ((place, old), (b, n)) in places.zip(b_rest.iter().zip(n_rest)) {
            *place = old + digit * b + quotient * n;
        }
        let [first, ..] = &mut next;
        *first += carry;
        sum = next;
    }
    let mut carry = 0;
    for place in &mut sum {
        *place += carry;
        carry = *place >> WIDTH;
        *place &= MASK;
    }
    let mut less = [0_u64; 9];
    let mut borrow = 0_i64;
    for ((place, digit), n) in less.iter_mut().zip(sum).zip(N) {
        let column = digit.cast_signed() - n.cast_signed() + borrow;
        borrow = column >> WIDTH;
        *place = column.cast_unsigned() & MASK;
    }
    if borrow < 0 { sum } else { less }
}

/// The sum and its carry.
pub(crate) const fn sum(a: [u64; 4], b: [u64; 4]) -> ([u64; 4], bool) {
    let [a0, a1, a2, a3] = a;
    let [b0, b1, b2, b3] = b;
    let (d0, carry) = add(a0, b0, false);
    let (d1, carry) = add(a1, b1, carry);
    let (d2, carry) = add(a2, b2, carry);
    let (d3, carry) = add(a3, b3, carry);
    ([d0, d1, d2, d3], carry)
}

/// The difference, and whether it is below zero: `2^256` is then added.
pub(crate) const fn difference(a: [u64; 4], b: [u64; 4]) -> ([u64; 4], bool) {
    let [a0, a1, a2, a3] = a;
    let [b0, b1, b2, b3] = b;
    let (d0, borrow) = sub(a0, b0, false);
    let (d1, borrow) = sub(a1, b1, borrow);
    let (d2, borrow) = sub(a2, b2, borrow);
    let (d3, borrow) = sub(a3, b3, borrow);
    ([d0, d1, d2, d3], borrow)
}

/// The sum of two words and a carry, and the carry out of it.
const fn add(a: u64, b: u64, carry: bool) -> (u64, bool) {
    let (sum, first) = a.overflowing_add(b);
    if carry {
        let (sum, second) = sum.overflowing_add(1);
        (sum, first || second)
    } else {
        (sum, first)
    }
}

/// The difference of two words and a borrow, and the borrow out of it.
const fn sub(a: u64, b: u64, borrow: bool) -> (u64, bool) {
    let (rest, first) = a.overflowing_sub(b);
    if borrow {
        let (rest, second) = rest.overflowing_sub(1);
        (rest, first || second)
    } else {
        (rest, first)
    }
}

#[cfg(test)]
mod tests;
