//! Powers, by whatever multiplies.

use alloc::{vec, vec::Vec};

use crate::digits::{self, Block};

/// Montgomery's arithmetic modulo an odd `n`, with balanced digits of `W` bits and a radix `R` that
/// is a power of two above `4n`. All numbers lie between `-n` and `n`.
pub(crate) trait Montgomery<const W: u32> {
    /// A number to work on, with the room that its multiplications need.
    type Number;
    /// A number to multiply by.
    type Factor;

    /// `n`.
    fn modulus(&self) -> &[Block];

    /// The `b` of `R = 2^b`.
    fn radix_bits(&self) -> usize;

    /// Takes digits in, as many as the modulus has.
    fn number(&self, digits: &[Block]) -> Self::Number;

    /// Gives the digits back.
    fn digits(&self, number: &Self::Number) -> Vec<Block>;

    /// Takes the digits of a factor in.
    fn factor(&self, digits: &[Block]) -> Self::Factor;

    /// `number * number / R` modulo `n`.
    fn square(&self, number: &mut Self::Number);

    /// `number * factor / R` modulo `n`.
    fn multiply(&self, number: &mut Self::Number, factor: &Self::Factor);
}

/// `base^exponent` modulo `n`, big-endian, for a base below `n` and an odd exponent.
///
/// `bytes` holds the base and is as long as the modulus; `square_of_radix` is `R^2` modulo `n`.
pub(crate) fn power<const W: u32, M: Montgomery<W>>(
    field: &M,
    square_of_radix: &M::Factor,
    bytes: &mut [u8],
    exponent: u64,
) {
    let digits = digits::from_bytes::<W>(bytes, field.modulus().len());
    let base = field.factor(&digits);
    let mut power = field.number(&digits);
    field.multiply(&mut power, square_of_radix);
    let shifted = field.factor(&field.digits(&power));
    for bit in (0..exponent.checked_ilog2().unwrap_or_default()).rev() {
        field.square(&mut power);
        if exponent.wrapping_shr(bit) % 2 == 1 {
            // Each multiplication divides by R: with the plain base as the last factor, the power
            // leaves Montgomery's form.
            let factor = if bit == 0 { &base } else { &shifted };
            field.multiply(&mut power, factor);
        }
    }
    let mut digits = field.digits(&power);
    if digits::is_negative(&digits) {
        digits::combine::<W>(&mut digits, 1, 1, field.modulus());
    }
    digits::to_bytes::<W>(&digits, bytes);
}

/// `R^2` modulo a modulus of so many bits, without a division.
pub(crate) fn square_of_radix<const W: u32, M: Montgomery<W>>(
    field: &M,
    bits: usize,
) -> Vec<Block> {
    let double = |number: &mut [Block]| {
        let sign = if digits::is_negative(number) { 1 } else { -1 };
        digits::combine::<W>(number, 2, sign, field.modulus());
    };
    // 2^(bits-1) is below the modulus. Doubled until it is 2R:
    let below = bits.saturating_sub(1);
    let mut bytes = vec![0; bits.div_ceil(8)];
    if let Some(first) = bytes.first_mut() {
        *first = 1_u8.wrapping_shl(u32::try_from(below % 8).unwrap_or_default());
    }
    let mut power = digits::from_bytes::<W>(&bytes, field.modulus().len());
    let radix_bits = field.radix_bits();
    for _ in below..=radix_bits {
        double(&mut power);
    }
    // 2R stands for 2; raised to the power of `radix_bits` it stands for R, and so is R^2.
    for bit in (0..radix_bits.checked_ilog2().unwrap_or_default()).rev() {
        let mut number = field.number(&power);
        field.square(&mut number);
        power = field.digits(&number);
        if radix_bits.wrapping_shr(bit) % 2 == 1 {
            double(&mut power);
        }
    }
    power
}
