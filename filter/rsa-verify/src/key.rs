//! A public key, checked and precomputed once.

use alloc::vec::Vec;
use core::fmt;

#[cfg(target_feature = "relaxed-simd")]
use crate::fused::{self, Fused};
use crate::scalar::Scalar;

/// Smallest modulus in bits (RFC 7518 section 3.3).
pub const MODULUS_MIN_BITS: usize = 2048;
/// Largest modulus in bits: the time of an operation grows with its square.
pub const MODULUS_MAX_BITS: usize = 8192;
/// Largest exponent in bits: with the largest modulus it bounds the time of one operation.
///
/// Each bit costs a multiplication or two; 33 bits are what other libraries take as well, and a
/// key with more is none that a public issuer publishes.
pub const EXPONENT_MAX_BITS: u32 = 33;

/// Largest modulus in bits for digits of 29 bits: 124 digits, less two bits (see `scalar`).
const WIDE_MAX_BITS: usize = 124 * 29 - 2;

/// An RSA public key with all that can be computed before a signature is there.
#[derive(Clone)]
pub struct PublicKey {
    /// Big-endian, without leading zeros.
    modulus: Vec<u8>,
    exponent: u64,
    arithmetic: Arithmetic,
}

/// Which arithmetic serves a key, for whoever wants to log it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Variant {
    /// Integers of 64 bits: everywhere.
    Scalar,
    /// Fused multiply-adds of pairs of doubles: a build with relaxed SIMD, on a machine that fuses.
    RelaxedSimd,
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Scalar => "scalar",
            Self::RelaxedSimd => "relaxed SIMD",
        })
    }
}

/// What computes powers modulo one modulus.
#[derive(Clone)]
enum Arithmetic {
    Scalar29(Scalar<29>),
    Scalar28(Scalar<28>),
    #[cfg(target_feature = "relaxed-simd")]
    Fused(Fused),
}

impl Arithmetic {
    /// The fastest that is right on this machine.
    fn new(modulus: &[u8], bits: usize) -> Self {
        let scalar = Self::scalar(modulus, bits);
        #[cfg(target_feature = "relaxed-simd")]
        if fused::is_fused() {
            let fused = Self::Fused(Fused::new(modulus, bits));
            // A machine that gets one of these operations wrong would refuse every signature.
            if fused.agrees_with(&scalar, modulus) {
                return fused;
            }
        }
        scalar
    }

    /// The widest digits whose columns do not overflow.
    fn scalar(modulus: &[u8], bits: usize) -> Self {
        if bits <= WIDE_MAX_BITS {
            Self::Scalar29(Scalar::new(modulus, bits))
        } else {
            Self::Scalar28(Scalar::new(modulus, bits))
        }
    }

    /// Whether both give the same cube of a number that has all kinds of digits.
    #[cfg(target_feature = "relaxed-simd")]
    fn agrees_with(&self, other: &Self, modulus: &[u8]) -> bool {
        let mut number: Vec<u8> = modulus.iter().map(|byte| byte.wrapping_mul(0x6d)).collect();
        if let Some(first) = number.first_mut() {
            // Below the modulus.
            *first = 0;
        }
        let mut same = number.clone();
        self.power(&mut number, 3);
        other.power(&mut same, 3);
        number == same
    }

    /// `base^exponent` modulo `n`, in place; the base is below `n` and as long, the exponent odd.
    fn power(&self, bytes: &mut [u8], exponent: u64) {
        match self {
            Self::Scalar29(scalar) => scalar.power(bytes, exponent),
            Self::Scalar28(scalar) => scalar.power(bytes, exponent),
            #[cfg(target_feature = "relaxed-simd")]
            Self::Fused(fused) => fused.power(bytes, exponent),
        }
    }
}

/// Why a key is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// The modulus has so many bits.
    ModulusSize(usize),
    /// The modulus is even.
    ModulusEven,
    /// The exponent is below 3.
    ExponentSmall,
    /// The exponent is even.
    ExponentEven,
    /// The exponent has more than [`EXPONENT_MAX_BITS`].
    ExponentLarge,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ModulusSize(bits) => write!(
                f,
                "an RSA key of {bits} bits instead of {MODULUS_MIN_BITS} to {MODULUS_MAX_BITS}"
            ),
            Self::ModulusEven => f.write_str("an RSA key whose modulus is even"),
            Self::ExponentSmall => f.write_str("an RSA key whose public exponent is below 3"),
            Self::ExponentEven => f.write_str("an RSA key whose public exponent is even"),
            Self::ExponentLarge => {
                write!(f, "an RSA key whose public exponent has more than {EXPONENT_MAX_BITS} bits")
            }
        }
    }
}

