#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that fails stops"
)]

use alloc::{vec, vec::Vec};

use num_bigint_dig::{BigInt, BigUint};

use super::*;
use crate::numbers::{Random, SHARE, edges, number, words};

fn p() -> BigInt {
    BigInt::from(number(MODULUS))
}

fn radix() -> BigInt {
    BigInt::from(1) << 261
}

/// What digits stand for.
fn value(digits: &[i64; 9]) -> BigInt {
    digits.iter().rev().fold(BigInt::from(0), |sum, digit| (sum << 29) + *digit)
}

/// Whether both are the same modulo `p`.
fn same(a: &BigInt, b: &BigInt) -> bool {
    (a - b) % p() == BigInt::from(0)
}

/// Checks that a result is tight, and gives its value.
fn tight(element: &Element) -> BigInt {
    let [lower @ .., top] = element.0;
    assert!(lower.iter().all(|digit| (0..1 << 29).contains(digit)), "{element:?}");
    assert!(top.abs() < 1 << 25, "{element:?}");
    let value = value(&element.0);
    assert!(&value * 4 > p() * -3 && &value * 4 < p() * 5, "{element:?}");
    value
}

/// Numbers of a factor: each digit and the number itself at the ends of their ranges, alone,
/// alternating, and one of a kind among the others.
fn extremes(factor: i64) -> Vec<[i64; 9]> {
    let most = factor * (1 << 29) - 1;
    let mut patterns = Vec::new();
    for (one, other) in [
        (most, most),
        (-most, -most),
        (most, -most),
        (most, 0),
        (-most, 0),
        (1 << 28, most),
        (0, 1),
        (0, -1),
        (1, 1),
        (-1, -1),
        (0, 0),
    ] {
        for kind in 0..12 {
            let digit = |at: usize| match kind {
                10 => at.is_multiple_of(2),
                11 => at.is_multiple_of(3),
                single => at == single,
            };
            let mut digits: [i64; 9] =
                core::array::from_fn(|at| if digit(at) { one } else { other });
            // The highest that a number of this factor can have, with its sign and with the other.
            let highest = factor * ((1 << 25) - 1) - 1;
            for top in [highest, -highest, digits[8] % highest, 0] {
                digits[8] = top;
                assert!(
                    value(&digits) < p() * (2 * factor) && value(&digits) > p() * (-2 * factor)
                );
                patterns.push(digits);
            }
        }
    }
    patterns
}

#[test]
fn products_of_extremes() {
    let (ones, twos) = (extremes(1), extremes(2));
    for a in &ones {
        for b in ones.iter().chain(&twos).step_by(SHARE) {
            let product = Loose(*a).times(&Loose(*b));
            assert!(same(&(tight(&product) * radix()), &(value(a) * value(b))), "{a:?} * {b:?}");
        }
        let square = Loose(*a).squared();
        assert!(same(&(tight(&square) * radix()), &(value(a) * value(a))), "{a:?}^2");
    }
}

#[test]
fn differences_of_products_of_extremes() {
    let ones = extremes(1);
    for (at, a) in ones.iter().enumerate() {
        for (step, b) in ones.iter().enumerate().skip(at % 5).step_by(5 * SHARE) {
            for (c, d) in [(a, b), (b, b), (&ones[(at + step) % ones.len()], &ones[step / 2])] {
                let found = Loose(*a).times_minus(&Loose(*b), &Loose(*c), &Loose(*d));
                let expected = value(a) * value(b) - value(c) * value(d);
                assert!(
                    same(&(tight(&found) * radix()), &expected),
                    "{a:?} * {b:?} - {c:?} * {d:?}"
                );
            }
        }
    }
}

#[test]
fn loose_numbers_of_all_factors_are_made_tight() {
    for factor in 1..=16 {
        for digits in extremes(factor) {
            let found = tight(&Loose(digits).tight());
            assert!(same(&found, &value(&digits)), "{digits:?}");
            assert!(&found * 100 < p() * 51 && &found * 100 > p() * -51, "{digits:?}");
        }
    }
}

