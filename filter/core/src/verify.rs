//! Verification: did a key of the token's issuer sign these bytes?

use crate::{issuer::Issuer, json::Json, jws::Unverified, key::KeySet, reject::Reject};

/// A token that a key of its issuer signed; whether it is meant for us is still open.
pub(crate) struct Verified<'t> {
    typ: Option<String>,
    claims: Json,
    payload: &'t [u8],
}

impl<'t> Unverified<'t> {
    /// Whether a key of the set can have made the signature.
    pub(crate) fn fits_a_key(&self, keys: &KeySet) -> bool {
        keys.candidates(self.kid.as_deref(), self.algorithm).next().is_some()
    }

    /// Checks the signature with the keys of the issuer that the token names.
    ///
    /// # Errors
    ///
    /// [`Reject::AlgorithmNotAllowed`], [`Reject::KeyUnknown`] if no key fits, or
    /// [`Reject::SignatureInvalid`] if none of those that fit made the signature.
    pub(crate) fn verify(self, issuer: &Issuer, keys: &KeySet) -> Result<Verified<'t>, Reject> {
        if !issuer.algorithms.contains(&self.algorithm) {
            return Err(Reject::AlgorithmNotAllowed);
        }
        let mut candidates = keys.candidates(self.kid.as_deref(), self.algorithm).peekable();
        if candidates.peek().is_none() {
            return Err(Reject::KeyUnknown);
        }
        let algorithm = self.algorithm;
        if !candidates.any(|key| key.verifies(algorithm, self.signed, &self.signature)) {
            return Err(Reject::SignatureInvalid);
        }
        Ok(Verified { typ: self.typ, claims: self.claims, payload: self.payload })
    }
}

impl<'t> Verified<'t> {
    pub(crate) fn typ(&self) -> Option<&str> {
        self.typ.as_deref()
    }

    pub(crate) fn claims(&self) -> &Json {
        &self.claims
    }

    /// The claims and the payload as it arrived.
    pub(crate) fn into_parts(self) -> (Json, &'t [u8]) {
        (self.claims, self.payload)
    }
}
