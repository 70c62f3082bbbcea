//! What makes a public key.

use alloc::vec::Vec;
use core::fmt;

use crate::{PreparedKey, Variant};

/// Smallest modulus in bits (RFC 7518 section 3.3).
pub const MODULUS_MIN_BITS: usize = 2048;
/// Largest modulus in bits: the time of an operation grows with its square.
pub const MODULUS_MAX_BITS: usize = 8192;
/// Largest exponent in bits: with the largest modulus it bounds the time of one operation.
///
/// Each bit costs a multiplication or two; 33 bits are what other libraries take as well, and a
/// key with more is none that a public issuer publishes.
pub const EXPONENT_MAX_BITS: u32 = 33;

/// An RSA public key, checked but not yet prepared for use.
#[derive(Clone)]
pub struct PublicKey {
    /// Big-endian, without leading zeros.
    modulus: Vec<u8>,
    exponent: u64,
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
    /// A key from its big-endian modulus and exponent; leading zeros are skipped. It costs no
    /// arithmetic: a key that is never used costs next to nothing.
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
        Ok(Self { modulus: modulus.to_vec(), exponent })
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

    /// Computes what does not depend on a signature, for the fastest arithmetic that is right on
    /// this machine: less than one operation costs.
    #[must_use]
    pub fn prepare(&self) -> PreparedKey {
        PreparedKey::new(self.clone(), crate::variant())
    }

    /// As [`prepare`](Self::prepare), for an arithmetic of one's choice: to compare them, or to test
    /// each. `None` if this build, or this machine, does not have it.
    #[must_use]
    pub fn prepare_with(&self, variant: Variant) -> Option<PreparedKey> {
        variant.is_right().then(|| PreparedKey::new(self.clone(), variant))
    }

    /// The modulus, big-endian, without leading zeros.
    #[must_use]
    pub fn modulus(&self) -> &[u8] {
        &self.modulus
    }

    /// The public exponent.
    #[must_use]
    pub fn exponent(&self) -> u64 {
        self.exponent
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
