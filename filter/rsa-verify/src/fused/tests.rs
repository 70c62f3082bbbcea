use alloc::vec::Vec;

use num_bigint_dig::{BigInt, BigUint, Sign};

use super::{lanes::integers, sums::Sums, *};
use crate::extremes::*;

/// Numbers of digits, in blocks of four, up to those of 8192 bits. The first is what is short, and the
/// last need several chains.
const COUNTS: [usize; 6] = [44, 48, 52, 68, 88, 176];

/// The greatest digit (`B`).
const MOST: i64 = (1 << 46) + (1 << 10);

/// What the columns of a product stand for.
fn exact(sums: impl Iterator<Item = Sums>, constants: &Constants) -> BigInt {
    let mut columns = Columns::new();
    let digits: Vec<i64> =
        sums.flat_map(|sums| array(whole(columns.next(sums, constants)))).collect();
    assert!(digits.iter().all(|digit| digit.abs() <= MOST));
    value::<W>(&blocks_of(&digits))
}

/// The blocks of both halves, two of which come at a time.
fn halves<'a, const LONG: bool>(
    pairs: usize,
    lower: impl Fn(usize) -> Tile<'a, LONG>,
    upper: impl Fn(usize) -> Tile<'a, LONG>,
) -> impl Iterator<Item = Sums> {
    let (at, same) = ((0..pairs).step_by(2), (0..pairs).step_by(2));
    at.map(lower).chain(same.map(upper)).flat_map(Tile::finish)
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
        digit if digit == -(1 << 46) => -MOST,
        digit if digit == (1 << 46) - 1 => MOST,
        digit => digit,
    };
    let balanced = extremes::<W>(count);
    let greater: Vec<Vec<i64>> =
        balanced.iter().map(|pattern| pattern.iter().map(stretched).collect()).collect();
    balanced.into_iter().chain(greater).collect()
}

#[test]
fn products_of_extreme_digits_are_exact() {
    for count in COUNTS {
        if count == 2 * SHORT {
            products_are_exact::<false>(count);
        }
        products_are_exact::<true>(count);
    }
}

fn products_are_exact<const LONG: bool>(count: usize) {
    let constants = &Constants::new();
    let pairs = count / 2;
    let patterns = patterns(count);
    for (at, a) in patterns.iter().enumerate() {
        let Number { rows, doubled, .. } = &number(a);
        let a_value = value::<W>(&blocks_of(a));
        let lower = |at| Tile::<LONG>::of_lower_square(rows, doubled, at, constants);
        let upper = |at| Tile::<LONG>::of_upper_square(rows, doubled, at, constants);
        let square = exact(halves(pairs, lower, upper), constants);
        assert_eq!(square, &a_value * &a_value, "square of pattern {at} of {count} digits");
        for b in patterns.iter().take(4).chain(patterns.iter().skip(at).step_by(29)) {
            let factor = &factor(b).pairs;
            let lower = |at| Tile::<LONG>::of_lower(rows, factor, at, constants);
            let upper = |at| Tile::<LONG>::of_upper(rows, factor, at, constants);
            let product = exact(halves(pairs, lower, upper), constants);
            assert_eq!(product, &a_value * value::<W>(&blocks_of(b)));
        }
    }
}

#[test]
fn reductions_of_extreme_digits_are_exact() {
    for count in COUNTS {
        let bits = width::<W>() * count;
        let patterns = extremes::<W>(count);
        for modulus in patterns.iter().step_by(12).map(|pattern| modulus_like::<W>(pattern)) {
            // Another bit stays free.
            let modulus = (modulus >> 1_usize) | BigUint::from(1_u8);
            let fused = Fused::new(&modulus.to_bytes_be(), modulus.bits());
            let modulus = BigInt::from_biguint(Sign::Plus, modulus);
            assert_eq!(value::<W>(&fused.digits), modulus);
            assert_eq!(2 * fused.pairs(), count);
            for (at, pattern) in patterns.iter().enumerate() {
                // These digits, or those that ask for them as a quotient of the modulus; and above
                // them a product as great as it gets.
                let pattern = blocks_of(pattern);
                let quotient = balanced::<W>(&(-value::<W>(&pattern) * &modulus), count);
                for low in [pattern, quotient] {
                    let square = (&modulus * &modulus) >> bits;
                    let square = if at % 2 == 0 { square } else { -square };
                    let upper = balanced::<W>(&square, count);
                    reduction_is_exact(&fused, &modulus, &low, &upper);
                }
            }
        }
    }
}

