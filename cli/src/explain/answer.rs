//! What comes of it: for the caller, and for the upstream.

use jwt_gate_core::{Decision, HeaderOp, Patch, Reply, Verdict};

use super::request::Sent;

/// The end of the road.
pub(super) struct Answer {
    /// `allowed`, `denied`, `would deny`, or `awaits keys`.
    pub(super) verdict: &'static str,
    /// Whether the request reaches the upstream.
    pub(super) passes: bool,
    pub(super) reason: Option<&'static str>,
    pub(super) rule: Option<String>,
    pub(super) issuer: Option<String>,
    /// What the caller gets; in report mode, would get.
    pub(super) reply: Option<Reply>,
    /// What the upstream gets.
    pub(super) upstream: Option<Upstream>,
}

/// A request as it goes on.
pub(super) struct Upstream {
    /// All of its headers: name and value, without signatures.
    pub(super) headers: Vec<(String, String)>,
    /// Names of headers that were taken out.
    pub(super) removed: Vec<String>,
    /// Values for later filters and access logs.
    pub(super) filter_state: Vec<(String, String)>,
    /// Whether the response is kept out of shared caches.
    pub(super) private_response: bool,
}

impl Answer {
    pub(super) fn of(decision: Decision<'_>, sent: &Sent, awaits: bool) -> Self {
        let Decision { patch, verdict } = decision;
        match verdict {
            Verdict::Allow(permit) => Self {
                verdict: "allowed",
                passes: true,
                reason: None,
                rule: permit.rule().map(str::to_owned),
                issuer: permit.issuer().map(str::to_owned),
                reply: None,
                upstream: Some(Upstream::of(patch, sent)),
            },
            Verdict::Deny(denial) | Verdict::Report(denial) => {
                let reports = matches!(verdict, Verdict::Report(_));
                Self {
                    verdict: match (awaits, reports) {
                        (true, _) => "awaits keys",
                        (false, true) => "would deny",
                        (false, false) => "denied",
                    },
                    passes: reports,
                    reason: Some(denial.reject().reason()),
                    rule: denial.rule().map(str::to_owned),
                    issuer: denial.issuer().map(str::to_owned),
                    reply: Some(denial.reply()),
                    upstream: reports.then(|| Upstream::of(patch, sent)),
                }
            }
            // Settled before; a request that waits on is none that passes.
            Verdict::AwaitKeys(_) => Self {
                verdict: "awaits keys",
                passes: false,
                reason: None,
                rule: None,
                issuer: None,
                reply: None,
                upstream: None,
            },
        }
    }
}

impl Upstream {
    fn of(patch: Patch<'_>, sent: &Sent) -> Self {
        let mut headers = sent.headers.clone();
        let mut removed = Vec::new();
        let is = |one: &[u8], other: &[u8]| one.eq_ignore_ascii_case(other);
        for op in patch.headers {
            match op {
                HeaderOp::Remove(name) => {
                    headers.retain(|(known, _)| !is(known, &name));
                    removed.push(String::from_utf8_lossy(&name).into_owned());
                }
                HeaderOp::Set(name, value) => {
                    let place = headers.iter().position(|(known, _)| is(known, &name));
                    match place.and_then(|place| headers.get_mut(place)) {
                        Some(header) => header.1 = value.into_owned(),
                        None => headers.push((name.into_owned(), value.into_owned())),
                    }
                }
            }
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let shown = |value: &[u8]| sent.without_signature(&text(value));
        let filter_state =
            patch.filter_state.iter().map(|(name, value)| (name.to_string(), text(value)));
        removed.retain(|name| !headers.iter().any(|(known, _)| is(known, name.as_bytes())));
        Self {
            headers: headers.iter().map(|(name, value)| (text(name), shown(value))).collect(),
            removed,
            filter_state: filter_state.collect(),
            private_response: patch.private_response,
        }
    }
}
