//! The mathematics of a key, and what a signature must look like for it.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use p384::ecdsa::signature::Verifier as _;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use super::{ed25519::Ed25519, p256::P256, rsa::RsaKey, tables::Tables};
use crate::algorithm::Algorithm;

/// Shortest secret of an HMAC in bytes: as long as the shortest hash (RFC 7518 section 3.2).
const SECRET_MIN_BYTES: usize = 32;
/// Longest secret of an HMAC in bytes; a longer one is a mistake, as it is hashed first.
const SECRET_MAX_BYTES: usize = 1024;

/// A key of one kind, checked when it was read.
///
/// # Sources
///
/// Signature formats: RFC 7518 section 3 and RFC 8037 section 3.1. Each is refused unless it has
/// exactly the one length and the one form that the standard gives it.
#[derive(Clone)]
pub(crate) enum Material {
    Rsa(Box<RsaKey>),
    P256(Box<P256>),
    P384(Box<p384::ecdsa::VerifyingKey>),
    P521(Box<p521::ecdsa::VerifyingKey>),
    Ed25519(Box<Ed25519>),
    Secret(Vec<u8>),
}

impl Material {
    /// An RSA key, from big-endian modulus and exponent. Leading zeros are skipped: many key sets
    /// carry the sign byte of their big-integer library.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with the key: size, parity, or exponent.
    pub(crate) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, String> {
        RsaKey::new(modulus, exponent)
            .map(|key| Self::Rsa(Box::new(key)))
            .map_err(|error| error.to_string())
    }

    /// A point of a curve, in the uncompressed or compressed form of SEC 1 section 2.3.3.
    ///
    /// # Errors
    ///
    /// The curve is none of P-256, P-384, P-521, or the bytes are not a point on it: a key beside
    /// the curve would make signatures that anybody can forge.
    pub(crate) fn ec(curve: &str, point: &[u8]) -> Result<Self, String> {
        let bad = || format!("bytes that are no point of {curve}");
        match curve {
            "P-256" => P256::new(point).map(|key| Self::P256(Box::new(key))).map_err(|_| bad()),
            "P-384" => p384::ecdsa::VerifyingKey::from_sec1_bytes(point)
                .map(|key| Self::P384(Box::new(key)))
                .map_err(|_| bad()),
            "P-521" => p521::ecdsa::VerifyingKey::from_sec1_bytes(point)
                .map(|key| Self::P521(Box::new(key)))
                .map_err(|_| bad()),
            _ => Err(format!("a key on the curve {curve} instead of P-256, P-384 or P-521")),
        }
    }

    /// An Ed25519 key (RFC 8032 section 5.1.5).
    ///
    /// # Errors
    ///
    /// Not 32 bytes, no point of the curve, or one of small order, which would accept one signature
    /// for many messages.
    pub(crate) fn ed25519(bytes: &[u8]) -> Result<Self, String> {
        Ed25519::new(bytes).map(|key| Self::Ed25519(Box::new(key)))
    }

    /// The secret of an HMAC.
    ///
    /// # Errors
    ///
    /// Shorter than the shortest hash (RFC 7518 section 3.2), or absurdly long.
    pub(crate) fn secret(bytes: Vec<u8>) -> Result<Self, String> {
        if !(SECRET_MIN_BYTES..=SECRET_MAX_BYTES).contains(&bytes.len()) {
            return Err(format!(
                "a secret of {} bytes instead of {SECRET_MIN_BYTES} to {SECRET_MAX_BYTES}",
                bytes.len()
            ));
        }
        Ok(Self::Secret(bytes))
    }

    /// Takes tables of multiples, if the key is of a kind that uses them, from these.
    pub(crate) fn share(&mut self, tables: &Tables) {
        match self {
            Self::P256(key) => key.share(tables),
            Self::Ed25519(key) => key.share(tables),
            Self::Rsa(_) | Self::P384(_) | Self::P521(_) | Self::Secret(_) => {}
        }
    }

    /// What kind of key it is, in words.
    pub(crate) fn description(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "an RSA key",
            Self::P256(_) => "a P-256 key",
            Self::P384(_) => "a P-384 key",
            Self::P521(_) => "a P-521 key",
            Self::Ed25519(_) => "an Ed25519 key",
            Self::Secret(_) => "a secret",
        }
    }

    /// Whether keys of this kind and size go with the algorithm.
    pub(crate) fn fits(&self, algorithm: Algorithm) -> bool {
        use Algorithm::{
            EdDsa, Es256, Es384, Es512, Hs256, Hs384, Hs512, Ps256, Ps384, Ps512, Rs256, Rs384,
            Rs512,
        };
        match self {
            Self::Rsa(_) => {
                matches!(algorithm, Rs256 | Rs384 | Rs512 | Ps256 | Ps384 | Ps512)
            }
            Self::P256(_) => algorithm == Es256,
            Self::P384(_) => algorithm == Es384,
            Self::P521(_) => algorithm == Es512,
            Self::Ed25519(_) => matches!(algorithm, EdDsa | Algorithm::Ed25519),
            Self::Secret(secret) => match algorithm {
                Hs256 => secret.len() >= Sha256::output_size(),
                Hs384 => secret.len() >= Sha384::output_size(),
                Hs512 => secret.len() >= Sha512::output_size(),
                _ => false,
            },
        }
    }

    /// Whether this key made `signature` over `message` with the algorithm.
    pub(crate) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::Rsa(key) => key.verifies(algorithm, message, signature),
            Self::P256(key) => algorithm == Algorithm::Es256 && key.verifies(message, signature),
            // `r` and `s` as on P-256.
            Self::P384(key) => {
                algorithm == Algorithm::Es384
                    && p384::ecdsa::Signature::from_slice(signature)
                        .is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
            Self::P521(key) => {
                algorithm == Algorithm::Es512
                    && p521::ecdsa::Signature::from_slice(signature)
                        .is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
            Self::Ed25519(key) => {
                matches!(algorithm, Algorithm::EdDsa | Algorithm::Ed25519)
                    && key.verifies(message, signature)
            }
            Self::Secret(secret) => verify_hmac(secret, algorithm, message, signature),
        }
    }
}

/// Names the kind and nothing else: a secret must not reach a log through `{:?}`.
impl fmt::Debug for Material {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.description())
    }
}

/// The whole code, compared in constant time; never a shortened one.
fn verify_hmac(secret: &[u8], algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
    macro_rules! matches {
        ($hash:ty) => {
            Hmac::<$hash>::new_from_slice(secret)
                .is_ok_and(|code| code.chain_update(message).verify_slice(signature).is_ok())
        };
    }
    match algorithm {
        Algorithm::Hs256 => matches!(Sha256),
        Algorithm::Hs384 => matches!(Sha384),
        Algorithm::Hs512 => matches!(Sha512),
        _ => false,
    }
}
