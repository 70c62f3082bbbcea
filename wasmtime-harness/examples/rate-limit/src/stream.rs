//! One request.

use std::rc::Rc;

use proxy_wasm::{
    traits::{Context, HttpContext},
    types::Action,
};
use serde::Deserialize;

use crate::{
    config::OnFailure,
    metrics::Event,
    root::Shop,
    store::{Taken, nanos},
};

/// The longest name of a client in bytes: it becomes a part of a path and of a key.
const CLIENT_MAX: usize = 128;
/// The longest answer of the service in bytes that is read.
const ANSWER_MAX: usize = 4096;

/// One request.
pub(crate) struct Stream {
    shop: Rc<Shop>,
    /// The client, once it is known.
    client: String,
}

/// What the service says about a client.
#[derive(Deserialize)]
struct Limits {
    /// How many requests it may make in a window.
    limit: u32,
}

/// Why there is no limit to go by.
enum Failure {
    /// The service does not know the client.
    UnknownClient,
    /// The service did not do what it should; the text says what it did.
    Service(String),
}

impl Stream {
    pub(crate) fn new(shop: Rc<Shop>) -> Self {
        Self { shop, client: String::new() }
    }

    /// The client's name; `None` unless there is exactly one, of a form that can go into a path.
    ///
    /// All headers are looked at: asked for one by name, a host gives the first of several, and the
    /// server behind it may go by the last.
    fn client(&self) -> Option<String> {
        let headers = self.get_http_request_headers_bytes();
        let wanted = &self.shop.config.client_header;
        let mut found = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        match (found.next(), found.next()) {
            (Some((_, client)), None) if is_name(client) => String::from_utf8(client.clone()).ok(),
            _ => None,
        }
    }

    /// Asks the service, and holds the request until [`Context::on_http_call_response`].
    fn ask(&mut self) -> Action {
        let service = &self.shop.config.service;
        let path = format!("/limits/{}", self.client);
        let headers =
            vec![(":method", "GET"), (":path", &*path), (":authority", &*service.cluster)];
        let timeout = service.timeout();
        match self.dispatch_http_call(&service.cluster, headers, None, Vec::new(), timeout) {
            Ok(_token) => Action::Pause,
            Err(status) => self.fail(&format!("the call was refused: {status:?}")),
        }
    }

    /// The limit in the service's answer.
    fn limit(&self, headers: usize, body: usize) -> Result<u32, Failure> {
        // No headers at all: the connection broke. A proxy that got no connection, or waited for too
        // long, answers with 503 or 504 in the service's name.
        if headers == 0 {
            return Err(Failure::Service("the call was reset".to_owned()));
        }
        let status = self.get_http_call_response_header_bytes(":status").unwrap_or_default();
        match status.as_slice() {
            b"200" => {}
            b"404" => return Err(Failure::UnknownClient),
            other => return Err(Failure::Service(format!("status {}", other.escape_ascii()))),
        }
        let body = self.get_http_call_response_body(0, body.min(ANSWER_MAX)).unwrap_or_default();
        let limits: Limits = serde_json::from_slice(&body)
            .map_err(|error| Failure::Service(format!("the answer is not readable: {error}")))?;
        Ok(limits.limit)
    }

    /// Takes one request from the client's bucket, and does what follows from it.
    fn judge(&mut self, limit: Option<u32>) -> Action {
        let shop = Rc::clone(&self.shop);
        let now = self.get_current_time();
        let window = shop.store.window(now);
        match shop.store.take(&self.client, window, limit) {
            Taken::Allowed => {
                shop.metrics.count(Event::Allowed);
                Action::Continue
            }
            Taken::Limited => {
                shop.metrics.count(Event::Limited);
                let length = u64::try_from(shop.config.window().as_nanos()).unwrap_or(u64::MAX);
                let rest = window.saturating_add(length).saturating_sub(nanos(now));
                let seconds = rest.div_ceil(1_000_000_000).max(1).to_string();
                self.refuse(429, vec![("retry-after", &seconds)], "too many requests\n")
            }
            Taken::NoBucket => self.ask(),
            Taken::Contended => self.fail("shared data did not take a change"),
        }
    }

    /// The limit is not known: the configuration says what becomes of the request.
    fn fail(&mut self, why: &str) -> Action {
        self.shop.metrics.count(Event::Failed);
        match self.shop.config.on_failure {
            OnFailure::Deny => {
                log::warn!("rate-limit: denied, since the limit is not known: {why}");
                self.refuse(503, Vec::new(), "the rate limit is not known\n")
            }
            OnFailure::Allow => {
                log::warn!("rate-limit: allowed, though the limit is not known: {why}");
                Action::Continue
            }
        }
    }

    /// Answers the request. What the callback returns does not count after that; Pause says it best.
    fn refuse(&self, status: u32, mut headers: Vec<(&str, &str)>, body: &str) -> Action {
        headers.push(("content-type", "text/plain"));
        self.send_http_response(status, headers, Some(body.as_bytes()));
        Action::Pause
    }
}

impl HttpContext for Stream {
    fn on_http_request_headers(&mut self, _count: usize, _end_of_stream: bool) -> Action {
        match self.client() {
            Some(client) => {
                self.client = client;
                self.judge(None)
            }
            None => {
                let header = &self.shop.config.client_header;
                let body = format!(
                    "expected one {header}: 1 to {CLIENT_MAX} letters, digits, `-` and `_`\n"
                );
                self.refuse(400, Vec::new(), &body)
            }
        }
    }
}

impl Context for Stream {
    fn on_http_call_response(&mut self, _token: u32, headers: usize, body: usize, _: usize) {
        let action = match self.limit(headers, body) {
            Ok(limit) => self.judge(Some(limit)),
            Err(Failure::UnknownClient) => self.refuse(403, Vec::new(), "unknown client\n"),
            Err(Failure::Service(why)) => self.fail(&why),
        };
        if action == Action::Continue {
            self.resume_http_request();
        }
    }
}

/// Whether the bytes are a name that is the same in a path and in a key, whoever reads it: encoding
/// the others would not do, since servers take `%2E%2E` for `..`.
fn is_name(bytes: &[u8]) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=CLIENT_MAX).contains(&bytes.len()) && bytes.iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::{CLIENT_MAX, is_name};

    #[test]
    fn a_client_cannot_leave_its_place_in_a_path() {
        assert!(is_name(b"alice-1_A"));
        assert!(is_name(&[b'a'; CLIENT_MAX]));
        for name in [&b""[..], b"..", b"a/b", b"a?b", b"%2e", b"a b", b"\xff", &[b'a'; 129]] {
            assert!(!is_name(name), "{}", name.escape_ascii());
        }
    }
}
