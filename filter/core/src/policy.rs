//! A policy document, compiled.

use std::time::Duration;

use crate::{
    bearer::TokenSource,
    config::{ConfigErrors, Document, route},
    decision::Denial,
    forward::{Forward, Guarded, OnSpoofed},
    issuer::{Issuer, IssuerId, Issuers},
    key_source::SharedData,
    path::{Allowances, CanonicalPath},
    reject::Reject,
    reply::ReplyStyle,
    request::{Head, Request},
    rule::{RouteRule, RouteRuleKind, Rule},
    rules::Rules,
    token_cache::{CacheLimits, TokenCache},
};

/// Everything a verdict depends on beside the keys, the request and the time.
#[derive(Clone, Debug)]
pub struct Policy {
    pub(crate) mode: Mode,
    pub(crate) issuers: Issuers,
    pub(crate) sources: Vec<TokenSource>,
    pub(crate) rules: Rules,
    pub(crate) forward: Forward,
    pub(crate) reply: ReplyStyle,
    pub(crate) allow_preflight: bool,
    pub(crate) paths: Allowances,
    pub(crate) token_bytes: usize,
    pub(crate) route_metadata: bool,
    pub(crate) metrics: bool,
    pub(crate) shared_data: SharedData,
    /// Requests of one VM that may wait for keys at a time.
    pub(crate) waiting_requests: usize,
    /// Longest that one waits.
    pub(crate) waiting_time: Duration,
    pub(crate) cache: CacheLimits,
    pub(crate) verify_by: VerifyBy,
}

/// Enough for the requests that come within one fetch; each holds a copy of its headers.
pub(crate) const DEFAULT_WAITING_REQUESTS: usize = 256;
/// As long as a fetch may take by default.
pub(crate) const DEFAULT_WAITING_TIME: Duration = Duration::from_secs(5);

/// What happens to a request that is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mode {
    Enforce,
    /// Refused all the same, for an invalid document has no rules to go by.
    Invalid,
    Report,
}

/// Who checks signatures.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum VerifyBy {
    /// The module checks all of them.
    Module,
    /// The host checks those that it can: the operator says that it has a function for that.
    Host,
    /// The host checks those that it does in less time, if it is one that is known to have a function
    /// for that.
    Auto,
}

impl Policy {
    /// The policy that stands in for an invalid document: every request is refused with 503.
    #[must_use]
    pub fn deny_all() -> Self {
        Self {
            mode: Mode::Invalid,
            issuers: Issuers::default(),
            sources: Vec::new(),
            rules: Rules::new(Vec::new()),
            forward: Forward {
                token: false,
                payload: None,
                claims: Vec::new(),
                guarded: Guarded::default(),
                on_spoofed: OnSpoofed::Deny,
            },
            reply: ReplyStyle::default(),
            allow_preflight: false,
            paths: Allowances::default(),
            token_bytes: 0,
            route_metadata: false,
            metrics: false,
            shared_data: SharedData::default(),
            waiting_requests: DEFAULT_WAITING_REQUESTS,
            waiting_time: DEFAULT_WAITING_TIME,
            cache: CacheLimits { entries: 0, bytes: 0 },
            verify_by: VerifyBy::Module,
        }
    }

    /// Whether the host's route metadata must be asked for with each request.
    #[must_use]
    pub fn reads_route_metadata(&self) -> bool {
        self.route_metadata
    }

    /// Whether decisions are counted (`metrics: true`).
    #[must_use]
    pub fn counts(&self) -> bool {
        self.metrics
    }

    /// Who is to check signatures, as the document has it.
    #[must_use]
    pub fn verify_by(&self) -> VerifyBy {
        self.verify_by
    }

    /// An empty cache for the tokens of this policy, as large as the policy allows.
    #[must_use]
    pub fn token_cache(&self) -> TokenCache {
        TokenCache::new(self.cache)
    }

    /// How many requests of one VM may wait for keys at a time.
    #[must_use]
    pub fn waiting_requests(&self) -> usize {
        self.waiting_requests
    }

    /// How long a request may wait for keys.
    #[must_use]
    pub fn waiting_time(&self) -> Duration {
        self.waiting_time
    }

    /// The numbers of issuers and of rules, for the log.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.issuers.len(), self.rules.len())
    }

    /// Compiles what a route says: the bytes of an `envoy.config.core.v3.Metadata` message, as the
    /// property `xds.route_metadata` gives them, of which `filter_metadata.jwt_gate` is read.
    ///
    /// `None` if the route says nothing. Meant to be remembered by the bytes.
    ///
    /// # Errors
    ///
    /// Every problem, with its path below `jwt_gate`; [`RouteRule::invalid`] then takes the place
    /// of the rule.
    pub fn compile_route(&self, metadata: &[u8]) -> Result<Option<RouteRule>, ConfigErrors> {
        route::compile(self, metadata)
    }

    /// Compiles what a route says under `filter_metadata.jwt_gate`, as a document by itself.
    ///
    /// # Errors
    ///
    /// As [`compile_route`](Self::compile_route).
    pub fn compile_route_document(&self, document: &Document) -> Result<RouteRule, ConfigErrors> {
        route::compile_value(self, document.root().value)
    }

    /// The denial for a host that failed to tell what a verdict needs. In report mode too: nothing
    /// is known about the request then, not even whether it was cleaned.
    #[must_use]
    pub fn host_error(&self, request: &Request<'_>) -> Denial<'_> {
        Denial::new(&self.reply, Reject::HostError, None, None, request.is_grpc())
    }

    /// The rule that speaks for a request: what its route says, else the first that matches.
    pub(crate) fn rule_for<'a>(
        &'a self,
        request: &Request<'a>,
        head: &Head<'_>,
        path: &CanonicalPath<'_>,
    ) -> Result<&'a Rule, Reject> {
        match request.route().map(|route| &route.0) {
            Some(RouteRuleKind::Inline(rule)) => Ok(rule),
            Some(RouteRuleKind::Invalid) => Err(Reject::PolicyInvalid),
            // A route compiled against another policy must not choose a rule by accident.
            Some(RouteRuleKind::Named(place, name)) => self
                .rules
                .get(*place)
                .filter(|rule| rule.name == *name)
                .ok_or(Reject::PolicyInvalid),
            None => self.rules.first(head, path).ok_or(Reject::NoRule),
        }
    }

    /// The issuer that a token claims to come from.
    pub(crate) fn issuer_named(&self, issuer: &str) -> Result<(IssuerId, &Issuer), Reject> {
        self.issuers.named(issuer).ok_or(Reject::IssuerUnknown)
    }
}
