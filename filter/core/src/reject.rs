//! Why a request is refused, and the one table that turns a reason into an answer.

/// Every way to say no; the caller's or the platform's fault, never the operator's (those are
/// [`ConfigErrors`](crate::ConfigErrors)).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Reject {
    /// `alg` is not on the issuer's list, or no known algorithm.
    AlgorithmNotAllowed,
    /// `aud` names nobody of ours.
    AudienceMismatch,
    /// A claim condition of the rule does not hold.
    ClaimConditionFailed,
    /// A claim has a type or value that its definition excludes.
    ClaimMalformed,
    /// A claim that is to become a header would change its meaning there.
    ClaimUnforwardable,
    /// The header has `crit`: extensions that must be understood, and none is (RFC 7515 4.1.11).
    CriticalUnsupported,
    /// `exp` has passed.
    Expired,
    /// No `exp`.
    ExpiryMissing,
    /// The request carries a header that only this gate may set.
    HeaderSpoofed,
    /// The host failed to tell something that the verdict needs.
    HostError,
    /// `iat` lies in the future.
    IssuedInFuture,
    /// The rule does not take tokens of this issuer.
    IssuerNotPermitted,
    /// `iss` is none of the configured issuers.
    IssuerUnknown,
    /// No key of the issuer fits `kid` and `alg`.
    KeyUnknown,
    /// The issuer's keys were never loaded.
    KeysUnavailable,
    /// `exp - iat` is more than the policy allows.
    LifetimeTooLong,
    /// No rule speaks for this request.
    NoRule,
    /// `nbf` has not come yet.
    NotYetValid,
    /// Servers differ in how they read this path.
    PathAmbiguous,
    /// The policy document is invalid; nothing is allowed.
    PolicyInvalid,
    /// No method, no path, two of one, or an impossible host.
    RequestMalformed,
    /// The rule denies everybody.
    RuleDenies,
    /// The token lacks a scope.
    ScopeInsufficient,
    /// No key of the issuer made this signature.
    SignatureInvalid,
    /// More than one token, or more than one place for one.
    TokenAmbiguous,
    /// The token is bound to a certificate or a key (`cnf`) and came as plain Bearer.
    TokenBound,
    /// Not a JWS: parts, base64url, JSON, or header fields.
    TokenMalformed,
    /// No token.
    TokenMissing,
    /// Longer than `limits.token_bytes`.
    TokenTooLarge,
    /// Credentials that are no token by their characters (RFC 6750 2.1).
    TokenUnusable,
    /// `typ` is not on the issuer's list.
    TypeNotAllowed,
}

/// A row of the table: what the caller is told.
pub(crate) struct Answer {
    /// The fixed code for logs, counters and response-code details.
    pub(crate) reason: &'static str,
    pub(crate) status: u16,
    pub(crate) challenge: Challenge,
    /// For people, and only with `reply.detail: true`. Free of `"` and `\` (RFC 6750 3).
    pub(crate) description: &'static str,
}

