//! The issuer of a story: what it publishes, and what is wrong with it.

use std::time::Duration;

use proxy_host_model::{Headers, HttpCall, ServiceAnswer};
use serde_json::{Map, Value, json};

use crate::Key;

/// The issuer's name, as `iss` has it.
pub const ISSUER: &str = "https://issuer.test/";

/// The address of its key set.
pub(crate) const KEYS_URI: &str = "https://issuer.test/jwks.json";

/// An issuer as it is at the moment; a story changes it as time goes on.
#[derive(Clone, Debug)]
pub struct Issuer {
    /// The entries of its key set.
    pub keys: Vec<Value>,
    /// What its metadata say.
    pub metadata: Map<String, Value>,
    /// Headers beside `:status` and `content-type`, such as `cache-control`.
    pub headers: Vec<(&'static str, String)>,
    /// How long it takes to answer.
    pub latency: Duration,
    /// What it answers for its key set instead.
    pub trouble: Option<ServiceAnswer>,
    /// What it answers for its metadata instead.
    pub metadata_trouble: Option<ServiceAnswer>,
}

impl Issuer {
    /// One that publishes these keys of `host-tests/keys` and answers in 30 milliseconds.
    pub fn of(keys: &[&str]) -> Self {
        let metadata = json!({"issuer": ISSUER, "jwks_uri": KEYS_URI, "scopes_supported": ["a"]});
        let mut issuer = Self {
            keys: Vec::new(),
            metadata: metadata.as_object().cloned().unwrap_or_default(),
            headers: Vec::new(),
            latency: Duration::from_millis(30),
            trouble: None,
            metadata_trouble: None,
        };
        issuer.publish(keys);
        issuer
    }

    /// Publishes these keys of `host-tests/keys` and no others.
    pub fn publish(&mut self, keys: &[&str]) {
        let jwk = |name: &&str| Key::load(name).expect("a key of the repository").jwk();
        self.keys = keys.iter().map(jwk).collect();
    }

    /// The key set as it is sent.
    pub fn set(&self) -> Vec<u8> {
        json!({"keys": self.keys}).to_string().into_bytes()
    }

    /// What it answers to a call.
    pub(crate) fn answer(&self, call: &HttpCall) -> ServiceAnswer {
        let keys = || self.json(self.set());
        let metadata = || self.json(Value::from(self.metadata.clone()).to_string().into_bytes());
        let answer = match call.headers.first(":path") {
            Some(b"/jwks.json") => self.trouble.clone().unwrap_or_else(keys),
            Some(
                b"/.well-known/openid-configuration" | b"/.well-known/oauth-authorization-server",
            ) => self.metadata_trouble.clone().unwrap_or_else(metadata),
            _ => ServiceAnswer::status(404),
        };
        let after = answer.after.max(self.latency);
        answer.after(after)
    }

    fn json(&self, body: Vec<u8>) -> ServiceAnswer {
        let mut headers =
            Headers::from_iter([(":status", "200"), ("content-type", "application/json")]);
        for (name, value) in &self.headers {
            headers.add(name.as_bytes(), value.as_bytes());
        }
        ServiceAnswer::response(headers, &body)
    }
}

/// A page of this status, as a portal or a gateway sends it in the place of what was asked for.
pub(crate) fn page(status: u16) -> ServiceAnswer {
    let status = status.to_string();
    let headers = Headers::from_iter([(":status", &*status), ("content-type", "text/html")]);
    ServiceAnswer::response(headers, b"<!doctype html><title>Sign in</title>")
}

/// A body of this status with something that is JSON.
pub(crate) fn body(body: &[u8]) -> ServiceAnswer {
    let headers = Headers::from_iter([(":status", "200"), ("content-type", "application/json")]);
    ServiceAnswer::response(headers, body)
}
