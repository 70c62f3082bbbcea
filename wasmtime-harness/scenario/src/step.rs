//! The steps of a scenario.

use std::{path::Path, time::Duration};

use proxy_host_model::{Answered, Fault, GrpcEvent, Headers, Place};

use crate::{
    expect::{Check, Expect, Kind},
    message::{self, Defaults, Exchange, Message, body_field, headers_field},
    read::{Table, Value},
    service,
};

/// One thing that happens, and what must come of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What this one shows; may be empty.
    pub why: String,
    /// The line of the file on which it begins.
    pub line: usize,
    /// What happens.
    pub action: Action,
    /// What must come of it.
    pub expect: Expect,
}

/// What happens in a step. Streams and connections have names of the scenario's own.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// A whole request, from its headers to its end, with so much time before that.
    Request(Exchange, Option<Duration>),
    /// A request's headers; the stream stays open. The flag tells whether nothing follows them.
    Open(String, Exchange, bool),
    /// More of an open request.
    Send(String, Part),
    /// What the upstream answers on an open stream, or more of it.
    Respond(String, Part),
    /// An open stream goes on to its end.
    Finish(String),
    /// The client of an open stream goes away.
    Abandon(String),
    /// A TCP connection comes, on this worker.
    Connect(String, usize),
    /// Bytes come on a connection.
    Data(String, Side, Vec<Vec<u8>>, bool),
    /// One side closes a connection; the flag tells whether the peer did, and not the proxy.
    Close(String, Side, bool),
    /// A connection ends: its client goes away, if it has not yet.
    Disconnect(String),
    /// Time passes, and what falls due meanwhile happens.
    Advance(Duration),
    /// The wall clock jumps.
    Clock(Jump),
    /// From here on, so much time passes after each look at a clock.
    ClockStep(Duration),
    /// The configuration is updated while the VMs run.
    Configure(Vec<u8>),
    /// The oldest HTTP call to this cluster that waits for an answer gets one.
    Answer(String, Option<Place>, Answered),
    /// Something comes for the oldest open gRPC call or stream with this service and method.
    Grpc(String, Option<Place>, GrpcEvent),
    /// A foreign function calls the filter.
    ForeignCall(Option<Place>, u32, Vec<u8>),
    /// From here on, something goes wrong: in one VM, or in all and those to come.
    Fault(Option<Place>, Fault),
    /// From here on, nothing goes wrong any more.
    Heal(Option<Place>),
    /// The state of the proxy is looked at.
    Check(Check),
}

/// More of an open request or response.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Part {
    /// Headers of a response.
    pub headers: Option<Headers>,
    /// Parts of the body.
    pub body: Vec<Vec<u8>>,
    /// Trailers, which end it.
    pub trailers: Option<Headers>,
    /// How many pairs of metadata, HTTP/2 only.
    pub metadata: Option<u32>,
    /// Whether nothing follows.
    pub end: bool,
}

/// A side of a TCP connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// The client's.
    Downstream,
    /// The server's.
    Upstream,
}

/// How the wall clock jumps.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Jump {
    /// Ahead by so much.
    Ahead(Duration),
    /// Back by so much.
    Back(Duration),
    /// To a time in nanoseconds since the Unix epoch.
    To(u64),
}

/// The fields of which a step has exactly one, and what its table is called then.
pub(crate) const KINDS: [(&str, &str); 21] = [
    ("request", "step request"),
    ("open", "step open"),
    ("send", "step send"),
    ("respond", "step respond"),
    ("finish", "step finish"),
    ("abandon", "step abandon"),
    ("connect", "step connect"),
    ("data", "step data"),
    ("close", "step close"),
    ("disconnect", "step disconnect"),
    ("advance", "step advance"),
    ("clock", "step clock"),
    ("clock_step", "step clock_step"),
    ("configure", "step configure"),
    ("configure_file", "step configure_file"),
    ("answer", "step answer"),
    ("grpc", "step grpc"),
    ("foreign_call", "step foreign_call"),
    ("fault", "step fault"),
    ("heal", "step heal"),
    ("check", "step check"),
];

