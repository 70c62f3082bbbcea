//! The shape of a scenario file, as it is written. `host-tests/scenarios/README.md` explains it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Number, Value};

use crate::{case::Clock, key::SigningAlgorithm};

/// One `*.toml` of the scenarios.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScenarioFile {
    pub(crate) why: String,
    pub(crate) now: Option<Number>,
    #[serde(default)]
    pub(crate) clock: Clock,
    pub(crate) policy: Option<String>,
    #[serde(default)]
    pub(crate) change: BTreeMap<String, Value>,
    #[serde(default)]
    pub(crate) remove: Vec<String>,
    pub(crate) document: Option<String>,
    pub(crate) route_metadata: Option<Map<String, Value>>,
    #[serde(default)]
    pub(crate) service: BTreeMap<String, ServiceFile>,
    #[serde(default)]
    pub(crate) token: BTreeMap<String, TokenFile>,
    #[serde(default)]
    pub(crate) every: RequestFile,
    #[serde(default)]
    pub(crate) request: Vec<RequestFile>,
    pub(crate) refused: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) warned: Vec<String>,
    #[serde(default)]
    pub(crate) counters: BTreeMap<String, u64>,
}

/// One `[service.CLUSTER]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceFile {
    pub(crate) answers: Vec<ServiceAnswerFile>,
}

/// What a service answers to a call.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServiceAnswerFile {
    pub(crate) status: Option<u16>,
    #[serde(default)]
    pub(crate) headers: Vec<(String, String)>,
    #[serde(default)]
    pub(crate) body: String,
}

/// One `[token.NAME]`, or one `[NAME]` of `tokens.toml`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TokenFile {
    pub(crate) like: Option<String>,
    pub(crate) real: Option<String>,
    pub(crate) text: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) sign: Option<SigningAlgorithm>,
    pub(crate) secret: Option<String>,
    #[serde(default)]
    pub(crate) header: Map<String, Value>,
    #[serde(default)]
    pub(crate) claims: Map<String, Value>,
    #[serde(default)]
    pub(crate) without: Vec<String>,
    pub(crate) raw_header: Option<String>,
    pub(crate) raw_claims: Option<String>,
    pub(crate) input: Option<String>,
    pub(crate) pad_to: Option<usize>,
    pub(crate) flip: Option<(Part, usize)>,
    pub(crate) stray_bits: Option<Part>,
}

/// A part of a token.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    Header,
    Payload,
    Signature,
}

/// One `[[request]]`, or `[every]`: what holds for each request that does not say otherwise.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestFile {
    #[serde(default)]
    pub(crate) why: String,
    pub(crate) send: Option<String>,
    pub(crate) host: Option<String>,
    pub(crate) token: Option<String>,
    #[serde(default)]
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) reply: Option<ReplyFile>,
    pub(crate) upstream: Option<UpstreamFile>,
    pub(crate) reason: Option<String>,
}

impl RequestFile {
    /// This request, with what it leaves open taken from `every`.
    pub(crate) fn completed(&self, every: &Self) -> Self {
        let mut whole = self.clone();
        let complete = |own: &mut Option<String>, other: &Option<String>| {
            *own = own.take().or_else(|| other.clone());
        };
        // `send` and `headers` are two ways to say the same: a request that spells out its
        // pseudo-headers takes neither line nor host.
        if !whole.headers.iter().any(|(name, _)| name.starts_with(':')) {
            complete(&mut whole.send, &every.send);
            complete(&mut whole.host, &every.host);
        }
        complete(&mut whole.token, &every.token);
        whole.headers = [every.headers.clone(), whole.headers].concat();
        if whole.reply.is_none() && whole.upstream.is_none() {
            whole.reply = every.reply.clone();
            whole.upstream = every.upstream.clone();
            complete(&mut whole.reason, &every.reason);
        } else if whole.reply.is_some() {
            complete(&mut whole.reason, &every.reason);
        }
        whole
    }
}

/// What comes back when the gate answers.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ReplyFile {
    pub(crate) status: u16,
    pub(crate) www_authenticate: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Option<String>,
    pub(crate) grpc_status: Option<u32>,
    #[serde(default)]
    pub(crate) has: BTreeMap<String, OneOrMany>,
    #[serde(default)]
    pub(crate) lacks: Vec<String>,
}

/// What arrives upstream when the gate lets pass.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UpstreamFile {
    #[serde(default)]
    pub(crate) has: BTreeMap<String, OneOrMany>,
    #[serde(default)]
    pub(crate) lacks: Vec<String>,
    pub(crate) path: Option<String>,
    #[serde(default)]
    pub(crate) filter_state: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) answer_has: BTreeMap<String, OneOrMany>,
    #[serde(default)]
    pub(crate) answer_lacks: Vec<String>,
}

/// The values of a header that may come once or several times.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    pub(crate) fn values(&self) -> &[String] {
        match self {
            Self::One(value) => std::slice::from_ref(value),
            Self::Many(values) => values,
        }
    }
}
