//! Numbers modulo `p = 2^256 - 2^224 + 2^192 + 2^96 - 1`, the field of P-256.
//!
//! A number is nine digits of 29 bits, in signed integers of 64 bits, and stands in Montgomery's
//! form: `x` is kept as `x * R` modulo `p`, where `R = 2^261`. WebAssembly multiplies 64 bits and
//! keeps the low 64, so products of digits add up, column by column, before anything is carried;
//! and since `p` is -1 modulo `2^96`, the digits that a reduction must add are the lowest digits
//! themselves, so that it needs no multiplication, only shifts.
//!
//! # Bounds
//!
//! A *tight* number has digits 0 to 7 in `0..2^29` and is between `-0.75 p` and `1.25 p`. So its
//! highest digit is below `2^25` in absolute value, and zero has two forms only: 0 and `p`. All
//! that is computed here is tight again, but for sums and differences, which are [`Loose`].
//!
//! A *loose* number of factor `f` has digits below `f * 2^29` in absolute value and is itself below
//! `f * 2p` in absolute value. A tight number and the difference of two have factor 1, a sum of two
//! has factor 2; each further summand adds 1. Products are taken of factors `f * g <= 2`, and
//! differences of two products of factors 1.
//!
//! - *Columns* of such a product: at most eight products of two digits, so at most
//!   `2 * 8 * 2^58 = 2^62`. A reduction adds a carry below `2^34` and four digits shifted by 24 bits
//!   at most, together below `2^54`. All stays below `2^63`.
//! - *Results*: a reduction gives `(t + qp) / R` with `0 <= q < R`, where `|t| <= 2 * (2p)^2`, so
//!   that `|t| / R < p/4`: the result is between `-0.25 p` and `1.25 p`, which is tight.
//! - *Quotients*, when a loose number of factor 16 at most is made tight: `p` is nearly `2^24` in
//!   the highest digit, and what the lower digits would carry into it is below 32. The rounded
//!   quotient is right to `2^-18`, and what remains is between `-0.51 p` and `0.51 p`.
//!
//! Debug builds check every addition and multiplication for overflow, and so does the compiler when
//! it computes the table of the generator. The tests hold these bounds against the extremes.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "the bounds above; a release build would wrap, and a wrong result is refused"
)]

/// Bits of a digit.
const WIDTH: u32 = 29;
/// The bits of a digit.
const MASK: i64 = (1 << WIDTH) - 1;

/// `p`, the lowest word first (SP 800-186 section 3.2.1.3).
pub(crate) const MODULUS: [u64; 4] =
    [0xffff_ffff_ffff_ffff, 0x0000_0000_ffff_ffff, 0, 0xffff_ffff_0000_0001];

/// A tight number.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Element([i64; 9]);

/// A sum or difference of few tight numbers, to be multiplied or made tight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loose([i64; 9]);

/// `p`.
const P: Element = Element::from_words(MODULUS);

/// The columns of a product, before a reduction.
type Columns = [i64; 17];

impl Element {
    /// Zero.
    pub(crate) const ZERO: Self = Self([0; 9]);
    /// One in Montgomery's form: `R`.
    pub(crate) const ONE: Self = Self::power_of_two(261);
    /// What brings a number into Montgomery's form: `R^2`.
    const SQUARE_OF_RADIX: Self = Self::power_of_two(522);

    /// A number below `p` from words, the lowest first; not in Montgomery's form.
    const fn from_words(words: [u64; 4]) -> Self {
        let [w0, w1, w2, w3] = words;
        Self([
            low(w0),
            low(w0 >> 29),
            low(w0 >> 58 | w1 << 6),
            low(w1 >> 23),
            low(w1 >> 52 | w2 << 12),
            low(w2 >> 17),
            low(w2 >> 46 | w3 << 18),
            low(w3 >> 11),
            low(w3 >> 40),
        ])
    }

    /// The number that lies packed in a table.
    pub(crate) const fn unpack(words: &[u64; 4]) -> Self {
        Self::from_words(*words)
    }

