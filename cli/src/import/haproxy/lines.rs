//! An HAProxy configuration as words, in sections.

use std::collections::BTreeMap;

/// A line that says something.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Line {
    /// Counted from 1.
    pub(super) number: usize,
    pub(super) words: Vec<String>,
}

impl Line {
    /// A word by its place; empty if there is none.
    pub(super) fn word(&self, place: usize) -> &str {
        self.words.get(place).map_or("", String::as_str)
    }
}

/// A section and its lines.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Section {
    /// `frontend`, `global`, and so on; empty for lines before the first section.
    pub(super) kind: String,
    /// Empty for sections that have none.
    pub(super) name: String,
    pub(super) lines: Vec<Line>,
}

impl Section {
    /// `frontend api`
    pub(super) fn title(&self) -> String {
        match (self.kind.as_str(), self.name.as_str()) {
            ("", _) => "the lines before any section".to_owned(),
            (kind, "") => kind.to_owned(),
            (kind, name) => format!("{kind} {name}"),
        }
    }
}

/// The words that begin a section.
pub(super) const SECTIONS: [&str; 17] = [
    "backend",
    "cache",
    "crt-store",
    "defaults",
    "fcgi-app",
    "frontend",
    "global",
    "http-errors",
    "listen",
    "log-forward",
    "log-profile",
    "mailers",
    "peers",
    "program",
    "resolvers",
    "ring",
    "userlist",
];

/// Takes a configuration apart.
pub(super) fn sections(text: &str) -> Vec<Section> {
    let mut environment: BTreeMap<String, String> = BTreeMap::new();
    let mut sections = vec![Section::default()];
    for (place, line) in text.lines().enumerate() {
        let words = words(line, &environment);
        let Some(first) = words.first() else { continue };
        if SECTIONS.contains(&first.as_str()) {
            let kind = first.clone();
            let name = words.get(1).filter(|word| *word != "from").cloned().unwrap_or_default();
            sections.push(Section { kind, name, lines: Vec::new() });
            continue;
        }
        if let ("setenv" | "presetenv", Some(name), Some(value)) =
            (first.as_str(), words.get(1), words.get(2))
        {
            environment.insert(name.clone(), value.clone());
        }
        if let Some(section) = sections.last_mut() {
            section.lines.push(Line { number: place.saturating_add(1), words });
        }
    }
    sections
}

/// Splits a line as HAProxy does: quotes, backslashes, comments, and variables of the environment in
/// double quotes. What does not end is taken to end with the line.
pub(super) fn words(line: &str, environment: &BTreeMap<String, String>) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut characters = line.chars().peekable();
    let mut quote = None;
    while let Some(c) = characters.next() {
        match (quote, c) {
            (None, '#') if word.is_none() => break,
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, '#') => break,
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (Some(open), c) if c == open => quote = None,
            (None | Some('"'), '\\') => {
                let escaped = characters.next();
                let word = word.get_or_insert_default();
                match escaped {
                    None => word.push('\\'),
                    Some('r') if quote.is_none() => word.push('\r'),
                    Some('n') if quote.is_none() => word.push('\n'),
                    Some('t') if quote.is_none() => word.push('\t'),
                    // In double quotes a backslash stays before what it does not escape.
                    Some(c) if quote.is_some() && !"\\\"$".contains(c) => word.extend(['\\', c]),
                    Some(c) => word.push(c),
                }
            }
            (Some('"'), '$') => {
                let braces = characters.next_if_eq(&'{').is_some();
                let mut name = String::new();
                while let Some(c) = characters.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                    name.push(c);
                }
                if braces {
                    while characters.next_if(|c| *c != '}' && *c != '"').is_some() {}
                    characters.next_if_eq(&'}');
                }
                let value = environment.get(&name).cloned();
                // What HAProxy would get from its own environment is not known here.
                let value = value.unwrap_or_else(|| format!("${name}"));
                word.get_or_insert_default().push_str(&value);
            }
            (_, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_haproxy_splits_them() {
        let environment = BTreeMap::from([("A".to_owned(), "x y".to_owned())]);
        for (line, expected) in [
            ("  a  b\tc # d", &["a", "b", "c"][..]),
            ("# a", &[]),
            ("a#b", &["a"]),
            ("a\\#b \\ c", &["a#b", " c"]),
            ("jwt_query('$.exp','int')", &["jwt_query($.exp,int)"]),
            ("\"a b\" 'c \"d'", &["a b", "c \"d"]),
            ("\"$A\" \"${A}z\" '$A' $A", &["x y", "x yz", "$A", "$A"]),
            ("\"${B}\"", &["$B"]),
            ("'' \"\"", &["", ""]),
            ("a 'b", &["a", "b"]),
            ("\"a\\.b\\\"\"", &["a\\.b\""]),
            ("a\\", &["a\\"]),
        ] {
            assert_eq!(words(line, &environment), expected, "{line}");
        }
    }

    #[test]
    fn lines_belong_to_sections() {
        let text = "x\nglobal\n  setenv A b\nfrontend api from base\n\n  bind \"$A\"\n";
        let found = sections(text);
        let titles: Vec<String> = found.iter().map(Section::title).collect();
        assert_eq!(titles, ["the lines before any section", "global", "frontend api"]);
        assert_eq!(found[2].lines, [Line { number: 6, words: vec!["bind".into(), "b".into()] }]);
    }
}
