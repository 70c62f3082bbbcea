//! Counters of what was decided, counters of fetches and gauges of keys.
//!
//! A metric's name carries its labels, because the ABI has no other place for them:
//!
//! ```text
//! jwt_gate.allowed.rule.<rule>.issuer.<issuer>
//! jwt_gate.denied.reason.<reason>.rule.<rule>.issuer.<issuer>
//! jwt_gate.would_deny.reason.<reason>.rule.<rule>.issuer.<issuer>
//! jwt_gate.cache.<what>                         hits, misses, evictions
//! jwt_gate.fetches.outcome.<outcome>.issuer.<issuer>
//! jwt_gate.keys.count.issuer.<issuer>           keys in force
//! jwt_gate.keys.age_seconds.issuer.<issuer>     since they were fetched; 0 if there are none
//! jwt_gate.keys.last_error.issuer.<issuer>      0, or the number of the last fetch's failure
//! ```
//!
//! `none` stands where there is no rule or no issuer. Rules and issuers are names from the
//! configuration, reasons and outcomes closed lists, so nobody can make metrics by sending requests.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
};

use jwt_gate_core::{CacheCounts, Status};

use crate::abi::{self, LogLevel, MetricKind};

/// The metrics of one configuration, each defined when it is first needed.
///
/// A host that refuses a metric loses that metric and nothing else: a request is decided the same
/// with and without.
pub(crate) struct Metrics {
    /// `None` for a metric that the host refused, so that it is not asked again.
    ids: RefCell<BTreeMap<String, Option<u32>>>,
    /// The name being looked up; kept, so that counting allocates nothing.
    name: RefCell<String>,
    /// What the cache had counted when it was last asked.
    cache: Cell<CacheCounts>,
}

impl Metrics {
    /// No metric yet.
    pub(crate) fn new() -> Self {
        Self {
            ids: RefCell::new(BTreeMap::new()),
            name: RefCell::new(String::new()),
            cache: Cell::default(),
        }
    }

    /// Counts one request.
    pub(crate) fn count(&self, outcome: Outcome, rule: Option<&str>, issuer: Option<&str>) {
        // Taken out and put back rather than borrowed: host calls follow.
        let mut name = self.name.take();
        write_name(&mut name, outcome, rule, issuer);
        self.add(&name, 1);
        self.name.replace(name);
    }

    /// Counts what the cache of known tokens has counted since the last time.
    pub(crate) fn count_cache(&self, counts: CacheCounts) {
        let before = self.cache.replace(counts);
        for (name, now, before) in [
            ("jwt_gate.cache.hits", counts.hits, before.hits),
            ("jwt_gate.cache.misses", counts.misses, before.misses),
            ("jwt_gate.cache.evictions", counts.evictions, before.evictions),
        ] {
            let more = now.wrapping_sub(before);
            if more > 0 {
                self.add(name, u32::try_from(more).unwrap_or(u32::MAX));
            }
        }
    }

    /// Counts one fetch of an issuer's keys.
    pub(crate) fn count_fetch(&self, outcome: &str, issuer: &str) {
        let mut name = String::from("jwt_gate.fetches");
        write_label(&mut name, ".outcome.", outcome);
        write_label(&mut name, ".issuer.", issuer);
        self.add(&name, 1);
    }

    /// Shows how an issuer's keys are.
    pub(crate) fn measure(&self, issuer: &str, status: &Status) {
        let keys = u64::try_from(status.keys).unwrap_or(u64::MAX);
        let error = status.error.map_or(0, |cause| cause.number().into());
        for (what, value) in [
            ("jwt_gate.keys.count", keys),
            ("jwt_gate.keys.age_seconds", status.age.unwrap_or(0)),
            ("jwt_gate.keys.last_error", error),
        ] {
            let mut name = String::from(what);
            write_label(&mut name, ".issuer.", issuer);
            if let Some(id) = self.id(MetricKind::Gauge, &name) {
                // As for a counter.
                let _ = abi::set_gauge(id, value);
            }
        }
    }

    fn add(&self, name: &str, more: u32) {
        if let Some(id) = self.id(MetricKind::Counter, name) {
            // Nothing could be done about a failure, and the next time may be better.
            let _ = abi::increment_counter(id, more);
        }
    }

    fn id(&self, kind: MetricKind, name: &str) -> Option<u32> {
        let known = self.ids.borrow().get(name).copied();
        if let Some(known) = known {
            return known;
        }
        let id = match abi::define_metric(kind, name) {
            Ok(id) => Some(id),
            Err(error) => {
                let line = format!("jwt-gate: metric {name} is lost: {error}");
                abi::log(LogLevel::Warn, &line);
                None
            }
        };
        self.ids.borrow_mut().insert(name.to_owned(), id);
        id
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// The request goes on.
    Allowed,
    /// It does not, for this reason.
    Denied(&'static str),
    /// Report mode: it goes on, but would not for this reason.
    WouldDeny(&'static str),
}

fn write_name(name: &mut String, outcome: Outcome, rule: Option<&str>, issuer: Option<&str>) {
    name.clear();
    let (verdict, reason) = match outcome {
        Outcome::Allowed => ("jwt_gate.allowed", None),
        Outcome::Denied(reason) => ("jwt_gate.denied", Some(reason)),
        Outcome::WouldDeny(reason) => ("jwt_gate.would_deny", Some(reason)),
    };
    name.push_str(verdict);
    if let Some(reason) = reason {
        write_label(name, ".reason.", reason);
    }
    write_label(name, ".rule.", rule.unwrap_or("none"));
    write_label(name, ".issuer.", issuer.unwrap_or("none"));
}

/// Writes a label; what is not a letter, a digit, `-` or `_` becomes `_`, so that a dot in the name
/// of an issuer does not look like the next label.
fn write_label(name: &mut String, key: &str, value: &str) {
    name.push_str(key);
    name.extend(value.chars().map(|c| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '_' => c,
        _ => '_',
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(outcome: Outcome, rule: Option<&str>, issuer: Option<&str>) -> String {
        let mut name = String::from("what was there before");
        write_name(&mut name, outcome, rule, issuer);
        name
    }

    #[test]
    fn a_name_carries_verdict_reason_rule_and_issuer() {
        assert_eq!(
            name(Outcome::Allowed, Some("list-hamsters"), Some("auth0")),
            "jwt_gate.allowed.rule.list-hamsters.issuer.auth0"
        );
        assert_eq!(
            name(Outcome::Denied("expired"), Some("rest"), Some("okta_2")),
            "jwt_gate.denied.reason.expired.rule.rest.issuer.okta_2"
        );
        assert_eq!(
            name(Outcome::WouldDeny("no_rule"), None, None),
            "jwt_gate.would_deny.reason.no_rule.rule.none.issuer.none"
        );
    }

    #[test]
    fn a_label_cannot_look_like_two() {
        assert_eq!(
            name(Outcome::Allowed, Some("a.issuer.b"), Some("https://issuer.test/ü")),
            "jwt_gate.allowed.rule.a_issuer_b.issuer.https___issuer_test__"
        );
    }
}