    /// The one form of the number, between 0 and `p - 1`, as words, the lowest first.
    pub(crate) const fn pack(&self) -> [u64; 4] {
        let [.., top] = self.0;
        // Below zero it is above -0.75 p.
        let positive = if top < 0 { carried(add(self.0, P.0)) } else { self.0 };
        let less = carried(sub(positive, P.0));
        let [.., top] = less;
        let [d0, d1, d2, d3, d4, d5, d6, d7, d8] = if top < 0 { positive } else { less };
        let (d0, d1, d2) = (d0.cast_unsigned(), d1.cast_unsigned(), d2.cast_unsigned());
        let (d3, d4, d5) = (d3.cast_unsigned(), d4.cast_unsigned(), d5.cast_unsigned());
        let (d6, d7, d8) = (d6.cast_unsigned(), d7.cast_unsigned(), d8.cast_unsigned());
        [
            d0 | d1 << 29 | d2 << 58,
            d2 >> 6 | d3 << 23 | d4 << 52,
            d4 >> 12 | d5 << 17 | d6 << 46,
            d6 >> 18 | d7 << 11 | d8 << 40,
        ]
    }

    /// A number below `p` in Montgomery's form, from words, the lowest first.
    pub(crate) const fn encode(words: [u64; 4]) -> Self {
        Self::from_words(words).times(&Self::SQUARE_OF_RADIX)
    }

    /// The words of what Montgomery's form stands for.
    pub(crate) const fn decode(&self) -> [u64; 4] {
        self.times(&Self([1, 0, 0, 0, 0, 0, 0, 0, 0])).pack()
    }

    /// `2^exponent`, not in Montgomery's form.
    const fn power_of_two(exponent: u32) -> Self {
        let mut number = Self([1, 0, 0, 0, 0, 0, 0, 0, 0]);
        let mut count = 0;
        while count < exponent {
            number = number.plus(&number).tight();
            count += 1;
        }
        number
    }

    /// Whether it is zero.
    pub(crate) const fn is_zero(&self) -> bool {
        let [d0, d1, d2, d3, d4, d5, d6, d7, d8] = self.0;
        // Nearly always the first digit decides.
        match d0 {
            0 => d1 | d2 | d3 | d4 | d5 | d6 | d7 | d8 == 0,
            MASK => {
                let [p0, p1, p2, p3, p4, p5, p6, p7, p8] = P.0;
                d0 == p0
                    && d1 == p1
                    && d2 == p2
                    && d3 == p3
                    && d4 == p4
                    && d5 == p5
                    && d6 == p6
                    && d7 == p7
                    && d8 == p8
            }
            _ => false,
        }
    }

    /// Whether both are the same modulo `p`.
    pub(crate) const fn equals(&self, other: &Self) -> bool {
        self.minus(other).tight().is_zero()
    }

    /// The sum, of factor 2.
    #[inline(always)]
    pub(crate) const fn plus(&self, other: &Self) -> Loose {
        Loose(add(self.0, other.0))
    }

    /// The difference, of factor 1.
    #[inline(always)]
    pub(crate) const fn minus(&self, other: &Self) -> Loose {
        Loose(sub(self.0, other.0))
    }

    /// The same, of factor 1.
    #[inline(always)]
    pub(crate) const fn loose(&self) -> Loose {
        Loose(self.0)
    }

    /// The product.
    pub(crate) const fn times(&self, other: &Self) -> Self {
        self.loose().times(&other.loose())
    }

    /// The square.
    pub(crate) const fn squared(&self) -> Self {
        self.loose().squared()
    }

    /// The square of the square, and so on.
    const fn squared_times(&self, count: u32) -> Self {
        let mut number = *self;
        let mut done = 0;
        while done < count {
            number = number.squared();
            done += 1;
        }
        number
    }

