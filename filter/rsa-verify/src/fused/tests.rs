use alloc::vec::Vec;

use num_bigint_dig::{BigInt, BigUint, Sign};

use super::{sums::Sums, *};
use crate::extremes::*;

/// Numbers of digits: even and odd numbers of pairs, up to those of 8192 bits.
const COUNTS: [usize; 6] = [42, 44, 46, 62, 82, 162];

/// The greatest digit (`B`).
const MOST: i64 = (1 << 50) + (1 << 10);

/// What the columns of a product stand for; none is near the end of its range.
fn exact(sums: impl Iterator<Item = Sums>) -> BigInt {
    let mut columns = Columns::new();
    let digits: Vec<i64> = sums.flat_map(|sums| array(columns.next(sums))).collect();
    assert!(digits.iter().all(|digit| digit.abs() < 1 << 59));
    value::<W>(&blocks_of(&digits))
}

/// The first of these blocks, two of which come at a time.
fn blocks(count: usize, two: impl Fn(usize) -> [Sums; 2]) -> impl Iterator<Item = Sums> {
    (0..count).step_by(2).flat_map(two).take(count)
}

fn factor(digits: &[i64]) -> Factor {
    Factor::new(&blocks_of(digits), digits.len() / 2)
}

fn number(digits: &[i64]) -> Number {
    Number::new(&blocks_of(digits), digits.len() / 2)
}

/// Extreme digits, balanced ones and the greatest that a carry leaves.
fn patterns(count: usize) -> Vec<Vec<i64>> {
    let stretched = |digit: &i64| match *digit {
        digit if digit == -(1 << 50) => -MOST,
        digit if digit == (1 << 50) - 1 => MOST,
        digit => digit,
    };
    let balanced = extremes::<W>(count);
    let greater: Vec<Vec<i64>> =
        balanced.iter().map(|pattern| pattern.iter().map(stretched).collect()).collect();
    balanced.into_iter().chain(greater).collect()
}

#[test]
fn products_of_extreme_digits_are_exact() {
    let constants = Constants::new();
    for count in COUNTS {
        let pairs = count / 2;
        let patterns = patterns(count);
        for (at, a) in patterns.iter().enumerate() {
            let rows = number(a);
            let a_value = value::<W>(&blocks_of(a));
            let square =
                exact(blocks(count, |at| square_sums(&rows.rows, &rows.doubled, at, constants)));
            assert_eq!(square, &a_value * &a_value, "square of pattern {at} of {count} digits");
            for b in patterns.iter().take(4).chain(patterns.iter().skip(at).step_by(29)) {
                let factor = factor(b);
                let lower =
                    blocks(pairs, |at| lower_sums(&rows.rows, &factor.pairs, at, constants));
                let upper =
                    blocks(pairs, |at| upper_sums(&rows.rows, &factor.pairs, at, constants));
                assert_eq!(exact(lower.chain(upper)), &a_value * value::<W>(&blocks_of(b)));
            }
        }
    }
}

