//! Reads a section line by line, as HAProxy runs it.

use std::collections::BTreeMap;

use crate::import::{
    draft::{Forwarded, Place},
    remark::{Kind, Remarks},
    requests::Requests,
};

use super::{
    condition::{self, Acls, Notes, Term},
    lines::{Line, Section},
    sample::{Meaning, Variables, meaning},
    statement::{self, Check, Effect, Reading, Region, Statement},
};

/// What a section says of tokens.
#[derive(Default)]
pub(super) struct Said {
    pub(super) statements: Vec<Statement>,
    /// With the line, and the issuers that are meant alone.
    pub(super) checks: Vec<(usize, Check, Option<Vec<String>>)>,
    pub(super) forwarded: Vec<(usize, Forwarded)>,
    /// Headers that only HAProxy or the gate may set, with the line that says so.
    pub(super) guarded: BTreeMap<String, usize>,
    /// Headers that are deleted.
    pub(super) deleted: BTreeMap<String, usize>,
    /// Media type and texts of refusals.
    pub(super) bodies: Vec<(usize, String, String)>,
    /// Lines that refuse with another status than the gate.
    pub(super) refusals: Vec<usize>,
    /// Whether the Lua library is called.
    pub(super) lua: Option<usize>,
}

/// Words that begin lines which say nothing of who may do what.
const OTHERS: [&str; 61] = [
    "backlog",
    "balance",
    "bind-process",
    "capture",
    "compression",
    "cookie",
    "cpu-map",
    "crt-base",
    "ca-base",
    "daemon",
    "default-server",
    "default_backend",
    "description",
    "disabled",
    "email-alert",
    "enabled",
    "errorfile",
    "errorfiles",
    "errorloc",
    "errorloc302",
    "errorloc303",
    "external-check",
    "filter",
    "fullconn",
    "group",
    "hash-type",
    "hold",
    "http-check",
    "http-reuse",
    "id",
    "load-server-state-from-file",
    "log",
    "log-format",
    "log-tag",
    "maxconn",
    "mode",
    "monitor",
    "monitor-uri",
    "nameserver",
    "nbproc",
    "nbthread",
    "option",
    "persist",
    "pidfile",
    "rate-limit",
    "retries",
    "server",
    "server-template",
    "source",
    "stats",
    "stick",
    "stick-table",
    "tcp-check",
    "timeout",
    "unique-id-format",
    "unique-id-header",
    "use-server",
    "use_backend",
    "user",
    "chroot",
    "http-response",
];

/// Reads a section; `others` gets the lines that are none of the gate's business, by their word.
pub(super) fn read(
    section: &Section,
    said: &mut Said,
    others: &mut BTreeMap<String, usize>,
    remarks: &mut Remarks,
) {
    let mut reader =
        Reader { said, remarks, others, variables: Variables::new(), acls: Acls::new() };
    for line in &section.lines {
        reader.line(line);
    }
}

pub(super) struct Reader<'r> {
    pub(super) said: &'r mut Said,
    remarks: &'r mut Remarks,
    others: &'r mut BTreeMap<String, usize>,
    pub(super) variables: Variables,
    acls: Acls,
}

