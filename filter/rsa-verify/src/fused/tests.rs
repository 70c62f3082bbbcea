use core::arch::wasm32::{f64x2_extract_lane, f64x2_splat};

use num_bigint_dig::{BigInt, BigUint, Sign};

use super::{sums::Sums, *};
use crate::extremes::*;

/// Numbers of digits: even and odd numbers of pairs, up to those of 8192 bits.
const COUNTS: [usize; 6] = [42, 44, 46, 62, 82, 162];

/// The columns of a product, and what they stand for; none is near the end of its range.
fn exact(sums: impl Iterator<Item = Sums>) -> BigInt {
    let mut columns = Columns::default();
    let mut digits = Vec::new();
    for sums in sums {
        digits.extend(columns.next(sums));
    }
    assert_eq!(columns.high, 0, "no column is left");
    assert!(digits.iter().all(|digit| digit.abs() < 1 << 59));
    value::<W>(&blocks_of(&digits))
}

fn factor(digits: &[i64]) -> Factor {
    Factor::new(&blocks_of(digits), digits.len() / 2)
}

fn number(digits: &[i64]) -> Number {
    let mut number = Number::new(digits.len() / 2);
    number.load(&blocks_of(digits));
    number
}

#[test]
fn products_of_extreme_digits_are_exact() {
    let constants = Constants::new();
    for count in COUNTS {
        let pairs = count / 2;
        let patterns = extremes::<W>(count);
        for (at, a) in patterns.iter().enumerate() {
            let rows = number(a);
            let a_value = value::<W>(&blocks_of(a));
            let square =
                exact((0..count).map(|at| square_sums(&rows.rows, &rows.doubled, at, constants)));
            assert_eq!(square, &a_value * &a_value, "square of pattern {at} of {count} digits");
            for b in patterns.iter().take(4).chain(patterns.iter().skip(at).step_by(17)) {
                let factor = factor(b);
                let lower =
                    (0..pairs).map(|at| lower_sums(&rows.rows, &factor.pairs, at, constants));
                let upper =
                    (0..pairs).map(|at| upper_sums(&rows.rows, &factor.pairs, at, constants));
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
                let (pairs, _) = upper.as_flattened()[..count].as_chunks::<2>();
                number.upper = pairs.to_vec();
                for carry in [0, 1, -1, 255, -255] {
                    fused.reduce(&mut number, carry, constants);
                    let found: Vec<i64> =
                        number.quotient.iter().flat_map(|pairs| pairs.map(integer)).collect();
                    assert_eq!(&found, pattern, "{count} digits");
                    let result = value::<W>(&fused.digits(&number));
                    let product = value::<W>(&low) + ((value::<W>(&upper) + carry) << bits);
                    assert_eq!(&result * &radix, product + &quotient * &modulus);
                    assert!(magnitude(&result) < magnitude(&modulus));
                }
            }
        }
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
    let digits: Vec<i64> = factor
        .pairs
        .iter()
        .flat_map(|[even, _]| [f64x2_extract_lane::<0>(*even), f64x2_extract_lane::<1>(*even)])
        .map(|digit| integer(f64x2_splat(digit)))
        .collect();
    value::<W>(&blocks_of(&digits))
}