    /// `1/x`; 0 for 0.
    ///
    /// Fermat's: `x^(p-2)`, where `p - 2` in bits is 32 ones, 31 zeros and a one, 96 zeros, 94
    /// ones, a zero and a one.
    pub(crate) const fn inverted(&self) -> Self {
        let (ones_30, ones_32) = self.powers_of_ones();
        ones_32
            .squared_times(32)
            .times(self)
            .squared_times(128)
            .times(&ones_32)
            .squared_times(32)
            .times(&ones_32)
            .squared_times(30)
            .times(&ones_30)
            .squared_times(2)
            .times(self)
    }

    /// A square root, if there is one: `x^((p+1)/4)`, as `p` is 3 modulo 4.
    pub(crate) const fn square_root(&self) -> Option<Self> {
        let (_, ones_32) = self.powers_of_ones();
        let root =
            ones_32.squared_times(32).times(self).squared_times(96).times(self).squared_times(94);
        if root.squared().equals(self) { Some(root) } else { None }
    }

    /// `x` to the powers of 30 and of 32 bits, all of them ones.
    const fn powers_of_ones(&self) -> (Self, Self) {
        let ones_2 = self.squared().times(self);
        let ones_4 = ones_2.squared_times(2).times(&ones_2);
        let ones_6 = ones_4.squared_times(2).times(&ones_2);
        let ones_12 = ones_6.squared_times(6).times(&ones_6);
        let ones_24 = ones_12.squared_times(12).times(&ones_12);
        let ones_30 = ones_24.squared_times(6).times(&ones_6);
        let ones_32 = ones_30.squared_times(2).times(&ones_2);
        (ones_30, ones_32)
    }
}

impl Loose {
    /// Plus a tight number: a factor more.
    #[inline(always)]
    pub(crate) const fn plus(&self, other: &Element) -> Self {
        Self(add(self.0, other.0))
    }

    /// Less a tight number: a factor more.
    #[inline(always)]
    pub(crate) const fn minus(&self, other: &Element) -> Self {
        Self(sub(self.0, other.0))
    }

    /// The number times a power of two: as many times the factor.
    #[inline(always)]
    pub(crate) const fn doubled(&self, times: u32) -> Self {
        let [d0, d1, d2, d3, d4, d5, d6, d7, d8] = self.0;
        Self([
            d0 << times,
            d1 << times,
            d2 << times,
            d3 << times,
            d4 << times,
            d5 << times,
            d6 << times,
            d7 << times,
            d8 << times,
        ])
    }

    /// Its negative.
    #[inline(always)]
    pub(crate) const fn negated(&self) -> Self {
        Self(sub([0; 9], self.0))
    }

    /// The same number modulo `p`, tight; of a factor up to 16.
    pub(crate) const fn tight(&self) -> Element {
        let [d0, d1, d2, d3, d4, d5, d6, d7, d8] = self.0;
        // p is nearly 2^24 in the highest digit.
        let quotient = (d8 + (1 << 23)) >> 24;
        Element(carried([
            d0 + quotient,
            d1,
            d2,
            d3 - (quotient << 9),
            d4,
            d5,
            d6 - (quotient << 18),
            d7 + (quotient << 21),
            d8 - (quotient << 24),
        ]))
    }

    /// The product; the product of the factors is at most 2.
    pub(crate) const fn times(&self, other: &Self) -> Element {
        reduced(products(&self.0, &other.0))
    }

    /// The square; of factor 1.
    pub(crate) const fn squared(&self) -> Element {
        reduced(squares(&self.0))
    }

    /// The product of two numbers, less the product of two others; all of factor 1.
    pub(crate) const fn times_minus(&self, other: &Self, less: &Self, times: &Self) -> Element {
        let [a0, a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14, a15, a16] =
            products(&self.0, &other.0);
        let [b0, b1, b2, b3, b4, b5, b6, b7, b8, b9, b10, b11, b12, b13, b14, b15, b16] =
            products(&less.0, &times.0);
        reduced([
            a0 - b0,
            a1 - b1,
            a2 - b2,
            a3 - b3,
            a4 - b4,
            a5 - b5,
            a6 - b6,
            a7 - b7,
            a8 - b8,
            a9 - b9,
            a10 - b10,
            a11 - b11,
            a12 - b12,
            a13 - b13,
            a14 - b14,
            a15 - b15,
            a16 - b16,
        ])
    }
}

