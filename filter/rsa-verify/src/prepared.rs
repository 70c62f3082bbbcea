//! A public key with all that can be computed before a signature is there.

use alloc::vec::Vec;
use core::fmt;

#[cfg(any(target_feature = "relaxed-simd", test, fuzzing))]
use crate::fused::Fused;
#[cfg(any(target_feature = "simd128", not(target_family = "wasm"), test))]
use crate::simd128::Simd128;
use crate::{PublicKey, Variant, scalar::Scalar};

/// Largest modulus in bits for digits of 29 bits: 124 digits, less three bits (see `scalar`).
const WIDE_MAX_BITS: usize = 124 * 29 - 3;

/// An RSA public key, ready for signatures: [`PublicKey::prepare`].
///
/// It takes about twenty times the memory of the modulus at most, half of that when fused.
#[derive(Clone)]
pub struct PreparedKey {
    key: PublicKey,
    arithmetic: Arithmetic,
}

impl PreparedKey {
    /// Prepares a key for an arithmetic that this build has.
    pub(crate) fn new(key: PublicKey, variant: Variant) -> Self {
        let arithmetic = Arithmetic::new(&key, variant);
        Self { key, arithmetic }
    }

    /// The key itself.
    #[must_use]
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Which arithmetic serves the key.
    #[must_use]
    pub fn variant(&self) -> Variant {
        match self.arithmetic {
            Arithmetic::Scalar29(_) | Arithmetic::Scalar28(_) => Variant::Scalar,
            #[cfg(any(target_feature = "simd128", not(target_family = "wasm"), test))]
            Arithmetic::Simd128(_) => Variant::Simd128,
            #[cfg(any(target_feature = "relaxed-simd", test, fuzzing))]
            Arithmetic::Fused(_) => Variant::Fused,
        }
    }

    /// The padded message that a signature was made of: `signature^e mod n`, big-endian, as long as
    /// the modulus (RSAVP1 of RFC 8017 section 5.2.2 and the steps around it in section 8.2.2).
    ///
    /// `None` for a signature that is not exactly [`size`](PublicKey::size) bytes long, or not below
    /// the modulus: each message would have several signatures.
    #[must_use]
    pub fn recover(&self, signature: &[u8]) -> Option<Vec<u8>> {
        let modulus = self.key.modulus();
        // Of two texts of the same length, the smaller number is the one that sorts first.
        if signature.len() != modulus.len() || signature >= modulus {
            return None;
        }
        let mut bytes = signature.to_vec();
        self.arithmetic.power(&mut bytes, self.key.exponent());
        Some(bytes)
    }
}

impl fmt::Debug for PreparedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PreparedKey")
            .field("key", &self.key)
            .field("variant", &self.variant())
            .finish_non_exhaustive()
    }
}

/// What computes powers modulo one modulus.
#[derive(Clone)]
enum Arithmetic {
    Scalar29(Scalar<29>),
    Scalar28(Scalar<28>),
    #[cfg(any(target_feature = "simd128", not(target_family = "wasm"), test))]
    Simd128(Simd128),
    #[cfg(any(target_feature = "relaxed-simd", test, fuzzing))]
    Fused(Fused),
}

impl Arithmetic {
    fn new(key: &PublicKey, variant: Variant) -> Self {
        let (modulus, bits) = (key.modulus(), key.bits());
        match variant {
            #[cfg(any(target_feature = "relaxed-simd", test, fuzzing))]
            Variant::Fused => Self::Fused(Fused::new(modulus, bits)),
            #[cfg(any(target_feature = "simd128", not(target_family = "wasm"), test))]
            Variant::Simd128 => Self::Simd128(Simd128::new(modulus, bits)),
            // The widest digits whose columns do not overflow.
            _ if bits <= WIDE_MAX_BITS => Self::Scalar29(Scalar::new(modulus, bits)),
            _ => Self::Scalar28(Scalar::new(modulus, bits)),
        }
    }

    /// `base^exponent` modulo `n`, in place; the base is below `n` and as long, the exponent odd.
    fn power(&self, bytes: &mut [u8], exponent: u64) {
        match self {
            Self::Scalar29(scalar) => scalar.power(bytes, exponent),
            Self::Scalar28(scalar) => scalar.power(bytes, exponent),
            #[cfg(any(target_feature = "simd128", not(target_family = "wasm"), test))]
            Self::Simd128(simd128) => simd128.power(bytes, exponent),
            #[cfg(any(target_feature = "relaxed-simd", test, fuzzing))]
            Self::Fused(fused) => fused.power(bytes, exponent),
        }
    }
}
