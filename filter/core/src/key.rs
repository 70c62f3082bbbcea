//! Public keys, checked once, and who they belong to.

use rsa::{
    BoxedUint, RsaPublicKey,
    pkcs1v15::{Signature, VerifyingKey},
    signature::Verifier as _,
    traits::PublicKeyParts as _,
};
use sha2::Sha256;

use crate::{algorithm::Algorithm, issuer::IssuerId};

/// Smallest RSA modulus in bits (RFC 7518 section 3.3).
const RSA_MIN_BITS: u32 = 2048;
/// Largest RSA modulus in bits: verification time grows with its square.
const RSA_MAX_BITS: u32 = 8192;
/// Keys tried for one token: a set with hundreds of keys must not make one forged token cost
/// hundreds of verifications.
pub(crate) const MAX_TRIES: usize = 4;

/// The keys of all issuers in force.
#[derive(Clone, Debug, Default)]
pub struct KeyRing {
    sets: Vec<Option<KeySet>>,
}

impl KeyRing {
    pub(crate) fn install(&mut self, issuer: IssuerId, set: KeySet) {
        let needed = issuer.0.saturating_add(1);
        if self.sets.len() < needed {
            self.sets.resize(needed, None);
        }
        if let Some(place) = self.sets.get_mut(issuer.0) {
            *place = Some(set);
        }
    }

    /// The keys of one issuer; `None` if none were ever loaded.
    pub(crate) fn of(&self, issuer: IssuerId) -> Option<&KeySet> {
        self.sets.get(issuer.0)?.as_ref()
    }

    /// The number of keys over all issuers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sets.iter().flatten().map(|set| set.keys.len()).sum()
    }

    /// Whether no issuer has a key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The keys of one issuer.
#[derive(Clone, Debug)]
pub struct KeySet {
    keys: Vec<Key>,
}

impl KeySet {
    pub(crate) fn new(keys: Vec<Key>) -> Self {
        Self { keys }
    }

    /// The keys that may have signed a token, those that bear its `kid` first.
    ///
    /// A key without a name (a PEM key) fits any `kid`; a key with another name never does.
    pub(crate) fn candidates<'k>(
        &'k self,
        kid: Option<&'k str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'k Key> {
        let fitting = move || self.keys.iter().filter(move |key| key.algorithm() == algorithm);
        let named = fitting().filter(move |key| kid.is_some() && key.kid.as_deref() == kid);
        let others = fitting().filter(move |key| kid.is_none() || key.kid.is_none());
        named.chain(others).take(MAX_TRIES)
    }

    /// Whether some keys would never be tried: more without a name than are tried for one token.
    pub(crate) fn has_too_many_nameless(&self) -> bool {
        self.keys.iter().filter(|key| key.kid.is_none()).count() > MAX_TRIES
    }
}

/// One public key, tied to one algorithm.
#[derive(Clone, Debug)]
pub struct Key {
    kid: Option<String>,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Rs256(VerifyingKey<Sha256>),
}

impl Key {
    /// An RSA key for RS256, from big-endian modulus and exponent.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with the key: size, parity, or exponent.
    pub(crate) fn rs256(
        kid: Option<String>,
        modulus: &[u8],
        exponent: &[u8],
    ) -> Result<Self, String> {
        let modulus = number(modulus);
        let bits = modulus.bits_vartime();
        if !(RSA_MIN_BITS..=RSA_MAX_BITS).contains(&bits) {
            return Err(format!(
                "an RSA key of {bits} bits instead of {RSA_MIN_BITS} to {RSA_MAX_BITS}"
            ));
        }
        let exponent = number(exponent);
        if exponent < BoxedUint::from(3_u8) {
            return Err("an RSA key whose public exponent is below 3".to_owned());
        }
        let key = RsaPublicKey::new(modulus, exponent)
            .map_err(|error| format!("an unusable RSA key ({error})"))?;
        Ok(Self { kid, kind: Kind::Rs256(VerifyingKey::new(key)) })
    }

    pub(crate) fn algorithm(&self) -> Algorithm {
        match self.kind {
            Kind::Rs256(_) => Algorithm::Rs256,
        }
    }

    /// Whether this key made `signature` over `message`.
    ///
    /// The signature must have exactly the modulus's length and be smaller than it (RFC 8017
    /// section 8.2.2), and its padding is compared byte for byte, not parsed: no room for
    /// Bleichenbacher's forgery on small exponents.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.kind {
            Kind::Rs256(key) => {
                signature.len() == key.as_ref().size()
                    && Signature::try_from(signature)
                        .is_ok_and(|signature| key.verify(message, &signature).is_ok())
            }
        }
    }
}

/// Leading zeros are dropped: many key sets carry the sign byte of their big-integer library.
fn number(bytes: &[u8]) -> BoxedUint {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    BoxedUint::from_be_slice_vartime(bytes.get(start..).unwrap_or_default())
}
