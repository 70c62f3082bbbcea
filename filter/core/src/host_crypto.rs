//! Signatures that the host checks in place of the module.
//!
//! The core calls no host: it hands a [`HostCheck`] to a function that it was given, and believes
//! the answer only for the algorithms that the host was probed for ([`Policy::probe`]). What key and
//! algorithm have to do with each other, the length of a signature, the range of its numbers and the
//! size of an RSA key are judged before the host is asked, which has its own idea of them. Whatever
//! the host cannot tell, the module tells itself.
//!
//! [`Policy::probe`]: crate::Policy::probe

mod probe;
mod vectors;

#[cfg(test)]
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
mod tests;

pub use self::probe::Probe;

use std::fmt;

use crate::algorithm::Algorithm;

/// A signature that the host is asked to check.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HostCheck<'c> {
    /// The hash of the message: `sha256`, `sha384` or `sha512`.
    pub hash: &'static str,
    /// The key, a `SubjectPublicKeyInfo` in DER (RFC 5280 section 4.1.2.7): RSA or a point of P-256,
    /// P-384 or P-521.
    pub public_key: &'c [u8],
    /// The signature: as many bytes as the modulus has (RFC 8017 section 8.2), or an
    /// `ECDSA-Sig-Value` in DER (RFC 3279 section 2.2.3).
    pub signature: &'c [u8],
    /// What was signed.
    pub message: &'c [u8],
}

/// Asks a host about a signature; `None` if it cannot tell.
pub type Ask<'h> = &'h dyn Fn(&HostCheck<'_>) -> Option<bool>;

/// The host, as far as it is believed.
#[derive(Clone, Copy)]
pub struct HostCrypto<'h> {
    entrusted: Entrusted,
    ask: Option<Ask<'h>>,
}

impl<'h> HostCrypto<'h> {
    /// A host that is asked about signatures of these algorithms.
    #[must_use]
    pub fn new(entrusted: Entrusted, ask: Ask<'h>) -> Self {
        Self { entrusted, ask: Some(ask) }
    }

    /// No host: the module checks every signature.
    #[must_use]
    pub fn off() -> Self {
        Self { entrusted: Entrusted::default(), ask: None }
    }

    /// How to ask about signatures of this algorithm; `None` if the module checks them.
    pub(crate) fn ask_about(&self, algorithm: Algorithm) -> Option<Ask<'h>> {
        self.ask.filter(|_| self.entrusted.has(algorithm))
    }
}

impl fmt::Debug for HostCrypto<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostCrypto").field("entrusted", &self.entrusted).finish_non_exhaustive()
    }
}

/// The algorithms that a host is believed for.
///
/// [`Policy::probe`](crate::Policy::probe) alone makes one that is not empty.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Entrusted {
    /// As [`Algorithm::ALL`] has them.
    places: [bool; Algorithm::ALL.len()],
}

impl Entrusted {
    /// The algorithms, in the order of [`Algorithm::ALL`].
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL
            .into_iter()
            .zip(self.places)
            .filter_map(|(known, here)| here.then_some(known))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.algorithms().next().is_none()
    }

    fn has(&self, algorithm: Algorithm) -> bool {
        self.algorithms().any(|known| known == algorithm)
    }

    fn add(&mut self, algorithm: Algorithm) {
        for (place, known) in self.places.iter_mut().zip(Algorithm::ALL) {
            *place |= known == algorithm;
        }
    }
}

/// The name of an algorithm's hash, for the algorithms that hosts know: those of Envoy's function
/// `verify_signature`.
///
/// It knows neither PSS nor Ed25519, and would take a signature for one of another scheme. The secret
/// of an HMAC is shown to nobody.
pub(crate) fn hash(algorithm: Algorithm) -> Option<&'static str> {
    match algorithm {
        Algorithm::Rs256 | Algorithm::Es256 => Some("sha256"),
        Algorithm::Rs384 | Algorithm::Es384 => Some("sha384"),
        Algorithm::Rs512 | Algorithm::Es512 => Some("sha512"),
        _ => None,
    }
}
