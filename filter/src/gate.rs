//! What the requests of one configuration share.

use std::rc::Rc;

use jwt_gate_core::{
    Compiled, ConfigErrors, Decision, Denial, KeyRing, Notice, Permit, Policy, Request, RouteRule,
    Severity, UnixTime,
};

use crate::{
    abi::{self, LogLevel},
    host_error::HostError,
    judgement,
    keys::Keys,
    metrics::{Metrics, Outcome},
    route_cache::RouteCache,
    signatures::Signatures,
    text::one_line,
    waiting::Waiting,
};

/// A compiled configuration, and what it gathers while it is in force.
pub(crate) struct Gate {
    /// The rules.
    pub(crate) policy: Policy,
    /// The issuers' keys.
    pub(crate) keys: Keys,
    /// The requests that wait for keys.
    pub(crate) waiting: Waiting,
    signatures: Signatures,
    metrics: Metrics,
    routes: RouteCache<Option<RouteRule>>,
}

impl Gate {
    /// The gate of a compiled configuration of this root context.
    pub(crate) fn new(compiled: Compiled, root: u32) -> Self {
        let mut gate = Self::of(compiled.policy, compiled.keys);
        gate.signatures = Signatures::new(&gate.policy);
        if gate.follows() && !judgement::can_resume(root) {
            let line = "jwt-gate: this host cannot go on with a request later: none waits for keys";
            abi::log(LogLevel::Warn, line);
            gate.waiting = Waiting::new(0, gate.policy.waiting_time());
        }
        gate
    }

    /// A gate that lets nobody through: in place until there is a good configuration, for hosts
    /// that go on without one.
    pub(crate) fn closed() -> Self {
        Self::of(Policy::deny_all(), KeyRing::default())
    }

    /// Whether the keys of an issuer are fetched.
    pub(crate) fn follows(&self) -> bool {
        !self.keys.sources().is_empty()
    }

    /// What the route of the current request says, `None` inside if that is nothing; `None` if the
    /// policy does not ask or the route has no metadata.
    ///
    /// # Errors
    ///
    /// The host cannot tell. A route without metadata is no error.
    pub(crate) fn route(&self) -> Result<Option<Rc<Option<RouteRule>>>, HostError> {
        if !self.policy.reads_route_metadata() {
            return Ok(None);
        }
        let Some(metadata) = abi::property(ROUTE_METADATA)? else {
            return Ok(None);
        };
        Ok(Some(self.routes.get(metadata, |metadata| self.compile_route(metadata))))
    }

    /// Decides a request, by the keys and the known tokens of this moment.
    pub(crate) fn decide<'a>(&'a self, request: &Request<'a>, now: UnixTime) -> Decision<'a> {
        let decision =
            self.signatures.with_host(|host| self.keys.decide(&self.policy, host, request, now));
        if self.policy.counts() {
            self.metrics.count_cache(self.keys.cache_counts());
        }
        decision
    }

    /// Notes that a request goes on.
    pub(crate) fn note_allowed(&self, permit: &Permit<'_>) {
        if self.policy.counts() {
            self.metrics.count(Outcome::Allowed, permit.rule(), permit.issuer());
        }
    }

    /// Notes that a request is denied; `cause` is the host call that it failed on, if any.
    pub(crate) fn note_denied(&self, denial: &Denial<'_>, cause: Option<HostError>) {
        let reason = denial.reject().reason();
        let line = line("denied", reason, denial);
        match cause {
            Some(cause) => abi::log(LogLevel::Error, &format!("{line}: {cause}")),
            None => abi::log(LogLevel::Info, &line),
        }
        self.count(Outcome::Denied(reason), denial);
    }

    /// Notes that a request goes on in report mode only.
    pub(crate) fn note_would_deny(&self, denial: &Denial<'_>) {
        let reason = denial.reject().reason();
        abi::log(LogLevel::Warn, &line("would deny", reason, denial));
        self.count(Outcome::WouldDeny(reason), denial);
    }

    /// Notes what became of an issuer's keys.
    pub(crate) fn note_keys(&self, issuer: &str, notice: &Notice) {
        let level = notice.severity().map(|severity| match severity {
            Severity::Info => LogLevel::Info,
            Severity::Warn => LogLevel::Warn,
            Severity::Error => LogLevel::Error,
        });
        if let Some(level) = level {
            let line = format!("jwt-gate: keys of {issuer}: {notice}");
            abi::log(level, &one_line(&line));
        }
        if !self.policy.counts() {
            return;
        }
        match notice {
            Notice::Fetched { .. } => self.metrics.count_fetch("ok", issuer),
            Notice::Failed { cause, .. } => self.metrics.count_fetch(cause.code(), issuer),
            Notice::Changed { .. } | Notice::Expired | Notice::Alone { .. } => {}
        }
    }

    /// Shows how the keys of all issuers are that are followed.
    pub(crate) fn measure(&self, now: UnixTime) {
        if !self.policy.counts() {
            return;
        }
        for source in self.keys.sources() {
            self.metrics.measure(&source.name, &self.keys.status(source.followed, now));
        }
    }

    fn compile_route(&self, metadata: &[u8]) -> Option<RouteRule> {
        self.policy.compile_route(metadata).unwrap_or_else(|errors| {
            log_problems("route metadata", &errors);
            let line = "jwt-gate: every request of a route with these metadata is refused";
            abi::log(LogLevel::Error, line);
            Some(RouteRule::invalid())
        })
    }

    fn count(&self, outcome: Outcome, denial: &Denial<'_>) {
        if self.policy.counts() {
            self.metrics.count(outcome, denial.rule(), denial.issuer());
        }
    }

    fn of(policy: Policy, keys: KeyRing) -> Self {
        Self {
            keys: Keys::new(&policy, keys),
            waiting: Waiting::new(policy.waiting_requests(), policy.waiting_time()),
            policy,
            signatures: Signatures::default(),
            metrics: Metrics::new(),
            routes: RouteCache::new(),
        }
    }
}

/// Writes one line for each problem of a document.
pub(crate) fn log_problems(document: &str, errors: &ConfigErrors) {
    for problem in errors.problems() {
        let line = format!("jwt-gate: {document}: {problem}");
        abi::log(LogLevel::Error, &one_line(&line));
    }
}

/// The log line of a refusal: a fixed code and names from the configuration; never a path, a header
/// or a token.
fn line(verdict: &str, reason: &str, denial: &Denial<'_>) -> String {
    let rule = denial.rule().unwrap_or("none");
    let issuer = denial.issuer().unwrap_or("none");
    one_line(&format!("jwt-gate: {verdict}: reason={reason} rule={rule} issuer={issuer}"))
        .into_owned()
}

/// The property with the metadata of the chosen route, its parts separated by NUL: a serialised
/// `envoy.config.core.v3.Metadata`.
const ROUTE_METADATA: &[u8] = b"xds\0route_metadata";
