//! What must come of a step.

use std::collections::BTreeMap;

use proxy_host_model::{Fate, HOST_FUNCTIONS, Headers};

use crate::{
    message::{headers_field, status_field},
    read::{Table, Value},
};

/// What must come of a step; nothing in it is nothing expected.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Expect {
    /// Where the request ends.
    pub ending: Option<Ending>,
    /// Where an open stream stands after the step.
    pub state: Option<Fate>,
    /// Whether a configuration is accepted.
    pub accepted: Option<bool>,
    /// What passes on a TCP connection.
    pub connection: Option<Passed>,
    /// What the client gets.
    pub response: Option<Changes>,
    /// What is published for later filters, by name; all of it.
    pub published: Option<BTreeMap<Vec<u8>, Vec<u8>>>,
    /// Parts of lines that are logged, in this order; an empty list is no line at all.
    pub logs: Option<Vec<String>>,
    /// Parts that no line has.
    pub not_logged: Vec<String>,
    /// Parts of lines of the record, in this order.
    pub record: Vec<String>,
    /// How many calls of each host function are made.
    pub calls: BTreeMap<&'static str, u64>,
}

/// Where a request ends.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ending {
    /// Anywhere: it is sent for what comes after it.
    Anything,
    /// The filter answers.
    Reply(Reply),
    /// It goes on, as it was sent but for these changes.
    Upstream(Changes),
    /// The filter holds it.
    Paused,
    /// The filter closes the stream.
    Reset,
    /// The filter's VM ends, with this part of a message.
    Trapped(String),
}

/// A filter's own reply; what is `None` or empty may be anything.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: Option<u16>,
    /// All headers.
    pub headers: Option<Headers>,
    /// Headers with all their values, among others.
    pub has: Headers,
    /// Headers that are not there.
    pub lacks: Vec<Vec<u8>>,
    /// The body.
    pub body: Body,
    /// The gRPC status; -1 for none.
    pub grpc_status: Option<i64>,
    /// The response-code details.
    pub details: Option<Vec<u8>>,
}

/// What becomes of a message on its way: it is as it was sent but for what is named here.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Changes {
    /// The status of a response, if it changes.
    pub status: Option<u16>,
    /// Headers that have these values alone.
    pub set: Headers,
    /// Headers that get these values beside those they had.
    pub add: Headers,
    /// Headers that are gone.
    pub removed: Vec<Vec<u8>>,
    /// Headers with all their values, among others: of the response to a request that the filter
    /// answers.
    pub has: Headers,
    /// Headers that are not there: as for `has`.
    pub lacks: Vec<Vec<u8>>,
    /// The body, if it changes.
    pub body: Body,
    /// The trailers, if they change.
    pub trailers: Option<Headers>,
}

/// What a body is; what is `None` or empty may be anything.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Body {
    /// All of it.
    pub is: Option<Vec<u8>>,
    /// Parts of it, anywhere.
    pub has: Vec<Vec<u8>>,
}

/// What has passed on a TCP connection by its end.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Passed {
    /// The bytes that the upstream gets.
    pub to_upstream: Option<Vec<u8>>,
    /// The bytes that the client gets.
    pub to_downstream: Option<Vec<u8>>,
    /// The client's bytes that the filter holds to the end.
    pub held: Option<Vec<u8>>,
    /// Whether the filter closes the connection.
    pub closed_by_filter: Option<bool>,
}

/// Where an open stream may stand.
const STATES: [(&str, Fate); 5] = [
    ("continued", Fate::Continued),
    ("paused", Fate::Paused),
    ("replied", Fate::Replied),
    ("reset", Fate::Reset),
    ("trapped", Fate::Trapped),
];

/// The kinds of steps, as far as expectations go.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// A request comes to its end.
    Ending,
    /// A stream goes on.
    Stream,
    /// A TCP connection comes to its end.
    Connection,
    /// A configuration is judged.
    Configuration,
    /// Anything else in which the filter is called.
    Event,
}

impl Expect {
    /// Reads the field `expect` of a step.
    pub(crate) fn read(table: &mut Table<'_, '_>, kind: Kind) -> Self {
        const HOW: &str = "what comes of the request, such as { reply = 401 }, { upstream = {} } \
                           or \"anything\"";
        let value = match kind {
            Kind::Ending => table.need("expect", HOW),
            Kind::Connection => {
                table.need("expect", "what passes, such as { to_upstream = \"…\" }")
            }
            _ => table.take("expect"),
        };
        let Some(value) = value else {
            return Self::default();
        };
        if kind == Kind::Ending && value.toml().is_str() {
            let ending = value.one_of(&[("anything", ())]).map(|()| Ending::Anything);
            return Self { ending, ..Self::default() };
        }
        let name = match kind {
            Kind::Ending => "expect of a request",
            Kind::Stream => "expect of a stream",
            Kind::Connection => "expect of a connection",
            Kind::Configuration => "expect of a configuration",
            Kind::Event => "expect",
        };
        value.table(name).map_or_else(Self::default, |table| Self::fields(table, kind))
    }

