//! Reads a document node by node, telling every problem with its path.

use std::{ops::RangeInclusive, time::Duration};

use crate::json::{Json, Number};

use super::problem::Problems;

/// A value and where it stands.
pub(crate) struct Node<'d> {
    pub(crate) path: String,
    pub(crate) value: &'d Json,
}

impl<'d> Node<'d> {
    /// What stands here, for a problem; long texts are cut.
    pub(crate) fn found(&self) -> String {
        match self.value {
            Json::Null => "null".to_owned(),
            Json::Bool(value) => value.to_string(),
            Json::Number(value) => format!("the number {value}"),
            Json::String(text) => quote(text),
            Json::Array(items) => format!("a list of {}", items.len()),
            Json::Object(members) if members.is_empty() => "an empty object".to_owned(),
            Json::Object(members) => {
                let names: Vec<String> =
                    members.iter().take(5).map(|(name, _)| quote(name)).collect();
                format!("an object with {}", names.join(", "))
            }
        }
    }

    pub(crate) fn wrong(&self, expected: impl Into<String>, sink: &mut Problems) {
        sink.error(&self.path, self.found(), expected);
    }

    pub(crate) fn object(&self, sink: &mut Problems) -> Option<Fields<'d>> {
        match self.value {
            Json::Object(members) => {
                Some(Fields { path: self.path.clone(), members, asked: Vec::new() })
            }
            _ => {
                self.wrong("an object", sink);
                None
            }
        }
    }

    /// The items of a list that has at least one.
    pub(crate) fn list(&self, of: &str, sink: &mut Problems) -> Option<Vec<Node<'d>>> {
        match self.value {
            Json::Array(items) if !items.is_empty() => Some(
                items
                    .iter()
                    .enumerate()
                    .map(|(place, value)| Node { path: format!("{}[{place}]", self.path), value })
                    .collect(),
            ),
            _ => {
                self.wrong(format!("a list of {of}, at least one"), sink);
                None
            }
        }
    }

    /// A text that is not empty and has no control characters.
    pub(crate) fn text(&self, expected: &str, sink: &mut Problems) -> Option<&'d str> {
        match self.value {
            Json::String(text) if !text.is_empty() && !text.chars().any(char::is_control) => {
                Some(text)
            }
            _ => {
                self.wrong(expected, sink);
                None
            }
        }
    }

    /// A text that `fits`.
    pub(crate) fn text_where(
        &self,
        fits: impl Fn(&str) -> bool,
        expected: &str,
        sink: &mut Problems,
    ) -> Option<&'d str> {
        let text = self.text(expected, sink)?;
        if !fits(text) {
            self.wrong(expected, sink);
            return None;
        }
        Some(text)
    }

    /// A list of texts that each `fit`; the good ones if some are bad.
    pub(crate) fn texts(
        &self,
        fits: impl Fn(&str) -> bool,
        item: &str,
        sink: &mut Problems,
    ) -> Option<Vec<String>> {
        let items = self.list(item, sink)?;
        Some(
            items
                .iter()
                .filter_map(|node| node.text_where(&fits, item, sink))
                .map(str::to_owned)
                .collect(),
        )
    }

    pub(crate) fn boolean(&self, sink: &mut Problems) -> Option<bool> {
        match self.value {
            Json::Bool(value) => Some(*value),
            _ => {
                self.wrong("true or false", sink);
                None
            }
        }
    }

    /// A whole number, however it is written (`10`, `10.0`, `1e1`); a text of digits as well, since
    /// Envoy turns large numbers of a YAML file into texts.
    pub(crate) fn integer(&self, range: RangeInclusive<u64>, sink: &mut Problems) -> Option<u64> {
        let value = match self.value {
            Json::Number(Number::Unsigned(value)) => Some(*value),
            // One that is not whole is written with its fraction.
            Json::Number(number @ Number::Float(_)) => number.to_string().parse().ok(),
            Json::String(text) => text.parse().ok(),
            _ => None,
        };
        let value = value.filter(|value| range.contains(value));
        if value.is_none() {
            let expected = format!("a whole number from {} to {}", range.start(), range.end());
            self.wrong(expected, sink);
        }
        value
    }

    /// A duration such as `500ms`, `60s`, `10m` or `24h`.
    pub(crate) fn duration(
        &self,
        range: &RangeInclusive<Duration>,
        example: &str,
        sink: &mut Problems,
    ) -> Option<Duration> {
        let duration = self.value.as_str().and_then(parse_duration);
        let duration = duration.filter(|duration| range.contains(duration));
        if duration.is_none() {
            let (least, most) = (spell(*range.start()), spell(*range.end()));
            self.wrong(format!("a duration from {least} to {most}, such as {example}"), sink);
        }
        duration
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(&self, words: &[(&str, T)], sink: &mut Problems) -> Option<T> {
        let chosen = self
            .value
            .as_str()
            .and_then(|text| words.iter().find(|(word, _)| *word == text))
            .map(|(_, choice)| *choice);
        if chosen.is_none() {
            self.wrong(one_of(words.iter().map(|(word, _)| *word)), sink);
        }
        chosen
    }
}

/// The members of an object, with a memory of which were asked for.
pub(crate) struct Fields<'d> {
    pub(crate) path: String,
    members: &'d [(String, Json)],
    asked: Vec<&'static str>,
}