/// The lowest digit of a word.
#[inline(always)]
const fn low(word: u64) -> i64 {
    word.cast_signed() & MASK
}

/// Digit by digit.
#[inline(always)]
const fn add(a: [i64; 9], b: [i64; 9]) -> [i64; 9] {
    let [a0, a1, a2, a3, a4, a5, a6, a7, a8] = a;
    let [b0, b1, b2, b3, b4, b5, b6, b7, b8] = b;
    [a0 + b0, a1 + b1, a2 + b2, a3 + b3, a4 + b4, a5 + b5, a6 + b6, a7 + b7, a8 + b8]
}

/// Digit by digit.
#[inline(always)]
const fn sub(a: [i64; 9], b: [i64; 9]) -> [i64; 9] {
    let [a0, a1, a2, a3, a4, a5, a6, a7, a8] = a;
    let [b0, b1, b2, b3, b4, b5, b6, b7, b8] = b;
    [a0 - b0, a1 - b1, a2 - b2, a3 - b3, a4 - b4, a5 - b5, a6 - b6, a7 - b7, a8 - b8]
}

/// Carries each digit into the next, so that all but the highest are in `0..2^29`.
#[inline(always)]
const fn carried(digits: [i64; 9]) -> [i64; 9] {
    let [d0, d1, d2, d3, d4, d5, d6, d7, d8] = digits;
    let d1 = d1 + (d0 >> WIDTH);
    let d2 = d2 + (d1 >> WIDTH);
    let d3 = d3 + (d2 >> WIDTH);
    let d4 = d4 + (d3 >> WIDTH);
    let d5 = d5 + (d4 >> WIDTH);
    let d6 = d6 + (d5 >> WIDTH);
    let d7 = d7 + (d6 >> WIDTH);
    let d8 = d8 + (d7 >> WIDTH);
    [d0 & MASK, d1 & MASK, d2 & MASK, d3 & MASK, d4 & MASK, d5 & MASK, d6 & MASK, d7 & MASK, d8]
}

/// The columns of a product.
#[inline(always)]
const fn products(a: &[i64; 9], b: &[i64; 9]) -> Columns {
    let [a0, a1, a2, a3, a4, a5, a6, a7, a8] = *a;
    let [b0, b1, b2, b3, b4, b5, b6, b7, b8] = *b;
    [
        a0 * b0,
        a0 * b1 + a1 * b0,
        a0 * b2 + a1 * b1 + a2 * b0,
        a0 * b3 + a1 * b2 + a2 * b1 + a3 * b0,
        a0 * b4 + a1 * b3 + a2 * b2 + a3 * b1 + a4 * b0,
        a0 * b5 + a1 * b4 + a2 * b3 + a3 * b2 + a4 * b1 + a5 * b0,
        a0 * b6 + a1 * b5 + a2 * b4 + a3 * b3 + a4 * b2 + a5 * b1 + a6 * b0,
        a0 * b7 + a1 * b6 + a2 * b5 + a3 * b4 + a4 * b3 + a5 * b2 + a6 * b1 + a7 * b0,
        a0 * b8 + a1 * b7 + a2 * b6 + a3 * b5 + a4 * b4 + a5 * b3 + a6 * b2 + a7 * b1 + a8 * b0,
        a1 * b8 + a2 * b7 + a3 * b6 + a4 * b5 + a5 * b4 + a6 * b3 + a7 * b2 + a8 * b1,
        a2 * b8 + a3 * b7 + a4 * b6 + a5 * b5 + a6 * b4 + a7 * b3 + a8 * b2,
        a3 * b8 + a4 * b7 + a5 * b6 + a6 * b5 + a7 * b4 + a8 * b3,
        a4 * b8 + a5 * b7 + a6 * b6 + a7 * b5 + a8 * b4,
        a5 * b8 + a6 * b7 + a7 * b6 + a8 * b5,
        a6 * b8 + a7 * b7 + a8 * b6,
        a7 * b8 + a8 * b7,
        a8 * b8,
    ]
}

