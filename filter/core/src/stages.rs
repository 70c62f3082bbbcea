//! The stages one by one, for benchmarks and fuzz targets; not part of the interface.

use std::{hint::black_box, rc::Rc};

pub use crate::{
    base64url::decode as decode_base64url,
    config::document::read_struct,
    json::{Json, Limits as JsonLimits, Number as JsonNumber, parse as parse_json},
    jwk::read_set as read_jwk_set,
    jws::Unverified,
    key::{ED25519_TABLE_AFTER, Key},
    path::{Allowances, Ambiguity, CanonicalPath},
    pem::read_keys as read_pem_keys,
};
use crate::{
    bearer::Bearer,
    claims::scopes,
    host_crypto::{Ask, HostCrypto},
    issuer::Issuer,
    key::KeyRing,
    policy::Policy,
    reject::Reject,
    request::Request,
    rule::Rule,
    tape::{Tape, Value},
    time::UnixTime,
    token_cache::{Proven, TokenCache},
    validate::Terms,
    verify::Verified,
};

/// Whether a text is JSON as it may stand in a token; read as the parts of a token are, in a copy.
#[must_use]
pub fn reads_token_json(text: &[u8]) -> bool {
    black_box(Tape::parse(black_box(text).to_vec(), JsonLimits::TOKEN)).is_some()
}

/// JSON as it is read in a token, for comparison with [`parse_json`].
#[derive(Debug)]
pub struct TokenJson(Tape);

impl TokenJson {
    /// Reads one JSON text, all of it; `None` for whatever [`parse_json`] refuses.
    #[must_use]
    pub fn parse(text: &[u8], limits: JsonLimits) -> Option<Self> {
        Tape::parse(text.to_vec(), limits).map(Self)
    }

    /// The whole value.
    #[must_use]
    pub fn to_json(&self) -> Option<Json> {
        self.0.root().map(Value::to_json)
    }

    /// The member of the outermost object.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Json> {
        self.0.get(name).map(Value::to_json)
    }

    /// The words of a text that is a member of the outermost object; none for anything else.
    pub fn words(&self, name: &str) -> impl Iterator<Item = &str> {
        let words = self.0.get(name).into_iter().flat_map(Value::words);
        words.map(|span| self.0.text(span))
    }
}

/// Asks a host about a signature, as if it were believed for every algorithm; `None` if it cannot
/// tell, or was not asked since the form of key or signature is none that the algorithm has.
pub fn ask_host(
    ask: Ask<'_>,
    key: &Key,
    algorithm: crate::Algorithm,
    message: &[u8],
    signature: &[u8],
) -> Option<bool> {
    key.asked(ask, algorithm, message, signature)
}

/// A request whose token is good, stopped at each stage of [`decide`](crate::decide): what a stage
/// takes from those before it is at hand, so that it can run again and again by itself.
///
/// What a stage makes goes to [`black_box`]: nothing of it is left out because nobody looks.
#[derive(Debug)]
pub struct Stopped<'a> {
    policy: &'a Policy,
    request: &'a Request<'a>,
    now: UnixTime,
    path: CanonicalPath<'a>,
    rule: &'a Rule,
    issuer: &'a Issuer,
    bearer: Bearer<'a>,
    proven: Rc<Proven>,
    /// The number of the set of keys that the token was verified with.
    set: u64,
}

impl<'a> Stopped<'a> {
    /// Takes a request along the road until its token is verified.
    ///
    /// # Errors
    ///
    /// Why it does not get so far.
    pub fn of(
        policy: &'a Policy,
        keys: &KeyRing,
        request: &'a Request<'a>,
        now: UnixTime,
    ) -> Result<Self, Reject> {
        let head = request.head()?;
        let path =
            CanonicalPath::parse(head.target, &policy.paths).map_err(|_| Reject::PathAmbiguous)?;
        let rule = policy.rule_for(request, &head, &path)?;
        let bearer = Bearer::find(&policy.sources, request, |_| None)?;
        let bearer = bearer.ok_or(Reject::TokenMissing)?;
        let unverified = Unverified::parse(&bearer, policy.token_bytes, |_| None)?;
        let (id, issuer) = policy.issuer_named(unverified.issuer()?)?;
        let (keys, set) = keys.numbered(id, now).ok_or(Reject::KeysUnavailable)?;
        let verified = unverified.verify(id, issuer, keys, HostCrypto::off())?;
        let proven = Rc::clone(verified.proven());
        Ok(Self { policy, request, now, path, rule, issuer, bearer, proven, set })
    }

    /// The header check: method, path and host as they came, and exactly one token.
    ///
    /// # Errors
    ///
    /// As of [`decide`](crate::decide).
    pub fn check_headers(&self) -> Result<(), Reject> {
        let request = black_box(self.request);
        let head = request.head()?;
        self.policy.forward.refuse_spoofed(request)?;
        let bearer = Bearer::find(&self.policy.sources, request, |_| None)?;
        black_box((head.target, bearer.ok_or(Reject::TokenMissing)?));
        Ok(())
    }

    /// The path in its one form, and the rule that speaks for it.
    ///
    /// # Errors
    ///
    /// As of [`decide`](crate::decide).
    pub fn find_rule(&self) -> Result<(), Reject> {
        let request = black_box(self.request);
        let head = request.head()?;
        let path = CanonicalPath::parse(head.target, &self.policy.paths)
            .map_err(|_| Reject::PathAmbiguous)?;
        black_box(self.policy.rule_for(request, &head, &path)?);
        Ok(())
    }

    /// Validates the claims of a token that is seen for the first time: reads type, times, audience
    /// and scopes, and holds them against the issuer and the time.
    ///
    /// # Errors
    ///
    /// As of [`decide`](crate::decide).
    pub fn validate(&self) -> Result<(), Reject> {
        let claims = black_box(&self.proven.claims);
        let terms = Terms::read(None, claims, self.issuer)?;
        terms.hold(self.issuer, black_box(self.now))?;
        black_box((terms, scopes(claims, &self.issuer.scope_claims)?));
        Ok(())
    }

    /// Holds the token against the rule, and makes the changes of the request.
    ///
    /// # Errors
    ///
    /// As of [`decide`](crate::decide).
    pub fn authorize(&self) -> Result<(), Reject> {
        let bearer = black_box(&self.bearer);
        let verified = Verified::recalled(Rc::clone(&self.proven), bearer.token);
        let valid = verified.ok_or(Reject::TokenMalformed)?.validate(self.issuer, self.now)?;
        black_box(self.policy.forward.identity(bearer, &valid, self.request)?);
        black_box(valid.authorize(self.rule, self.issuer, self.request, &self.path)?);
        Ok(())
    }

    /// Remembers another token as if the same had been found out about it.
    pub fn keep(&self, cache: &mut TokenCache, token: &[u8]) {
        cache.keep(black_box(token), self.set, &self.proven);
    }

    /// Whether a token is remembered.
    pub fn recalls(&self, cache: &mut TokenCache, token: &[u8]) -> bool {
        black_box(cache.recall(black_box(token))).is_some()
    }
}
