//! What is said to operators, and its colours.

use anstyle::{AnsiColor, Style};

/// Something is wrong.
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
/// Something is worth a look.
pub(crate) const ODD: Style = AnsiColor::Yellow.on_default();
/// Something is right.
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// A heading.
pub(crate) const BOLD: Style = Style::new().bold();
/// What only accompanies.
pub(crate) const DIM: Style = Style::new().dimmed();

/// A text in a style; `anstream` takes it away where nobody would see it.
pub(crate) fn paint(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}

/// `one of a, b`
pub(crate) fn one_of(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        [one] => one.clone(),
        many => format!("one of {}", many.join(", ")),
    }
}

/// `; perhaps NAME`, if one of the names is nearly the one that was found.
pub(crate) fn suggestion<'n>(found: &str, names: impl Iterator<Item = &'n str>) -> String {
    let near = names
        .map(|name| (strsim::normalized_damerau_levenshtein(found, name), name))
        .filter(|(likeness, name)| *likeness >= 0.6 && *name != found)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    near.map_or_else(String::new, |(_, name)| format!("; perhaps {name}"))
}

/// `1 error`, `2 errors`
pub(crate) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A text for one line of a terminal: control characters are escaped.
pub(crate) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() { plain.extend(c.escape_default()) } else { plain.push(c) }
    }
    plain
}

/// [`plain`] for each line of a text.
pub(crate) fn plain_lines(text: &str) -> String {
    text.lines().map(|line| format!("{}\n", plain(line))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_near_is_suggested() {
        let names = ["audiences", "algorithms", "keys"];
        assert_eq!(suggestion("audience", names.into_iter()), "; perhaps audiences");
        assert_eq!(suggestion("algorithm", names.into_iter()), "; perhaps algorithms");
        assert_eq!(suggestion("scopes", names.into_iter()), "");
        assert_eq!(suggestion("keys", names.into_iter()), "");
    }

    #[test]
    fn control_characters_do_not_reach_a_terminal() {
        assert_eq!(plain("a\x1b[31m\nb"), "a\\u{1b}[31m\\nb");
    }
}
