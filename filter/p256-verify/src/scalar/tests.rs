#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test that fails stops"
)]

use alloc::vec::Vec;

use num_bigint_dig::BigUint;

use super::*;
use crate::numbers::{Random, SHARE, edges, number, words as words_of};

/// Numbers whose inverses take all kinds of ways, then random ones.
fn numbers(random: usize) -> Vec<BigUint> {
    let order = number(ORDER);
    let mut numbers: Vec<BigUint> = edges().into_iter().map(number).collect();
    for near in 0..5_u8 {
        numbers.push(&order - near);
        numbers.push((&order >> 1) + near);
        numbers.push((&order >> 1) - near);
        numbers.push(&order / 3_u8 + near);
    }
    let mut seed = Random(3);
    numbers.extend((0..random).map(|_| number(seed.words())));
    numbers
}

#[test]
fn only_numbers_below_the_order_are_scalars() {
    let order = number(ORDER);
    for value in numbers(1000) {
        let words = words_of(&value);
        assert_eq!(Scalar::new(words).is_some(), value < order, "{value:x}");
        assert_eq!(number(Scalar::reduced(words).words()), &value % &order, "{value:x}");
    }
}

#[test]
fn quotients_are_those_of_the_oracle() {
    let order = number(ORDER);
    let two = BigUint::from(2_u8);
    let mut last = Scalar([1, 0, 0, 0]);
    for (at, value) in numbers(40_000 / SHARE).into_iter().enumerate() {
        let scalar = Scalar::reduced(words_of(&value));
        if scalar.is_zero() {
            assert_eq!(scalar.divide([&last, &last]), None);
            continue;
        }
        let [quotient, one] = scalar.divide([&last, &scalar]).unwrap();
        assert_eq!(one, Scalar([1, 0, 0, 0]));
        assert_eq!(
            number(quotient.words()) * number(scalar.words()) % &order,
            number(last.words()),
            "{value:x}"
        );
        assert!(number(quotient.words()) < order);
        if at % 50 == 0 {
            let inverse = number(scalar.words()).modpow(&(&order - &two), &order);
            assert_eq!(number(quotient.words()), inverse * number(last.words()) % &order);
        }
        last = scalar;
    }
}

#[test]
fn products_are_those_of_the_oracle() {
    let order = number(ORDER);
    let radix = BigUint::from(1_u8) << 261;
    let numbers = numbers(500);
    for (at, a) in numbers.iter().enumerate() {
        for b in numbers.iter().skip(at % 7).step_by(7 * SHARE) {
            let [a, b] = [a, b].map(|value| Scalar::reduced(words_of(value)).words());
            let found = number(words(product(&digits(a), &digits(b))));
            assert!(found < order);
            assert_eq!(found * &radix % &order, number(a) * number(b) % &order);
        }
    }
}

#[test]
fn the_odd_form_is_the_number_or_its_negative() {
    let order = number(ORDER);
    for value in numbers(1000) {
        let scalar = Scalar::reduced(words_of(&value));
        let (odd, negative) = scalar.odd();
        assert_eq!(odd[0] & 1, 1);
        let odd = number(odd);
        let value = if negative { &order - odd } else { odd };
        assert_eq!(value, number(scalar.words()));
    }
}
