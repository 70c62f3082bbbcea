//! The request as it is sent.

/// A request with its headers, pseudo-headers first.
pub(super) struct Sent {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    pub(super) headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The token as it was given, of which no signature is shown.
    pub(super) secret: Option<String>,
}

impl Sent {
    /// Reads `DELETE /api/x` or `DELETE https://api.example.com/api/x`, and takes the headers.
    pub(super) fn parse(line: &str, given: &[(String, String)]) -> Result<Self, String> {
        let wrong = || {
            format!(
                "--request: found {line:?}, expected a method and a path, such as \"GET /api/hamsters\""
            )
        };
        let (method, target) = line.split_once(' ').ok_or_else(wrong)?;
        let target = target.trim_start();
        let (scheme, host, target) = match target.split_once("://") {
            Some((scheme @ ("http" | "https"), rest)) => {
                let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
                let (host, target) = rest.split_at_checked(end).ok_or_else(wrong)?;
                let slash = if target.starts_with('/') { "" } else { "/" };
                (scheme, Some(host.to_owned()), format!("{slash}{target}"))
            }
            _ => ("https", None, target.to_owned()),
        };
        if method.is_empty() || target.is_empty() {
            return Err(wrong());
        }
        let mut headers = vec![
            (b":method".to_vec(), method.into()),
            (b":scheme".to_vec(), scheme.into()),
            (b":path".to_vec(), target.clone().into()),
        ];
        headers.extend(host.map(|host| (b":authority".to_vec(), host.into())));
        for (name, value) in given {
            // Proxies show `Host` as what HTTP/2 calls it.
            let name = if name.eq_ignore_ascii_case("host") { ":authority" } else { name };
            headers.push((name.to_ascii_lowercase().into(), value.clone().into()));
        }
        Ok(Self { method: method.to_owned(), target, headers, secret: None })
    }

    /// A text without the signature of any token in it.
    pub(super) fn without_signature(&self, text: &str) -> String {
        let mut shown = text.to_owned();
        if let Some(secret) = &self.secret
            && !secret.is_empty()
        {
            shown = shown.replace(secret.as_str(), &masked(secret));
        }
        let is_of_token = |c: char| c.is_ascii_alphanumeric() || "-_.+/=~".contains(c);
        let mut rest = shown.as_str();
        let mut text = String::with_capacity(rest.len());
        while let Some(start) = rest.find("ey") {
            let (before, from) = rest.split_at_checked(start).unwrap_or((rest, ""));
            text.push_str(before);
            let end = from.find(|c| !is_of_token(c)).unwrap_or(from.len());
            let (word, after) = from.split_at_checked(end).unwrap_or((from, ""));
            // Not inside of another word.
            let begins = !before.ends_with(is_of_token) || before.ends_with(['=', '/']);
            if begins {
                text.push_str(&masked(word))
            } else {
                text.push_str(word)
            }
            rest = after;
        }
        text.push_str(rest);
        text
    }
}

/// The first two parts of a token.
fn masked(token: &str) -> String {
    let mut parts = token.splitn(3, '.');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(header), Some(payload), Some(_)) => format!("{header}.{payload}.(signature)"),
        _ => token.to_owned(),
    }
}

/// Reads `name: value`.
pub(super) fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once(':').filter(|(name, _)| !name.is_empty()) {
        Some((name, value)) => Ok((name.trim().to_owned(), value.trim().to_owned())),
        // A pseudo-header, such as `:authority: api.example.com`.
        None => match text.strip_prefix(':').and_then(|rest| rest.split_once(':')) {
            Some((name, value)) => Ok((format!(":{name}"), value.trim().to_owned())),
            None => Err("expected a name, `:` and a value".to_owned()),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(line: &str) -> Sent {
        Sent::parse(line, &[("Host".to_owned(), "b".to_owned())]).unwrap()
    }

    #[test]
    fn a_request_is_a_line_or_an_address() {
        let header = |sent: &Sent, name: &str| {
            let found = sent.headers.iter().find(|(known, _)| known == name.as_bytes());
            found.map(|(_, value)| String::from_utf8(value.clone()).unwrap())
        };
        let plain = sent("GET /a?b");
        assert_eq!((plain.method.as_str(), plain.target.as_str()), ("GET", "/a?b"));
        assert_eq!(header(&plain, ":authority").as_deref(), Some("b"));
        let address = sent("PUT http://h:8080/a");
        assert_eq!(header(&address, ":authority").as_deref(), Some("h:8080"));
        assert_eq!(header(&address, ":path").as_deref(), Some("/a"));
        assert_eq!(sent("GET https://h").target, "/");
        assert_eq!(sent("GET https://h?x").target, "/?x");
        for bad in ["", "GET", " /a", "GET "] {
            assert!(Sent::parse(bad, &[]).is_err(), "{bad}");
        }
    }

    #[test]
    fn no_signature_is_shown() {
        let mut sent = sent("GET /");
        for (text, shown) in [
            ("Bearer eyJh.eyJi.c2ln", "Bearer eyJh.eyJi.(signature)"),
            ("a=1; app.at=eyJh.eyJi.c2ln; b=2", "a=1; app.at=eyJh.eyJi.(signature); b=2"),
            ("/x?access_token=eyJh.eyJi.c2ln&a", "/x?access_token=eyJh.eyJi.(signature)&a"),
            ("eyJh.eyJi.c2ln.more", "eyJh.eyJi.(signature)"),
            ("they.see.keys", "they.see.keys"),
            ("eyebrow", "eyebrow"),
            ("", ""),
        ] {
            assert_eq!(sent.without_signature(text), shown);
        }
        sent.secret = Some("a.b.c".to_owned());
        assert_eq!(sent.without_signature("x-token: a.b.c"), "x-token: a.b.(signature)");
    }
}
