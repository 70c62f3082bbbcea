//! A scenario with everything filled in.

use std::collections::BTreeMap;

use proxy_host_model::{Headers, Service, ServiceAnswer};
use serde_json::{Map, Value};

use crate::{
    Error, PolicyDocument,
    case::Clock,
    file::{
        OneOrMany, ReplyFile, RequestFile, ScenarioFile, ServiceAnswerFile, ServiceFile, TokenFile,
        UpstreamFile,
    },
    policy, proto, text,
    token::Tokens,
};

/// The time of a scenario that names none.
pub(crate) const DEFAULT_NOW: i64 = 1_700_000_000;

/// The namespace of route metadata that is meant for the gate.
const METADATA_NAMESPACE: &str = "jwt_gate";

/// The shortest part of a token that is looked for in places where none belongs.
const SECRET_BYTES: usize = 16;

/// A header: its name and its value.
pub type Header = (Vec<u8>, Vec<u8>);

/// A scenario as plain data.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The path of its file below `scenarios/`, without `.toml`.
    pub name: String,
    /// Why it exists: the attack, the clause of an RFC, the bug of a peer.
    pub why: String,
    /// The time at which it happens, in nanoseconds since the Unix epoch.
    pub now: u64,
    /// Whether it may happen at another time.
    pub clock: Clock,
    /// The configuration of the gate.
    pub policy: PolicyDocument,
    /// What answers the gate's own requests, by cluster.
    pub services: BTreeMap<String, Service>,
    /// `filter_metadata.jwt_gate` of the route, if the route has any.
    pub route_metadata: Option<Map<String, Value>>,
    /// The same as the bytes of the property `xds.route_metadata`.
    pub route_metadata_bytes: Option<Vec<u8>>,
    /// `Some` if the configuration must be refused: how each reported problem begins.
    pub refused: Option<Vec<String>>,
    /// How each warning about the configuration begins.
    pub warned: Vec<String>,
    /// The requests, in the order in which they are sent.
    pub exchanges: Vec<Exchange>,
    /// Counters with the values that they must have at the end.
    pub counters: BTreeMap<String, u64>,
}

/// One request and what must come of it.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// What this request shows, where the scenario has several.
    pub why: String,
    /// The headers in the order in which they are sent, pseudo-headers included.
    pub headers: Vec<Header>,
    /// What must come of it.
    pub verdict: Verdict,
    /// The reason code: of every denial, and in report mode also of what passes.
    pub reason: Option<String>,
    /// Parts of the tokens in this request: they may show up nowhere.
    pub secrets: Vec<Vec<u8>>,
}

impl Exchange {
    /// A difference with the place where it was found: the number of the request, counted from 0,
    /// its first line and what it shows.
    pub fn place(&self, index: usize, difference: &str) -> String {
        let value = |wanted: &[u8]| {
            let header = self.headers.iter().find(|(name, _)| name == wanted);
            header.map_or_else(String::new, |(_, value)| value.escape_ascii().to_string())
        };
        let line = format!("{} {}", value(b":method"), value(b":path"));
        // A path may hold a token of kilobytes.
        let line: String = line.chars().take(80).collect();
        let why = &self.why;
        format!("request[{index}] ({line}) {why}: {difference}")
    }
}

/// What must come of a request.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// The gate answers.
    Reply(Answer),
    /// The request goes on.
    Upstream(Upstream),
}

/// The answer that is expected from the gate.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The gRPC status; `None` for a request that is not gRPC.
    pub grpc_status: Option<u32>,
    /// The whole body; `None` if it does not matter here.
    pub body: Option<Vec<u8>>,
    /// Headers with all their values.
    pub has: BTreeMap<String, Vec<Vec<u8>>>,
    /// Headers that must not be there.
    pub lacks: Vec<String>,
}

/// The request that is expected upstream: the one sent, but for what is named here.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// Headers with all their values.
    pub has: BTreeMap<String, Vec<Vec<u8>>>,
    /// Headers that must not be there.
    pub lacks: Vec<String>,
    /// What must have been published for later filters, exactly.
    pub filter_state: BTreeMap<String, Vec<u8>>,
    /// What the answer must carry on its way back to the caller.
    pub answer: UpstreamReply,
}

/// What the gate does to the answer of the upstream.
#[derive(Clone, Debug)]
pub struct UpstreamReply {
    /// Headers with all their values.
    pub has: BTreeMap<String, Vec<Vec<u8>>>,
    /// Headers that must not be there.
    pub lacks: Vec<String>,
}

