//! Text of a scenario file that stands for bytes: `\xFF` escapes and `${name}` placeholders.

/// Resolves the name in `${name}`.
pub(crate) type Lookup<'a> = dyn Fn(&str) -> Result<Vec<u8>, String> + 'a;

/// Turns text into bytes: `\xHH` is a byte, `\\` a backslash, `${name}` what `lookup` says.
///
/// # Errors
///
/// Any other escape, a placeholder without an end, and what `lookup` refuses.
pub(crate) fn bytes(text: &str, lookup: &Lookup<'_>) -> Result<Vec<u8>, String> {
    expand(text, true, lookup)
}

/// Like [`bytes`] for text that must stay text and in which a backslash is a backslash.
pub(crate) fn plain(text: &str, lookup: &Lookup<'_>) -> Result<String, String> {
    let bytes = expand(text, false, lookup)?;
    String::from_utf8(bytes).map_err(|_| format!("{text:?} stands for bytes that are not text"))
}

/// The name, if the text is one placeholder and nothing else.
pub(crate) fn sole_placeholder(text: &str) -> Option<&str> {
    let name = text.strip_prefix("${")?.strip_suffix('}')?;
    (!name.contains(['{', '}'])).then_some(name)
}

/// What the placeholder `${repeat:TEXT:COUNT}` stands for; `None` for any other name.
pub(crate) fn repeated(name: &str) -> Option<Result<Vec<u8>, String>> {
    let rest = name.strip_prefix("repeat:")?;
    let parts = rest.rsplit_once(':').and_then(|(what, n)| Some((what, n.parse().ok()?)));
    Some(match parts {
        Some((what, count)) => Ok(what.repeat(count).into_bytes()),
        None => Err(format!("found ${{{name}}}, expected ${{repeat:TEXT:COUNT}}")),
    })
}

fn expand(text: &str, escapes: bool, lookup: &Lookup<'_>) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if let Some(after) = rest.strip_prefix("${") {
            let (name, tail) =
                after.split_once('}').ok_or_else(|| format!("`${{` without `}}` in {text:?}"))?;
            out.extend(lookup(name)?);
            rest = tail;
        } else if escapes && c == '\\' {
            let (byte, tail) = escape(rest).ok_or_else(|| {
                format!("found an unknown escape in {text:?}, expected \\xHH or \\\\")
            })?;
            out.push(byte);
            rest = tail;
        } else {
            let (this, tail) = rest.split_at(c.len_utf8());
            out.extend(this.as_bytes());
            rest = tail;
        }
    }
    Ok(out)
}

fn escape(text: &str) -> Option<(u8, &str)> {
    if let Some(tail) = text.strip_prefix(r"\\") {
        return Some((b'\\', tail));
    }
    let digits = text.strip_prefix(r"\x")?;
    let (hex, tail) = digits.split_at_checked(2)?;
    let whole = hex.bytes().all(|b| b.is_ascii_hexdigit());
    let byte = u8::from_str_radix(hex, 16).ok().filter(|_| whole)?;
    Some((byte, tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(name: &str) -> Result<Vec<u8>, String> {
        match name {
            "a" => Ok(b"A!".to_vec()),
            other => Err(format!("no {other}")),
        }
    }

    #[test]
    fn escapes_and_placeholders_become_bytes() {
        assert_eq!(bytes(r"x\xFF\\\x0d${a}é", &lookup).unwrap(), b"x\xFF\\\rA!\xC3\xA9");
        assert_eq!(plain(r"x\xFF${a}", &lookup).unwrap(), r"x\xFFA!");
    }

    #[test]
    fn mistakes_are_not_taken_for_text() {
        for text in [r"\n", r"\x", r"\xG0", r"\x+1", r"\x1é", "${a", "${b}", r"\"] {
            assert!(bytes(text, &lookup).is_err(), "{text}");
        }
    }

    #[test]
    fn sole_placeholders_are_recognised() {
        assert_eq!(sole_placeholder("${jwk:rsa-1}"), Some("jwk:rsa-1"));
        assert_eq!(sole_placeholder("${a}${b}"), None);
        assert_eq!(sole_placeholder(" ${a}"), None);
    }
}
