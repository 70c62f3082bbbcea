//! What comes out: changes to the request, and the verdict.

use std::borrow::Cow;

use crate::{
    issuer::Issuer,
    refresh::{Followed, Outlook},
    reject::Reject,
    reply::{Reply, ReplyStyle},
    rule::Rule,
};

/// The answer to one request.
#[derive(Debug)]
pub struct Decision<'a> {
    /// To be applied if the request goes on; empty for a denial.
    pub patch: Patch<'a>,
    /// Whether it goes on.
    pub verdict: Verdict<'a>,
}

/// Changes to a request, in order. Names and values are those of the policy and of the request, where
/// they need not be made.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Patch<'a> {
    /// Header changes.
    pub headers: Vec<HeaderOp<'a>>,
    /// Values for later filters and access logs: name and text.
    pub filter_state: Vec<(Cow<'a, str>, Cow<'a, [u8]>)>,
    /// Whether the response must say `cache-control: private` (RFC 6750 section 2.3).
    pub private_response: bool,
}

/// One change of the header map.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum HeaderOp<'a> {
    /// Takes away every header of this name, which is spelled as it came.
    Remove(Cow<'a, [u8]>),
    /// Sets the one header of this name.
    Set(Cow<'a, [u8]>, Cow<'a, [u8]>),
}

impl Patch<'_> {
    /// The same changes, for longer than the request.
    #[must_use]
    pub fn into_owned(self) -> Patch<'static> {
        let owned = |bytes: Cow<'_, [u8]>| Cow::Owned(bytes.into_owned());
        let headers = self.headers.into_iter().map(|op| match op {
            HeaderOp::Remove(name) => HeaderOp::Remove(owned(name)),
            HeaderOp::Set(name, value) => HeaderOp::Set(owned(name), owned(value)),
        });
        let state = self.filter_state.into_iter();
        Patch {
            headers: headers.collect(),
            filter_state: state
                .map(|(name, value)| (Cow::Owned(name.into_owned()), owned(value)))
                .collect(),
            private_response: self.private_response,
        }
    }
}

/// Whether a request goes on.
#[derive(Debug)]
pub enum Verdict<'a> {
    /// It goes on.
    Allow(Permit<'a>),
    /// It is answered with the denial's reply.
    Deny(Denial<'a>),
    /// It may pass once its issuer's new keys are there, and is held until then.
    AwaitKeys(Awaiting<'a>),
    /// Report mode: it goes on, and is counted and logged as what would have been refused.
    Report(Denial<'a>),
}

/// A request whose token may be good by keys that are not there yet.
#[derive(Clone, Copy, Debug)]
pub struct Awaiting<'a> {
    followed: Followed,
    denial: Denial<'a>,
    reports: bool,
}

impl<'a> Awaiting<'a> {
    pub(crate) fn new(followed: Followed, denial: Denial<'a>, reports: bool) -> Self {
        Self { followed, denial, reports }
    }

    /// Whose keys it waits for.
    #[must_use]
    pub fn followed(&self) -> Followed {
        self.followed
    }

    /// What is wrong with it as long as they are not there.
    pub(crate) fn until_then(&self) -> Reject {
        self.denial.reject
    }
}

impl<'a> Decision<'a> {
    /// What stands if nobody waits for keys, or not any longer; any other decision as it is.
    ///
    /// A `kid` that a fresh set lacks is the caller's fault (401). Where there is no set, or none
    /// fresh enough to judge by, the gate is not able to decide: 503 with `Retry-After`.
    #[must_use]
    pub fn settle(self, outlook: &Outlook) -> Self {
        let Verdict::AwaitKeys(Awaiting { mut denial, reports, .. }) = self.verdict else {
            return self;
        };
        if denial.reject != Reject::KeyUnknown || *outlook != Outlook::Current {
            denial.reject = Reject::KeysUnavailable;
            denial.retry_after = Some(outlook.retry_after());
        }
        if reports {
            return Self { patch: self.patch, verdict: Verdict::Report(denial) };
        }
        Self { patch: Patch::default(), verdict: Verdict::Deny(denial) }
    }
}

/// The proof that a request passed; only [`decide`](crate::decide) makes one.
#[derive(Debug)]
pub struct Permit<'a> {
    rule: Option<&'a str>,
    issuer: Option<&'a str>,
}

impl<'a> Permit<'a> {
    pub(crate) fn new(rule: Option<&'a Rule>, issuer: Option<&'a Issuer>) -> Self {
        Self { rule: rule.map(|rule| rule.name.as_str()), issuer: issuer.map(|i| i.name.as_str()) }
    }

    /// The rule that let it pass; `None` for a CORS preflight.
    #[must_use]
    pub fn rule(&self) -> Option<&'a str> {
        self.rule
    }

    /// The issuer of the token, if one was read.
    #[must_use]
    pub fn issuer(&self) -> Option<&'a str> {
        self.issuer
    }
}

/// A refusal, and where on the road it happened.
#[derive(Clone, Copy, Debug)]
pub struct Denial<'a> {
    style: &'a ReplyStyle,
    reject: Reject,
    rule: Option<&'a Rule>,
    issuer: Option<&'a Issuer>,
    is_grpc: bool,
    /// Seconds until another try makes sense, if that is known.
    retry_after: Option<u64>,
}

impl<'a> Denial<'a> {
    pub(crate) fn new(
        style: &'a ReplyStyle,
        reject: Reject,
        rule: Option<&'a Rule>,
        issuer: Option<&'a Issuer>,
        is_grpc: bool,
    ) -> Self {
        Self { style, reject, rule, issuer, is_grpc, retry_after: None }
    }

    /// Why.
    #[must_use]
    pub fn reject(&self) -> Reject {
        self.reject
    }

    /// The rule that spoke for the request, if it came that far.
    #[must_use]
    pub fn rule(&self) -> Option<&'a str> {
        self.rule.map(|rule| rule.name.as_str())
    }

    /// The issuer that the token named, if it is one of ours.
    #[must_use]
    pub fn issuer(&self) -> Option<&'a str> {
        self.issuer.map(|issuer| issuer.name.as_str())
    }

    /// What the caller is told.
    #[must_use]
    pub fn reply(&self) -> Reply {
        let mut reply = self.style.reply(self.reject, self.rule, self.is_grpc);
        if let Some(seconds) = self.retry_after {
            reply.headers.push(("retry-after".to_owned(), seconds.to_string()));
        }
        reply
    }
}
