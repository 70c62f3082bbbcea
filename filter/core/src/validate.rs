//! Validation: is a token that its issuer signed meant for us, now?

use crate::{
    bytes::is_same,
    claims::{Words, numeric_date},
    forward::Texts,
    issuer::{Audiences, Issuer},
    jws::Unverified,
    reject::Reject,
    tape::{Kind, Tape, Value},
    time::UnixTime,
    verify::Verified,
};

/// A token whose claims hold; what it may do is still open.
#[derive(Debug)]
pub(crate) struct Valid<'t>(Verified<'t>);

impl<'t> Verified<'t> {
    /// Checks type, times, audience and binding.
    ///
    /// # Errors
    ///
    /// The first claim that does not hold.
    pub(crate) fn validate(self, issuer: &Issuer, now: UnixTime) -> Result<Valid<'t>, Reject> {
        self.terms()?.hold(issuer, now)?;
        Ok(Valid(self))
    }
}

impl Unverified<'_> {
    /// Whether the token could be accepted if its signature were good: what is worth a fetch of
    /// keys, so that nobody makes the gate fetch with a token that no key could save.
    ///
    /// # Errors
    ///
    /// Why it could not.
    pub(crate) fn could_hold(&self, issuer: &Issuer, now: UnixTime) -> Result<(), Reject> {
        if !issuer.algorithms.contains(&self.header.algorithm) {
            return Err(Reject::AlgorithmNotAllowed);
        }
        Terms::read(self.header.typ.as_deref(), &self.claims, issuer)?.hold(issuer, now)
    }
}

/// When a token holds, and whether it is meant for us: all that validation asks of it but the time of
/// the request, so that a token that comes often is read once.
#[derive(Debug)]
pub(crate) struct Terms {
    expires: UnixTime,
    starts: Option<UnixTime>,
    issued: Option<UnixTime>,
    /// What stands against it at any time. Told after what the time says, as the order of claims is.
    otherwise: Result<(), Reject>,
}

impl Terms {
    /// Reads type, times, audience and binding.
    ///
    /// # Errors
    ///
    /// [`Reject::TypeNotAllowed`], or [`Reject::ExpiryMissing`] or [`Reject::ClaimMalformed`] for times
    /// that are none: what comes before any question of time.
    pub(crate) fn read(typ: Option<&str>, claims: &Tape, issuer: &Issuer) -> Result<Self, Reject> {
        if !issuer.types.allow(typ) {
            return Err(Reject::TypeNotAllowed);
        }
        let expires = numeric_date(claims, "exp")?.ok_or(Reject::ExpiryMissing)?;
        let starts = numeric_date(claims, "nbf")?;
        let issued = numeric_date(claims, "iat")?;
        let otherwise = lifetime(expires, issued, issuer)
            .and_then(|()| audience(claims, &issuer.audiences))
            .and_then(|()| unbound(claims));
        Ok(Self { expires, starts, issued, otherwise })
    }

    /// RFC 7519 sections 4.1.4 to 4.1.6.
    pub(crate) fn hold(&self, issuer: &Issuer, now: UnixTime) -> Result<(), Reject> {
        // "On or after" `exp` a token is dead; 0 is a time like any other (Envoy took it for never).
        if now.earlier(issuer.clock_skew) >= self.expires {
            return Err(Reject::Expired);
        }
        let latest = now.later(issuer.clock_skew);
        if self.starts.is_some_and(|starts| latest < starts) {
            return Err(Reject::NotYetValid);
        }
        if self.issued.is_some_and(|issued| latest < issued) {
            return Err(Reject::IssuedInFuture);
        }
        self.otherwise
    }
}

impl<'t> Valid<'t> {
    pub(crate) fn claims(&self) -> &Tape {
        self.0.claims()
    }

    /// The words of the scope claims.
    ///
    /// # Errors
    ///
    /// [`Reject::ClaimMalformed`] if one of them is neither a text nor a list of texts.
    pub(crate) fn scopes(&self) -> Result<&Words, Reject> {
        self.0.scopes()
    }

    /// What is passed on of the claims: see [`Verified::texts`].
    ///
    /// # Errors
    ///
    /// What `make` finds wrong.
    pub(crate) fn texts(
        &self,
        make: impl FnOnce(&Tape) -> Result<Texts, Reject>,
    ) -> Result<Texts, Reject> {
        self.0.texts(make)
    }

    /// The payload as it arrived, in base64url.
    pub(crate) fn payload(&self) -> &'t [u8] {
        self.0.payload()
    }
}

/// The life the issuer gave, not what is left of it: that is what a stolen token is worth.
fn lifetime(expires: UnixTime, issued: Option<UnixTime>, issuer: &Issuer) -> Result<(), Reject> {
    let Some(longest) = issuer.max_lifetime else {
        return Ok(());
    };
    match issued {
        Some(issued) if expires <= issued.later(longest) => Ok(()),
        _ => Err(Reject::LifetimeTooLong),
    }
}

/// Bound to a certificate or a DPoP key: sent as plain Bearer it is in the wrong hands, or sent by
/// somebody who did not prove the right ones (RFC 8705 section 3, RFC 9449 section 7.1).
fn unbound(claims: &Tape) -> Result<(), Reject> {
    if claims.get("cnf").is_some() { Err(Reject::TokenBound) } else { Ok(()) }
}

/// RFC 7519 section 4.1.3: a string or an array of strings.
fn audience(claims: &Tape, audiences: &Audiences) -> Result<(), Reject> {
    let ours = |name: &str| match audiences {
        Audiences::Any => true,
        Audiences::OneOf(wanted) => {
            wanted.iter().any(|wanted| is_same(wanted.as_bytes(), name.as_bytes()))
        }
    };
    let met = match claims.get("aud").map(Value::kind) {
        None => matches!(audiences, Audiences::Any),
        Some(Kind::String(name)) => ours(name),
        Some(Kind::Array(names)) => {
            let mut met = matches!(audiences, Audiences::Any);
            for (_, name) in names {
                met |= ours(name.as_str().ok_or(Reject::ClaimMalformed)?);
            }
            met
        }
        Some(_) => return Err(Reject::ClaimMalformed),
    };
    if met { Ok(()) } else { Err(Reject::AudienceMismatch) }
}
