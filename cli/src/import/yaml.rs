//! Writes a policy for people to read on: with comments, in the order of the documentation.

use std::fmt::Write as _;

use serde_json::Value;

use super::{
    draft::{Asks, Condition, Draft, Issuer, Keys, Place, Rule, Test, Wanted},
    requests::{PathSet, Requests},
};

/// The policy as YAML.
pub(super) fn write(draft: &Draft, head: &[String]) -> String {
    let mut out = Writer(String::new());
    for line in head {
        out.comment(0, line);
    }
    out.line(0, "issuers:");
    for issuer in &draft.issuers {
        self::issuer(issuer, &mut out);
    }
    let usual = draft.places.is_empty() || draft.places == [Place::usual()];
    if !usual || draft.forward_token {
        out.line(0, "token:");
        if !usual {
            out.line(1, "from:");
            for place in &draft.places {
                out.line(1, &format!("- {}", place_text(place)));
            }
        }
        if draft.forward_token {
            out.line(1, "forward: true");
        }
    }
    out.line(0, "rules:");
    let mut names = Vec::new();
    for rule in &draft.rules {
        let mut body = Writer(String::new());
        self::rule(rule, &mut names, &mut body);
        for comment in &rule.comments {
            out.comment(0, comment);
        }
        match rule.left_out {
            true => body.0.lines().for_each(|line| out.comment(0, line)),
            false => out.0.push_str(&body.0),
        }
    }
    forward(draft, &mut out);
    if draft.allow_preflight {
        out.line(0, "cors_preflight: allow");
    }
    if draft.detail || draft.body.is_some() {
        out.line(0, "reply:");
        if draft.detail {
            out.line(1, "detail: true");
        }
        if let Some((content_type, template)) = &draft.body {
            let (content_type, template) = (text(content_type), text(template));
            let body = format!("body: {{ content_type: {content_type}, template: {template} }}");
            out.line(1, &body);
        }
    }
    out.0
}

struct Writer(String);

impl Writer {
    fn line(&mut self, depth: usize, text: &str) {
        // To a String it cannot fail.
        let _ = writeln!(self.0, "{:width$}{text}", "", width = depth.saturating_mul(2));
    }

    /// Whatever is in it, it stays a comment.
    fn comment(&mut self, depth: usize, text: &str) {
        let mut plain = crate::words::plain(text);
        // YAML has line breaks beyond ASCII.
        plain.retain(|c| !matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}' | '\u{feff}'));
        self.line(depth, format!("# {plain}").trim_end());
    }
}

fn issuer(issuer: &Issuer, out: &mut Writer) {
    out.line(0, &format!("- name: {}", text(&issuer.name)));
    for comment in &issuer.comments {
        out.comment(1, comment);
    }
    match &issuer.issuer {
        Some(name) => out.line(1, &format!("issuer: {}", text(name))),
        None => out.line(1, "issuer:                    # MISSING: the exact `iss` of its tokens"),
    }
    match &issuer.audiences {
        Some(names) => out.line(1, &format!("audiences: {}", texts(names))),
        None => out.line(1, "audiences: any"),
    }
    out.line(1, &format!("algorithms: {}", texts(&issuer.algorithms)));
    match &issuer.keys {
        Keys::Pem(pem) => {
            out.line(1, "keys:");
            out.line(2, "pem: |");
            for line in pem.lines() {
                out.line(3, &crate::words::plain(line));
            }
        }
        Keys::Set(set) => {
            out.line(1, "keys:");
            out.line(2, &format!("jwks: {set}"));
        }
        Keys::Remote(remote) => {
            let mut fields =
                format!("uri: {}, cluster: {}", text(&remote.uri), text(&remote.cluster));
            if let Some(refresh) = remote.refresh {
                let _ = write!(fields, ", refresh: {refresh}s");
            }
            if let Some(timeout) = remote.timeout {
                let _ = write!(fields, ", timeout: {timeout}ms");
            }
            out.line(1, "keys:");
            out.line(2, &format!("remote: {{ {fields} }}"));
        }
        Keys::Missing(what) => {
            out.line(1, "keys:");
            out.comment(2, &format!("MISSING: {what}"));
            out.line(2, "pem:");
        }
        Keys::None => {
            out.line(1, "keys:");
            out.comment(
                2,
                "MISSING: the issuer's public key, its key set, or where that is fetched",
            );
            out.line(2, "pem:");
        }
    }
    if !issuer.types.is_empty() {
        out.line(1, &format!("types: {}", texts(&issuer.types)));
    }
    if let Some(skew) = issuer.clock_skew {
        out.line(1, &format!("clock_skew: {skew}s"));
    }
    if let Some(lifetime) = issuer.max_lifetime {
        out.line(1, &format!("max_lifetime: {lifetime}s"));
    }
}