#[test]
fn reductions_of_extreme_digits_are_exact() {
    let constants = Constants::new();
    for count in COUNTS {
        let bits = width::<W>() * count;
        let radix = BigInt::from(1) << bits;
        let patterns = extremes::<W>(count);
        for modulus in patterns.iter().step_by(12).map(|pattern| modulus_like::<W>(pattern)) {
            let fused = Fused::new(&modulus.to_bytes_be(), modulus.bits());
            let modulus = BigInt::from_biguint(Sign::Plus, modulus);
            assert_eq!(value::<W>(&fused.digits), modulus);
            for (at, pattern) in patterns.iter().enumerate() {
                // The product that asks for this quotient, its upper half as great as it gets.
                let quotient = value::<W>(&blocks_of(pattern));
                let low = balanced::<W>(&(-&quotient * &modulus), count);
                let square = (&modulus * &modulus) >> bits;
                let square = if at % 2 == 0 { square } else { -square };
                let mut upper = balanced::<W>(&square, count);
                // As great as columns get: what is added to one is taken from the next.
                for at in 0..count - 1 {
                    let excess = if at % 2 == 0 { 255 } else { -255 };
                    upper.as_flattened_mut()[at] += excess << W;
                    upper.as_flattened_mut()[at + 1] -= excess;
                }
                let mut number = number(&low.as_flattened()[..count]);
                number.product.clone_from(&number.rows);
                let last = number.digits.last().copied().unwrap();
                let (pairs, _) = upper.as_flattened()[..count].as_chunks::<2>();
                number.upper = pairs.iter().copied().map(integers).collect();
                for carry in [0, 1, -1, 255, -255] {
                    let mut carries = Carries::new();
                    carries.next(integers([0, carry << W]));
                    fused.reduce(&mut number, &carries, last, constants);
                    let result = value::<W>(&fused.digits(&number));
                    let product = value::<W>(&low) + ((value::<W>(&upper) + carry) << bits);
                    // The quotient is one of those that are congruent.
                    let added: BigInt = &result * &radix - product;
                    assert_eq!(&added % &modulus, BigInt::from(0), "{count} digits, {at}");
                    assert!(magnitude(&(added / &modulus)) < magnitude(&radix));
                    assert!(magnitude(&result) < magnitude(&modulus));
                    let mut digits = number.digits.iter().flat_map(|digits| array(*digits));
                    assert!(digits.all(|digit| digit.abs() <= MOST));
                }
            }
        }
    }
}

/// Columns at the ends of their range.
#[test]
fn carries_leave_digits_in_range() {
    let most = (1_i64 << 61) - 1;
    for near in [most, -most, 1 << 50, (1 << 50) - 1, -(1 << 50), 0] {
        let (mut carries, mut columns, mut digits) = (Carries::new(), Vec::new(), Vec::new());
        for sign in [1, 1, -1, 1, -1, -1, 0] {
            columns.extend([near * sign, near * -sign]);
            digits.extend(array(carries.next(integers([near * sign, near * -sign]))));
        }
        assert!(digits.iter().all(|digit| digit.abs() <= MOST), "{digits:?}");
        assert_eq!(value::<W>(&blocks_of(&digits)), value::<W>(&blocks_of(&columns)));
    }
}

#[test]
fn what_is_precomputed_is_right() {
    for bits in (2048..=8192).step_by(499).chain([8191, 8192]) {
        let one = BigUint::from(1_u8);
        let ones = (&one << bits) - &one;
        let sparse = (&one << (bits - 1)) + &one;
        let thirds = (&ones / 3_u8) | (&one << (bits - 1)) | &one;
        for modulus in [ones, sparse, thirds] {
            let fused = Fused::new(&modulus.to_bytes_be(), bits);
            let pairs = fused.inverse.pairs.len() - 1;
            let radix_bits = width::<W>() * pairs * 2;
            let modulus = BigInt::from_biguint(Sign::Plus, modulus);
            let inverse = factor_value(&fused.inverse);
            assert_eq!((inverse * &modulus + 1) % (BigInt::from(1) << radix_bits), BigInt::from(0));
            let square = factor_value(&fused.square);
            assert!(magnitude(&square) <= magnitude(&modulus));
            let difference = square - (BigInt::from(1) << (2 * radix_bits));
            assert_eq!(difference % &modulus, BigInt::from(0));
        }
    }
}

fn factor_value(factor: &Factor) -> BigInt {
    // Halves of a double: their bits tell the digit.
    let low = 6_755_399_441_055_744.0_f64;
    let digit = |bits: i64| {
        let digit = f64::from_bits(bits.cast_unsigned()) + low;
        digit.to_bits().cast_signed() - low.to_bits().cast_signed()
    };
    let digits: Vec<i64> =
        factor.pairs.iter().flat_map(|[even, _]| array(*even)).map(digit).collect();
    value::<W>(&blocks_of(&digits))
}