/// The columns of a square.
#[inline(always)]
const fn squares(a: &[i64; 9]) -> Columns {
    let [a0, a1, a2, a3, a4, a5, a6, a7, a8] = *a;
    let (t0, t1, t2, t3) = (2 * a0, 2 * a1, 2 * a2, 2 * a3);
    let (t4, t5, t6, t7) = (2 * a4, 2 * a5, 2 * a6, 2 * a7);
    [
        a0 * a0,
        t0 * a1,
        t0 * a2 + a1 * a1,
        t0 * a3 + t1 * a2,
        t0 * a4 + t1 * a3 + a2 * a2,
        t0 * a5 + t1 * a4 + t2 * a3,
        t0 * a6 + t1 * a5 + t2 * a4 + a3 * a3,
        t0 * a7 + t1 * a6 + t2 * a5 + t3 * a4,
        t0 * a8 + t1 * a7 + t2 * a6 + t3 * a5 + a4 * a4,
        t1 * a8 + t2 * a7 + t3 * a6 + t4 * a5,
        t2 * a8 + t3 * a7 + t4 * a6 + a5 * a5,
        t3 * a8 + t4 * a7 + t5 * a6,
        t4 * a8 + t5 * a7 + a6 * a6,
        t5 * a8 + t6 * a7,
        t6 * a8 + a7 * a7,
        t7 * a8,
        a8 * a8,
    ]
}

/// The number that the columns stand for, divided by `R`.
///
/// Digit by digit, the multiple of `p` is added that makes the lowest column zero. Since `p` is -1
/// in that column, it is the column's own digit `q`; the rest of `p`, `2^96 + 2^192 - 2^224 +
/// 2^256`, adds `q` shifted to the columns three, six, seven and eight above.
#[inline(always)]
const fn reduced(columns: Columns) -> Element {
    let [c0, c1, c2, c3, c4, c5, c6, c7, c8, c9, c10, c11, c12, c13, c14, c15, c16] = columns;
    let q0 = c0 & MASK;
    let c1 = c1 + (c0 >> WIDTH);
    let q1 = c1 & MASK;
    let c2 = c2 + (c1 >> WIDTH);
    let q2 = c2 & MASK;
    let c3 = c3 + (c2 >> WIDTH) + (q0 << 9);
    let q3 = c3 & MASK;
    let c4 = c4 + (c3 >> WIDTH) + (q1 << 9);
    let q4 = c4 & MASK;
    let c5 = c5 + (c4 >> WIDTH) + (q2 << 9);
    let q5 = c5 & MASK;
    let c6 = c6 + (c5 >> WIDTH) + (q3 << 9) + (q0 << 18);
    let q6 = c6 & MASK;
    let c7 = c7 + (c6 >> WIDTH) + (q4 << 9) + (q1 << 18) - (q0 << 21);
    let q7 = c7 & MASK;
    let c8 = c8 + (c7 >> WIDTH) + (q5 << 9) + (q2 << 18) - (q1 << 21) + (q0 << 24);
    let q8 = c8 & MASK;
    Element(carried([
        c9 + (c8 >> WIDTH) + (q6 << 9) + (q3 << 18) - (q2 << 21) + (q1 << 24),
        c10 + (q7 << 9) + (q4 << 18) - (q3 << 21) + (q2 << 24),
        c11 + (q8 << 9) + (q5 << 18) - (q4 << 21) + (q3 << 24),
        c12 + (q6 << 18) - (q5 << 21) + (q4 << 24),
        c13 + (q7 << 18) - (q6 << 21) + (q5 << 24),
        c14 + (q8 << 18) - (q7 << 21) + (q6 << 24),
        c15 - (q8 << 21) + (q7 << 24),
        c16 + (q8 << 24),
        0,
    ]))
}

#[cfg(test)]
mod tests;
