//! A policy in force, and what it says to requests.

use jwt_gate_core::{
    Compiled, Document, KeyRing, Outlook, Patch, Policy, Reject, Reply, Request, RouteRule,
    UnixTime, Verdict, compile, decide,
};
use serde_json::{Value, json};

use crate::{signer::CERTIFICATE, token::NOW};

/// Header names and values, in order.
pub(crate) type Headers = Vec<(Vec<u8>, Vec<u8>)>;

/// A policy and its keys.
pub(crate) struct Gate {
    pub(crate) policy: Policy,
    pub(crate) keys: KeyRing,
    /// What the route says that the requests are on.
    pub(crate) route: Option<RouteRule>,
}

/// A decision that outlives its request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Outcome {
    /// `None`: allowed.
    pub(crate) reject: Option<Reject>,
    /// Whether the request goes on: allowed, or refused in report mode.
    pub(crate) goes_on: bool,
    pub(crate) rule: Option<String>,
    pub(crate) issuer: Option<String>,
    pub(crate) patch: Patch<'static>,
    pub(crate) reply: Option<Reply>,
}

impl Outcome {
    pub(crate) fn is_allowed(&self) -> bool {
        self.reject.is_none()
    }
}

/// One issuer, whose key comes in a certificate, and one rule that takes any valid token.
pub(crate) fn document() -> Value {
    json!({
        "issuers": [{
            "name": "test",
            "issuer": "https://issuer.test/",
            "audiences": ["https://api.test"],
            "algorithms": ["RS256"],
            "keys": { "pem": CERTIFICATE },
        }],
        "rules": [{ "name": "all", "match": { "prefix": "/" }, "access": "token" }],
    })
}

/// The [`document`] with some of its sections changed.
pub(crate) fn document_with(changes: Value) -> Value {
    let mut document = document();
    for (name, value) in changes.as_object().unwrap() {
        document[name] = value.clone();
    }
    document
}

/// The [`document`] with one field of its issuer changed.
pub(crate) fn issuer_with(name: &str, value: Value) -> Value {
    let mut document = document();
    document["issuers"][0][name] = value;
    document
}

impl Gate {
    pub(crate) fn new(document: &Value) -> Self {
        let Compiled { policy, keys, .. } = compiled(document).unwrap_or_else(|e| panic!("{e}"));
        Self { policy, keys, route: None }
    }

    pub(crate) fn decide(&self, headers: &Headers) -> Outcome {
        self.decide_at(headers, UnixTime::from_secs(NOW))
    }

    pub(crate) fn decide_at(&self, headers: &Headers, now: UnixTime) -> Outcome {
        let view = view(headers);
        let request = Request::new(&view, self.route.as_ref());
        let decision = decide(&self.policy, &self.keys, &request, now).settle(&Outlook::Current);
        let (reject, goes_on) = match &decision.verdict {
            Verdict::Allow(_) => (None, true),
            Verdict::Deny(denial) => (Some(denial.reject()), false),
            Verdict::Report(denial) => (Some(denial.reject()), true),
            Verdict::AwaitKeys(_) => panic!("it is settled"),
        };
        let (rule, issuer, reply) = match decision.verdict {
            Verdict::AwaitKeys(_) => panic!("it is settled"),
            Verdict::Allow(permit) => (permit.rule(), permit.issuer(), None),
            Verdict::Deny(denial) | Verdict::Report(denial) => {
                (denial.rule(), denial.issuer(), Some(denial.reply()))
            }
        };
        Outcome {
            reject,
            goes_on,
            rule: rule.map(str::to_owned),
            issuer: issuer.map(str::to_owned),
            patch: decision.patch.into_owned(),
            reply,
        }
    }

    /// What a token in the `authorization` header of `GET /` comes to.
    pub(crate) fn judge(&self, token: &str) -> Result<(), Reject> {
        self.judge_at(token, UnixTime::from_secs(NOW))
    }

    pub(crate) fn judge_at(&self, token: &str, now: UnixTime) -> Result<(), Reject> {
        self.decide_at(&bearer("GET", "/", token), now).reject.map_or(Ok(()), Err)
    }
}

pub(crate) fn compiled(document: &Value) -> Result<Compiled, jwt_gate_core::ConfigErrors> {
    compile(&Document::parse(document.to_string().as_bytes())?)
}

/// A request without a token.
pub(crate) fn request(method: &str, path: &str) -> Headers {
    headers(&[(":method", method), (":path", path), (":authority", "api.test")])
}

/// A request with a token in its `authorization` header.
pub(crate) fn bearer(method: &str, path: &str, token: &str) -> Headers {
    let mut headers = request(method, path);
    headers.push((b"authorization".to_vec(), format!("Bearer {token}").into_bytes()));
    headers
}

pub(crate) fn headers(list: &[(&str, &str)]) -> Headers {
    list.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.as_bytes().to_vec())).collect()
}

pub(crate) fn view(headers: &Headers) -> Vec<(&[u8], &[u8])> {
    headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect()
}