impl Reader<'_> {
    fn line(&mut self, line: &Line) {
        let first = line.word(0);
        match first {
            "acl" => self.acl(line),
            "http-request" => self.http_request(line),
            "bind" => self.bind(line),
            "setenv" | "presetenv" if line.word(1).starts_with("OAUTH_") => {}
            "lua-load" | "lua-load-per-thread" if line.word(1).contains("jwtverify") => {}
            name if name.starts_with("tune.")
                || name.starts_with("ssl-")
                || OTHERS.contains(&name) =>
            {
                self.other(name);
            }
            "http-after-response" | "setenv" | "presetenv" | "unsetenv" | "resetenv" => {
                self.other(first)
            }
            "tcp-request" | "tcp-response" => {
                self.remark(line, Kind::Stays, "judges connections, not tokens");
            }
            _ => self.remark(line, Kind::NotCarried, format!("`{first}` is not known here")),
        }
    }

    pub(super) fn remark(&mut self, line: &Line, kind: Kind, text: impl Into<String>) {
        self.remarks.add(line.number, kind, text);
    }

    fn other(&mut self, name: &str) {
        let count = self.others.entry(name.to_owned()).or_default();
        *count = count.saturating_add(1);
    }

    fn notes(&mut self, line: &Line, notes: Notes) {
        for note in notes {
            self.remark(line, Kind::Changed, note);
        }
    }

    fn acl(&mut self, line: &Line) {
        match line.words.get(2..) {
            Some(test) if !test.is_empty() => {
                self.acls.entry(line.word(1).to_owned()).or_default().push(test.to_vec());
            }
            _ => self.remark(line, Kind::NotCarried, "an ACL without a test"),
        }
    }

    fn bind(&mut self, line: &Line) {
        let verifies = line.words.windows(2).find_map(|pair| match pair {
            [name, how] if name == "verify" => Some(how.as_str()),
            _ => None,
        });
        match verifies {
            Some("required") => {
                let text = "client certificates are HAProxy's to check, and stay so; the gate sees \
                            no connection. Headers made of them are guarded, see `remove_headers`";
                self.remark(line, Kind::Stays, text);
            }
            Some("optional") => {
                let text = "`verify optional` lets clients without a certificate in; whatever needs one must say so";
                self.remark(line, Kind::Open, text);
            }
            _ => self.other("bind"),
        }
    }

    fn http_request(&mut self, line: &Line) {
        let action = line.word(1);
        let (name, argument) = match action.split_once('(') {
            Some((name, rest)) => (name, rest.strip_suffix(')').unwrap_or(rest)),
            None => (action, ""),
        };
        let conditions = line.words.iter().position(|word| word == "if" || word == "unless");
        let conditions = conditions.unwrap_or(line.words.len());
        let (body, condition) =
            line.words.split_at_checked(conditions).unwrap_or((&line.words, &[]));
        let body = body.get(2..).unwrap_or_default();
        match name {
            "set-var" => self.set_var(argument, &body.join(" "), condition),
            "set-var-fmt" => {
                self.variables.insert(variable(argument), Meaning::Unknown);
            }
            "unset-var" => {
                self.variables.remove(argument);
            }
            "lua.jwtverify" => {
                self.said.lua = Some(line.number);
                // From here on its variables count, whatever was in them before.
                self.variables
                    .retain(|name, _| !name.starts_with("txn.oauth") && name != "txn.authorized");
            }
            "allow" | "accept" => self.decision(line, condition, false),
            "deny" | "reject" | "tarpit" | "silent-drop" => {
                self.refusal(line, body);
                self.decision(line, condition, true);
            }
            "return" if is_error(body) => {
                self.refusal(line, body);
                self.decision(line, condition, true);
            }
            "set-header" | "add-header" => self.set_header(line, body),
            "del-header" => {
                let name = body.first().map(|name| name.to_ascii_lowercase()).unwrap_or_default();
                self.said.deleted.entry(name).or_insert(line.number);
            }
            "set-path" | "replace-path" | "set-pathq" | "replace-pathq" | "set-uri"
            | "replace-uri" | "normalize-uri" | "set-method" => {
                let text = format!(
                    "`{name}` changes the request for the lines behind it; the gate judges it as the client sent it"
                );
                self.remark(line, Kind::Changed, text);
            }
            "auth" => {
                self.remark(
                    line,
                    Kind::NotCarried,
                    "HTTP Basic authentication stays in HAProxy; the gate reads bearer tokens",
                );
            }
            name if name.starts_with("lua.") => {
                let text = format!("`{name}` is a program of yours; what it decides was not read");
                self.remark(line, Kind::NotCarried, text);
            }
            "return"
            | "redirect"
            | "capture"
            | "cache-use"
            | "track-sc0"
            | "track-sc1"
            | "track-sc2"
            | "set-log-level"
            | "set-src"
            | "set-dst"
            | "set-nice"
            | "set-tos"
            | "set-mark"
            | "set-query"
            | "replace-header"
            | "replace-value"
            | "add-acl"
            | "del-acl"
            | "set-map"
            | "del-map"
            | "sc-inc-gpc0"
            | "sc-inc-gpc1"
            | "sc-set-gpt0"
            | "wait-for-body"
            | "wait-for-handshake"
            | "use-service"
            | "set-bc-mark"
            | "set-fc-mark"
            | "set-timeout"
            | "send-spoe-group"
            | "disable-l7-retry"
            | "early-hint"
            | "strict-mode"
            | "do-resolve"
            | "set-priority-class"
            | "set-priority-offset"
            | "pause"
            | "set-retries"
            | "do-log" => {
                self.remark(line, Kind::Stays, format!("`{name}` is none of the gate's business"));
            }
            _ => {
                self.remark(
                    line,
                    Kind::NotCarried,
                    format!("`http-request {name}` is not known here"),
                );
            }
        }
    }

    fn set_var(&mut self, name: &str, expression: &str, condition: &[String]) {
        let name = variable(name);
        let mut value = meaning(expression.trim(), &self.variables);
        if !condition.is_empty() {
            if matches!(&value, Meaning::Fixed(text) if text == "true" || text == "1") {
                value = self.flag(&name, condition);
                self.variables.insert(name, value);
                return;
            }
            // A second place for the same thing: both are looked at.
            if let (Some(Meaning::Token(before)), Meaning::Token(places)) =
                (self.variables.get(&name), &value)
            {
                let mut both: Vec<Place> = before.clone();
                both.extend(places.iter().filter(|place| !before.contains(place)).cloned());
                value = Meaning::Token(both);
            } else if self.variables.get(&name).is_some_and(|before| *before != value) {
                value = Meaning::Unknown;
            }
        }
        self.variables.insert(name, value);
    }

    /// What a variable says that a condition makes true: that it held, or one before it.
    fn flag(&self, name: &str, condition: &[String]) -> Meaning {
        let mut terms = match self.variables.get(name) {
            None => Vec::new(),
            Some(Meaning::Fixed(text)) if text == "false" || text == "0" => Vec::new(),
            Some(Meaning::Flag(terms)) => terms.clone(),
            Some(_) => return Meaning::OfToken(format!("the variable {name}")),
        };
        let mut notes = Notes::new();
        match condition::condition(condition, &self.acls, &self.variables, &mut notes) {
            Some(more) => terms.extend(more),
            None => return Meaning::OfToken(format!("the variable {name}")),
        }
        Meaning::Flag(terms)
    }

    fn decision(&mut self, line: &Line, condition: &[String], refuses: bool) {
        let read: fn(&Term) -> Reading = if refuses { statement::deny } else { statement::allow };
        let mut notes = Notes::new();
        let terms = condition::condition(condition, &self.acls, &self.variables, &mut notes);
        let Some(terms) = terms else {
            let mut text = "a condition with too many alternatives, or with none".to_owned();
            if refuses {
                // Without it the policy would let pass what this line refuses.
                text.push_str("; so everything is denied that an earlier line does not let pass");
                let region = Region { within: Requests::default(), outside: Vec::new() };
                let effect = Effect::Deny;
                self.said.statements.push(Statement { line: line.number, region, effect });
            }
            return self.remark(line, Kind::NotCarried, text);
        };
        let mut used = false;
        for term in &terms {
            let reading = read(term);
            used |= !reading.statements.is_empty();
            for (region, effect) in reading.statements {
                self.said.statements.push(Statement { line: line.number, region, effect });
            }
            for (check, issuers) in reading.checks {
                self.said.checks.push((line.number, check, issuers));
            }
            for text in reading.stricter {
                let text = format!(
                    "the condition `{text}` is left out, so that more is refused than before"
                );
                self.remark(line, Kind::Changed, text);
            }
            if let Some(text) = reading.not_carried {
                self.remark(line, Kind::NotCarried, text);
            }
            if let Some(text) = reading.stays {
                let text = format!("`{text}` is not about tokens: keep the line in HAProxy");
                self.remark(line, Kind::Stays, text);
            }
        }
        if used {
            self.notes(line, notes);
        }
    }
}

/// `txn.x` of `txn.x,ifnotexists`.
fn variable(argument: &str) -> String {
    argument.split(',').next().unwrap_or_default().trim().to_owned()
}

/// Whether `http-request return` refuses.
fn is_error(body: &[String]) -> bool {
    body.windows(2).any(|pair| match pair {
        [name, status] => name == "status" && status.starts_with(['4', '5']),
        _ => false,
    })
}
