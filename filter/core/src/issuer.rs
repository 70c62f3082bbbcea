//! One issuer of tokens, as the policy describes it.

use std::time::Duration;

use crate::{algorithm::Algorithm, bytes::is_same, key_source::KeySource, names::Names};

/// The place of an issuer in the policy.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct IssuerId(pub(crate) usize);

/// The issuers of a policy, in its order, and by what their tokens call them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Issuers {
    list: Vec<Issuer>,
    places: Names<usize>,
}

impl Issuers {
    /// Issuers in the order of the document, each with an `iss` of its own.
    pub(crate) fn new(list: Vec<Issuer>) -> Self {
        let mut places = Names::default();
        for (place, issuer) in list.iter().enumerate() {
            places.entry(0, issuer.issuer.as_bytes(), || place);
        }
        Self { list, places }
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.list.len()
    }

    /// All of them, in order.
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Issuer> {
        self.list.iter()
    }

    /// The issuer at a place.
    pub(crate) fn get(&self, id: IssuerId) -> Option<&Issuer> {
        self.list.get(id.0)
    }

    /// The issuer of this `iss`.
    pub(crate) fn named(&self, issuer: &str) -> Option<(IssuerId, &Issuer)> {
        let id = IssuerId(*self.places.get(0, issuer.as_bytes())?);
        self.get(id).map(|issuer| (id, issuer))
    }
}

/// What a token of this issuer must look like.
#[derive(Clone, Debug)]
pub(crate) struct Issuer {
    /// The label for logs, counters and rules.
    pub(crate) name: String,
    /// Equals `iss`, byte for byte (RFC 7519 section 4.1.1: a case-sensitive string).
    pub(crate) issuer: String,
    pub(crate) audiences: Audiences,
    pub(crate) algorithms: Vec<Algorithm>,
    pub(crate) types: Types,
    pub(crate) clock_skew: Duration,
    /// Longest `exp - iat`.
    pub(crate) max_lifetime: Option<Duration>,
    pub(crate) scope_claims: Vec<String>,
    /// Where its keys are fetched; `None` if the document brings them.
    pub(crate) source: Option<KeySource>,
}

/// Whom a token may be meant for.
#[derive(Clone, Debug)]
pub(crate) enum Audiences {
    /// Anybody; must be written out in the policy, as it lets in tokens made for others.
    Any,
    /// One of these is in `aud`, byte for byte. Never normalised: Envoy drops scheme and final
    /// slash, and so takes `http://x` for `https://x/`.
    OneOf(Vec<String>),
}

/// The allowed `typ` values, in lower case, without `application/`.
#[derive(Clone, Debug)]
pub(crate) struct Types(pub(crate) Vec<String>);

impl Types {
    /// Whether a token of this type may be an access token (RFC 9068 section 4, RFC 8725 3.11); the type
    /// as [`Types::normalize`] writes it.
    pub(crate) fn allow(&self, typ: Option<&str>) -> bool {
        match typ {
            Some(typ) => self.0.iter().any(|allowed| is_same(allowed.as_bytes(), typ.as_bytes())),
            // RFC 9068 makes `typ` mandatory; a policy that asks for that profile alone means it.
            None => self.0.iter().any(|allowed| allowed != "at+jwt"),
        }
    }

    /// Media types compare without case, and may leave `application/` away (RFC 7515 4.1.9).
    pub(crate) fn normalize(typ: &str) -> String {
        let typ = typ.to_ascii_lowercase();
        match typ.strip_prefix("application/") {
            Some(rest) if !rest.contains('/') => rest.to_owned(),
            _ => typ,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_compare_as_media_types() {
        let both = Types(vec!["jwt".to_owned(), "at+jwt".to_owned()]);
        for typ in ["JWT", "jwt", "at+JWT", "application/at+jwt", "Application/JWT"] {
            assert!(both.allow(Some(&Types::normalize(typ))), "{typ}");
        }
        for typ in ["", "JWE", "dpop+jwt", "text/jwt", "application/application/jwt", "jwt "] {
            assert!(!both.allow(Some(&Types::normalize(typ))), "{typ}");
        }
        assert!(both.allow(None));
        assert!(!Types(vec!["at+jwt".to_owned(), "at+jwt".to_owned()]).allow(None));
    }
}
