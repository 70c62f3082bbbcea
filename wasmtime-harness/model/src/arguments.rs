//! The arguments of a host call as a person reads them.

use std::fmt::Write as _;

use crate::pairs::decode_pairs;

/// Something that a filter hands to the host.
pub(crate) trait Argument {
    /// Appends it as text.
    fn show(&self, text: &mut String);
}

/// Encoded pairs, such as a map of headers.
pub(crate) struct Pairs<'a>(pub(crate) &'a [u8]);

/// All arguments, with commas between them.
pub(crate) fn shown(arguments: &[&dyn Argument]) -> String {
    let mut text = String::new();
    for (i, argument) in arguments.iter().enumerate() {
        if i > 0 {
            text.push_str(", ");
        }
        argument.show(&mut text);
    }
    text
}

impl Argument for &[u8] {
    fn show(&self, text: &mut String) {
        // Writing to a string cannot fail, here and below.
        let _ = write!(text, "\"{}\"", self.escape_ascii());
    }
}

impl Argument for Option<&[u8]> {
    fn show(&self, text: &mut String) {
        match self {
            Some(bytes) => bytes.show(text),
            None => text.push_str("none"),
        }
    }
}

impl Argument for Pairs<'_> {
    fn show(&self, text: &mut String) {
        let pairs = decode_pairs(self.0);
        let pairs = pairs
            .iter()
            .map(|(name, value)| format!("{}: {}", name.escape_ascii(), value.escape_ascii()));
        let _ = write!(text, "{{{}}}", pairs.collect::<Vec<_>>().join("; "));
    }
}

macro_rules! as_displayed {
    ($($kind:ty),*) => {$(
        impl Argument for $kind {
            fn show(&self, text: &mut String) {
                let _ = write!(text, "{self}");
            }
        }
    )*};
}

as_displayed!(bool, i32, u32, i64, u64);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{headers::Headers, pairs::encode_pairs};

    #[test]
    fn bytes_are_escaped_and_pairs_decoded() {
        let headers = encode_pairs(&Headers::from_iter([("a", "1"), ("b", "\"\n")]));
        let name: &[u8] = b"x\0y\xff";
        let arguments: [&dyn Argument; 5] =
            [&7_u32, &name, &None::<&[u8]>, &Pairs(&headers), &true];
        let text = r#"7, "x\x00y\xff", none, {a: 1; b: \"\n}, true"#;
        assert_eq!(shown(&arguments), text);
    }
}
