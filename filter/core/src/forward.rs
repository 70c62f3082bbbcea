//! What the upstream learns about the caller, and what no caller may pretend.

use std::{borrow::Cow, rc::Rc};

use crate::{
    bearer::Bearer,
    claims::ClaimPath,
    decision::{HeaderOp, Patch},
    reject::Reject,
    request::Request,
    tape::{Kind, Tape, Value},
    validate::Valid,
};

/// The `forward` section, `token.forward` and `on_spoofed_header`, compiled.
#[derive(Clone, Debug)]
pub(crate) struct Forward {
    /// Whether the token stays in the request.
    pub(crate) token: bool,
    /// The header for the verified payload.
    pub(crate) payload: Option<String>,
    pub(crate) claims: Vec<ForwardedClaim>,
    /// Every header that only this gate may set.
    pub(crate) guarded: Guarded,
    pub(crate) on_spoofed: OnSpoofed,
}

/// What happens to a request that carries a guarded header.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum OnSpoofed {
    Deny,
    Strip,
}

/// A claim that is passed on after success.
#[derive(Clone, Debug)]
pub(crate) struct ForwardedClaim {
    pub(crate) claim: ClaimPath,
    pub(crate) header: Option<String>,
    pub(crate) filter_state: Option<String>,
    /// Between the elements of an array.
    pub(crate) separator: String,
}

impl Forward {
    /// The guarded headers that a client sent, under the spelling it used.
    pub(crate) fn spoofed<'r>(&self, request: &Request<'r>) -> impl Iterator<Item = &'r [u8]> {
        request.headers().iter().map(|(name, _)| *name).filter(|name| self.guarded.covers(name))
    }

    /// # Errors
    ///
    /// [`Reject::HeaderSpoofed`] under `on_spoofed_header: deny`. Not stripped by default: a host
    /// that picks its route again after a header changed would serve the request on another route
    /// with this one's verdict.
    pub(crate) fn refuse_spoofed(&self, request: &Request<'_>) -> Result<(), Reject> {
        if self.on_spoofed == OnSpoofed::Deny && self.spoofed(request).next().is_some() {
            return Err(Reject::HeaderSpoofed);
        }
        Ok(())
    }

    /// Whether a client's headers may be taken away where there is nothing else to refuse.
    pub(crate) fn strips(&self) -> bool {
        self.on_spoofed == OnSpoofed::Strip && !self.guarded.is_empty()
    }

    /// Takes every guarded header off the request: on every path, whatever the verdict.
    ///
    /// In front of what the patch changes already: what the identity sets is then the only value.
    pub(crate) fn strip<'a>(&self, request: &Request<'a>, patch: &mut Patch<'a>) {
        let mut removals: Vec<HeaderOp<'a>> = Vec::new();
        for name in self.spoofed(request) {
            let removal = HeaderOp::Remove(Cow::Borrowed(name));
            if !removals.contains(&removal) {
                removals.push(removal);
            }
        }
        patch.headers.splice(0..0, removals);
    }

    /// What changes in the request because its token is good.
    ///
    /// # Errors
    ///
    /// [`Reject::ClaimUnforwardable`] if a claim would mean something else as a header.
    pub(crate) fn identity<'a>(
        &'a self,
        bearer: &Bearer<'a>,
        valid: &Valid<'a>,
        request: &Request<'a>,
    ) -> Result<Patch<'a>, Reject> {
        let mut patch = Patch::default();
        if !self.token {
            bearer.removal(request, &mut patch.headers);
        }
        patch.private_response = bearer.came_in_query();
        if let Some(name) = &self.payload {
            let payload = Cow::Borrowed(valid.payload());
            patch.headers.push(HeaderOp::Set(Cow::Borrowed(name.as_bytes()), payload));
        }
        let kept = valid.texts(|claims| self.texts(claims))?;
        for (claim, text) in self.claims.iter().zip(kept.iter()) {
            let Some(text) = text else {
                continue;
            };
            let value = || Cow::Owned(text.as_bytes().to_vec());
            if let Some(name) = &claim.filter_state {
                patch.filter_state.push((Cow::Borrowed(name), value()));
            }
            if let Some(name) = &claim.header {
                patch.headers.push(HeaderOp::Set(Cow::Borrowed(name.as_bytes()), value()));
            }
        }
        Ok(patch)
    }

    fn texts(&self, claims: &Tape) -> Result<Texts, Reject> {
        let texts = self.claims.iter().map(|claim| {
            let Some(value) = claim.claim.find(claims) else {
                return Ok(None);
            };
            let text = header_text(value, &claim.separator)?;
            Ok((!text.is_empty()).then(|| text.into()))
        });
        texts.collect()
    }
}

/// What is passed on of a token's claims: a text for each claim that the policy names, and none for one that
/// is not there or is empty.
pub(crate) type Texts = Rc<[Option<Box<str>>]>;

/// Names of headers as [`comparable`] spells them, by their lengths: of most headers of a request nothing
/// else is looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Guarded {
    by_length: Vec<Vec<String>>,
}

impl Guarded {
    /// Whether no header is guarded.
    pub(crate) fn is_empty(&self) -> bool {
        self.by_length.is_empty()
    }