/// What a step needs to know of the rest of the file.
pub(crate) struct Context<'a> {
    pub(crate) defaults: &'a Defaults,
    /// The folder of the file.
    pub(crate) folder: &'a Path,
}

impl Step {
    /// Reads one `[[step]]`.
    pub(crate) fn read(value: &Value<'_, '_>, context: &Context<'_>) -> Option<Self> {
        let (mut table, kind) = value.table_of_one(&KINDS)?;
        let line = table.line();
        let why = table.take("why").and_then(|why| why.sentence()).unwrap_or_default();
        let what = table.take(kind)?;
        let (action, expected) = action(kind, &what, &mut table, context)?;
        let expect = match expected {
            Some(expected) => Expect::read(&mut table, expected),
            None => Expect::default(),
        };
        table.close(&format!("a step with `{kind}`"));
        Some(Self { why, line, action: action?, expect })
    }
}

/// What happens, and which kind of expectation there may be; the inner one is `None` after a
/// problem that is noted already.
fn action(
    kind: &str,
    what: &Value<'_, '_>,
    table: &mut Table<'_, '_>,
    context: &Context<'_>,
) -> Option<(Option<Action>, Option<Kind>)> {
    let name = || what.sentence();
    Some(match kind {
        "request" => {
            let exchange = Exchange::read(what, table, context.defaults, true);
            let wait = table.take("wait").and_then(|wait| wait.duration());
            (Some(Action::Request(exchange, wait)), Some(Kind::Ending))
        }
        "open" => {
            let line = table.need("line", "a method and a path, such as \"GET /\"");
            let end = flag(table, "end");
            let exchange = line.map(|line| Exchange::read(&line, table, context.defaults, false));
            let action = name().and_then(|name| Some(Action::Open(name, exchange?, end)));
            (action, Some(Kind::Stream))
        }
        "send" => {
            let part = Part {
                headers: None,
                body: body_field(table),
                trailers: headers_field(table, "trailers"),
                metadata: metadata(table),
                end: flag(table, "end"),
            };
            let part = part.checked(table, "`body`, `trailers`, `metadata` and `end`");
            (name().and_then(|name| Some(Action::Send(name, part?))), Some(Kind::Stream))
        }
        "respond" => {
            let begins = table.has("status") || table.has("headers");
            let Message { headers, body, trailers } = message::response(table, 200);
            let part = Part {
                headers: begins.then_some(headers),
                body,
                trailers,
                metadata: metadata(table),
                end: flag(table, "end"),
            };
            let fields = "`status`, `headers`, `body`, `trailers`, `metadata` and `end`";
            let part = part.checked(table, fields);
            (name().and_then(|name| Some(Action::Respond(name, part?))), Some(Kind::Stream))
        }
        "finish" => (name().map(Action::Finish), Some(Kind::Ending)),
        "abandon" => (name().map(Action::Abandon), Some(Kind::Event)),
        "connect" => {
            let worker = worker(table).unwrap_or_default();
            (name().map(|name| Action::Connect(name, worker)), Some(Kind::Event))
        }
        "data" => {
            let side = side(table);
            let bytes = table.need("bytes", "the bytes, or a list of parts");
            let parts = bytes.map(|bytes| bytes.one_or_many()).unwrap_or_default();
            let parts = parts.iter().filter_map(Value::bytes).collect();
            let end = flag(table, "end");
            let action = name().and_then(|name| Some(Action::Data(name, side?, parts, end)));
            (action, Some(Kind::Event))
        }
        "close" => {
            let side = side(table);
            let peers = [("remote", true), ("local", false)];
            let peer = table.take("by").and_then(|by| by.one_of(&peers)).unwrap_or(true);
            let action = name().and_then(|name| Some(Action::Close(name, side?, peer)));
            (action, Some(Kind::Event))
        }
        "disconnect" => (name().map(Action::Disconnect), Some(Kind::Connection)),
        "advance" => (what.duration().map(Action::Advance), Some(Kind::Event)),
        "clock" => (Jump::read(what).map(Action::Clock), None),
        "clock_step" => (what.duration().map(Action::ClockStep), None),
        "configure" => (configuration(what).map(Action::Configure), Some(Kind::Configuration)),
        "configure_file" => {
            let bytes = file(what, context.folder).map(Action::Configure);
            (bytes, Some(Kind::Configuration))
        }
        "answer" => {
            let place = place(table);
            let answered = service::answered(table);
            let action = name().and_then(|name| Some(Action::Answer(name, place, answered?)));
            (action, Some(Kind::Event))
        }
        "grpc" => {
            let place = place(table);
            let event = service::grpc_event(table);
            (name().and_then(|name| Some(Action::Grpc(name, place, event?))), Some(Kind::Event))
        }
        "foreign_call" => {
            let place = place(table);
            let argument = message::bytes(table, "argument").unwrap_or_default();
            let function = what.number("the number of the foreign function");
            let action = function.map(|function| Action::ForeignCall(place, function, argument));
            (action, Some(Kind::Event))
        }
        "fault" => {
            let place = place(table);
            let fault = what.table("fault").and_then(service::fault);
            (fault.map(|fault| Action::Fault(place, fault)), None)
        }
        "heal" => {
            let place = place(table);
            (what.yes().map(|_| Action::Heal(place)), None)
        }
        "check" => (Check::read(what).map(Action::Check), None),
        _ => return None,
    })
}