fn place_text(place: &Place) -> String {
    match place {
        Place::Header(name, true) => format!("header: {}", text(name)),
        Place::Header(name, false) => format!("{{ header: {}, scheme: none }}", text(name)),
        Place::Cookie(name) => format!("cookie: {}", text(name)),
        Place::Query(name) => format!("query: {}", text(name)),
    }
}

fn rule(rule: &Rule, names: &mut Vec<String>, out: &mut Writer) {
    let mut name = name(&rule.requests);
    // Two paths may differ in characters that no label has.
    if names.contains(&name) {
        name = format!("{name}-{}", names.len());
    }
    out.line(0, &format!("- name: {}", text(&name)));
    names.push(name);
    out.line(1, &format!("match: {}", requests(&rule.requests)));
    match &rule.asks {
        Asks::Public => out.line(1, "access: public"),
        Asks::Deny => out.line(1, "access: deny"),
        Asks::Optional => out.line(1, "access: optional"),
        Asks::Token(wanted) if *wanted == Wanted::default() => out.line(1, "access: token"),
        Asks::Token(wanted) => self::wanted(wanted, out),
    }
}

fn wanted(wanted: &Wanted, out: &mut Writer) {
    out.line(1, "require:");
    if !wanted.issuers.is_empty() {
        out.line(2, &format!("issuers: {}", texts(&wanted.issuers)));
    }
    let scopes: Vec<String> = [("all", &wanted.all), ("any", &wanted.any)]
        .iter()
        .filter(|(_, scopes)| !scopes.is_empty())
        .map(|(name, scopes)| format!("{name}: {}", texts(scopes)))
        .collect();
    if !scopes.is_empty() {
        out.line(2, &format!("scopes: {{ {} }}", scopes.join(", ")));
    }
    if !wanted.claims.is_empty() {
        out.line(2, "claims:");
        for condition in &wanted.claims {
            out.line(2, &format!("- {}", self::condition(condition)));
        }
    }
}

fn condition(condition: &Condition) -> String {
    let test = match &condition.test {
        Test::OneOf(values) => match values.as_slice() {
            [value] => format!("equals: {}", scalar(value)),
            values => {
                let values: Vec<String> = values.iter().map(scalar).collect();
                format!("one_of: [{}]", values.join(", "))
            }
        },
        Test::Contains(value) => format!("contains: {}", scalar(value)),
        Test::Present => "present: true".to_owned(),
    };
    format!("{{ claim: {}, {test} }}", texts(&condition.claim))
}

fn forward(draft: &Draft, out: &mut Writer) {
    if draft.payload.is_none() && draft.claims.is_empty() && draft.remove_headers.is_empty() {
        return;
    }
    out.line(0, "forward:");
    if let Some(name) = &draft.payload {
        out.line(1, &format!("payload: {}", text(name)));
    }
    if !draft.claims.is_empty() {
        out.line(1, "claims:");
        for forwarded in &draft.claims {
            let (claim, header) = (texts(&forwarded.claim), text(&forwarded.header));
            out.line(1, &format!("- {{ claim: {claim}, header: {header} }}"));
        }
    }
    if !draft.remove_headers.is_empty() {
        out.line(1, &format!("remove_headers: {}", texts(&draft.remove_headers)));
    }
}

fn requests(requests: &Requests) -> String {
    let mut parts = vec![match &requests.path {
        PathSet::All => "prefix: /".to_owned(),
        PathSet::Prefix(path) => format!("prefix: {}", text(path)),
        PathSet::Exact(path) => format!("path: {}", text(path)),
    }];
    let list =
        |set: &std::collections::BTreeSet<String>| texts(&set.iter().cloned().collect::<Vec<_>>());
    parts.extend(requests.methods.as_ref().map(|methods| format!("methods: {}", list(methods))));
    parts.extend(requests.hosts.as_ref().map(|hosts| format!("hosts: {}", list(hosts))));
    format!("{{ {} }}", parts.join(", "))
}

