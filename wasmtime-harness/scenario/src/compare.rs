//! What was seen against what was expected.

use std::collections::{BTreeMap, BTreeSet};

use proxy_host_model::{Call, Fate, Headers, LogLine, Outcome};

use crate::{
    expect::{Body, Changes, Ending, Expect, Reply},
    message::{Exchange, Message},
    report::Difference,
};

/// How many lines of a log or a record are shown where one was not found.
const SHOWN_LINES: usize = 12;

/// Differences, collected.
#[derive(Debug, Default)]
pub(crate) struct Differences(pub(crate) Vec<Difference>);

/// What became of a message, beside what it was when it was sent.
struct Passed<'a> {
    what: &'static str,
    sent: &'a Message,
    headers: &'a Headers,
    body: &'a [u8],
    trailers: Option<&'a Headers>,
}

impl Differences {
    pub(crate) fn add(
        &mut self,
        what: impl Into<String>,
        expected: impl std::fmt::Display,
        found: impl std::fmt::Display,
    ) {
        self.0.push(Difference::new(what, expected, found));
    }

    /// What came of a request.
    pub(crate) fn ending(&mut self, expect: &Expect, exchange: &Exchange, outcome: &Outcome) {
        let Some(ending) = &expect.ending else {
            return;
        };
        match ending {
            Ending::Anything => return,
            Ending::Reply(reply) => match &outcome.reply {
                Some(found) => self.reply(reply, found),
                None => {
                    let status = reply.status.map_or(String::new(), |s| format!(" with {s}"));
                    self.add("the request", format!("a reply{status}"), fate(outcome));
                    return;
                }
            },
            Ending::Upstream(changes) => {
                if outcome.fate != Fate::Continued || outcome.reply.is_some() {
                    self.add("the request", "that it goes on to the upstream", fate(outcome));
                    return;
                }
                self.changed(
                    changes,
                    &Passed {
                        what: "upstream",
                        sent: &exchange.request,
                        headers: &outcome.request_headers,
                        body: &outcome.request_body,
                        trailers: outcome.request_trailers.as_ref(),
                    },
                );
            }
            Ending::Paused if outcome.fate == Fate::Paused => {}
            Ending::Paused => self.add("the request", "that the filter holds it", fate(outcome)),
            Ending::Reset if outcome.fate == Fate::Reset => {}
            Ending::Reset => self.add("the request", "that the stream is closed", fate(outcome)),
            Ending::Trapped(part) => match &outcome.trap {
                Some(trap) if trap.to_string().contains(part) => {}
                Some(trap) => self.add("trapped", format!("{part:?} in the message"), trap),
                None => self.add("the request", format!("a trap with {part:?}"), fate(outcome)),
            },
        }
        // A filter may end its VM after all was well, while it logs or cleans up.
        if let (Some(trap), Fate::Continued | Fate::Replied | Fate::Paused | Fate::Reset, false) =
            (&outcome.trap, outcome.fate, outcome.failed)
        {
            self.add("the end of the stream", "that the filter lives on", trap.reason());
        }
        // What a later filter sees is part of "as it was sent".
        let none = BTreeMap::new();
        let published = match ending {
            Ending::Upstream(_) => Some(expect.published.as_ref().unwrap_or(&none)),
            _ => expect.published.as_ref(),
        };
        self.published(published, &outcome.published);
        self.response(expect, exchange, outcome);
    }

    /// What was published for later filters, all of it.
    pub(crate) fn published(
        &mut self,
        expected: Option<&BTreeMap<Vec<u8>, Vec<u8>>>,
        found: &BTreeMap<Vec<u8>, Vec<u8>>,
    ) {
        let Some(expected) = expected else {
            return;
        };
        let show = |value: Option<&Vec<u8>>| value.map_or("nothing".to_owned(), |v| quoted(v));
        for name in expected.keys().chain(found.keys()).collect::<BTreeSet<_>>() {
            let [expected, found] = [expected, found].map(|map| map.get(name));
            if expected != found {
                self.add(format!("published.{}", text(name)), show(expected), show(found));
            }
        }
    }

    fn response(&mut self, expect: &Expect, exchange: &Exchange, outcome: &Outcome) {
        let unchanged = Changes::default();
        let (changes, strict) = match (&expect.response, &expect.ending) {
            (Some(changes), ending) => (changes, matches!(ending, Some(Ending::Upstream(_)))),
            (None, Some(Ending::Upstream(_))) => (&unchanged, true),
            (None, _) => return,
        };
        let Some(headers) = &outcome.response else {
            return self.add("response", "that the client gets one", fate(outcome));
        };
        let mut sent = exchange.response.clone();
        if let Some(status) = changes.status {
            sent.headers.replace(b":status", status.to_string().as_bytes());
            if !strict {
                self.values("response", headers, b":status", &[status.to_string().as_bytes()]);
            }
        }
        let body = &outcome.response_body;
        let trailers = outcome.response_trailers.as_ref();
        if strict {
            let passed = Passed { what: "response", sent: &sent, headers, body, trailers };
            return self.changed(changes, &passed);
        }
        self.some("response", headers, &changes.has, &changes.lacks);
        self.body("response", &changes.body, body, None);
        if let Some(expected) = &changes.trailers {
            self.all("response.trailers", expected, trailers.unwrap_or(&Headers::default()));
        }
    }