/// What `WWW-Authenticate` says ([RFC 6750 section 3]).
///
/// [RFC 6750 section 3]: https://www.rfc-editor.org/rfc/rfc6750#section-3
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Challenge {
    /// No challenge: another token would not help.
    None,
    /// A challenge without `error`: no credentials were sent.
    Bare,
    /// A challenge with an error code.
    Error(&'static str),
}

impl Reject {
    /// The fixed code that goes to the log, the response-code details and the counters.
    #[must_use]
    pub fn reason(self) -> &'static str {
        self.answer().reason
    }

    /// The HTTP status.
    #[must_use]
    pub fn status(self) -> u16 {
        self.answer().status
    }

    /// Every reason, in alphabetical order, for documentation and tests.
    pub const ALL: [Self; 31] = [
        Self::AlgorithmNotAllowed,
        Self::AudienceMismatch,
        Self::ClaimConditionFailed,
        Self::ClaimMalformed,
        Self::ClaimUnforwardable,
        Self::CriticalUnsupported,
        Self::Expired,
        Self::ExpiryMissing,
        Self::HeaderSpoofed,
        Self::HostError,
        Self::IssuedInFuture,
        Self::IssuerNotPermitted,
        Self::IssuerUnknown,
        Self::KeyUnknown,
        Self::KeysUnavailable,
        Self::LifetimeTooLong,
        Self::NoRule,
        Self::NotYetValid,
        Self::PathAmbiguous,
        Self::PolicyInvalid,
        Self::RequestMalformed,
        Self::RuleDenies,
        Self::ScopeInsufficient,
        Self::SignatureInvalid,
        Self::TokenAmbiguous,
        Self::TokenBound,
        Self::TokenMalformed,
        Self::TokenMissing,
        Self::TokenTooLarge,
        Self::TokenUnusable,
        Self::TypeNotAllowed,
    ];

    /// The table.
    pub(crate) fn answer(self) -> Answer {
        let request = |reason, description| Answer {
            reason,
            status: 400,
            challenge: Challenge::Error("invalid_request"),
            description,
        };
        let token = |reason, description| Answer {
            reason,
            status: 401,
            challenge: Challenge::Error("invalid_token"),
            description,
        };
        let scope = |reason, description| Answer {
            reason,
            status: 403,
            challenge: Challenge::Error("insufficient_scope"),
            description,
        };
        let plain = |reason, status, description| Answer {
            reason,
            status,
            challenge: Challenge::None,
            description,
        };
        match self {
            Self::HeaderSpoofed => {
                request("header_spoofed", "the request carries a header that only the gateway sets")
            }
            Self::PathAmbiguous => {
                request("path_ambiguous", "servers differ in how they read this path")
            }
            Self::RequestMalformed => {
                request("request_malformed", "method, path or host is missing or malformed")
            }
            Self::TokenAmbiguous => {
                request("token_ambiguous", "more than one token, or more than one place for it")
            }
            Self::TokenUnusable => {
                request("token_unusable", "the credentials are not a bearer token")
            }

            Self::TokenMissing => Answer {
                reason: "token_missing",
                status: 401,
                challenge: Challenge::Bare,
                description: "no token",
            },
            Self::AlgorithmNotAllowed => {
                token("algorithm_not_allowed", "the signature algorithm is not accepted")
            }
            Self::AudienceMismatch => {
                token("audience_mismatch", "the token is meant for another audience")
            }
            Self::ClaimMalformed => token("claim_malformed", "a claim has the wrong type"),
            Self::ClaimUnforwardable => {
                token("claim_unforwardable", "a claim cannot be passed on as a header")
            }
            Self::CriticalUnsupported => {
                token("critical_unsupported", "the token demands an extension")
            }
            Self::Expired => token("expired", "the token has expired"),
            Self::ExpiryMissing => token("expiry_missing", "the token never expires"),
            Self::IssuedInFuture => token("issued_in_future", "the token was issued in the future"),
            Self::IssuerUnknown => token("issuer_unknown", "the issuer is not accepted"),
            Self::KeyUnknown => token("key_unknown", "no key of the issuer fits the token"),
            Self::LifetimeTooLong => {
                token("lifetime_too_long", "the token is valid for longer than is accepted")
            }
            Self::NotYetValid => token("not_yet_valid", "the token is not valid yet"),
            Self::SignatureInvalid => token("signature_invalid", "the signature is not valid"),
            Self::TokenBound => {
                token("token_bound", "the token is bound to a key and cannot be used as Bearer")
            }
            Self::TokenMalformed => token("token_malformed", "the token is not a signed JWT"),
            Self::TokenTooLarge => token("token_too_large", "the token is too large"),
            Self::TypeNotAllowed => {
                token("type_not_allowed", "the token is not of an accepted type")
            }

            Self::ClaimConditionFailed => {
                scope("claim_condition_failed", "the token lacks a required claim")
            }
            Self::IssuerNotPermitted => {
                scope("issuer_not_permitted", "tokens of this issuer are not accepted here")
            }
            Self::ScopeInsufficient => {
                scope("scope_insufficient", "the token lacks a required scope")
            }

            Self::NoRule => plain("no_rule", 403, "no rule allows this request"),
            Self::RuleDenies => plain("rule_denies", 403, "nobody may do this"),

            Self::HostError => plain("host_error", 503, "the gateway failed"),
            Self::KeysUnavailable => {
                plain("keys_unavailable", 503, "the issuer's keys are not there yet")
            }
            Self::PolicyInvalid => plain("policy_invalid", 503, "the gateway is not configured"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole_and_its_codes_are_distinct() {
        let mut reasons: Vec<_> = Reject::ALL.iter().map(|reject| reject.reason()).collect();
        reasons.sort_unstable();
        reasons.dedup();
        assert_eq!(reasons.len(), Reject::ALL.len());
    }

    #[test]
    fn descriptions_fit_into_error_description() {
        for reject in Reject::ALL {
            // RFC 6750 section 3: %x20-21 / %x23-5B / %x5D-7E.
            let fits = |byte| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
            assert!(reject.answer().description.bytes().all(fits), "{reject:?}");
        }
    }
}
