//! What a host brings back from a fetch, and what it is worth.

use sha2::{Digest as _, Sha256};

use crate::{
    algorithm::Algorithm,
    json::{Json, Limits, parse},
    jwk::{self, ReadSet},
    key::KeySet,
};

use super::{Cause, board::Digest, freshness::fresh_for};

/// How a fetch ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Answer {
    /// An HTTP response, which hosts also make up themselves: Envoy gives 503 when it cannot
    /// connect and 504 when time is up.
    Response {
        /// All headers, `:status` included.
        headers: Vec<(Vec<u8>, Vec<u8>)>,
        /// The body; `None` if it is longer than [`Fetch::max_bytes`](super::Fetch::max_bytes).
        body: Option<Vec<u8>>,
    },
    /// No response: the stream was reset.
    Reset,
    /// The host did not take the request; the status of its call.
    NotSent(u32),
}

/// Why an answer is of no use.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(super) struct Failure {
    pub(super) cause: Cause,
    /// What was found, in visible ASCII and spaces; nothing of a body but names.
    pub(super) detail: String,
}

impl Failure {
    pub(super) fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self { cause, detail: detail.into() }
    }
}

/// A body, and how long it is fresh, in seconds.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    pub(super) fresh_for: Option<u32>,
}

impl Answer {
    /// The content of a good answer.
    ///
    /// Only 200 is one. A redirect least of all: the address would then be another's choice.
    pub(super) fn content(self) -> Result<Content, Failure> {
        let (headers, body) = match self {
            Self::Response { headers, body } => (headers, body),
            Self::Reset => return Err(Failure::new(Cause::Reset, "the connection broke")),
            Self::NotSent(status) => {
                let detail =
                    format!("the host refused with status {status}; is the cluster known?");
                return Err(Failure::new(Cause::NotSent, detail));
            }
        };
        let status = headers.iter().find(|(name, _)| name == b":status").map(|(_, value)| value);
        match (status.map(Vec::as_slice), is_made_up(&headers)) {
            (Some(b"200"), _) => {}
            (Some(b"503"), true) => return Err(Failure::new(Cause::Connect, "no connection")),
            (Some(b"504"), true) => return Err(Failure::new(Cause::Timeout, "no answer in time")),
            (Some(status), _) => {
                let status = jwk::plain(&String::from_utf8_lossy(status), 3);
                let detail = format!("found {status}, expected 200");
                return Err(Failure::new(Cause::Status, detail));
            }
            (None, _) => return Err(Failure::new(Cause::Status, "found none, expected 200")),
        }
        let Some(bytes) = body else {
            return Err(Failure::new(Cause::TooLarge, "more than max_bytes"));
        };
        let fresh_for = fresh_for(&headers);
        Ok(Content { bytes, fresh_for })
    }
}

/// Whether the host wrote the response itself, having none from the issuer: Envoy's local reply
/// has exactly these headers, and a response that came through it has `x-envoy-...` ones as well.
fn is_made_up(headers: &[(Vec<u8>, Vec<u8>)]) -> bool {
    const OWN: [&[u8]; 3] = [b":status", b"content-length", b"content-type"];
    headers.len() == OWN.len()
        && OWN.iter().all(|own| headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(own)))
}

/// A set that can be put in force.
#[derive(Clone, Debug)]
pub(super) struct Usable {
    pub(super) set: KeySet,
    pub(super) skipped: usize,
}

impl Usable {
    /// Reads a key set; entries that are of no use do not take the others down with them.
    pub(super) fn read(bytes: &[u8], algorithms: &[Algorithm]) -> Result<Self, Failure> {
        let json = read_object(bytes)?;
        let unusable = |detail: String| Failure::new(Cause::NoUsableKey, detail);
        let ReadSet { keys, skipped } =
            jwk::read_set(&json).map_err(unusable)?.for_algorithms(algorithms);
        if keys.is_empty() {
            return Err(unusable(match skipped.first() {
                None => "an empty key set".to_owned(),
                Some((place, problem)) => {
                    format!("of {} keys none is of use; keys[{place}]: {problem}", skipped.len())
                }
            }));
        }
        let set = KeySet::new(keys.into_iter().map(|(_, key)| key).collect());
        Ok(Self { set, skipped: skipped.len() })
    }
}

/// Reads a JSON object.
pub(super) fn read_object(bytes: &[u8]) -> Result<Json, Failure> {
    match parse(bytes, Limits::DOCUMENT) {
        Ok(json @ Json::Object(_)) => Ok(json),
        Ok(_) => Err(Failure::new(Cause::NotJson, "JSON, but not an object")),
        // Not the parser's words: they may quote the body.
        Err(_) => Err(Failure::new(Cause::NotJson, found(bytes))),
    }
}

