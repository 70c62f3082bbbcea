//! Powers, by whatever multiplies.

use alloc::vec::Vec;

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
    // The usual exponents, 3 and 65537, are one above a power of two and do without it.
    let shifted = match exponent.wrapping_sub(1).is_power_of_two() {
        true => None,
        false => Some(field.factor(&field.digits(&power))),
    };
    for bit in (0..exponent.checked_ilog2().unwrap_or_default()).rev() {
        field.square(&mut power);
        if exponent.wrapping_shr(bit) % 2 == 1 {
            // Each multiplication divides by R: with the plain base as the last factor, the power
            // leaves Montgomery's form.
            let factor = shifted.as_ref().filter(|_| bit != 0).unwrap_or(&base);
            field.multiply(&mut power, factor);
        }
    }
    let mut digits = field.digits(&power);
    if digits::is_negative(&digits) {
        digits::combine::<W>(&mut digits, 1, 1, field.modulus());
    }
    digits::to_bytes::<W>(&digits, bytes);
}