    fn reply(&mut self, expected: &Reply, found: &proxy_host_model::Reply) {
        if let Some(status) = expected.status
            && u32::from(status) != found.status
        {
            self.add("reply.status", status, found.status);
        }
        if let Some(headers) = &expected.headers {
            self.all("reply", headers, &found.headers);
        }
        self.some("reply", &found.headers, &expected.has, &expected.lacks);
        self.body("reply", &expected.body, &found.body, None);
        if let Some(status) = expected.grpc_status {
            let seen = found.grpc_status.map_or(-1, i64::from);
            if status != seen {
                self.add("reply.grpc_status", status, seen);
            }
        }
        if let Some(details) = &expected.details
            && *details != found.details
        {
            self.add("reply.details", quoted(details), quoted(&found.details));
        }
    }

    /// A message that arrives as it was sent, but for some changes.
    fn changed(&mut self, changes: &Changes, passed: &Passed<'_>) {
        let Passed { what, sent, headers, body, trailers } = passed;
        let mut expected = sent.headers.clone();
        for name in &changes.removed {
            if !expected.has(name) {
                let what = format!("{what}.removed.{}", text(name));
                self.add(what, "that the header was sent", "that it was not");
            }
            expected.remove(name);
        }
        for (name, _) in changes.set.iter() {
            expected.remove(name);
        }
        for (name, value) in changes.set.iter().chain(changes.add.iter()) {
            expected.add(name, value);
        }
        self.all(what, &expected, headers);
        self.body(what, &changes.body, body, Some(&sent.body.concat()));
        let none = Headers::default();
        let expected = changes.trailers.as_ref().or(sent.trailers.as_ref()).unwrap_or(&none);
        self.all(&format!("{what}.trailers"), expected, trailers.unwrap_or(&none));
    }

    fn body(&mut self, what: &str, expected: &Body, found: &[u8], sent: Option<&[u8]>) {
        let named = expected.is.as_deref();
        let sent = sent.filter(|_| expected.has.is_empty());
        if let Some(expected) = named.or(sent)
            && expected != found
        {
            self.add(format!("{what}.body"), long(expected), long(found));
        }
        for part in &expected.has {
            if !contains(found, part) {
                let expected = format!("{} in it", quoted(part));
                self.add(format!("{what}.body_has"), expected, long(found));
            }
        }
    }

    /// All headers: the same values in the same order for each name, the names in any order.
    fn all(&mut self, what: &str, expected: &Headers, found: &Headers) {
        let names = expected.iter().chain(found.iter()).map(|(name, _)| name.to_ascii_lowercase());
        for name in names.collect::<BTreeSet<_>>() {
            let expected: Vec<_> = expected.all(&name).collect();
            self.values(what, found, &name, &expected);
        }
    }

    /// Some headers with all their values, and some that are not there.
    fn some(&mut self, what: &str, found: &Headers, has: &Headers, lacks: &[Vec<u8>]) {
        let names: BTreeSet<_> = has.iter().map(|(name, _)| name).collect();
        for name in names {
            self.values(what, found, name, &has.all(name).collect::<Vec<_>>());
        }
        for name in lacks {
            self.values(what, found, name, &[]);
        }
    }

    fn values(&mut self, what: &str, found: &Headers, name: &[u8], expected: &[&[u8]]) {
        let found: Vec<_> = found.all(name).collect();
        if found != expected {
            let show = |values: &[&[u8]]| match values {
                [] => "no such header".to_owned(),
                values => values.iter().map(|v| quoted(v)).collect::<Vec<_>>().join(", "),
            };
            self.add(format!("{what}.{}", text(name)), show(expected), show(&found));
        }
    }

    /// HTTP calls that wait for an answer.
    pub(crate) fn message(
        &mut self,
        what: &str,
        found: (&Headers, &[u8]),
        has: &Headers,
        lacks: &[Vec<u8>],
        body: &Body,
    ) {
        self.some(what, found.0, has, lacks);
        self.body(what, body, found.1, None);
    }

