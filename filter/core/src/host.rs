//! Host names as rules compare them: without case, without port.

/// Reads the host of an `:authority` or `Host` value, in lower case, without port and without the
/// dot that only the DNS sees.
///
/// `None` for anything but a name, an IPv4 or a bracketed IPv6 address with an optional port:
/// `user@host`, two hosts with a comma between, blanks, so that no rule is chosen by a host which
/// the proxy read differently.
pub(crate) fn parse(authority: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(authority).ok()?;
    let (host, rest) = if text.starts_with('[') {
        let end = text.find(']')?.checked_add(1)?;
        text.split_at_checked(end)?
    } else {
        text.find(':').map_or(Some((text, "")), |colon| text.split_at_checked(colon))?
    };
    let port = rest.strip_prefix(':').unwrap_or(rest);
    if !port.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let name = bracketed.unwrap_or_else(|| host.strip_suffix('.').unwrap_or(host));
    let plain = |byte: u8| match bracketed {
        Some(_) => byte.is_ascii_hexdigit() || byte == b':' || byte == b'.',
        None => byte.is_ascii_alphanumeric() || b"-._".contains(&byte),
    };
    if name.is_empty() || !name.bytes().all(plain) {
        return None;
    }
    Some(name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lose_case_port_and_final_dot() {
        for (given, host) in [
            ("API.example.com", Some("api.example.com")),
            ("api.example.com:8443", Some("api.example.com")),
            ("api.example.com.", Some("api.example.com")),
            ("api.example.com.:443", Some("api.example.com")),
            ("127.0.0.1:80", Some("127.0.0.1")),
            ("[::1]:80", Some("::1")),
            ("[::1]", Some("::1")),
            ("", None),
            (".", None),
            ("a b", None),
            ("a,b", None),
            ("user@a", None),
            ("a:80:90", None),
            ("a:x", None),
            ("[::1", None),
            ("[::1]x", None),
            ("[a.b/c]", None),
            ("a/b", None),
        ] {
            assert_eq!(parse(given.as_bytes()).as_deref(), host, "{given}");
        }
    }
}
