//! Inverses modulo `n` by division steps (Bernstein and Yang, <https://eprint.iacr.org/2019/266>).
//!
//! Thirty steps are made on the lowest bits alone and gathered in a matrix, which is then applied to
//! the whole numbers. The steps are those of variable time, as in libsecp256k1's `modinv32`.
//!
//! # Bounds
//!
//! Numbers are nine signed digits of 30 bits; digits 0 to 7 are in `0..2^30`. A matrix of thirty
//! steps has rows of at most `2^30` together, so that a column of its product is below `2^60`, and
//! with a digit of `n` times one below `2^30` and a carry below `2^62`.

#![expect(clippy::arithmetic_side_effects, reason = "the bounds above")]

use super::ORDER;

/// Bits of a digit, and steps of a round.
const WIDTH: u32 = 30;
/// The bits of a digit.
const MASK: i64 = (1 << WIDTH) - 1;
/// Rounds that suffice for all numbers of 256 bits: 741 steps do (theorem 11.2 of the paper).
const ROUNDS: u32 = 25;

type Digits = [i64; 9];

/// `n`.
const N: Digits = digits(&ORDER);
/// `1/n` modulo `2^30`.
const INVERSE: i64 = {
    let [n0, ..] = N;
    let mut inverse = n0;
    let mut bits = 3;
    while bits < WIDTH {
        inverse = inverse.wrapping_mul(2_i64.wrapping_sub(n0.wrapping_mul(inverse))) & MASK;
        bits *= 2;
    }
    inverse
};

/// What thirty steps do: `2^30 f' = u f + v g` and `2^30 g' = q f + r g`.
struct Steps {
    u: i64,
    v: i64,
    q: i64,
    r: i64,
}

/// `1/x` modulo `n`, for `x` from 1 to `n - 1`; `None` for 0.
pub(super) fn inverse(words: &[u64; 4]) -> Option<[u64; 4]> {
    // d x = f and e x = g modulo n, but for powers of two that are divided out at once.
    let (mut d, mut e) = ([0; 9], [1, 0, 0, 0, 0, 0, 0, 0, 0]);
    let (mut f, mut g) = (N, digits(words));
    let mut eta = -1;
    for _ in 0..ROUNDS {
        let steps;
        (eta, steps) = divide(eta, &f, &g);
        (d, e) = steps.applied_modulo(&d, &e);
        (f, g) = steps.applied(&f, &g);
        if g == [0; 9] {
            let [.., sign] = f;
            return Some(normal(d, sign < 0));
        }
    }
    None
}

/// Thirty steps on the lowest digits.
fn divide(mut eta: i32, f: &Digits, g: &Digits) -> (i32, Steps) {
    let ([f, ..], [g, ..]) = (*f, *g);
    let (mut f, mut g) = (f, g);
    let (mut u, mut v, mut q, mut r) = (1_i64, 0_i64, 0_i64, 1_i64);
    let mut left = WIDTH;
    loop {
        // All halvings until `g` is odd, at most those that are left.
        let zeros = (g | (-1 << left)).trailing_zeros();
        g >>= zeros;
        u <<= zeros;
        v <<= zeros;
        eta -= zeros.cast_signed();
        left -= zeros;
        if left == 0 {
            return (eta, Steps { u, v, q, r });
        }
        if eta < 0 {
            eta = -eta;
            (f, g) = (g, -f);
            (u, q) = (q, -u);
            (v, r) = (r, -v);
        }
        // So many bits of `g` can be made zero before the roles change; six at most by this
        // inverse of `f`, which is right modulo 64.
        let bits = eta.cast_unsigned().saturating_add(1).min(left).min(6);
        let mask = (1 << bits) - 1;
        let times = f.wrapping_mul(g).wrapping_mul(f.wrapping_mul(f).wrapping_sub(2)) & mask;
        g += f * times;
        q += u * times;
        r += v * times;
    }
}

impl Steps {
    /// `f'` and `g'`: the division leaves no remainder.
    fn applied(&self, f: &Digits, g: &Digits) -> (Digits, Digits) {
        let (mut next_f, mut next_g) = ([0; 9], [0; 9]);
        let (mut carry_f, mut carry_g) = (0, 0);
        let mut places = next_f.iter_mut().zip(&mut next_g);
        for (at, (f, g)) in f.iter().zip(g).enumerate() {
            carry_f += self.u * f + self.v * g;
            carry_g += self.q * f + self.r * g;
            if at > 0
                && let Some((place_f, place_g)) = places.next()
            {
                *place_f = carry_f & MASK;
                *place_g = carry_g & MASK;
            }
            carry_f >>= WIDTH;
            carry_g >>= WIDTH;
        }
        let ([.., top_f], [.., top_g]) = (&mut next_f, &mut next_g);
        (*top_f, *top_g) = (carry_f, carry_g);
        (next_f, next_g)
    }