impl core::error::Error for KeyError {}

impl PublicKey {
    /// A key from its big-endian modulus and exponent; leading zeros are skipped.
    ///
    /// # Errors
    ///
    /// The modulus is even or has less than [`MODULUS_MIN_BITS`] or more than [`MODULUS_MAX_BITS`];
    /// the exponent is even, below 3, or has more than [`EXPONENT_MAX_BITS`].
    pub fn new(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyError> {
        let modulus = without_leading_zeros(modulus);
        let bits = bit_length(modulus);
        if !(MODULUS_MIN_BITS..=MODULUS_MAX_BITS).contains(&bits) {
            return Err(KeyError::ModulusSize(bits));
        }
        // Montgomery's form needs an odd one; a product of two large primes is odd.
        if modulus.last().is_none_or(|last| last % 2 == 0) {
            return Err(KeyError::ModulusEven);
        }
        let exponent = small(without_leading_zeros(exponent)).ok_or(KeyError::ExponentLarge)?;
        if exponent < 3 {
            return Err(KeyError::ExponentSmall);
        }
        if exponent % 2 == 0 {
            return Err(KeyError::ExponentEven);
        }
        if exponent >> EXPONENT_MAX_BITS != 0 {
            return Err(KeyError::ExponentLarge);
        }
        let arithmetic = Arithmetic::new(modulus, bits);
        Ok(Self { modulus: modulus.to_vec(), exponent, arithmetic })
    }

    /// The length of the modulus in bytes, which is the length of every signature.
    #[must_use]
    pub fn size(&self) -> usize {
        self.modulus.len()
    }

    /// The length of the modulus in bits.
    #[must_use]
    pub fn bits(&self) -> usize {
        bit_length(&self.modulus)
    }

    /// Which arithmetic serves this key: the same for all keys of a build on one machine.
    #[must_use]
    pub fn variant(&self) -> Variant {
        match self.arithmetic {
            Arithmetic::Scalar29(_) | Arithmetic::Scalar28(_) => Variant::Scalar,
            #[cfg(target_feature = "relaxed-simd")]
            Arithmetic::Fused(_) => Variant::RelaxedSimd,
        }
    }

    /// The padded message that a signature was made of: `signature^e mod n`, big-endian, as long as
    /// the modulus (RSAVP1 of RFC 8017 section 5.2.2 and the steps around it in section 8.2.2).
    ///
    /// `None` for a signature that is not exactly [`size`](Self::size) bytes long, or not below the
    /// modulus: each message would have several signatures.
    #[must_use]
    pub fn recover(&self, signature: &[u8]) -> Option<Vec<u8>> {
        // Of two texts of the same length, the smaller number is the one that sorts first.
        if signature.len() != self.modulus.len() || signature >= self.modulus.as_slice() {
            return None;
        }
        let mut bytes = signature.to_vec();
        self.arithmetic.power(&mut bytes, self.exponent);
        Some(bytes)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicKey")
            .field("bits", &self.bits())
            .field("exponent", &self.exponent)
            .finish_non_exhaustive()
    }
}

/// The bytes from the first that is not zero.
fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    bytes.get(start..).unwrap_or_default()
}

/// The number of bits of a number without leading zeros.
fn bit_length(bytes: &[u8]) -> usize {
    let zeros = bytes.first().map_or(0, |first| first.leading_zeros());
    bytes.len().saturating_mul(8).saturating_sub(usize::try_from(zeros).unwrap_or_default())
}

/// A number that fits into 64 bits.
fn small(bytes: &[u8]) -> Option<u64> {
    let mut padded = [0; 8];
    let start = padded.len().checked_sub(bytes.len())?;
    padded.get_mut(start..)?.copy_from_slice(bytes);
    Some(u64::from_be_bytes(padded))
}
