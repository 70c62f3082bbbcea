use alloc::vec;

use num_bigint_dig::{BigInt, BigUint, Sign};

use super::*;
use crate::extremes::*;

/// Numbers of digits, up to those of 8192 bits.
const COUNTS: [usize; 5] = [160, 176, 240, 320, 640];

/// The greatest digit (`B`).
const MOST: i64 = 4600;

/// The value of columns, and that none is greater than the bounds say.
fn exact(sums: impl Iterator<Item = [Sum; TILE]>) -> BigInt {
    let mut columns = Vec::new();
    for Sum { low, high } in sums.flatten() {
        let (low, high) = (array(low).map(i64::from), array(high).map(i64::from));
        assert!(low.iter().all(|low| low.abs() <= 40_960), "{low:?}");
        assert!(high.iter().all(|high| high.abs() <= 1_653_200), "{high:?}");
        columns.push([0, 1, 2, 3].map(|at| low[at] + (high[at] << W)));
    }
    value::<W>(&columns)
}

fn tiles(count: usize) -> impl Iterator<Item = usize> {
    (0..count / 4).step_by(TILE)
}

/// Patterns of extreme digits, balanced ones and the greatest that a carry leaves.
fn patterns(count: usize) -> Vec<Vec<i64>> {
    let stretch = |pattern: &Vec<i64>| pattern.iter().map(|digit| stretched(*digit)).collect();
    let balanced = extremes::<W>(count);
    let stretched: Vec<_> = balanced.iter().map(stretch).collect();
    balanced.into_iter().chain(stretched).collect()
}

fn stretched(digit: i64) -> i64 {
    match digit {
        -4096 => -MOST,
        4095 => MOST,
        _ => digit,
    }
}

#[test]
fn products_of_extreme_digits_are_exact() {
    for count in COUNTS {
        let patterns = patterns(count);
        let half = count / 4;
        for (at, a) in patterns.iter().enumerate() {
            let rows = Number::new(&blocks_of(a));
            let a_value = value::<W>(&blocks_of(a));
            let sums = (0..2 * half).step_by(TILE);
            let square = exact(sums.map(|at| square_sums(&rows.rows, &rows.doubled, at)));
            assert_eq!(square, &a_value * &a_value, "square of pattern {at} of {count} digits");
            for b in patterns.iter().take(4).chain(patterns.iter().skip(at).step_by(29)) {
                let factor = Factor::new(&blocks_of(b)).pairs;
                let lower = tiles(count).map(|at| lower_sums(&rows.rows, &factor, at));
                let upper = tiles(count).map(|at| upper_sums(&rows.rows, &factor, at));
                let product = exact(lower.chain(upper));
                assert_eq!(product, &a_value * value::<W>(&blocks_of(b)), "pattern {at}");
            }
        }
    }
}

/// Digits of columns at the ends of their range.
#[test]
fn carries_leave_digits_in_range() {
    for (low, high) in [(40_960, 1_653_200), (-40_960, -1_653_200), (4_096, -1), (0, 0)] {
        let (mut carries, mut columns, mut digits) = (Carries::none(), vec![], vec![]);
        for sign in [1, 1, -1, 1, -1, -1] {
            let sum = Sum { low: lanes([low * sign; 4]), high: lanes([high * sign; 4]) };
            columns.push([i64::from(low * sign) + (i64::from(high * sign) << W); 4]);
            // Two such columns, as the reduction adds them.
            let first = carries.first(sum);
            digits.push(array(carries.second(add(first, first))).map(i64::from));
        }
        for _ in 0..2 {
            let none = Sum { low: lanes([0; 4]), high: lanes([0; 4]) };
            let first = carries.first(none);
            digits.push(array(carries.second(add(first, first))).map(i64::from));
        }
        assert!(digits.as_flattened().iter().all(|digit| digit.abs() <= MOST), "{digits:?}");
        assert_eq!(value::<W>(&digits), value::<W>(&columns) * 2);
    }
}

