//! The answer a refused caller gets ([RFC 6750 section 3]).
//!
//! [RFC 6750 section 3]: https://www.rfc-editor.org/rfc/rfc6750#section-3

use crate::{
    reject::{Answer, Challenge, Reject},
    rule::Rule,
};

/// A local reply, ready for the host.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// Response headers beside the host's own; values are visible ASCII.
    pub headers: Vec<(String, String)>,
    /// The body; on gRPC the host turns it into `grpc-message`.
    pub body: Vec<u8>,
    /// The gRPC status, only if the request was gRPC.
    pub grpc_status: Option<u32>,
    /// For access logs: `jwt_gate.` and the reason.
    pub details: String,
}

/// The `reply` section of the policy.
#[derive(Clone, Debug)]
pub(crate) struct ReplyStyle {
    pub(crate) realm: String,
    pub(crate) detail: bool,
    pub(crate) body: Option<BodyTemplate>,
    pub(crate) resource_metadata: Option<String>,
}

impl Default for ReplyStyle {
    fn default() -> Self {
        Self { realm: "api".to_owned(), detail: false, body: None, resource_metadata: None }
    }
}

/// A body of the operator's, with `{status}`, `{error}` and `{reason}` to fill in.
#[derive(Clone, Debug)]
pub(crate) struct BodyTemplate {
    pub(crate) content_type: String,
    pub(crate) template: String,
}

impl ReplyStyle {
    pub(crate) fn reply(&self, reject: Reject, rule: Option<&Rule>, is_grpc: bool) -> Reply {
        let answer = reject.answer();
        // An error body must not be stored for the next caller; RFC 9111 lets caches keep a 403.
        let mut headers = Vec::with_capacity(MOST_HEADERS);
        headers.push(("cache-control".to_owned(), "no-store".to_owned()));
        if let Some(challenge) = self.challenge(&answer, reject, rule) {
            headers.push(("www-authenticate".to_owned(), challenge));
        }
        let (content_type, body) = self.body(&answer, is_grpc);
        headers.push(("content-type".to_owned(), content_type));
        Reply {
            status: answer.status,
            headers,
            body: body.into_bytes(),
            grpc_status: is_grpc.then(|| grpc_status(answer.status)),
            details: ["jwt_gate.", answer.reason].concat(),
        }
    }

    fn challenge(&self, answer: &Answer, reject: Reject, rule: Option<&Rule>) -> Option<String> {
        if answer.challenge == Challenge::None {
            return None;
        }
        let mut text = String::with_capacity(USUAL_TEXT.saturating_add(self.realm.len()));
        extend(&mut text, ["Bearer realm=\"", &self.realm, "\""]);
        if let Challenge::Error(code) = answer.challenge {
            extend(&mut text, [", error=\"", code, "\""]);
            if self.detail {
                extend(&mut text, [", error_description=\"", answer.description, "\""]);
            }
        }
        if reject == Reject::ScopeInsufficient
            && let Some(rule) = rule
        {
            extend(&mut text, [", scope=\"", &rule.scopes.wanted(), "\""]);
        }
        if let Some(url) = &self.resource_metadata {
            extend(&mut text, [", resource_metadata=\"", url, "\""]);
        }
        Some(text)
    }

    /// The content type and the text.
    fn body(&self, answer: &Answer, is_grpc: bool) -> (String, String) {
        let code = match answer.challenge {
            Challenge::Error(code) => code,
            Challenge::Bare | Challenge::None => "",
        };
        let phrase = phrase(answer.status);
        let reason = if self.detail { answer.description } else { phrase };
        if is_grpc {
            let message = if self.detail || code.is_empty() { reason } else { code };
            return ("text/plain".to_owned(), message.to_owned());
        }
        if let Some(body) = &self.body {
            let text = body
                .template
                .replace("{status}", digits(answer.status))
                .replace("{error}", code)
                .replace("{reason}", reason);
            return (body.content_type.clone(), text);
        }
        let mut text = String::with_capacity(USUAL_TEXT);
        extend(&mut text, ["{\"status\":", digits(answer.status)]);
        if !code.is_empty() {
            extend(&mut text, [",\"error\":\"", code, "\""]);
        }
        if self.detail {
            extend(&mut text, [",\"error_description\":\"", answer.description, "\""]);
        }
        text.push('}');
        ("application/json".to_owned(), text)
    }
}

/// Headers of a reply, `retry-after` included.
const MOST_HEADERS: usize = 4;

/// Bytes of a challenge without its realm, and of a body, if neither says more than it must.
const USUAL_TEXT: usize = 48;

/// Appends pieces of text. A refusal costs what a formatter of any value would cost once more.
fn extend<const N: usize>(text: &mut String, pieces: [&str; N]) {
    for piece in pieces {
        text.push_str(piece);
    }
}

/// A status as text.
fn digits(status: u16) -> &'static str {
    match status {
        400 => "400",
        401 => "401",
        403 => "403",
        _ => "503",
    }
}

fn phrase(status: u16) -> &'static str {
    match status {
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        _ => "Service Unavailable",
    }
}

/// gRPC's own codes for the same answers: hosts map a 400 to INTERNAL, which clients retry.
fn grpc_status(status: u16) -> u32 {
    const INVALID_ARGUMENT: u32 = 3;
    const PERMISSION_DENIED: u32 = 7;
    const UNAVAILABLE: u32 = 14;
    const UNAUTHENTICATED: u32 = 16;
    match status {
        400 => INVALID_ARGUMENT,
        401 => UNAUTHENTICATED,
        403 => PERMISSION_DENIED,
        _ => UNAVAILABLE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_written_as_it_is() {
        for reject in Reject::ALL {
            let status = reject.answer().status;
            assert_eq!(digits(status), status.to_string(), "{reject:?}");
        }
    }
}