/// What stands in place of JSON, roughly: enough to see a login page or an empty body.
fn found(bytes: &[u8]) -> String {
    match bytes.trim_ascii_start().first() {
        None => "an empty body".to_owned(),
        Some(b'<') => "HTML or XML instead of JSON".to_owned(),
        Some(_) => format!("{} bytes that are not JSON", bytes.len()),
    }
}

/// SHA-256.
pub(super) fn digest(bytes: &[u8]) -> Digest {
    Sha256::digest(bytes).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(headers: &[(&str, &str)], body: Option<&str>) -> Result<Content, Cause> {
        let bytes = |text: &str| text.as_bytes().to_vec();
        let headers = headers.iter().map(|(name, value)| (bytes(name), bytes(value))).collect();
        let answer = Answer::Response { headers, body: body.map(bytes) };
        answer.content().map_err(|failure| failure.cause)
    }

    #[test]
    fn only_200_is_an_answer() {
        let good = response(&[(":status", "200"), ("cache-control", "max-age=9")], Some("{}"));
        assert_eq!(good, Ok(Content { bytes: b"{}".to_vec(), fresh_for: Some(9) }));
        for status in ["204", "206", "301", "304", "307", "404", "500", "503", "504", "2000", ""] {
            let found = response(&[(":status", status), ("location", "https://x/")], Some("{}"));
            assert_eq!(found, Err(Cause::Status), "{status}");
        }
        assert_eq!(response(&[], Some("{}")), Err(Cause::Status));
        assert_eq!(response(&[(":status", "200")], None), Err(Cause::TooLarge));
        assert_eq!(response(&[(":status", "404")], None), Err(Cause::Status));
        assert_eq!(Answer::Reset.content().unwrap_err().cause, Cause::Reset);
        assert_eq!(Answer::NotSent(2).content().unwrap_err().cause, Cause::NotSent);
    }

    #[test]
    fn a_reply_of_the_host_itself_is_told_from_the_issuers() {
        let length = ("content-length", "9");
        let kind = ("content-type", "text/plain");
        for (status, cause) in [("503", Cause::Connect), ("504", Cause::Timeout)] {
            assert_eq!(response(&[(":status", status), length, kind], Some("x")), Err(cause));
            let through = ("x-envoy-upstream-service-time", "1");
            for headers in [
                &[(":status", status), length, kind, through][..],
                &[(":status", status), length, through],
                &[(":status", status), length],
                &[(":status", status), length, length],
            ] {
                assert_eq!(response(headers, Some("x")), Err(Cause::Status), "{headers:?}");
            }
        }
        let own = response(&[(":status", "500"), length, kind], Some("x"));
        assert_eq!(own, Err(Cause::Status));
    }

    #[test]
    fn what_is_no_key_set_says_so_and_quotes_nothing() {
        let read = |body: &str| Usable::read(body.as_bytes(), &[Algorithm::Es256]).unwrap_err();
        for (body, cause, detail) in [
            ("", Cause::NotJson, "an empty body"),
            (" \r\n", Cause::NotJson, "an empty body"),
            (" <html>secret", Cause::NotJson, "HTML or XML instead of JSON"),
            ("secret", Cause::NotJson, "6 bytes that are not JSON"),
            ("{\"keys\":[]} x", Cause::NotJson, "13 bytes that are not JSON"),
            ("{\"keys\":[],\"keys\":[]}", Cause::NotJson, "21 bytes that are not JSON"),
            ("[]", Cause::NotJson, "JSON, but not an object"),
            ("{}", Cause::NoUsableKey, "no array `keys`"),
            ("{\"keys\":{}}", Cause::NoUsableKey, "no array `keys`"),
            ("{\"keys\":[]}", Cause::NoUsableKey, "an empty key set"),
            (
                "{\"keys\":[{\"kty\":\"RSA\"},{\"kty\":\"x\"}]}",
                Cause::NoUsableKey,
                "of 2 keys none is of use; keys[0]: no `n`",
            ),
        ] {
            assert_eq!(read(body), Failure::new(cause, detail), "{body}");
        }
        // A secret that everybody can fetch is none.
        let secret =
            r#"{"keys":[{"kty":"oct","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}]}"#;
        assert!(read(secret).detail.contains("goes with no listed algorithm"));
    }
}