    /// What was logged.
    pub(crate) fn logs(&mut self, expect: &Expect, logs: &[LogLine]) {
        let lines: Vec<String> = logs.iter().map(ToString::to_string).collect();
        match &expect.logs {
            Some(parts) if parts.is_empty() && !lines.is_empty() => {
                self.add("logs", "no line", some_of(&lines));
            }
            Some(parts) => self.in_order("logs", parts, &lines),
            None => {}
        }
        for part in &expect.not_logged {
            if let Some(line) = lines.iter().find(|line| line.contains(part)) {
                self.add("not_logged", format!("no line with {part:?}"), format!("{line:?}"));
            }
        }
    }

    /// Parts of lines, in order; other lines may come between.
    pub(crate) fn in_order(&mut self, what: &str, parts: &[String], lines: &[String]) {
        let mut rest = lines.iter();
        for (i, part) in parts.iter().enumerate() {
            if !rest.any(|line| line.contains(part)) {
                let after = match i.checked_sub(1).and_then(|before| parts.get(before)) {
                    Some(before) => format!(" after the line with {before:?}"),
                    None => String::new(),
                };
                let expected = format!("a line with {part:?}{after}");
                return self.add(format!("{what}[{i}]"), expected, some_of(lines));
            }
        }
    }

    /// How often host functions were called.
    pub(crate) fn calls<'a>(
        &mut self,
        expected: &BTreeMap<&'static str, u64>,
        calls: impl Fn(&str) -> u64 + 'a,
    ) {
        for (name, expected) in expected {
            let found = calls(name);
            if found != *expected {
                self.add(format!("calls.{name}"), expected, found);
            }
        }
    }

    /// Places where a secret must not be.
    pub(crate) fn secrets(&mut self, secrets: &[Vec<u8>], calls: &[Call], logs: &[LogLine]) {
        const TELLING: [&str; 6] = [
            "proxy_send_local_response",
            "proxy_define_metric",
            "proxy_http_call",
            "proxy_grpc_call",
            "proxy_grpc_stream",
            "proxy_grpc_send",
        ];
        for (i, secret) in secrets.iter().enumerate() {
            // As arguments of calls are written, and as text that is logged.
            let escaped = text(secret);
            let plain = String::from_utf8_lossy(secret);
            let told = |call: &&Call| {
                let arguments = call.arguments.as_deref().unwrap_or_default();
                TELLING.contains(&call.name) && arguments.contains(&escaped)
            };
            let nowhere = || "that the filter keeps it to itself";
            if let Some(call) = calls.iter().find(told) {
                self.add(format!("secrets[{i}]"), nowhere(), call);
            }
            if let Some(line) = logs.iter().find(|line| line.text.contains(&*plain)) {
                self.add(
                    format!("secrets[{i}]"),
                    nowhere(),
                    format!("the log line {line:?}", line = line.to_string()),
                );
            }
        }
    }
}

/// What became of a request, in a few words.
pub(crate) fn fate(outcome: &Outcome) -> String {
    let upstream = || match outcome.response.as_ref().and_then(|r| r.first(":status")) {
        Some(status) => format!("upstream, {}", text(status)),
        None => "upstream".to_owned(),
    };
    if let (Some(reply), Fate::Continued | Fate::Replied) = (&outcome.reply, outcome.fate) {
        return format!("reply {}", reply.status);
    }
    match (outcome.fate, &outcome.trap) {
        (Fate::Trapped, Some(trap)) => format!("trapped: {}", first_line(&trap.to_string())),
        (Fate::Continued, _) => upstream(),
        (fate, _) => state(fate).to_owned(),
    }
}

/// Where a stream stands, in a word.
pub(crate) fn state(fate: Fate) -> &'static str {
    match fate {
        Fate::Continued => "continued",
        Fate::Paused => "paused",
        Fate::Replied => "replied",
        Fate::Reset => "reset",
        Fate::Trapped => "trapped",
    }
}

/// Bytes as a scenario writes them.
pub(crate) fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn quoted(bytes: &[u8]) -> String {
    format!("\"{}\"", text(bytes))
}

/// A body: its text if it is text of several lines, else as one would write it.
fn long(bytes: &[u8]) -> String {
    match str::from_utf8(bytes) {
        Ok(text) if text.trim_end().contains('\n') => text.to_owned(),
        _ => quoted(bytes),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn some_of(lines: &[String]) -> String {
    if lines.is_empty() {
        return "no line at all".to_owned();
    }
    let mut shown: Vec<String> =
        lines.iter().take(SHOWN_LINES).map(|line| format!("{:?}", line.trim_start())).collect();
    if lines.len() > SHOWN_LINES {
        shown.push(format!("… {} lines", lines.len()));
    }
    shown.join(", ")
}

fn contains(bytes: &[u8], part: &[u8]) -> bool {
    part.is_empty() || bytes.windows(part.len()).any(|window| window == part)
}