    /// Reads the fields of an expectation.
    pub(crate) fn fields(mut table: Table<'_, '_>, kind: Kind) -> Self {
        let mut expect = Self {
            logs: table.take("logs").and_then(|logs| logs.texts()),
            not_logged: texts(&mut table, "not_logged"),
            record: texts(&mut table, "record"),
            calls: calls(&mut table),
            ..Self::default()
        };
        match kind {
            Kind::Ending => expect.ending(&mut table),
            Kind::Stream => {
                expect.state = table.take("state").and_then(|state| state.one_of(&STATES));
            }
            Kind::Connection => {
                let bytes = |value: Option<Value<'_, '_>>| value.and_then(|value| value.bytes());
                let passed = Passed {
                    to_upstream: bytes(table.take("to_upstream")),
                    to_downstream: bytes(table.take("to_downstream")),
                    held: bytes(table.take("held")),
                    closed_by_filter: table.take("closed_by_filter").and_then(|it| it.boolean()),
                };
                expect.published = published(&mut table);
                if passed == Passed::default() {
                    table.wrong("found nothing of what passes, expected at least one field of it");
                }
                expect.connection = Some(passed);
            }
            Kind::Configuration => {
                expect.accepted = table.take("accepted").and_then(|yes| yes.boolean());
            }
            Kind::Event => {}
        }
        table.close("`expect` here");
        expect
    }

    fn ending(&mut self, table: &mut Table<'_, '_>) {
        let endings = [
            table.take("reply").map(|reply| Reply::read(&reply).map(Ending::Reply)),
            table.take("upstream").map(|upstream| {
                let mut table = upstream.table("upstream")?;
                let changes = Changes::read(&mut table);
                table.close("`upstream`");
                Some(Ending::Upstream(changes))
            }),
            table.take("paused").map(|paused| paused.yes().map(|_| Ending::Paused)),
            table.take("reset").map(|reset| reset.yes().map(|_| Ending::Reset)),
            table.take("trapped").map(|part| Some(Ending::Trapped(part.text()?.to_owned()))),
        ];
        let mut endings = endings.into_iter().flatten();
        match (endings.next(), endings.next()) {
            (Some(ending), None) => self.ending = ending,
            (found, _) => {
                let found = if found.is_some() { "several" } else { "none" };
                table.wrong(format!(
                    "found {found} of `reply`, `upstream`, `paused`, `reset` and `trapped`, \
                     expected one"
                ));
            }
        }
        self.published = published(table);
        let Some(mut response) = table.take("response").and_then(|r| r.table("response expected"))
        else {
            return;
        };
        let mut changes = match &self.ending {
            Some(Ending::Reply(_)) => Changes {
                has: headers_field(&mut response, "has").unwrap_or_default(),
                lacks: names(&mut response, "lacks"),
                body: Body::read(&mut response),
                trailers: headers_field(&mut response, "trailers"),
                ..Changes::default()
            },
            Some(Ending::Upstream(_)) | None => Changes::read(&mut response),
            Some(_) => {
                response.wrong("found a response, expected none: nothing gets to the client");
                return;
            }
        };
        changes.status = status_field(&mut response);
        response.close("`response` here");
        self.response = Some(changes);
    }
}

impl Reply {
    fn read(value: &Value<'_, '_>) -> Option<Self> {
        const STATUS: &str = "a status such as 401, or a table such as { status = 401 }";
        if !value.toml().is_table() {
            return Some(Self { status: Some(value.number(STATUS)?), ..Self::default() });
        }
        let mut table = value.table("reply")?;
        let reply = Self {
            status: status_field(&mut table),
            headers: headers_field(&mut table, "headers"),
            has: headers_field(&mut table, "has").unwrap_or_default(),
            lacks: names(&mut table, "lacks"),
            body: Body::read(&mut table),
            grpc_status: table
                .take("grpc_status")
                .and_then(|status| status.number("a gRPC status, or -1 for none")),
            details: table.take("details").and_then(|details| details.bytes()),
        };
        if table.is_empty() {
            table.wrong("found no field, expected at least one, such as `status`");
        }
        table.close("`reply`");
        Some(reply)
    }
}

impl Changes {
    fn read(table: &mut Table<'_, '_>) -> Self {
        Self {
            set: headers_field(table, "set").unwrap_or_default(),
            add: headers_field(table, "add").unwrap_or_default(),
            removed: names(table, "removed"),
            body: Body::read(table),
            trailers: headers_field(table, "trailers"),
            ..Self::default()
        }
    }
}

