//! Which names and texts a policy may hold.

/// Header names (RFC 9110 section 5.1), written in lower case as hosts hand them over.
pub(crate) const HEADER_NAME: &str = "a header name in lower case";

pub(crate) fn is_header_name(text: &str) -> bool {
    is_token(text) && !text.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// Headers that carry credentials: a policy may forbid them to clients, but never set them.
pub(crate) fn is_credential_header(name: &str) -> bool {
    ["authorization", "cookie"].contains(&name)
}

/// Headers that carry the message itself: setting or removing them is not for a policy.
pub(crate) fn is_message_header(name: &str) -> bool {
    const NAMES: [&str; 9] = [
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ];
    NAMES.contains(&name) || name.starts_with("proxy-")
}

/// `token` of RFC 9110 section 5.6.2; methods and cookie names are of this form.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// Labels for logs and counters, in which `none` and `route` have a meaning of their own.
pub(crate) const LABEL: &str =
    "a label of 1 to 128 visible ASCII characters, other than none and route";

pub(crate) fn is_label(text: &str) -> bool {
    let reserved = ["none", "route"].contains(&text);
    !reserved && (1..=128).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// `scope-token` of RFC 6749 section 3.3.
pub(crate) const SCOPE: &str = "a scope: visible ASCII without blanks, \" and \\";

pub(crate) fn is_scope(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte))
}

/// Text that stands between quotes in a challenge as it is (RFC 6750 section 3).
pub(crate) fn is_quotable(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| (byte.is_ascii_graphic() || byte == b' ') && !b"\"\\".contains(&byte))
}

/// Names in a query and of filter state: nothing that needs encoding.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
}
