//! Text that leaves the module.

use std::borrow::Cow;

/// `text` with every character outside of visible ASCII and the blank replaced by `?`.
///
/// Envoy writes the header values of a reply out as they are: a CR LF in one of them would end the
/// header and let whoever chose the text write the rest of the response.
pub(crate) fn visible_ascii(text: &str) -> Cow<'_, [u8]> {
    if is_visible_ascii(text) {
        return Cow::Borrowed(text.as_bytes());
    }
    let visible = |c: char| u8::try_from(c).ok().filter(|byte| matches!(byte, b' '..=b'~'));
    Cow::Owned(text.chars().map(|c| visible(c).unwrap_or(b'?')).collect())
}

fn is_visible_ascii(text: &str) -> bool {
    text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// `text` on one line: every control character becomes a blank, so that nobody can write a log
/// line of their own.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    if !is_visible_ascii(text) && text.chars().any(char::is_control) {
        Cow::Owned(text.replace(char::is_control, " "))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_value_cannot_end_its_line() {
        assert_eq!(
            *visible_ascii("Bearer realm=\"a\"\r\nset-cookie: z=1\0"),
            *b"Bearer realm=\"a\"??set-cookie: z=1?"
        );
    }

    #[test]
    fn a_character_of_several_bytes_becomes_one_mark() {
        assert_eq!(*visible_ascii("Zürich\u{7f}"), *b"Z?rich?");
    }

    #[test]
    fn plain_text_stays_as_it_is() {
        assert_eq!(*visible_ascii("Bearer realm=\"a b\" ~"), *b"Bearer realm=\"a b\" ~");
        assert_eq!(one_line("issuers[0]: für"), "issuers[0]: für");
    }

    #[test]
    fn a_log_line_stays_one_line() {
        assert_eq!(one_line("a\nb\u{85}c\u{1b}[2J"), "a b c [2J");
    }
}