impl Body {
    fn read(table: &mut Table<'_, '_>) -> Self {
        let is = table.take("body").and_then(|body| body.bytes());
        let has = table
            .take("body_has")
            .map(|has| has.one_or_many().iter().filter_map(Value::bytes).collect());
        Self { is, has: has.unwrap_or_default() }
    }
}

/// The state of the proxy that a step with `check` expects; what is empty may be anything.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Check {
    /// Metrics: the value of a counter or a gauge, or the samples of a histogram.
    pub metrics: BTreeMap<Vec<u8>, Vec<u64>>,
    /// Metrics that nobody has defined.
    pub no_metrics: Vec<Vec<u8>>,
    /// Shared data, by key.
    pub shared_data: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Keys that nobody has set.
    pub no_shared_data: Vec<Vec<u8>>,
    /// How many calls of each host function were made since the beginning.
    pub calls: BTreeMap<&'static str, u64>,
    /// The HTTP calls that wait for an answer, all of them, in order.
    pub waiting: Option<Vec<Waiting>>,
    /// Parts of lines of the whole record, in this order.
    pub record: Vec<String>,
}

/// An HTTP call that waits for an answer.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Waiting {
    /// The cluster that it went to.
    pub cluster: String,
    /// Headers with all their values, among others; pseudo headers too.
    pub has: Headers,
    /// Headers that are not there.
    pub lacks: Vec<Vec<u8>>,
    /// The body.
    pub body: Body,
    /// The time limit in milliseconds.
    pub timeout: Option<u32>,
}

impl Check {
    /// Reads the field `check` of a step.
    pub(crate) fn read(value: &Value<'_, '_>) -> Option<Self> {
        let mut table = value.table("check")?;
        let metrics = table.take("metrics").and_then(|metrics| {
            metrics.map("a table", |value| {
                let number = |value: &Value<'_, '_>| value.number("a number, 0 or more");
                value.one_or_many().iter().map(number).collect::<Option<Vec<u64>>>()
            })
        });
        let shared_data = table.take("shared_data");
        let shared_data = shared_data.and_then(|data| data.map("a table", Value::bytes));
        let check = Self {
            metrics: metrics.unwrap_or_default().into_iter().collect(),
            no_metrics: names(&mut table, "no_metrics"),
            shared_data: shared_data.unwrap_or_default().into_iter().collect(),
            no_shared_data: names(&mut table, "no_shared_data"),
            calls: calls(&mut table),
            waiting: table.take("waiting").and_then(|waiting| {
                let calls = waiting.list("a list of calls")?;
                Some(calls.iter().filter_map(Waiting::read).collect())
            }),
            record: texts(&mut table, "record"),
        };
        if table.is_empty() {
            table.wrong("found nothing to check, expected at least one field");
        }
        table.close("`check`");
        Some(check)
    }
}

impl Waiting {
    fn read(value: &Value<'_, '_>) -> Option<Self> {
        if value.toml().is_str() {
            return Some(Self { cluster: value.sentence()?, ..Self::default() });
        }
        let mut table = value.table("waiting call")?;
        let cluster = table.need("cluster", "the name of a cluster");
        let call = Self {
            cluster: cluster.and_then(|cluster| cluster.sentence()).unwrap_or_default(),
            has: headers_field(&mut table, "has").unwrap_or_default(),
            lacks: names(&mut table, "lacks"),
            body: Body::read(&mut table),
            timeout: table.take("timeout").and_then(|t| t.number("milliseconds")),
        };
        table.close("a waiting call");
        Some(call)
    }
}

fn published(table: &mut Table<'_, '_>) -> Option<BTreeMap<Vec<u8>, Vec<u8>>> {
    let map = table.take("published")?.map("a table", Value::bytes)?;
    Some(map.into_iter().collect())
}

fn names(table: &mut Table<'_, '_>, name: &'static str) -> Vec<Vec<u8>> {
    table.take(name).and_then(|names| names.bytes_list()).unwrap_or_default()
}

fn texts(table: &mut Table<'_, '_>, name: &'static str) -> Vec<String> {
    table.take(name).and_then(|texts| texts.texts()).unwrap_or_default()
}

fn calls(table: &mut Table<'_, '_>) -> BTreeMap<&'static str, u64> {
    let Some(calls) = table.take("calls").and_then(|calls| calls.table("calls")) else {
        return BTreeMap::new();
    };
    let named = HOST_FUNCTIONS.map(|name| (name, name));
    let calls = calls.all().into_iter().filter_map(|(name, value)| {
        let name = value.named(name, &named)?;
        Some((name, value.number("how many calls")?))
    });
    calls.collect()
}