/// The scenario's time in seconds.
pub(crate) fn seconds(file: &ScenarioFile) -> i64 {
    let Some(now) = &file.now else {
        return DEFAULT_NOW;
    };
    now.as_i64()
        .or_else(|| now.as_f64().map(|seconds| seconds.floor() as i64))
        .unwrap_or(DEFAULT_NOW)
}

/// Fills everything in.
pub(crate) fn mint(
    name: &str,
    file_name: &str,
    file: &ScenarioFile,
    shared: &BTreeMap<String, TokenFile>,
    shift: i64,
) -> Result<Scenario, Error> {
    let tokens = Tokens::new(shared, &file.token, seconds(file), shift);
    let mut unused: Vec<&String> = file.token.keys().collect();
    let mut exchanges = Vec::new();
    for (i, request) in requests(file, file_name)?.iter().enumerate() {
        let exchange = exchange(request, &tokens)
            .map_err(|problem| Error::field(file_name, format!("request[{i}]"), problem))?;
        exchanges.push(exchange.0);
        unused.retain(|name| !exchange.1.contains(name.as_str()));
    }
    if let Some(name) = unused.first() {
        let field = format!("token.{name}");
        return Err(Error::field(file_name, field, "no request uses it"));
    }
    let mut services = BTreeMap::new();
    for (cluster, file) in &file.service {
        let service = service(file, &tokens)
            .map_err(|e| Error::field(file_name, format!("service.{cluster}"), e))?;
        services.insert(cluster.clone(), service);
    }
    let now = nanoseconds(file, shift).map_err(|e| Error::field(file_name, "now", e))?;
    Ok(Scenario {
        name: name.to_owned(),
        why: file.why.clone(),
        now,
        clock: file.clock,
        policy: policy::of_scenario(file_name, file)?,
        services,
        route_metadata: file.route_metadata.clone(),
        route_metadata_bytes: file
            .route_metadata
            .as_ref()
            .map(|object| proto::metadata(METADATA_NAMESPACE, object)),
        refused: file.refused.clone(),
        warned: file.warned.clone(),
        exchanges,
        counters: file.counters.clone(),
    })
}

/// The requests of the file; a refused configuration that lists none is tried with a good token.
pub(crate) fn requests(file: &ScenarioFile, file_name: &str) -> Result<Vec<RequestFile>, Error> {
    if file.why.trim().is_empty() {
        return Err(Error::field(file_name, "why", "it is empty"));
    }
    if !file.request.is_empty() {
        let completed = file.request.iter().map(|r| r.completed(&file.every));
        return Ok(completed.collect());
    }
    if file.refused.is_none() {
        return Err(Error::field(file_name, "request", "there is none"));
    }
    Ok(vec![RequestFile {
        why: "with a refused configuration, everything is denied".to_owned(),
        send: Some("GET /".to_owned()),
        token: Some("alice".to_owned()),
        reply: Some(ReplyFile {
            status: 503,
            www_authenticate: None,
            content_type: None,
            body: None,
            grpc_status: None,
            has: BTreeMap::new(),
            lacks: vec!["www-authenticate".to_owned()],
        }),
        reason: Some("policy_invalid".to_owned()),
        ..RequestFile::default()
    }])
}

fn nanoseconds(file: &ScenarioFile, shift: i64) -> Result<u64, String> {
    let whole = seconds(file);
    let fraction = match &file.now {
        Some(now) if !now.is_i64() => now.as_f64().map_or(0.0, |now| now - whole as f64),
        _ => 0.0,
    };
    u64::try_from(whole + shift)
        .ok()
        .and_then(|seconds| seconds.checked_mul(1_000_000_000))
        .map(|nanos| nanos + (fraction * 1e9) as u64)
        .ok_or_else(|| format!("found {whole}, expected seconds since the Unix epoch"))
}

