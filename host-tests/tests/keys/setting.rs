//! A policy, an issuer and a caller, and what may become of the caller.

use std::time::Duration;

use host_tests::native::Native;
use proxy_host_model::{
    Clock, Fate, Headers, Host, Model, OpenStream, Outcome, Request, Service, ServiceAnswer,
};
use scenario_corpus::{Key, mint};
use serde_json::{Map, Value, json};

pub(crate) const NOW_SECONDS: u64 = 1_700_000_000;
pub(crate) const ISSUER: &str = "https://issuer.test/";
/// The cluster, and the name of the issuer in metrics and lines.
pub(crate) const NAME: &str = "issuer";
pub(crate) const TICK: Duration = Duration::from_millis(100);
pub(crate) const SECOND: Duration = Duration::from_secs(1);

/// A policy that asks for a token everywhere; `remote` and `more` complete it.
pub(crate) fn policy(remote: Value, more: Value) -> Vec<u8> {
    let mut keys = json!({ "uri": "https://issuer.test/jwks.json", "cluster": NAME });
    keys.as_object_mut().unwrap().extend(remote.as_object().unwrap().clone());
    let mut policy = json!({
        "issuers": [{
            "name": NAME, "issuer": ISSUER, "audiences": ["api"], "algorithms": ["RS256"],
            "keys": { "remote": keys },
        }],
        "rules": [{ "match": { "prefix": "/" }, "access": "token" }],
        "forward": { "claims": [{ "claim": ["sub"], "header": "x-user" }] },
        "metrics": true,
    });
    policy.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    policy.to_string().into_bytes()
}

pub(crate) fn plain() -> Vec<u8> {
    policy(json!({}), json!({}))
}

/// The key set with these keys of `host-tests/keys`.
pub(crate) fn set(keys: &[&str]) -> ServiceAnswer {
    let keys: Vec<Value> = keys.iter().map(|name| Key::load(name).unwrap().jwk()).collect();
    let headers = Headers::from_iter([(":status", "200"), ("content-type", "application/json")]);
    ServiceAnswer::response(headers, json!({ "keys": keys }).to_string().as_bytes())
}

/// A proxy whose issuer answers one call after the other like this.
pub(crate) fn model(answers: impl IntoIterator<Item = ServiceAnswer>) -> Model {
    let mut model = Model::default();
    model.clock = Clock::at_secs(NOW_SECONDS);
    model.callouts.services.insert(NAME.to_owned(), Service::new(answers));
    model
}

/// A request with a good token that is signed with this key.
pub(crate) fn request(key: &str) -> Request {
    let claims = json!({
        "iss": ISSUER, "aud": "api", "sub": "alice", "exp": NOW_SECONDS + 3600,
    });
    let token = mint(&Key::load(key).unwrap(), &Map::new(), claims.as_object().unwrap());
    Request::from_iter([
        (":method", "GET"),
        (":path", "/hamsters"),
        (":scheme", "https"),
        (":authority", "api.test"),
        ("authorization", &format!("Bearer {token}")),
    ])
}

/// Starts with a policy, and lets as many ticks pass.
pub(crate) fn start(host: &mut Host<Native>, policy: &[u8], ticks: u32) {
    let startup = host.start(b"", policy);
    assert!(startup.accepted, "{:?}", startup.logs);
    host.advance(TICK * ticks);
}

pub(crate) fn fetches(host: &mut Host<Native>) -> u64 {
    host.model(|model| model.callouts.services[NAME].calls)
}

pub(crate) fn answer_from_now_on(host: &mut Host<Native>, answer: ServiceAnswer) {
    host.model(|model| {
        let service = model.callouts.services.get_mut(NAME).unwrap();
        service.answers = vec![answer];
    });
}

#[track_caller]
pub(crate) fn assert_waits(host: &mut Host<Native>, stream: &OpenStream) {
    assert_eq!(host.fate(stream), Fate::Paused);
}

#[track_caller]
pub(crate) fn assert_passed(outcome: &Outcome) {
    assert_eq!(outcome.fate, Fate::Continued, "{outcome:?}");
    assert_eq!(outcome.request_headers.first("x-user"), Some(&b"alice"[..]));
    assert_eq!(outcome.request_headers.first("authorization"), None);
}

/// Asserts that the caller got this status, for this reason, and was told when to come back.
#[track_caller]
pub(crate) fn assert_refused(
    outcome: &Outcome,
    status: u32,
    reason: &str,
    retry_after: Option<&str>,
) {
    assert_eq!(outcome.fate, Fate::Replied, "{outcome:?}");
    let reply = outcome.reply.as_ref().unwrap();
    assert_eq!(reply.status, status, "{outcome:?}");
    assert_eq!(outcome.reply_header("retry-after"), retry_after.map(str::as_bytes));
    assert!(reply.details.ends_with(reason.as_bytes()), "{reply:?}");
}

pub(crate) const UNAVAILABLE: (u32, &str) = (503, "keys_unavailable");
