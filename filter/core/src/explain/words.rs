//! Parts of a policy and of a token in words.

use crate::{
    json::Json,
    key_source::{KeySource, Target},
    path::Ambiguity,
    pattern::PathPattern,
    request::Head,
    rule::{Condition, Matcher, Rule, Test},
};

/// Longest value that is shown whole, in characters.
const SHOWN: usize = 200;

/// A JSON value as text, cut if it is long.
pub(crate) fn value(value: &Json) -> String {
    shorten(&value.to_string())
}

/// A text that a terminal can be shown: cut if it is long, control characters escaped.
pub(crate) fn text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let plain: String = text
        .chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] })
        .collect();
    shorten(&plain)
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((place, _)) => format!("{}…", text.get(..place).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// What a path has that servers read differently.
pub(crate) fn ambiguity(kind: Ambiguity) -> &'static str {
    match kind {
        Ambiguity::Backslash => "a backslash",
        Ambiguity::BadPercent => "a `%` without two hexadecimal digits",
        Ambiguity::Control => "no `/` at its start, or a character that no path may have",
        Ambiguity::DotSegment => "a segment `.` or `..`",
        Ambiguity::DoubleSlash => "`//`",
        Ambiguity::EncodedBackslash => "`%5C`",
        Ambiguity::EncodedDot => "`%2E`",
        Ambiguity::EncodedSlash => "`%2F`",
        Ambiguity::Fragment => "`#`",
        Ambiguity::Semicolon => "`;`",
    }
}

/// Which requests a rule speaks for.
pub(crate) fn requests(matcher: &Matcher) -> String {
    let mut text = pattern(&matcher.path);
    if !matcher.methods.is_empty() {
        text.push_str(&format!(", methods {}", matcher.methods.join(" ")));
    }
    if !matcher.hosts.is_empty() {
        text.push_str(&format!(", hosts {}", matcher.hosts.join(" ")));
    }
    text
}

/// Why a rule does not speak for a request whose path it fits; `None` if method and host fit too.
pub(crate) fn mismatch(matcher: &Matcher, head: &Head<'_>) -> Option<String> {
    let method = text(head.method);
    if !matcher.methods.is_empty() && !matcher.methods.contains(&method) {
        return Some(format!("method {method}"));
    }
    if matcher.hosts.is_empty() {
        return None;
    }
    match &head.host {
        None => Some("no host".to_owned()),
        Some(host) if matcher.hosts.iter().all(|known| known != host) => {
            Some(format!("host {}", text(host.as_bytes())))
        }
        Some(_) => None,
    }
}

fn pattern(pattern: &PathPattern) -> String {
    match pattern {
        PathPattern::Exact(path) => format!("path {path}"),
        PathPattern::Prefix(path) => format!("prefix {path}"),
        PathPattern::Template(template) => format!("template {template}"),
    }
}

/// A claim's name as a path.
pub(crate) fn claim(names: &[String]) -> String {
    names.join(" › ")
}

/// What a condition asks of its claim.
pub(crate) fn condition(condition: &Condition, rule: &Rule) -> String {
    match &condition.test {
        Test::Contains(value) => format!("{} in it", self::value(value)),
        Test::EqualsHeader(name) => format!("the value of the header {name}"),
        Test::EqualsSegment(place) => {
            let pattern = rule.matcher.as_ref().map(|matcher| pattern(&matcher.path));
            format!("segment {} of {}", place.saturating_add(1), pattern.unwrap_or_default())
        }
        Test::OneOf(values) => {
            let values: Vec<String> = values.iter().map(self::value).collect();
            values.join(" or ")
        }
        Test::Present => "there".to_owned(),
    }
}

/// A key by its name, if it has one, and what it is; nothing of its material.
pub(crate) fn key(kid: Option<&str>, description: &str) -> String {
    match kid {
        Some(kid) => format!("{:?} ({description})", text(kid.as_bytes())),
        None => description.to_owned(),
    }
}

/// Where keys are fetched.
pub(crate) fn address(source: &KeySource) -> String {
    match &source.target {
        Target::Keys(uri) => format!("{uri} through {}", source.cluster),
        Target::Metadata { uri, .. } => format!("where {uri} says, through {}", source.cluster),
    }
}
