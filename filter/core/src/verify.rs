//! Verification: did a key of the token's issuer sign these bytes?

use std::{cell::OnceCell, rc::Rc};

use crate::{
    claims::{Words, scopes},
    forward::Texts,
    host_crypto::HostCrypto,
    issuer::{Issuer, IssuerId},
    jws::Unverified,
    key::KeySet,
    reject::Reject,
    tape::Tape,
    token_cache::Proven,
    validate::Terms,
};

/// Longest texts that are remembered with a token, in bytes together: a policy can pass on a long claim
/// many times.
const LONGEST_TEXTS: usize = 256;

/// A token that a key of its issuer signed; whether it is meant for us is still open.
#[derive(Debug)]
pub(crate) struct Verified<'t> {
    proven: Rc<Proven>,
    payload: &'t [u8],
}

impl<'t> Unverified<'t> {
    /// Whether a key of the set can have made the signature.
    pub(crate) fn fits_a_key(&self, keys: &KeySet) -> bool {
        keys.candidates(self.header.kid.as_deref(), self.header.algorithm).next().is_some()
    }

    /// Checks the signature with the keys of the issuer that the token names, and the host's help if it
    /// is believed for the algorithm.
    ///
    /// # Errors
    ///
    /// [`Reject::AlgorithmNotAllowed`], [`Reject::KeyUnknown`] if no key fits, or
    /// [`Reject::SignatureInvalid`] if none of those that fit made the signature.
    pub(crate) fn verify(
        self,
        id: IssuerId,
        issuer: &Issuer,
        keys: &KeySet,
        host: HostCrypto<'_>,
    ) -> Result<Verified<'t>, Reject> {
        let algorithm = self.header.algorithm;
        if !issuer.algorithms.contains(&algorithm) {
            return Err(Reject::AlgorithmNotAllowed);
        }
        let mut candidates = keys.candidates(self.header.kid.as_deref(), algorithm).peekable();
        if candidates.peek().is_none() {
            return Err(Reject::KeyUnknown);
        }
        if !candidates.any(|key| key.verifies_with(host, algorithm, self.signed, &self.signature)) {
            return Err(Reject::SignatureInvalid);
        }
        let end = self.signed.len();
        let proven = Proven {
            issuer: id,
            terms: Terms::read(self.header.typ.as_deref(), &self.claims, issuer),
            scopes: scopes(&self.claims, &issuer.scope_claims),
            claims: self.claims,
            payload: end.saturating_sub(self.payload.len())..end,
            texts: OnceCell::new(),
        };
        Ok(Verified { proven: Rc::new(proven), payload: self.payload })
    }
}

impl<'t> Verified<'t> {
    /// A token that was verified before, by keys that are still in force.
    ///
    /// `None` for bytes that are not that token, which the cache never gives.
    pub(crate) fn recalled(proven: Rc<Proven>, token: &'t [u8]) -> Option<Self> {
        let payload = token.get(proven.payload.clone())?;
        Some(Self { proven, payload })
    }

    /// What the cache keeps of it.
    pub(crate) fn proven(&self) -> &Rc<Proven> {
        &self.proven
    }

    pub(crate) fn terms(&self) -> Result<&Terms, Reject> {
        self.proven.terms.as_ref().map_err(|reject| *reject)
    }

    pub(crate) fn scopes(&self) -> Result<&Words, Reject> {
        self.proven.scopes.as_ref().map_err(|reject| *reject)
    }

    /// What is passed on of the claims, which `make` makes where it is not remembered.
    ///
    /// # Errors
    ///
    /// What `make` finds wrong, each time.
    pub(crate) fn texts(
        &self,
        make: impl FnOnce(&Tape) -> Result<Texts, Reject>,
    ) -> Result<Texts, Reject> {
        if let Some(texts) = self.proven.texts.get() {
            return Ok(Rc::clone(texts));
        }
        let texts = make(self.claims())?;
        let bytes = texts.iter().flatten().map(|text| text.len()).sum::<usize>();
        if bytes <= LONGEST_TEXTS {
            // Nothing else sets it: a request is decided to its end before the next one.
            let _ = self.proven.texts.set(Rc::clone(&texts));
        }
        Ok(texts)
    }

    pub(crate) fn claims(&self) -> &Tape {
        &self.proven.claims
    }

    /// The payload as it arrived, in base64url.
    pub(crate) fn payload(&self) -> &'t [u8] {
        self.payload
    }
}
