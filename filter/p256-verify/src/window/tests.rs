#![allow(clippy::arithmetic_side_effects, reason = "a test that fails stops")]

use num_bigint_dig::BigInt;

use super::*;
use crate::numbers::{Random, edges, number};

#[test]
fn digits_stand_for_their_number() {
    let mut random = Random(4);
    for words in edges().into_iter().chain((0..5000).map(|_| random.words())) {
        let digits = digits(words);
        let mut sum = BigInt::from(0);
        for digit in digits.iter().rev() {
            sum = (sum << 1) + *digit;
        }
        assert_eq!(sum, BigInt::from(number(words)));
        assert!(digits.iter().all(|digit| *digit == 0 || (digit % 2 != 0 && digit.abs() < 16)));
        for five in digits.windows(5) {
            assert!(five.iter().filter(|digit| **digit != 0).count() <= 1, "{words:x?}");
        }
    }
}
