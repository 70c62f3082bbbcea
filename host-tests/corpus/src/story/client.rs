//! What clients send in a story, and what they get.

use std::{
    collections::BTreeMap,
    sync::{LazyLock, Mutex, PoisonError},
};

use proxy_host_model::{Fate, Outcome, Request};
use serde_json::{Map, Value, json};

use super::issuer::ISSUER;
use crate::{Key, Reason, base64url, mint, reason_in_details, reason_in_logs};

/// The time at which every story begins, in seconds since the Unix epoch.
pub(crate) const BEGIN: u64 = 1_700_000_000;

/// Longer than any story, in seconds.
const YEAR: u64 = 365 * 24 * 3600;

/// A token to be minted: good for the whole story, unless it is said otherwise.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    key: &'static str,
    header: Map<String, Value>,
    claims: Map<String, Value>,
}

impl Token {
    /// A good one, signed with this key of `host-tests/keys` under its name.
    pub(crate) fn by(key: &'static str) -> Self {
        let claims = json!({
            "iss": ISSUER,
            "sub": "alice",
            "aud": "https://api.test",
            "exp": BEGIN + YEAR,
        });
        Self { key, header: Map::new(), claims: claims.as_object().cloned().unwrap_or_default() }
    }

    /// The same with another `kid`.
    pub(crate) fn kid(mut self, kid: &str) -> Self {
        self.header.insert("kid".to_owned(), kid.into());
        self
    }

    /// The same with another claim.
    pub(crate) fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// The same, long expired.
    pub(crate) fn expired(self) -> Self {
        self.claim("exp", BEGIN - YEAR)
    }

    /// The signed token; each is signed once per process.
    pub(crate) fn mint(&self) -> String {
        static MINTED: LazyLock<Mutex<BTreeMap<String, String>>> = LazyLock::new(Mutex::default);
        let description = format!("{self:?}");
        let mut minted = MINTED.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || {
            let key = Key::load(self.key).expect("a key of the repository");
            mint(&key, &self.header, &self.claims)
        };
        minted.entry(description).or_insert_with(fresh).clone()
    }

    /// The token with a signature that nobody made, which costs nothing.
    pub(crate) fn forge(&self) -> String {
        let kid = self.header.get("kid").cloned().unwrap_or_else(|| self.key.into());
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": kid}).to_string();
        let claims = Value::Object(self.claims.clone()).to_string();
        let parts = [header.as_bytes(), claims.as_bytes(), &[0x5a; 256]];
        parts.map(base64url::encode).join(".")
    }
}

/// A request with this token for a path that needs one.
pub(crate) fn get(token: &str) -> Request {
    to("/", token)
}

/// A request with this token for this path.
pub(crate) fn to(path: &str, token: &str) -> Request {
    Request::from_iter([
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", "api.test"),
        (":path", path),
        ("authorization", &format!("Bearer {token}")),
    ])
}

/// A request without a token.
pub(crate) fn bare(path: &str) -> Request {
    let mut request = to(path, "");
    request.headers.remove(b"authorization");
    request
}

/// The same as a gRPC call.
pub(crate) fn grpc(token: &str) -> Request {
    let mut request = to("/api.Hamsters/List", token);
    request.headers.replace(b":method", b"POST");
    request.headers.add(b"content-type", b"application/grpc");
    request
}

/// What a client got.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// `passed as NAME`, `passed` without an identity, with `, would deny REASON` where report mode
    /// said so, or `STATUS REASON`.
    pub what: String,
    /// The `retry-after` of a reply.
    pub retry_after: Option<u64>,
    /// The gRPC status of a reply.
    pub grpc_status: Option<u32>,
    /// How long it took, in milliseconds.
    pub waited: u64,
}

impl Answer {
    /// Reads what became of a request.
    pub(crate) fn of(outcome: &Outcome, waited: u64) -> Self {
        let lines = || outcome.logs.iter().map(|line| line.text.as_str());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut answer = Self { what: String::new(), retry_after: None, grpc_status: None, waited };
        answer.what = match (outcome.fate, &outcome.reply) {
            (Fate::Continued, _) => {
                let user = outcome.request_headers.first("x-user");
                let user = user.map(|user| format!(" as {}", text(user))).unwrap_or_default();
                match reason_in_logs("would deny", lines()) {
                    Reason::Is(reason) => format!("passed{user}, would deny {reason}"),
                    _ => format!("passed{user}"),
                }
            }
            (Fate::Replied | Fate::Trapped, Some(reply)) => {
                let details = text(&reply.details);
                let reason = reason_in_details(&details).unwrap_or(&details).to_owned();
                let retry = reply.headers.first("retry-after").map(text);
                answer.retry_after = retry.map(|wait| wait.parse().expect("whole seconds"));
                answer.grpc_status = reply.grpc_status;
                let has_challenge = reply.headers.has("www-authenticate");
                assert_eq!(has_challenge, reply.status == 401, "a challenge goes with 401");
                // Whoever is told to come back is told when: RFC 9110 10.2.3.
                let waits = reason == "keys_unavailable";
                assert_eq!(
                    answer.retry_after.is_some(),
                    waits,
                    "{reason} with {retry:?}",
                    retry = answer.retry_after
                );
                assert_ne!(answer.retry_after, Some(0), "at once is no time to come back");
                format!("{} {reason}", reply.status)
            }
            (fate, _) => format!("{fate:?}"),
        };
        answer
    }

    /// Whether it went on.
    pub fn passed(&self) -> bool {
        self.what.starts_with("passed")
    }
}
