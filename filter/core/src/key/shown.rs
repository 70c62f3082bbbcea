//! How a key and a signature are shown to a host that is asked about them.

use std::borrow::Cow;

use der::{
    Encode as _,
    asn1::{AnyRef, BitStringRef, ObjectIdentifier, UintRef},
};
use pkcs1::RsaPublicKeyRef;
use spki::{AlgorithmIdentifier, SubjectPublicKeyInfo};

use super::Material;
use crate::oid;

impl Material {
    /// The key as `SubjectPublicKeyInfo` in DER; `None` for kinds that no host is shown.
    pub(super) fn spki(&self) -> Option<Vec<u8>> {
        match self {
            Self::Rsa(key) => {
                let exponent = key.public().exponent().to_be_bytes();
                let key = RsaPublicKeyRef {
                    modulus: UintRef::new(key.public().modulus()).ok()?,
                    public_exponent: UintRef::new(&exponent).ok()?,
                };
                info(oid::RSA_ENCRYPTION, AnyRef::NULL, &key.to_der().ok()?)
            }
            Self::P256(key) => point(&oid::P256, &key.public().to_sec1()),
            Self::P384(key) => point(&oid::P384, key.to_sec1_point(false).as_bytes()),
            Self::P521(key) => point(&oid::P521, key.to_sec1_point(false).as_bytes()),
            Self::Ed25519(_) | Self::Secret(_) => None,
        }
    }

    /// The signature in the form that hosts take; `None` if the module would refuse it by its form.
    ///
    /// An RSA signature is exactly as long as the modulus, and below it. The two numbers of an ECDSA
    /// signature have exactly the length of the field's order and lie in 1 to n-1 (CVE-2022-21449);
    /// in DER they have one form only.
    pub(super) fn shown<'s>(&self, signature: &'s [u8]) -> Option<Cow<'s, [u8]>> {
        let fits = match self {
            Self::Rsa(key) => {
                let modulus = key.public().modulus();
                // Of two texts of the same length, the smaller number is the one that sorts first.
                let fits = signature.len() == modulus.len() && signature < modulus;
                return fits.then_some(Cow::Borrowed(signature));
            }
            Self::P256(_) => signature.try_into().is_ok_and(p256_verify::is_in_range),
            Self::P384(_) => p384::ecdsa::Signature::from_slice(signature).is_ok(),
            Self::P521(_) => p521::ecdsa::Signature::from_slice(signature).is_ok(),
            Self::Ed25519(_) | Self::Secret(_) => false,
        };
        if fits { sequence(signature).map(Cow::Owned) } else { None }
    }
}

/// `r` and `s`, one after the other, as `ECDSA-Sig-Value` (RFC 3279 section 2.2.3).
fn sequence(signature: &[u8]) -> Option<Vec<u8>> {
    let (r, s) = signature.split_at_checked(signature.len() / 2)?;
    [UintRef::new(r).ok()?, UintRef::new(s).ok()?].to_der().ok()
}

fn point(curve: &ObjectIdentifier, point: &[u8]) -> Option<Vec<u8>> {
    info(oid::EC_PUBLIC_KEY, AnyRef::from(curve), point)
}

fn info(oid: ObjectIdentifier, parameters: AnyRef<'_>, key: &[u8]) -> Option<Vec<u8>> {
    let info = SubjectPublicKeyInfo {
        algorithm: AlgorithmIdentifier { oid, parameters: Some(parameters) },
        subject_public_key: BitStringRef::from_bytes(key).ok()?,
    };
    info.to_der().ok()
}
