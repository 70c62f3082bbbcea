//! Host names as rules compare them: without case, without port.

use std::borrow::Cow;

/// Reads the host of an `:authority` or `Host` value, in lower case, without port and without the
/// dot that only the DNS sees.
///
/// `None` for anything but a name, an IPv4 or a bracketed IPv6 address with an optional port:
/// `user@host`, two hosts with a comma between, blanks, so that no rule is chosen by a host which
/// the proxy read differently.
pub(crate) fn parse(authority: &[u8]) -> Option<Cow<'_, str>> {
    if let Some(host) = plain(authority) {
        return Some(Cow::Borrowed(host));
    }
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
    let is_lower = !name.bytes().any(|byte| byte.is_ascii_uppercase());
    Some(if is_lower { Cow::Borrowed(name) } else { Cow::Owned(name.to_ascii_lowercase()) })
}

/// A name in lower case or an IPv4 address, with a port or without: what nearly all requests name.
fn plain(authority: &[u8]) -> Option<&str> {
    let is_plain = |byte: &u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_');
    let length = authority.iter().position(|byte| !is_plain(byte)).unwrap_or(authority.len());
    let (name, port) = authority.split_at_checked(length)?;
    let fits = match port.split_first() {
        None => true,
        Some((colon, digits)) => *colon == b':' && digits.iter().all(u8::is_ascii_digit),
    };
    let name = name.strip_suffix(b".").unwrap_or(name);
    if fits && !name.is_empty() { std::str::from_utf8(name).ok() } else { None }
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
            ("api.example.com..", Some("api.example.com.")),
            ("a_b-c:", Some("a_b-c")),
            (":80", None),
            (".:80", None),
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
