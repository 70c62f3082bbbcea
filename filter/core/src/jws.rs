//! A JWS in compact form, taken apart but not believed ([RFC 7515 section 7.1]).
//!
//! `jwt-compact` is not used on the request path: it takes duplicate JSON names (the last wins),
//! ignores `crit`, and reads claims through a type that drops what it does not know. It is the
//! oracle of the tests instead.
//!
//! [RFC 7515 section 7.1]: https://www.rfc-editor.org/rfc/rfc7515#section-7.1

use std::rc::Rc;

use crate::{
    algorithm::Algorithm,
    base64url,
    bearer::Bearer,
    bytes::position,
    issuer::Types,
    json::Limits,
    reject::Reject,
    tape::{Kind, Tape, Value},
};

/// A token whose signature nobody has looked at. Its claims can be asked for the issuer, since
/// that chooses the keys, and for nothing else.
#[derive(Debug)]
pub struct Unverified<'t> {
    pub(crate) header: Rc<Header>,
    /// The header as it arrived, in base64url.
    pub(crate) header_text: &'t [u8],
    pub(crate) claims: Tape,
    /// The payload as it arrived, in base64url.
    pub(crate) payload: &'t [u8],
    /// The very bytes that were signed: never put together again from decoded parts.
    pub(crate) signed: &'t [u8],
    pub(crate) signature: Vec<u8>,
}

/// What a header says; all tokens of an issuer have the same few.
#[derive(Debug)]
pub(crate) struct Header {
    pub(crate) algorithm: Algorithm,
    pub(crate) kid: Option<String>,
    /// As [`Types::normalize`] writes it.
    pub(crate) typ: Option<String>,
}

impl<'t> Unverified<'t> {
    /// Takes a token apart. `known` tells what is known of a header.
    ///
    /// # Errors
    ///
    /// [`Reject::TokenTooLarge`] before anything is read (a megabyte of dots, CVE-2025-30204),
    /// [`Reject::TokenMalformed`], [`Reject::CriticalUnsupported`] or
    /// [`Reject::AlgorithmNotAllowed`].
    pub(crate) fn parse(
        bearer: &Bearer<'t>,
        max_bytes: usize,
        known: impl FnOnce(&[u8]) -> Option<Rc<Header>>,
    ) -> Result<Self, Reject> {
        Self::parse_bytes(bearer.token, max_bytes, known)
    }

    /// [`Unverified::parse`] of a bare text, for fuzzing and benchmarks.
    ///
    /// # Errors
    ///
    /// The same.
    pub fn parse_text(token: &'t [u8], max_bytes: usize) -> Result<Self, Reject> {
        Self::parse_bytes(token, max_bytes, |_| None)
    }

    fn parse_bytes(
        token: &'t [u8],
        max_bytes: usize,
        known: impl FnOnce(&[u8]) -> Option<Rc<Header>>,
    ) -> Result<Self, Reject> {
        if token.len() > max_bytes {
            return Err(Reject::TokenTooLarge);
        }
        let (header, rest) = first_part(token).ok_or(Reject::TokenMalformed)?;
        let (payload, signature) = first_part(rest).ok_or(Reject::TokenMalformed)?;
        if position(signature, b'.').is_some() {
            return Err(Reject::TokenMalformed);
        }
        if header.is_empty() || payload.is_empty() || signature.is_empty() {
            return Err(Reject::TokenMalformed);
        }
        let signed_length = header.len().saturating_add(1).saturating_add(payload.len());
        let signed = token.get(..signed_length).ok_or(Reject::TokenMalformed)?;

        Ok(Self {
            header: match known(header) {
                Some(known) => known,
                None => Rc::new(Header::read(header)?),
            },
            header_text: header,
            claims: object(payload)?,
            payload,
            signed,
            signature: base64url::decode(signature).ok_or(Reject::TokenMalformed)?,
        })
    }

    /// The unverified `iss`, only good for choosing whose keys to try.
    pub(crate) fn issuer(&self) -> Result<&str, Reject> {
        match self.claims.get("iss").map(Value::kind) {
            Some(Kind::String(issuer)) => Ok(issuer),
            // No `iss` matches no issuer; Hasura let it match any.
            None => Err(Reject::IssuerUnknown),
            Some(_) => Err(Reject::ClaimMalformed),
        }
    }
}

impl Header {
    /// Reads a header in base64url.
    fn read(part: &[u8]) -> Result<Self, Reject> {
        let header = object(part)?;
        // A token that carries extensions its reader must understand; we understand none, and a
        // `crit` that is empty or no list is forbidden anyway (RFC 7515 section 4.1.11).
        if header.get("crit").is_some() {
            return Err(Reject::CriticalUnsupported);
        }
        // `jwk`, `jku`, `x5u`, `x5c` are never read: a key that comes with a token proves nothing
        // (CVE-2018-0114).
        let text = |name: &str| match header.get(name).map(Value::kind) {
            None => Ok(None),
            Some(Kind::String(text)) => Ok(Some(text)),
            Some(_) => Err(Reject::TokenMalformed),
        };
        let algorithm = text("alg")?.ok_or(Reject::TokenMalformed)?;
        Ok(Self {
            algorithm: Algorithm::from_name(algorithm).ok_or(Reject::AlgorithmNotAllowed)?,
            kid: text("kid")?.map(str::to_owned),
            typ: text("typ")?.map(Types::normalize),
        })
    }
}

/// What stands before the first dot, and what behind it.
fn first_part(token: &[u8]) -> Option<(&[u8], &[u8])> {
    let (part, rest) = token.split_at_checked(position(token, b'.')?)?;
    Some((part, rest.get(1..)?))
}

fn object(part: &[u8]) -> Result<Tape, Reject> {
    let text = base64url::decode(part).ok_or(Reject::TokenMalformed)?;
    let tape = Tape::parse(text, Limits::TOKEN).ok_or(Reject::TokenMalformed)?;
    match tape.root().map(Value::kind) {
        Some(Kind::Object(_)) => Ok(tape),
        _ => Err(Reject::TokenMalformed),
    }
}