/// The exchange, and the names of the tokens that it uses.
fn exchange(
    request: &RequestFile,
    tokens: &Tokens<'_>,
) -> Result<(Exchange, std::collections::BTreeSet<String>), String> {
    let lookup = |name: &str| tokens.placeholder(name);
    let bytes = |text: &str| text::bytes(text, &lookup);
    tokens.take_used();
    let headers = headers(request, &bytes)?;
    let sent = tokens.take_used();

    let mut secrets = Vec::new();
    for name in &sent {
        let token = tokens.get(name)?;
        let parts = token.split(|b| *b == b'.').filter(|p| p.len() >= SECRET_BYTES);
        // The header is the same for every token of a key, and nothing to hide.
        secrets.extend(parts.skip(1).map(<[u8]>::to_vec));
    }
    tokens.take_used();

    let verdict = match (&request.reply, &request.upstream) {
        (Some(reply), None) => Verdict::Reply(answer(reply, &bytes)?),
        (None, Some(upstream)) => Verdict::Upstream(expected_upstream(upstream, &bytes)?),
        _ => return Err("expected one of `reply` and `upstream`".to_owned()),
    };
    if request.reply.is_some() && request.reason.is_none() {
        return Err("a `reply` needs its `reason`".to_owned());
    }
    let mut used = tokens.take_used();
    used.extend(sent);
    let exchange = Exchange {
        why: request.why.clone(),
        headers,
        verdict,
        reason: request.reason.clone(),
        secrets,
    };
    Ok((exchange, used))
}

fn service(file: &ServiceFile, tokens: &Tokens<'_>) -> Result<Service, String> {
    let bytes = |text: &str| text::bytes(text, &|name: &str| tokens.placeholder(name));
    let answer = |file: &ServiceAnswerFile| {
        let status = file.status.unwrap_or(200).to_string();
        let mut headers = Headers::from_iter([(":status", status)]);
        for (name, value) in &file.headers {
            headers.add(&bytes(name)?, &bytes(value)?);
        }
        Ok(ServiceAnswer::response(headers, &bytes(&file.body)?))
    };
    file.answers.iter().map(answer).collect::<Result<Vec<_>, String>>().map(Service::new)
}

type Bytes<'a> = dyn Fn(&str) -> Result<Vec<u8>, String> + 'a;

pub(crate) fn headers(request: &RequestFile, bytes: &Bytes<'_>) -> Result<Vec<Header>, String> {
    let mut headers = Vec::new();
    if let Some(line) = &request.send {
        let (method, path) = line
            .split_once(' ')
            .ok_or_else(|| format!("send: found {line:?}, expected a method and a path"))?;
        let host = request.host.as_deref().unwrap_or("api.test");
        for (name, value) in
            [(":method", method), (":scheme", "http"), (":authority", host), (":path", path)]
        {
            headers.push((name.as_bytes().to_vec(), bytes(value)?));
        }
    } else if request.host.is_some() {
        return Err("`host` goes with `send`".to_owned());
    }
    for (name, value) in &request.headers {
        headers.push((bytes(name)?, bytes(value)?));
    }
    if let Some(token) = &request.token {
        let value = bytes(&format!("Bearer ${{{token}}}"))?;
        headers.push((b"authorization".to_vec(), value));
    }
    if headers.is_empty() {
        return Err("expected `send`, `headers`, or both".to_owned());
    }
    Ok(headers)
}

fn answer(reply: &ReplyFile, bytes: &Bytes<'_>) -> Result<Answer, String> {
    let mut has = values(&reply.has, bytes)?;
    for (name, value) in
        [("www-authenticate", &reply.www_authenticate), ("content-type", &reply.content_type)]
    {
        if let Some(value) = value {
            has.insert(name.to_owned(), vec![bytes(value)?]);
        }
    }
    Ok(Answer {
        status: reply.status,
        grpc_status: reply.grpc_status,
        body: reply.body.as_deref().map(bytes).transpose()?,
        has,
        lacks: reply.lacks.clone(),
    })
}

fn expected_upstream(upstream: &UpstreamFile, bytes: &Bytes<'_>) -> Result<Upstream, String> {
    let mut has = values(&upstream.has, bytes)?;
    if let Some(path) = &upstream.path {
        has.insert(":path".to_owned(), vec![bytes(path)?]);
    }
    Ok(Upstream {
        has,
        lacks: upstream.lacks.clone(),
        filter_state: upstream
            .filter_state
            .iter()
            .map(|(name, value)| Ok((name.clone(), bytes(value)?)))
            .collect::<Result<_, String>>()?,
        answer: UpstreamReply {
            has: values(&upstream.answer_has, bytes)?,
            lacks: upstream.answer_lacks.clone(),
        },
    })
}

fn values(
    headers: &BTreeMap<String, OneOrMany>,
    bytes: &Bytes<'_>,
) -> Result<BTreeMap<String, Vec<Vec<u8>>>, String> {
    headers
        .iter()
        .map(|(name, values)| {
            let values: Result<Vec<_>, String> =
                values.values().iter().map(|value| bytes(value)).collect();
            Ok((name.clone(), values?))
        })
        .collect()
}
