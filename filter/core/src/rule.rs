//! Access rules: which requests they speak for, and what they ask of a token.

use crate::{bytes::is_same, claims::ClaimPath, json::Json, pattern::PathPattern};
#[cfg(test)]
use crate::{path::CanonicalPath, request::Head};

/// One rule.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    /// The label for logs and counters.
    pub(crate) name: String,
    /// `None`: reached by name from a route only.
    pub(crate) matcher: Option<Matcher>,
    pub(crate) access: Access,
    /// Names of issuers; empty: all.
    pub(crate) issuers: Vec<String>,
    pub(crate) scopes: Scopes,
    pub(crate) claims: Vec<Condition>,
}

/// Who may pass.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Access {
    /// Nobody.
    Deny,
    /// Those without a token and those with a valid one.
    Optional,
    /// Everybody; no token is read.
    Public,
    /// Those with a valid token that meets the rule.
    Token,
}

/// The requests that a rule speaks for: all parts must fit.
#[derive(Clone, Debug)]
pub(crate) struct Matcher {
    pub(crate) path: PathPattern,
    /// Empty: all. Case-sensitive (RFC 9110 section 9.1).
    pub(crate) methods: Vec<String>,
    /// Empty: all. In lower case, without port.
    pub(crate) hosts: Vec<String>,
}

/// The scopes a rule asks for; a token must have all of `all` and, if there are any, one of `any`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scopes {
    pub(crate) all: Vec<String>,
    pub(crate) any: Vec<String>,
}

/// Something a claim must be.
#[derive(Clone, Debug)]
pub(crate) struct Condition {
    pub(crate) claim: ClaimPath,
    pub(crate) test: Test,
}

/// The operators of claim conditions.
#[derive(Clone, Debug)]
pub(crate) enum Test {
    /// An array that holds the value, or the value itself (many issuers flatten arrays of one).
    Contains(Json),
    /// The value of one request header, of which there must be exactly one.
    EqualsHeader(String),
    /// The path segment at this place.
    EqualsSegment(usize),
    /// One of the values, as a whole.
    OneOf(Vec<Json>),
    /// There, and not `null`.
    Present,
}

/// What a host's route configuration says about a request, instead of matching by path.
#[derive(Clone, Debug)]
pub struct RouteRule(pub(crate) RouteRuleKind);

#[derive(Clone, Debug)]
pub(crate) enum RouteRuleKind {
    Inline(Rule),
    /// The route says something that does not compile.
    Invalid,
    /// A rule of the policy, by its place and, to be sure that it is the same policy, its name.
    Named(usize, String),
}

impl RouteRule {
    /// What stands in for route metadata that do not compile: every request is refused as
    /// `policy_invalid`. Falling back to the rules of the document would let a typing error in a
    /// route open it.
    #[must_use]
    pub fn invalid() -> Self {
        Self(RouteRuleKind::Invalid)
    }
}

impl Matcher {
    /// Whether the rule speaks for requests of this method.
    pub(crate) fn takes_method(&self, method: &[u8]) -> bool {
        self.methods.is_empty()
            || self.methods.iter().any(|known| is_same(known.as_bytes(), method))
    }

    /// Whether the rule speaks for a request, found out by itself: what [`Rules`] must agree with.
    ///
    /// [`Rules`]: crate::rules::Rules
    #[cfg(test)]
    pub(crate) fn matches(&self, head: &Head<'_>, path: &CanonicalPath<'_>) -> bool {
        let names_host = |host: &str| self.hosts.iter().any(|known| known == host);
        self.takes_method(head.method)
            && (self.hosts.is_empty() || head.host.as_deref().is_some_and(names_host))
            && self.path.matches(path)
    }
}

impl Scopes {
    /// What a caller has to ask its issuer for, as the challenge states it.
    pub(crate) fn wanted(&self) -> String {
        let all: Vec<&str> = self.all.iter().chain(&self.any).map(String::as_str).collect();
        all.join(" ")
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty() && self.any.is_empty()
    }
}
