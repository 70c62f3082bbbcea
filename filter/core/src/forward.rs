//! What the upstream learns about the caller, and what no caller may pretend.

use crate::{
    bearer::Bearer,
    claims::ClaimPath,
    decision::{HeaderOp, Patch},
    json::Json,
    reject::Reject,
    request::Request,
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
    /// Every header that only this gate may set, as [`comparable`] spells it.
    pub(crate) guarded: Vec<String>,
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
        request.headers().iter().map(|(name, _)| *name).filter(|name| {
            self.guarded.iter().any(|guarded| is_comparable(name, guarded.as_bytes()))
        })
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
    pub(crate) fn strip(&self, request: &Request<'_>, patch: &mut Patch) {
        for name in self.spoofed(request) {
            let removal = HeaderOp::Remove(name.to_vec());
            if !patch.headers.contains(&removal) {
                patch.headers.push(removal);
            }
        }
    }

    /// What changes in the request because its token is good.
    ///
    /// # Errors
    ///
    /// [`Reject::ClaimUnforwardable`] if a claim would mean something else as a header.
    pub(crate) fn identity(
        &self,
        bearer: &Bearer<'_>,
        valid: &Valid<'_>,
        request: &Request<'_>,
    ) -> Result<Patch, Reject> {
        let mut patch = Patch::default();
        if !self.token {
            bearer.removal(request, &mut patch.headers);
        }
        patch.private_response = bearer.came_in_query();
        if let Some(name) = &self.payload {
            patch.headers.push(HeaderOp::Set(name.clone().into_bytes(), valid.payload().to_vec()));
        }
        for claim in &self.claims {
            let Some(value) = claim.claim.find(valid.claims()) else {
                continue;
            };
            let text = header_text(value, &claim.separator)?;
            if text.is_empty() {
                continue;
            }
            if let Some(name) = &claim.header {
                let name = name.clone().into_bytes();
                patch.headers.push(HeaderOp::Set(name, text.clone().into_bytes()));
            }
            if let Some(name) = &claim.filter_state {
                patch.filter_state.push((name.clone(), text.into_bytes()));
            }
        }
        Ok(patch)
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
pub(crate) fn header_text(value: &Json, separator: &str) -> Result<String, Reject> {
    let text = match value {
        Json::String(text) => text.clone(),
        Json::Array(items) => {
            let mut parts = Vec::with_capacity(items.len());
            for item in items {
                let part = match item {
                    Json::String(part) => part.clone(),
                    Json::Bool(_) | Json::Number(_) => item.to_string(),
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
        Json::Null => String::new(),
        Json::Bool(_) | Json::Number(_) | Json::Object(_) => value.to_string(),
    };
    if text.trim() != text || text.chars().any(char::is_control) {
        return Err(Reject::ClaimUnforwardable);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    #[test]
    fn a_claim_says_the_same_as_a_header_or_is_not_passed_on() {
        let read = |text: &str| header_text(&parse(text.as_bytes(), Limits::TOKEN).unwrap(), ",");
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
    }
}
