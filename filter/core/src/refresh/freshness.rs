//! How long an answer says that it is fresh ([RFC 9111]).
//!
//! [RFC 9111]: https://www.rfc-editor.org/rfc/rfc9111

/// What stands for a number of seconds too large to count with (RFC 9111 section 1.2.2).
const TOO_LONG: u32 = 1 << 31;

/// `max-age` less `Age`, in seconds; `None` if the answer says nothing of its age.
///
/// `no-cache` and `no-store` are as good as `max-age=0`, and so is a `max-age` that is no number
/// (section 4.2.1). Of several the shortest counts. Extensions and directives for shared caches are
/// passed over.
pub(super) fn fresh_for(headers: &[(Vec<u8>, Vec<u8>)]) -> Option<u32> {
    let values = |name: &'static str| {
        let named =
            move |header: &&(Vec<u8>, Vec<u8>)| header.0.eq_ignore_ascii_case(name.as_bytes());
        headers.iter().filter(named).map(|(_, value)| value.as_slice())
    };
    let limit = values("cache-control").flat_map(directives).filter_map(limit).min()?;
    // Of several the first counts, and none that is no number (section 5.1).
    let age = values("age")
        .next()
        .and_then(|value| delta_seconds(value.split(|byte| *byte == b',').next()?.trim_ascii()));
    Some(limit.saturating_sub(age.unwrap_or_default()))
}

/// The directives of one header value, split at commas outside of quotation marks.
fn directives(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    let parts = value.split(move |byte| {
        if escaped {
            escaped = false;
        } else if quoted && *byte == b'\\' {
            escaped = true;
        } else if *byte == b'"' {
            quoted = !quoted;
        } else {
            return *byte == b',' && !quoted;
        }
        false
    });
    parts.map(<[u8]>::trim_ascii)
}

/// The seconds that a directive allows, if it limits them.
fn limit(directive: &[u8]) -> Option<u32> {
    let mut parts = directive.splitn(2, |byte| *byte == b'=');
    let name = parts.next()?;
    let argument = parts.next();
    if name.eq_ignore_ascii_case(b"max-age") {
        // Both forms are to be understood (section 5.2).
        let argument = argument.unwrap_or_default();
        let plain = argument.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
        return Some(delta_seconds(plain.unwrap_or(argument)).unwrap_or_default());
    }
    // `no-cache` with an argument is about single header fields (section 5.2.2.4).
    let is_none = name.eq_ignore_ascii_case(b"no-store")
        || (name.eq_ignore_ascii_case(b"no-cache") && argument.is_none());
    is_none.then_some(0)
}

/// Digits and nothing else, not even a sign (section 1.2.2).
fn delta_seconds(text: &[u8]) -> Option<u32> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let seconds = std::str::from_utf8(text).ok()?.parse().unwrap_or(TOO_LONG);
    Some(seconds.min(TOO_LONG))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(headers: &[(&str, &str)]) -> Option<u32> {
        let bytes = |text: &str| text.as_bytes().to_vec();
        let headers: Vec<_> =
            headers.iter().map(|(name, value)| (bytes(name), bytes(value))).collect();
        fresh_for(&headers)
    }

    #[test]
    fn cache_control_says_how_long() {
        for (value, expected) in [
            ("max-age=300", Some(300)),
            ("Max-Age=300", Some(300)),
            ("public, max-age=300, must-revalidate", Some(300)),
            ("public,\tmax-age=\"300\" ", Some(300)),
            ("max-age=300, max-age=60", Some(60)),
            ("max-age=0", Some(0)),
            ("max-age=4294967296", Some(TOO_LONG)),
            ("max-age=99999999999999999999999999", Some(TOO_LONG)),
            ("max-age=007", Some(7)),
            // No number: stale.
            ("max-age", Some(0)),
            ("max-age=", Some(0)),
            ("max-age=-1", Some(0)),
            ("max-age=+1", Some(0)),
            ("max-age=1.5", Some(0)),
            ("max-age=\"3", Some(0)),
            ("max-age = 300", None),
            ("max-age= 300", Some(0)),
            ("no-store", Some(0)),
            ("No-Cache", Some(0)),
            ("no-cache, max-age=300", Some(0)),
            ("no-cache=\"set-cookie\", max-age=300", Some(300)),
            // Nothing of a quoted text is a directive.
            ("x=\"a, max-age=1, b\", max-age=300", Some(300)),
            ("x=\"a\\\", max-age=1\", max-age=300", Some(300)),
            ("s-maxage=1, stale-while-revalidate=2, private", None),
            ("", None),
        ] {
            assert_eq!(read(&[("Cache-Control", value)]), expected, "{value}");
        }
        assert_eq!(read(&[]), None);
        let both = [("cache-control", "public"), ("cache-control", "max-age=5")];
        assert_eq!(read(&both), Some(5));
    }

    #[test]
    fn the_age_that_an_answer_has_is_gone_already() {
        for (age, expected) in [
            ("0", 300),
            ("100", 200),
            ("301", 0),
            (" 100 , 250", 200),
            ("99999999999", 0),
            // Not a number: as if it were not there.
            ("", 300),
            ("-1", 300),
            ("abc", 300),
        ] {
            let found = read(&[("age", age), ("cache-control", "max-age=300")]);
            assert_eq!(found, Some(expected), "{age}");
        }
        assert_eq!(read(&[("age", "5")]), None);
    }
}