#[test]
fn reductions_of_extreme_digits_are_exact() {
    for count in COUNTS {
        let bits = width::<W>() * count;
        let radix = BigInt::from(1) << bits;
        let patterns = extremes::<W>(count);
        for modulus in patterns.iter().step_by(12).map(|pattern| modulus_like::<W>(pattern)) {
            let simd = Simd128::new(&modulus.to_bytes_be(), modulus.bits());
            let modulus = BigInt::from_biguint(Sign::Plus, modulus);
            assert_eq!(value::<W>(&simd.digits), modulus);
            for (at, pattern) in patterns.iter().enumerate() {
                // The product that asks for this quotient, its upper half as great as it gets.
                let quotient = value::<W>(&blocks_of(pattern));
                let low = balanced::<W>(&(-&quotient * &modulus), count);
                let square = (&modulus * &modulus) >> bits;
                let square = if at % 2 == 0 { square } else { -square };
                let mut upper = balanced::<W>(&square, count);
                // As great as columns get: what is added to one is taken from the next.
                for at in 0..count - 1 {
                    let excess = if at % 2 == 0 { 200 } else { -200 };
                    upper.as_flattened_mut()[at] += excess << W;
                    upper.as_flattened_mut()[at + 1] -= excess;
                }
                let mut number = Number::new(&low);
                number.product.clone_from(&number.rows);
                let last = number.digits.last().copied().unwrap();
                let lanes_of =
                    |block: &Block| lanes(block.map(|digit| i32::try_from(digit).unwrap()));
                number.upper = upper.iter().map(lanes_of).collect();
                for carry in [0, 1, -1, 500, -500] {
                    let mut carries = Carries::none();
                    carries.second(lanes([0, 0, 0, carry << W]));
                    simd.reduce(&mut number, &carries, last);
                    let result = value::<W>(&simd.digits(&number));
                    let product = value::<W>(&low) + ((value::<W>(&upper) + carry) << bits);
                    // The quotient is one of those that are congruent.
                    let added: BigInt = &result * &radix - product;
                    assert_eq!(&added % &modulus, BigInt::from(0), "{count} digits, {at}");
                    assert!(magnitude(&(added / &modulus)) < magnitude(&radix));
                    assert!(magnitude(&result) < magnitude(&modulus));
                    assert!(digits_are_small(&number));
                }
            }
        }
    }
}

fn digits_are_small(number: &Number) -> bool {
    let small = |digits: &Lanes| array(*digits).iter().all(|digit| i64::from(*digit).abs() <= MOST);
    number.digits.iter().all(small)
}

#[test]
fn what_is_precomputed_is_right() {
    for bits in (2048..=8192).step_by(499).chain([8191, 8192]) {
        let one = BigUint::from(1_u8);
        let ones = (&one << bits) - &one;
        let sparse = (&one << (bits - 1)) + &one;
        let thirds = (&ones / 3_u8) | (&one << (bits - 1)) | &one;
        for modulus in [ones, sparse, thirds] {
            let simd = Simd128::new(&modulus.to_bytes_be(), bits);
            let radix_bits = width::<W>() * simd.digits.len() * 4;
            assert!(radix_bits >= bits + 2 && radix_bits <= 640 * width::<W>());
            let modulus = BigInt::from_biguint(Sign::Plus, modulus);
            let radix = BigInt::from(1) << radix_bits;
            assert_eq!(factor_value(&simd.modulus), modulus);
            assert_eq!((factor_value(&simd.inverse) * &modulus + 1) % &radix, BigInt::from(0));
            let square = factor_value(&simd.square);
            assert!(magnitude(&square) <= magnitude(&modulus));
            assert_eq!((square - &radix * &radix) % &modulus, BigInt::from(0));
        }
    }
}

/// The lower halves of the lanes are the digits.
fn factor_value(factor: &Factor) -> BigInt {
    let digit = |lane: i32| i64::from((lane << 16) >> 16);
    let digits: Vec<Block> = factor.pairs.iter().map(|[_, odd]| array(*odd).map(digit)).collect();
    value::<W>(&digits)
}