/// The reduction of what is in two halves of a product.
fn reduction_is_exact(fused: &Fused, modulus: &BigInt, low: &[Block], upper: &[Block]) {
    let radix = BigInt::from(1) << (width::<W>() * 2 * fused.pairs());
    let product = value::<W>(low) + value::<W>(upper) * &radix;
    for excess in [0, (1 << 8) - 1, 1 - (1 << 8)] {
        // As great as columns get: what is added to one is taken from the next.
        let (mut low, mut upper) = (low.to_vec(), upper.to_vec());
        for half in [&mut low, &mut upper] {
            let digits = half.as_flattened_mut();
            for at in 0..digits.len() - 1 {
                let excess = if at % 2 == 0 { excess } else { -excess };
                digits[at] += excess << W;
                digits[at + 1] -= excess;
            }
        }
        let columns = |half: &[Block], at: usize| {
            let [a, b, c, d] = half[at / 2];
            [integers([a, b]), integers([c, d])]
        };
        let mut number = Number::new(&fused.digits, fused.pairs());
        if fused.pairs() == SHORT {
            fused.parts(&mut number).short().unwrap().reduce::<false>(
                |_, _, at, constants| Tile::of_columns(columns(&low, at), false, constants),
                |_, _, at, constants| Tile::of_columns(columns(&upper, at), true, constants),
            );
        } else {
            fused.parts(&mut number).reduce::<true>(
                |_, _, at, constants| Tile::of_columns(columns(&low, at), true, constants),
                |_, _, at, constants| Tile::of_columns(columns(&upper, at), true, constants),
            );
        }
        let result = value::<W>(&fused.digits(&number));
        assert_eq!((&result * &radix - &product) % modulus, BigInt::from(0));
        assert!(magnitude(&(&result * 100)) < magnitude(&(modulus * 88)));
        let mut digits = number.digits().flat_map(array);
        assert!(digits.all(|digit| digit.abs() <= MOST));
        // What its square is made of.
        let again = Number::new(&fused.digits(&number), fused.pairs());
        let same = |(a, b): (&Pairs, &Pairs)| a.map(array) == b.map(array);
        assert!(number.rows.iter().zip(&again.rows).all(same));
        assert!(number.doubled.iter().zip(&again.doubled).all(same));
    }
}

/// Chains have room for all that a multiplication adds up.
#[test]
fn multiplications_of_extreme_digits_are_exact() {
    for count in COUNTS {
        let radix = BigInt::from(1) << (width::<W>() * count);
        let patterns = extremes::<W>(count);
        for modulus in patterns.iter().step_by(23).map(|pattern| modulus_like::<W>(pattern)) {
            let modulus = (modulus >> 1_usize) | BigUint::from(1_u8);
            let fused = Fused::new(&modulus.to_bytes_be(), modulus.bits());
            let modulus = BigInt::from_biguint(Sign::Plus, modulus);
            let mut before = balanced::<W>(&(&modulus - 1), count);
            for pattern in &patterns {
                // Not above the modulus.
                let digits = balanced::<W>(&(value::<W>(&blocks_of(pattern)) % &modulus), count);
                let (a, b) = (value::<W>(&digits), value::<W>(&before));
                let mut number = fused.number(&digits);
                fused.multiply(&mut number, &fused.factor(&before));
                let product = value::<W>(&fused.digits(&number));
                assert_eq!((&product * &radix - a * b) % &modulus, BigInt::from(0));
                fused.square(&mut number);
                let square = value::<W>(&fused.digits(&number));
                assert_eq!((square * &radix - &product * &product) % &modulus, BigInt::from(0));
                before = digits;
            }
        }
    }
}

impl<'a, const LONG: bool> Tile<'a, LONG> {
    /// Two blocks that have come to these columns.
    fn of_columns(columns: [Lanes; 2], is_started_twice: bool, constants: &'a Constants) -> Self {
        let mut tile = match is_started_twice {
            true => Self::of_lower(&[], &[[doubles([0.0; 2]); 2]; 2], 0, constants),
            false => Self::once(constants),
        };
        tile.add_columns(columns);
        tile
    }
}

/// Columns at the ends of their range.
#[test]
fn carries_leave_digits_in_range() {
    let constants = &Constants::new();
    let most = (1_i64 << 56) - 1;
    for near in [most, -most, 1 << 46, (1 << 46) - 1, -(1 << 46), 0] {
        let (mut carries, mut columns, mut digits) = (Columns::new(), Vec::new(), Vec::new());
        for sign in [1, 1, -1, 1, -1, -1, 0, 0] {
            let pair = [near * sign, near * -sign];
            let tile = Tile::<false>::of_columns([integers(pair); 2], false, constants);
            let [sums, _] = tile.finish();
            columns.extend(pair);
            digits.extend(array(whole(carries.next(sums, constants))));
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
            let radix_bits = width::<W>() * fused.pairs() * 2;
            let modulus = BigInt::from_biguint(Sign::Plus, modulus);
            assert!(radix_bits >= bits + 3);
            assert_eq!(factor_value(&fused.modulus), modulus);
            let inverse = factor_value(&fused.inverse);
            assert!(magnitude(&(&inverse * 2)) <= magnitude(&(BigInt::from(1) << (4 * 47))));
            let multiple = factor_value(&fused.multiple) << (4 * 47);
            assert_eq!(multiple, inverse * &modulus + 1);
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
        factor.pairs.iter().rev().flat_map(|[even, _]| array(*even)).map(digit).collect();
    value::<W>(&blocks_of(&digits))
}