impl Part {
    fn checked(self, table: &Table<'_, '_>, fields: &str) -> Option<Self> {
        if self == Self::default() {
            table.wrong(format!("found nothing to send, expected one or more of {fields}"));
            return None;
        }
        if self.end && self.trailers.is_some() {
            table.wrong("found `end` with `trailers`, expected one of them: trailers are the end");
            return None;
        }
        Some(self)
    }
}

impl Jump {
    fn read(value: &Value<'_, '_>) -> Option<Self> {
        const EXPECTED: &str =
            "a jump such as \"+1h\" or \"-2s\", or a time in seconds since the Unix epoch";
        let Some(text) = value.toml().as_str() else {
            return match value.toml() {
                toml::de::DeValue::Integer(_) | toml::de::DeValue::Float(_) => {
                    value.time().map(Self::To)
                }
                _ => value.expected(EXPECTED),
            };
        };
        let jump = |sign, jump: fn(Duration) -> Self| {
            text.strip_prefix(sign).and_then(crate::units::duration).map(jump)
        };
        match jump('+', Self::Ahead).or_else(|| jump('-', Self::Back)) {
            Some(jump) => Some(jump),
            None => value.expected(EXPECTED),
        }
    }
}

/// A configuration: text as it is, or a table or a list, which becomes JSON.
pub(crate) fn configuration(value: &Value<'_, '_>) -> Option<Vec<u8>> {
    match value.toml() {
        toml::de::DeValue::String(text) => Some(text.as_bytes().to_vec()),
        toml::de::DeValue::Table(_) | toml::de::DeValue::Array(_) => {
            Some(value.json()?.to_string().into_bytes())
        }
        _ => value.expected("text, or a table that becomes JSON"),
    }
}

/// The bytes of a file whose path is relative to `folder`.
pub(crate) fn file(value: &Value<'_, '_>, folder: &Path) -> Option<Vec<u8>> {
    let path = folder.join(value.text()?);
    match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) => value.wrong(format!("cannot read {}: {error}", path.display())),
    }
}

/// The VM that is meant, where it may be any.
pub(crate) fn place(table: &mut Table<'_, '_>) -> Option<Place> {
    let value = table.take("vm")?;
    if value.toml().is_integer() {
        return value.number("`main` or the number of a worker").map(Place::Worker);
    }
    value.one_of(&[("main", Place::Main)])
}

fn worker(table: &mut Table<'_, '_>) -> Option<usize> {
    table.take("worker")?.number("the number of a worker, from 0")
}

fn metadata(table: &mut Table<'_, '_>) -> Option<u32> {
    table.take("metadata")?.number("how many pairs of metadata")
}

fn flag(table: &mut Table<'_, '_>, name: &'static str) -> bool {
    table.take(name).and_then(|flag| flag.boolean()).unwrap_or_default()
}

fn side(table: &mut Table<'_, '_>) -> Option<Side> {
    let sides = [("downstream", Side::Downstream), ("upstream", Side::Upstream)];
    table.need("side", "`downstream` or `upstream`")?.one_of(&sides)
}