/// A label that says which requests are meant: `delete-post-api-hamsters`.
fn name(requests: &Requests) -> String {
    let mut words: Vec<String> = Vec::new();
    let sets = [&requests.methods, &requests.hosts];
    words.extend(sets.into_iter().flatten().flatten().map(|word| word.to_ascii_lowercase()));
    match &requests.path {
        PathSet::All if words.is_empty() => words.push("everything-else".to_owned()),
        PathSet::All => words.push("everything".to_owned()),
        PathSet::Prefix(path) => words.push(path.clone()),
        PathSet::Exact(path) => words.push(format!("{path}-itself")),
    }
    let mut name = String::new();
    for c in words.join("-").chars() {
        if c.is_ascii_alphanumeric() || c == '.' || c == '_' {
            name.push(c);
        } else if !name.ends_with('-') && !name.is_empty() {
            name.push('-');
        }
    }
    name.truncate(100);
    match name.trim_end_matches('-') {
        "" | "none" | "route" => "rule".to_owned(),
        name => name.to_owned(),
    }
}

fn texts(texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|one| text(one)).collect();
    format!("[{}]", texts.join(", "))
}

fn scalar(value: &Value) -> String {
    match value {
        Value::String(string) => text(string),
        other => other.to_string(),
    }
}

/// A text as YAML: plain where every reader takes it for this very text, else in quotes.
fn text(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./:+".contains(&byte);
    let starts = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'/');
    // What one or the other reader of YAML takes for a number, a truth value or nothing.
    let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan", "inf"];
    let is_word = words.iter().any(|word| text.eq_ignore_ascii_case(word));
    let is_safe = starts
        && text.bytes().all(plain)
        && !text.ends_with(':')
        && !is_word
        && !text.bytes().all(|byte| byte.is_ascii_hexdigit() || b"._+-:".contains(&byte));
    if is_safe { text.to_owned() } else { quoted(text) }
}

/// In double quotes, as JSON has them; YAML reads all of its escapes.
fn quoted(text: &str) -> String {
    let mut quoted = Value::from(text).to_string();
    for c in ['\u{7f}', '\u{85}', '\u{2028}', '\u{2029}', '\u{feff}'] {
        quoted = quoted.replace(c, &format!("\\u{:04x}", u32::from(c)));
    }
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Tree;

    #[test]
    fn a_text_is_read_as_it_was_written() {
        for original in [
            "a",
            "read:x",
            "https://a.example/",
            "",
            " a",
            "a: b",
            "no",
            "NULL",
            "1e3",
            "0x1f",
            "-",
            "- a",
            "a#b",
            "a #b",
            "\"",
            "'",
            "a\nb",
            "\u{2028}",
            "{",
            "é",
            "~",
            "12:30",
            "a:",
            "/",
            "*a",
            "&a",
            "!a",
            "|",
            "true",
            "\u{7f}",
            "\\",
            "=",
            "<<",
            "dead.beef",
        ] {
            let read = Tree::parse(&format!("x: [{}]\n", text(original)));
            let read = read.unwrap_or_else(|e| panic!("{original:?}: {e:?}"));
            assert_eq!(read.value()["x"][0], Value::from(original), "{original:?}");
        }
    }

    #[test]
    fn a_comment_stays_one() {
        let mut out = Writer(String::new());
        out.comment(1, "a\n- b\u{2028}c\u{85}d");
        assert_eq!(out.0.lines().count(), 1);
        assert!(out.0.starts_with("  # a"));
    }

    #[test]
    fn names_are_labels() {
        for (path, methods, expected) in [
            (PathSet::All, &[][..], "everything-else"),
            (PathSet::All, &["GET"], "get-everything"),
            (PathSet::prefix("/api/hamsters"), &["POST", "DELETE"], "delete-post-api-hamsters"),
            (PathSet::Exact("/a b".to_owned()), &[], "a-b-itself"),
        ] {
            let mut requests = Requests::of_path(path);
            if !methods.is_empty() {
                requests.methods = Requests::of_methods(methods.iter().copied()).methods;
            }
            assert_eq!(name(&requests), expected);
        }
    }
}
