//! Why a request is decided as it is, stage by stage, for a person.
//!
//! The verdict is that of [`decide`], which knows nothing of this module. What it is explained by is
//! read with the same functions a second time; tests hold the two against each other over every
//! scenario. Nothing here runs on a request's path.

mod claims;
mod facts;
mod outline;
mod token;
mod words;

pub use self::outline::{IssuerOutline, Outline, RuleOutline};

use crate::{
    decide::decide,
    decision::{Decision, Verdict},
    key::KeyRing,
    policy::Policy,
    reject::Reject,
    request::Request,
    time::UnixTime,
};

use self::facts::Road;

/// A decision and how it came about.
#[derive(Debug)]
pub struct Explanation<'a> {
    /// What [`decide`] says.
    pub decision: Decision<'a>,
    /// The stages that were reached, in order; the last one decided.
    pub steps: Vec<Step>,
}

/// One stage of the road.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Step {
    /// Which.
    pub stage: Stage,
    /// How it ended.
    pub outcome: Outcome,
    /// What was read and compared.
    pub facts: Vec<Fact>,
}

/// How a stage ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// The next stage was looked at.
    GoesOn,
    /// The request passes; nothing further is asked of it.
    Allows,
    /// New keys may change the verdict, which is this until then.
    Awaits(Reject),
    /// The request is refused.
    Rejects(Reject),
}

/// One comparison, or something that was read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fact {
    /// What was looked at, such as `exp` or `scope`.
    pub subject: String,
    /// What stood there.
    pub found: String,
    /// What it was compared with; empty if it was only read.
    pub wanted: String,
    /// Whether the comparison holds; `None` if nothing hangs on it.
    pub holds: Option<bool>,
}

/// The stages, in the order of [`decide`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Stage {
    /// Method, host and path, in one spelling.
    Request,
    /// Headers that only the gate may set.
    Spoofing,
    /// Whether it is a CORS preflight that passes by.
    Preflight,
    /// Which rule speaks for it.
    Rule,
    /// Where its token stands.
    Bearer,
    /// What the token says.
    Parse,
    /// Whose it is.
    Issuer,
    /// Whether the issuer signs so.
    Algorithm,
    /// Which keys can have signed it.
    Keys,
    /// Whether one of them did.
    Signature,
    /// `typ`.
    Type,
    /// `exp`, `nbf`, `iat` and the lifetime.
    Times,
    /// `aud`.
    Audience,
    /// `cnf`.
    Binding,
    /// What the upstream is told.
    Forward,
    /// Whether the rule takes this issuer.
    RuleIssuers,
    /// The scopes that the rule asks for.
    Scopes,
    /// The rule's conditions on claims.
    Claims,
}

impl Stage {
    /// Every stage, in order.
    pub const ALL: [Self; 18] = [
        Self::Request,
        Self::Spoofing,
        Self::Preflight,
        Self::Rule,
        Self::Bearer,
        Self::Parse,
        Self::Issuer,
        Self::Algorithm,
        Self::Keys,
        Self::Signature,
        Self::Type,
        Self::Times,
        Self::Audience,
        Self::Binding,
        Self::Forward,
        Self::RuleIssuers,
        Self::Scopes,
        Self::Claims,
    ];

    /// A word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Spoofing => "headers",
            Self::Preflight => "preflight",
            Self::Rule => "rule",
            Self::Bearer => "token",
            Self::Parse => "parse",
            Self::Issuer => "issuer",
            Self::Algorithm => "algorithm",
            Self::Keys => "keys",
            Self::Signature => "signature",
            Self::Type => "type",
            Self::Times => "times",
            Self::Audience => "audience",
            Self::Binding => "binding",
            Self::Forward => "forward",
            Self::RuleIssuers => "issuers",
            Self::Scopes => "scopes",
            Self::Claims => "claims",
        }
    }

    /// The stages in which a request can be refused for this reason.
    #[must_use]
    pub fn of(reject: Reject) -> &'static [Self] {
        match reject {
            Reject::RequestMalformed | Reject::PathAmbiguous => &[Self::Request],
            Reject::HeaderSpoofed => &[Self::Spoofing],
            Reject::NoRule | Reject::RuleDenies | Reject::PolicyInvalid | Reject::HostError => {
                &[Self::Rule]
            }
            Reject::TokenAmbiguous | Reject::TokenMissing | Reject::TokenUnusable => {
                &[Self::Bearer]
            }
            Reject::TokenTooLarge | Reject::TokenMalformed | Reject::CriticalUnsupported => {
                &[Self::Parse]
            }
            Reject::IssuerUnknown => &[Self::Issuer],
            Reject::AlgorithmNotAllowed => &[Self::Parse, Self::Algorithm],
            Reject::KeyUnknown | Reject::KeysUnavailable => &[Self::Keys],
            Reject::SignatureInvalid => &[Self::Signature],
            Reject::TypeNotAllowed => &[Self::Type],
            Reject::Expired
            | Reject::ExpiryMissing
            | Reject::IssuedInFuture
            | Reject::LifetimeTooLong
            | Reject::NotYetValid => &[Self::Times],
            Reject::AudienceMismatch => &[Self::Audience],
            Reject::TokenBound => &[Self::Binding],
            Reject::ClaimUnforwardable => &[Self::Forward],
            Reject::IssuerNotPermitted => &[Self::RuleIssuers],
            Reject::ScopeInsufficient => &[Self::Scopes],
            Reject::ClaimConditionFailed => &[Self::Claims],
            // The issuer, a time, the audience or the scopes, of a wrong type.
            Reject::ClaimMalformed => &[Self::Issuer, Self::Times, Self::Audience, Self::Scopes],
        }
    }
}

/// Decides one request as [`decide`] does, and tells how that came about.
///
/// `spell` writes a point in time for the reader. No fact has a signature in it.
#[must_use]
pub fn explain<'a>(
    policy: &'a Policy,
    keys: &KeyRing,
    request: &Request<'a>,
    now: UnixTime,
    spell: &dyn Fn(UnixTime) -> String,
) -> Explanation<'a> {
    let decision = decide(policy, keys, request, now);
    let reject = match &decision.verdict {
        Verdict::Allow(_) => None,
        Verdict::Deny(denial) | Verdict::Report(denial) => Some(denial.reject()),
        Verdict::AwaitKeys(awaiting) => Some(awaiting.until_then()),
    };
    let awaits = matches!(decision.verdict, Verdict::AwaitKeys(_));
    let mut road = Road::new(policy, keys, request, now, spell, reject);
    let mut steps = Vec::new();
    for stage in Stage::ALL {
        let Some(facts) = road.facts(stage) else { continue };
        let failed = facts.iter().any(|fact| fact.holds == Some(false));
        let stages = reject.map(Stage::of).unwrap_or_default();
        // The last stage that can have refused it did, if none before shows why.
        let refused = stages.contains(&stage) && (failed || stages.last() == Some(&stage));
        let outcome = match reject {
            Some(reject) if refused && awaits => Outcome::Awaits(reject),
            Some(reject) if refused => Outcome::Rejects(reject),
            None if road.ends_at(stage) => Outcome::Allows,
            _ => Outcome::GoesOn,
        };
        steps.push(Step { stage, outcome, facts });
        if outcome != Outcome::GoesOn {
            break;
        }
    }
    Explanation { decision, steps }
}
