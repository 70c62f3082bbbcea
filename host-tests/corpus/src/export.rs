//! Scenarios in the format of the harness, which knows nothing of tokens and policies.

use std::collections::BTreeMap;

use toml::{Table, Value};

use crate::{Answer, Exchange, Form, Header, Scenario, Upstream, Verdict};

/// What the gate logs with each denial, the reason follows.
const DENIED: &str = "jwt-gate: denied: reason=";
/// What it logs with each request that it would deny if it did not only report.
const WOULD_DENY: &str = "jwt-gate: would deny: reason=";

impl Scenario {
    /// The scenario as a file of the harness (`wasmtime-harness/README.md`) that plays `module`, with
    /// the configuration as JSON and every token minted.
    ///
    /// `None` if the configuration is not text, which such a file cannot hold, or if the gate
    /// fetches keys: the requests here say nothing of the time that this takes.
    pub fn exported(&self, module: &str) -> Option<String> {
        if !self.services.is_empty() {
            return None;
        }
        let configuration = String::from_utf8(self.policy.bytes(Form::Json).to_vec()).ok()?;
        let mut file = Table::new();
        file.insert("why".to_owned(), text(self.why.trim()));
        file.insert("module".to_owned(), text(module));
        file.insert("now".to_owned(), now(self.now));
        file.insert("configuration".to_owned(), Value::String(configuration));
        let secrets = self.exchanges.iter().flat_map(|exchange| &exchange.secrets);
        let secrets: Vec<Value> = secrets.map(|secret| bytes(secret)).collect();
        if !secrets.is_empty() {
            file.insert("secrets".to_owned(), Value::Array(secrets));
        }
        let accepted = Value::Boolean(self.refused.is_none());
        file.insert("start".to_owned(), table([("accepted", accepted)]));
        let mut steps: Vec<Value> =
            self.exchanges.iter().map(|exchange| self.step(exchange)).collect();
        if !self.counters.is_empty() {
            let metric = |(name, value): (&String, &u64)| {
                // A counter of a scenario is a small number.
                (name.clone(), Value::Integer(i64::try_from(*value).unwrap_or(i64::MAX)))
            };
            let metrics = Value::Table(self.counters.iter().map(metric).collect());
            steps.push(table([("check", table([("metrics", metrics)]))]));
        }
        file.insert("step".to_owned(), Value::Array(steps));
        toml::to_string(&file).ok()
    }

    fn step(&self, exchange: &Exchange) -> Value {
        let mut step = Table::new();
        if !exchange.why.is_empty() {
            step.insert("why".to_owned(), text(&exchange.why));
        }
        step.extend(request(&exchange.headers));
        if let Some(metadata) = &self.route_metadata_bytes {
            step.insert("properties".to_owned(), table([("xds.route_metadata", bytes(metadata))]));
        }
        let expect = match &exchange.verdict {
            Verdict::Reply(answer) => reply(answer, exchange.reason.as_deref()),
            Verdict::Upstream(upstream) => passed(upstream, exchange),
        };
        step.insert("expect".to_owned(), Value::Table(expect));
        Value::Table(step)
    }
}

/// The fields that make the harness send exactly these headers in this order.
fn request(headers: &[Header]) -> Table {
    const USUAL: [&[u8]; 4] = [b":method", b":scheme", b":authority", b":path"];
    let sent = |name: &[u8]| headers.iter().find(|(sent, _)| sent == name);
    let value = |name: &[u8]| sent(name).map_or(&b"/"[..], |(_, value)| value);
    let line = [value(b":method"), value(b":path")].join(&b' ');
    let absent = USUAL.iter().filter(|name| sent(name).is_none());
    let without: Vec<Value> = absent.map(|name| bytes(name)).collect();
    let pair = |(name, value): &Header| Value::Array(vec![bytes(name), bytes(value)]);
    let mut fields = Table::new();
    fields.insert("request".to_owned(), bytes(&line));
    fields.insert("headers".to_owned(), Value::Array(headers.iter().map(pair).collect()));
    if !without.is_empty() {
        fields.insert("without".to_owned(), Value::Array(without));
    }
    fields
}

fn reply(answer: &Answer, reason: Option<&str>) -> Table {
    let mut reply = Table::new();
    reply.insert("status".to_owned(), Value::Integer(answer.status.into()));
    reply.insert("has".to_owned(), values(&answer.has));
    reply.insert("lacks".to_owned(), names(&answer.lacks));
    if let Some(body) = &answer.body {
        reply.insert("body".to_owned(), bytes(body));
    }
    if let Some(status) = answer.grpc_status {
        reply.insert("grpc_status".to_owned(), Value::Integer(status.into()));
    }
    let mut expect = Table::new();
    if let Some(reason) = reason {
        reply.insert("details".to_owned(), text(&format!("jwt_gate.{reason}")));
        expect.insert("logs".to_owned(), Value::Array(vec![text(&format!("{DENIED}{reason}"))]));
    }
    expect.insert("reply".to_owned(), Value::Table(reply));
    expect
}

fn passed(upstream: &Upstream, exchange: &Exchange) -> Table {
    let was_sent = |name: &&String| {
        exchange.headers.iter().any(|(sent, _)| sent.eq_ignore_ascii_case(name.as_bytes()))
    };
    // What was not sent and is not there needs no saying.
    let removed: Vec<String> = upstream.lacks.iter().filter(was_sent).cloned().collect();
    // Nor does what arrives as it was sent, which a host may write in another way.
    let mut set = upstream.has.clone();
    set.retain(|name, values| {
        let sent = exchange.headers.iter().filter(|(sent, _)| sent == name.as_bytes());
        !sent.map(|(_, value)| value).eq(values.iter())
    });
    let changes = [("set", values(&set)), ("removed", names(&removed))];
    let mut expect = Table::new();
    expect.insert("upstream".to_owned(), table(changes));
    expect.insert("response".to_owned(), table([("set", values(&upstream.answer.has))]));
    let published = upstream.filter_state.iter();
    let published = published.map(|(name, value)| (name.clone(), bytes(value)));
    expect.insert("published".to_owned(), Value::Table(published.collect()));
    match &exchange.reason {
        Some(reason) => {
            let line = text(&format!("{WOULD_DENY}{reason}"));
            expect.insert("logs".to_owned(), Value::Array(vec![line]));
        }
        None => {
            let lines = vec![text(DENIED), text(WOULD_DENY)];
            expect.insert("not_logged".to_owned(), Value::Array(lines));
        }
    }
    expect
}

/// Seconds since the Unix epoch, with a fraction only if there is one.
fn now(nanos: u64) -> Value {
    const SECOND: u64 = 1_000_000_000;
    match nanos % SECOND {
        0 => Value::Integer((nanos / SECOND) as i64),
        _ => Value::Float(nanos as f64 / SECOND as f64),
    }
}

fn table<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Table(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn values(headers: &BTreeMap<String, Vec<Vec<u8>>>) -> Value {
    let header = |(name, values): (&String, &Vec<Vec<u8>>)| {
        (name.clone(), Value::Array(values.iter().map(|value| bytes(value)).collect()))
    };
    Value::Table(headers.iter().map(header).collect())
}

fn names(names: &[String]) -> Value {
    Value::Array(names.iter().map(|name| text(name)).collect())
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

/// Bytes as the format writes them: `\xHH` for what is not visible ASCII or a blank.
fn bytes(bytes: &[u8]) -> Value {
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'\\' => text.push_str(r"\\"),
            b' '..=b'~' => text.push(char::from(*byte)),
            _ => text.push_str(&format!(r"\x{byte:02X}")),
        }
    }
    Value::String(text)
}
