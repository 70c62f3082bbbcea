use alloc::{vec, vec::Vec};

use num_bigint_dig::{BigInt, BigUint, Sign};

use super::*;
use crate::extremes::*;

/// The most digits of each width that a key may have (`key::WIDE_MAX_BITS`, 8192 bits).
const MOST_29: usize = 124;
const MOST_28: usize = 296;

/// Products and squares of extreme digits: exact, and no column overflows.
fn products_are_exact<const W: u32>(count: usize) {
    let patterns: Vec<_> = extremes::<W>(count).iter().map(|digits| blocks_of(digits)).collect();
    let limit = 1_i64 << 36;
    let mut product = vec![NONE; count / 2];
    for (at, a) in patterns.iter().enumerate() {
        let a_value = value::<W>(a);
        square::<W>(a, &mut product);
        assert_eq!(value::<W>(&product), &a_value * &a_value, "square of pattern {at}");
        assert!(product.as_flattened().iter().all(|digit| digit.abs() < limit));
        // Each with itself, with the first ones, and with some others.
        for b in patterns.iter().take(8).chain(patterns.iter().skip(at).step_by(11)) {
            multiply::<W>(a, b, &mut product);
            assert_eq!(value::<W>(&product), &a_value * value::<W>(b));
            assert!(product.as_flattened().iter().all(|digit| digit.abs() < limit));
        }
    }
}

#[test]
fn products_of_extreme_digits_are_exact() {
    for count in [72, 76, 108, MOST_29] {
        products_are_exact::<29>(count);
    }
    for count in [128, 148, 220, MOST_28] {
        products_are_exact::<28>(count);
    }
}

/// Reductions in which the digits of modulus, quotient and product are all extreme.
fn reductions_are_exact<const W: u32>(count: usize) {
    let blocks = count / 4;
    let radix = BigInt::from(1) << (width::<W>() * count);
    let patterns = extremes::<W>(count);
    for modulus in patterns.iter().step_by(8).map(|pattern| modulus_like::<W>(pattern)) {
        // Another bit stays free.
        let modulus = (modulus >> 1_usize) | BigUint::from(1_u8);
        let scalar = Scalar::<W>::new(&modulus.to_bytes_be(), modulus.bits());
        assert_eq!(scalar.modulus.len(), blocks, "{} bits", modulus.bits());
        let modulus = BigInt::from_biguint(Sign::Plus, modulus);
        assert_eq!(value::<W>(&scalar.modulus), modulus);
        for (at, pattern) in patterns.iter().enumerate() {
            // These digits, or those that ask for them as a quotient of the modulus; and above them a
            // product as great as it gets: n^2/R.
            let pattern = blocks_of(pattern);
            let quotient = balanced::<W>(&(-value::<W>(&pattern) * &modulus), count);
            let square = (&modulus * &modulus) >> (width::<W>() * count);
            let square = if at % 2 == 0 { square } else { -square };
            for low in [pattern, quotient] {
                let mut scratch = Scratch::new(blocks);
                scratch.product.clear();
                scratch.product.extend_from_slice(&low);
                scratch.product.extend_from_slice(&balanced::<W>(&square, count));
                // As great as the digits of a product get: what is added to one is taken from the
                // next.
                for at in 0..2 * count - 1 {
                    let excess = if at % 2 == 0 { 31 } else { -31 };
                    scratch.product.as_flattened_mut()[at] += excess << W;
                    scratch.product.as_flattened_mut()[at + 1] -= excess;
                }
                let product = value::<W>(&scratch.product);
                let mut result = vec![NONE; blocks];
                scalar.reduce(&mut scratch, &mut result);
                let limit = 1_i64 << (W - 1);
                assert!(result.as_flattened().iter().all(|digit| (-limit..limit).contains(digit)));
                let result = value::<W>(&result);
                assert_eq!((&result * &radix - product) % &modulus, BigInt::from(0), "{at}");
                assert!(magnitude(&(result * 100)) < magnitude(&(&modulus * 88)));
            }
        }
    }
}

#[test]
fn reductions_of_extreme_digits_are_exact() {
    for count in [72, 76, MOST_29] {
        reductions_are_exact::<29>(count);
    }
    for count in [148, MOST_28] {
        reductions_are_exact::<28>(count);
    }
}

#[test]
fn what_is_precomputed_is_right() {
    for bits in (2048..=3593).step_by(309) {
        precomputed_is_right::<29>(bits);
    }
    for bits in (3594..=8192).step_by(997) {
        precomputed_is_right::<28>(bits);
    }
}

fn precomputed_is_right<const W: u32>(bits: usize) {
    let ones = (BigUint::from(1_u8) << bits) - 1_u8;
    let sparse = (BigUint::from(1_u8) << (bits - 1)) + 1_u8;
    let thirds = (&ones / 3_u8) | (BigUint::from(1_u8) << (bits - 1)) | BigUint::from(1_u8);
    for modulus in [ones, sparse, thirds] {
        let scalar = Scalar::<W>::new(&modulus.to_bytes_be(), bits);
        let radix_bits = width::<W>() * scalar.modulus.len() * 4;
        let modulus = BigInt::from_biguint(Sign::Plus, modulus);
        let square = value::<W>(&scalar.square);
        assert!(magnitude(&square) <= magnitude(&modulus));
        assert_eq!((square - (BigInt::from(1) << (2 * radix_bits))) % &modulus, BigInt::from(0));
        assert!(radix_bits >= bits + 3);
        let inverse = value::<W>(&[scalar.inverse]);
        let multiple = value::<W>(&scalar.multiple) << (4 * width::<W>());
        assert_eq!(multiple, inverse * modulus + 1);
    }
}