/// Multiples of `p`, and their neighbours, as loose numbers.
#[test]
fn zero_is_known_in_each_of_its_forms() {
    for times in -8..=8_i64 {
        for near in -2..=2_i64 {
            let mut digits = P.0.map(|digit| digit * times);
            digits[0] += near;
            let element = Loose(digits).tight();
            assert_eq!(element.is_zero(), near == 0, "{times} p + {near}");
            let product = Loose(digits.map(|digit| digit / 8)).times(&Element::ONE.loose());
            assert_eq!(product.is_zero(), same(&tight(&product), &BigInt::from(0)));
        }
    }
    assert!(P.is_zero() && Element::ZERO.is_zero());
    for digit in 0..9 {
        let mut other = P;
        other.0[digit] ^= 1 << 20;
        assert!(!other.is_zero());
        let mut other = Element::ZERO;
        other.0[digit] ^= 1 << 20;
        assert!(!other.is_zero());
    }
    assert!(Element::ONE.equals(&Element(add(Element::ONE.0, [0; 9]))));
    assert!(!Element::ONE.equals(&Element::ZERO));
}

#[test]
fn packing_gives_the_one_form() {
    let modulus = number(MODULUS);
    let mut numbers: Vec<BigUint> = edges().into_iter().map(number).collect();
    numbers.extend((0..4_u8).flat_map(|near| [&modulus - 1_u8 - near, BigUint::from(near)]));
    for known in numbers.into_iter().filter(|number| *number < modulus) {
        let packed = words(&known);
        let element = Element::unpack(&packed);
        assert_eq!(element.pack(), packed);
        for (shifted, is_tight) in [
            (sub(element.0, P.0), &known * 4_u8 > modulus.clone()),
            (add(element.0, P.0), &known * 4_u8 < modulus.clone()),
        ] {
            if is_tight {
                let shifted = Element(carried(shifted));
                tight(&shifted);
                assert_eq!(shifted.pack(), packed);
            }
        }
        assert_eq!(Element::encode(packed).decode(), packed);
    }
}

#[test]
fn random_numbers() {
    let modulus = number(MODULUS);
    let mut random = Random(1);
    let mut next = || {
        let number = number(random.words()) % &modulus;
        (Element::encode(words(&number)), number)
    };
    for _ in 0..50_000 / SHARE {
        let ((a, a_value), (b, b_value)) = (next(), next());
        for (found, expected) in [
            (a.times(&b), &a_value * &b_value),
            (a.squared(), &a_value * &a_value),
            (a.plus(&b).tight(), &a_value + &b_value),
            (a.minus(&b).tight(), &a_value + &modulus - &b_value),
            (
                a.minus(&b).times(&a.plus(&b)),
                (&a_value + &modulus - &b_value) * (&a_value + &b_value),
            ),
        ] {
            tight(&found);
            assert_eq!(number(found.decode()), expected % &modulus, "{a_value:x}, {b_value:x}");
        }
    }
}

#[test]
fn inverses_and_square_roots() {
    let modulus = number(MODULUS);
    let one = BigUint::from(1_u8);
    let mut numbers = vec![one.clone(), &modulus - &one];
    let mut random = Random(2);
    numbers.extend(edges().into_iter().step_by(7).map(number));
    numbers.extend((0..300).map(|_| number(random.words())));
    let mut roots = 0;
    for value in numbers {
        let value = value % &modulus;
        let element = Element::encode(words(&value));
        let inverse = element.inverted();
        if value == BigUint::from(0_u8) {
            assert!(inverse.is_zero());
            continue;
        }
        assert!(element.times(&inverse).equals(&Element::ONE), "{value:x}");
        let is_square = value.modpow(&((&modulus - &one) >> 1), &modulus) == one;
        let root = element.square_root();
        assert_eq!(root.is_some(), is_square, "{value:x}");
        if let Some(root) = root {
            assert!(root.squared().equals(&element));
            roots += 1;
        }
    }
    assert!(roots > 100);
}