    /// Whether this name, as [`comparable`] spells it, is guarded.
    pub(crate) fn contains(&self, comparable: &str) -> bool {
        self.by_length
            .get(comparable.len())
            .is_some_and(|names| names.iter().any(|n| n == comparable))
    }

    /// Whether a header of a request counts as one of them.
    pub(crate) fn covers(&self, name: &[u8]) -> bool {
        self.by_length
            .get(name.len())
            .is_some_and(|names| names.iter().any(|known| is_comparable(name, known.as_bytes())))
    }

    /// All of them, the shorter ones first.
    pub(crate) fn names(&self) -> Vec<String> {
        self.by_length.concat()
    }

    /// Guards one more, as [`comparable`] spells it.
    pub(crate) fn add(&mut self, comparable: String) {
        let length = comparable.len();
        if self.by_length.len() <= length {
            self.by_length.resize(length.saturating_add(1), Vec::new());
        }
        if let Some(names) = self.by_length.get_mut(length) {
            names.push(comparable);
        }
    }
}

/// A header name as guarded names are compared: `-` for `_` and lower case, since CGI-like servers
/// read `X_User` and `X-User` as one variable.
pub(crate) fn comparable(name: &str) -> String {
    name.to_ascii_lowercase().replace('_', "-")
}

fn is_comparable(name: &[u8], guarded: &[u8]) -> bool {
    name.len() == guarded.len()
        && name.iter().zip(guarded).all(|(byte, wanted)| {
            let byte = if *byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
            byte == *wanted
        })
}

/// A claim as a header value that says the same.
///
/// Never cleaned up: `admin` with a control character removed is somebody else's `admin`, blanks
/// at the ends are cut off by the next server, and an element that holds the separator reads as
/// two.
pub(crate) fn header_text<'c>(value: Value<'c>, separator: &str) -> Result<Cow<'c, str>, Reject> {
    let text = match value.kind() {
        // As nearly all are: nothing to trim, nothing to search.
        Kind::String(text) if text.bytes().all(|byte| byte.is_ascii_graphic()) => {
            return Ok(Cow::Borrowed(text));
        }
        Kind::String(text) => text.to_owned(),
        Kind::Array(items) => {
            let mut parts = Vec::new();
            for (_, item) in items {
                let part = match item.kind() {
                    Kind::String(part) => part.to_owned(),
                    Kind::Bool(_) | Kind::Number(_) => item.to_json().to_string(),
                    _ => return Err(Reject::ClaimUnforwardable),
                };
                if part.is_empty() || part.trim() != part {
                    return Err(Reject::ClaimUnforwardable);
                }
                parts.push(part);
            }
            let text = parts.join(separator);
            // Read back, since an element may hold the separator or make one with its neighbour.
            if !parts.is_empty() && !text.split(separator).eq(parts.iter().map(String::as_str)) {
                return Err(Reject::ClaimUnforwardable);
            }
            text
        }
        Kind::Null => String::new(),
        Kind::Bool(_) | Kind::Number(_) | Kind::Object(_) => value.to_json().to_string(),
    };
    if text.trim() != text || text.chars().any(char::is_control) {
        return Err(Reject::ClaimUnforwardable);
    }
    Ok(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::Limits;

    #[test]
    fn a_claim_says_the_same_as_a_header_or_is_not_passed_on() {
        let read = |text: &str| {
            let claim = Tape::parse(text.as_bytes().to_vec(), Limits::TOKEN).unwrap();
            header_text(claim.root().unwrap(), ",").map(Cow::into_owned)
        };
        for (claim, header) in [
            (r#""alice""#, "alice"),
            (r#""Jörg Müller""#, "Jörg Müller"),
            ("7", "7"),
            ("true", "true"),
            (r#"["a","b",3]"#, "a,b,3"),
            ("[]", ""),
            (r#"{"a":"b\n"}"#, r#"{"a":"b\n"}"#),
        ] {
            assert_eq!(read(claim).as_deref(), Ok(header), "{claim}");
        }
        for bad in [
            r#""a\r\nx: y""#,
            r#""a\u0000""#,
            r#"" a""#,
            r#"["a,b"]"#,
            r#"["a",""]"#,
            "[[]]",
            r#""a\u0085""#,
        ] {
            assert_eq!(read(bad), Err(Reject::ClaimUnforwardable), "{bad}");
        }
    }

    #[test]
    fn look_alikes_are_guarded() {
        let guarded = comparable("X_User-Id");
        for name in ["x-user-id", "X-User_Id", "x_user_id"] {
            assert!(is_comparable(name.as_bytes(), guarded.as_bytes()), "{name}");
        }
        assert!(!is_comparable(b"x-user", guarded.as_bytes()));
        let mut all = Guarded::default();
        assert!(all.is_empty() && !all.covers(b"x-user-id"));
        all.add(guarded);
        all.add(comparable("x-roles"));
        assert!(!all.is_empty() && all.contains("x-user-id") && !all.contains("x-user_id"));
        assert!(all.covers(b"X_USER_ID") && all.covers(b"x-roles"));
        assert!(!all.covers(b"x-user") && !all.covers(b"x-rolls") && !all.covers(b""));
    }
}