impl<'d> Fields<'d> {
    pub(crate) fn optional(&mut self, name: &'static str) -> Option<Node<'d>> {
        self.asked.push(name);
        let (_, value) = self.members.iter().find(|(known, _)| known == name)?;
        Some(Node { path: join(&self.path, name), value })
    }

    pub(crate) fn required(
        &mut self,
        name: &'static str,
        expected: &str,
        sink: &mut Problems,
    ) -> Option<Node<'d>> {
        let node = self.optional(name);
        if node.is_none() {
            sink.error(&join(&self.path, name), "nothing", expected);
        }
        node
    }

    /// A boolean that is off unless it is switched on.
    pub(crate) fn flag(&mut self, name: &'static str, sink: &mut Problems) -> bool {
        self.optional(name).and_then(|node| node.boolean(sink)).unwrap_or(false)
    }

    /// A number of bytes or of things; the default if there is none or it is wrong.
    pub(crate) fn size(
        &mut self,
        name: &'static str,
        range: RangeInclusive<u64>,
        default: usize,
        sink: &mut Problems,
    ) -> usize {
        let written = self.optional(name).and_then(|node| node.integer(range, sink));
        written.and_then(|size| usize::try_from(size).ok()).unwrap_or(default)
    }

    /// Exactly one of several members.
    pub(crate) fn exactly_one(
        &mut self,
        names: &[&'static str],
        sink: &mut Problems,
    ) -> Option<(&'static str, Node<'d>)> {
        let mut found: Vec<_> =
            names.iter().filter_map(|name| self.optional(name).map(|node| (*name, node))).collect();
        if found.len() == 1 {
            return found.pop();
        }
        let there: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
        let found = if there.is_empty() { "none".to_owned() } else { there.join(" and ") };
        sink.error(&self.path, found, format!("exactly {}", one_of(names.iter().copied())));
        None
    }

    /// Every member that nobody asked for is a problem: a misspelt condition would else silently be
    /// no condition.
    pub(crate) fn finish(self, sink: &mut Problems) {
        for (name, _) in self.members {
            if !self.asked.contains(&name.as_str()) {
                sink.error(
                    // Escaped: a line break in a name would be a line of its own in the log.
                    &join(&self.path, &shorten(name).escape_debug().to_string()),
                    "an unknown field",
                    one_of(self.asked.iter().copied()),
                );
            }
        }
    }
}

/// `one of a, b, c`
pub(crate) fn one_of<'w>(words: impl Iterator<Item = &'w str>) -> String {
    let words: Vec<&str> = words.collect();
    match words.as_slice() {
        [word] => (*word).to_owned(),
        words => format!("one of {}", words.join(", ")),
    }
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// A text as a problem shows it.
pub(crate) fn quote(text: &str) -> String {
    format!("{:?}", shorten(text))
}

fn shorten(text: &str) -> String {
    const LONGEST: usize = 40;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    text.chars().take(LONGEST).chain("…".chars()).collect()
}

/// Units of a duration, longest first, in milliseconds.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

fn parse_duration(text: &str) -> Option<Duration> {
    let split = text.find(|c: char| !c.is_ascii_digit())?;
    // No digits at all, or a sign, which `parse` alone takes, leave nothing to parse.
    let (digits, written) = text.split_at_checked(split)?;
    let (_, millis) = UNITS.into_iter().find(|(unit, _)| *unit == written)?;
    digits.parse::<u64>().ok()?.checked_mul(millis).map(Duration::from_millis)
}

/// A duration as an operator writes it, in the longest unit that it is a multiple of.
pub(crate) fn spell(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let whole = UNITS.into_iter().find(|(_, unit)| millis > 0 && millis.is_multiple_of(*unit));
    let (unit, count) = whole.unwrap_or(("s", 1000));
    format!("{}{unit}", millis.checked_div(count).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        for (text, read) in [
            ("10", Some(10)),
            ("10.0", Some(10)),
            ("1e1", Some(10)),
            ("\"10\"", Some(10)),
            ("10.5", None),
            ("-10.0", None),
            ("1e300", None),
            ("101", None),
            ("101.0", None),
            ("true", None),
        ] {
            let value = crate::json::parse(text.as_bytes(), crate::json::Limits::DOCUMENT).unwrap();
            let node = Node { path: String::new(), value: &value };
            assert_eq!(node.integer(0..=100, &mut Problems::default()), read, "{text}");
        }
    }

    #[test]
    fn durations_have_a_unit() {
        for (text, millis) in [
            ("500ms", Some(500)),
            ("60s", Some(60_000)),
            ("10m", Some(600_000)),
            ("24h", Some(86_400_000)),
            ("0s", Some(0)),
            ("0ms", Some(0)),
            ("60", None),
            ("s", None),
            ("ms", None),
            ("", None),
            ("+1s", None),
            ("-1s", None),
            ("1.5h", None),
            ("1 s", None),
            ("1d", None),
            ("1sm", None),
            ("99999999999999999999h", None),
            ("18446744073709551615h", None),
        ] {
            assert_eq!(parse_duration(text), millis.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn durations_are_spelled_in_the_longest_unit() {
        for text in ["0s", "1ms", "1500ms", "1s", "90s", "1m", "90m", "1h", "720h"] {
            assert_eq!(spell(parse_duration(text).unwrap()), text);
        }
        assert_eq!(spell(Duration::from_secs(3600)), "1h");
    }
}