    /// The same for `d` and `e`, modulo `n`: both stay between `-2n` and `n`.
    fn applied_modulo(&self, d: &Digits, e: &Digits) -> (Digits, Digits) {
        let ([d0, .., d8], [e0, .., e8]) = (d, e);
        // Where one is below zero, `n` is added to it.
        let (sign_d, sign_e) = (d8 >> 63, e8 >> 63);
        let more_d = (self.u & sign_d) + (self.v & sign_e);
        let more_e = (self.q & sign_d) + (self.r & sign_e);
        // And the multiple of `n` that makes the lowest digit zero.
        let (low_d, low_e) = (self.u * d0 + self.v * e0, self.q * d0 + self.r * e0);
        let multiple = |low: i64, more: i64| {
            more - (INVERSE.wrapping_mul(low & MASK).wrapping_add(more) & MASK)
        };
        let (more_d, more_e) = (multiple(low_d, more_d), multiple(low_e, more_e));

        let (mut next_d, mut next_e) = ([0; 9], [0; 9]);
        let (mut carry_d, mut carry_e) = (0, 0);
        let mut places = next_d.iter_mut().zip(&mut next_e);
        for (at, ((d, e), n)) in d.iter().zip(e).zip(N).enumerate() {
            carry_d += self.u * d + self.v * e + n * more_d;
            carry_e += self.q * d + self.r * e + n * more_e;
            if at > 0
                && let Some((place_d, place_e)) = places.next()
            {
                *place_d = carry_d & MASK;
                *place_e = carry_e & MASK;
            }
            carry_d >>= WIDTH;
            carry_e >>= WIDTH;
        }
        let ([.., top_d], [.., top_e]) = (&mut next_d, &mut next_e);
        (*top_d, *top_e) = (carry_d, carry_e);
        (next_d, next_e)
    }
}

/// The number or its negative, from between `-2n` and `n` brought to between 0 and `n`.
fn normal(number: Digits, negate: bool) -> [u64; 4] {
    let mut number = plus_order_if_negative(number);
    if negate {
        number = number.map(|digit| -digit);
    }
    let number = plus_order_if_negative(plus_order_if_negative(number));
    words(&number)
}

/// Carries, and adds `n` to what is below zero.
fn plus_order_if_negative(number: Digits) -> Digits {
    let number = carried(number);
    let [.., top] = number;
    if top >= 0 {
        return number;
    }
    let mut sum = number;
    for (place, n) in sum.iter_mut().zip(N) {
        *place += n;
    }
    carried(sum)
}

/// Carries each digit into the next, so that all but the highest are in `0..2^30`.
fn carried(mut number: Digits) -> Digits {
    let mut carry = 0;
    let [lower @ .., top] = &mut number;
    for place in lower {
        *place += carry;
        carry = *place >> WIDTH;
        *place &= MASK;
    }
    *top += carry;
    number
}

/// Digits of a number, the lowest first.
const fn digits(words: &[u64; 4]) -> Digits {
    let [w0, w1, w2, w3] = *words;
    [
        low(w0),
        low(w0 >> 30),
        low(w0 >> 60 | w1 << 4),
        low(w1 >> 26),
        low(w1 >> 56 | w2 << 8),
        low(w2 >> 22),
        low(w2 >> 52 | w3 << 12),
        low(w3 >> 18),
        low(w3 >> 48),
    ]
}

/// The lowest digit of a word.
const fn low(word: u64) -> i64 {
    word.cast_signed() & MASK
}

/// The number of digits that are not below zero.
fn words(digits: &Digits) -> [u64; 4] {
    let [d0, d1, d2, d3, d4, d5, d6, d7, d8] = digits.map(i64::cast_unsigned);
    [
        d0 | d1 << 30 | d2 << 60,
        d2 >> 4 | d3 << 26 | d4 << 56,
        d4 >> 8 | d5 << 22 | d6 << 52,
        d6 >> 12 | d7 << 18 | d8 << 48,
    ]
}
