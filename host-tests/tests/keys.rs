//! Keys that are fetched: requests that wait for them, and how each wait ends.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect"
)]

use std::time::Duration;

use host_tests::native::{self, Native};
use proxy_host_model::{
    Clock, Fate, Fault, Headers, Host, LogLevel, Model, OpenStream, Outcome, Profile, Request,
    Service, ServiceAnswer, Status,
};
use scenario_corpus::{Key, mint};
use serde_json::{Map, Value, json};

const NOW_SECONDS: u64 = 1_700_000_000;
const ISSUER: &str = "https://issuer.test/";
/// The cluster, and the name of the issuer in metrics and lines.
const NAME: &str = "issuer";
const TICK: Duration = Duration::from_millis(100);
const SECOND: Duration = Duration::from_secs(1);

/// A policy that asks for a token everywhere; `remote` and `more` complete it.
fn policy(remote: Value, more: Value) -> Vec<u8> {
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

fn plain() -> Vec<u8> {
    policy(json!({}), json!({}))
}

/// The key set with these keys of `host-tests/keys`.
fn set(keys: &[&str]) -> ServiceAnswer {
    let keys: Vec<Value> = keys.iter().map(|name| Key::load(name).unwrap().jwk()).collect();
    let headers = Headers::from_iter([(":status", "200"), ("content-type", "application/json")]);
    ServiceAnswer::response(headers, json!({ "keys": keys }).to_string().as_bytes())
}

/// A proxy whose issuer answers one call after the other like this.
fn model(answers: impl IntoIterator<Item = ServiceAnswer>) -> Model {
    let mut model = Model::default();
    model.clock = Clock::at_secs(NOW_SECONDS);
    model.callouts.services.insert(NAME.to_owned(), Service::new(answers));
    model
}

/// A request with a good token that is signed with this key.
fn request(key: &str) -> Request {
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
fn start(host: &mut Host<Native>, policy: &[u8], ticks: u32) {
    let startup = host.start(b"", policy);
    assert!(startup.accepted, "{:?}", startup.logs);
    host.advance(TICK * ticks);
}

fn fetches(host: &mut Host<Native>) -> u64 {
    host.model(|model| model.callouts.services[NAME].calls)
}

fn answer_from_now_on(host: &mut Host<Native>, answer: ServiceAnswer) {
    host.model(|model| {
        let service = model.callouts.services.get_mut(NAME).unwrap();
        service.answers = vec![answer];
    });
}

#[track_caller]
fn assert_waits(host: &mut Host<Native>, stream: &OpenStream) {
    assert_eq!(host.fate(stream), Fate::Paused);
}

#[track_caller]
fn assert_passed(outcome: &Outcome) {
    assert_eq!(outcome.fate, Fate::Continued, "{outcome:?}");
    assert_eq!(outcome.request_headers.first("x-user"), Some(&b"alice"[..]));
    assert_eq!(outcome.request_headers.first("authorization"), None);
}

/// Asserts that the caller got this status, for this reason, and was told when to come back.
#[track_caller]
fn assert_refused(outcome: &Outcome, status: u32, reason: &str, retry_after: Option<&str>) {
    assert_eq!(outcome.fate, Fate::Replied, "{outcome:?}");
    let reply = outcome.reply.as_ref().unwrap();
    assert_eq!(reply.status, status, "{outcome:?}");
    assert_eq!(outcome.reply_header("retry-after"), retry_after.map(str::as_bytes));
    assert!(reply.details.ends_with(reason.as_bytes()), "{reply:?}");
}

const UNAVAILABLE: (u32, &str) = (503, "keys_unavailable");

#[test]
fn the_first_requests_wait_for_the_first_set() {
    native::run(model([set(&["rsa-1"]).after(TICK * 3)]), |mut host| {
        start(&mut host, &plain(), 0);
        let early = host.open(request("rsa-1"));
        assert_eq!(fetches(&mut host), 0, "nothing is sent for a request");
        host.advance(TICK);
        assert_eq!(fetches(&mut host), 1);
        let late = host.open(request("rsa-1"));
        for stream in [&early, &late] {
            assert_waits(&mut host, stream);
        }
        host.advance(TICK * 3);
        for stream in [early, late] {
            assert_passed(&host.finish(stream));
        }
        assert_passed(&host.request(request("rsa-1")));
        assert_eq!(fetches(&mut host), 1);
    });
}

#[test]
fn a_body_waits_with_its_request() {
    native::run(model([set(&["rsa-1"])]), |mut host| {
        host.model(|model| model.settings.body_passes_paused_headers = true);
        start(&mut host, &plain(), 0);
        let stream = host.open(request("rsa-1").to_be_continued());
        assert_eq!(host.request_body(&stream, b"a", false), Some(1));
        host.advance(TICK * 2);
        assert_eq!(host.request_body(&stream, b"b", false), Some(0));
        assert_eq!(host.request_trailers(&stream, Headers::default()), Some(0));
        assert_passed(&host.finish(stream));
    });
}

#[test]
fn a_failed_fetch_ends_the_wait() {
    for (answer, cause, after) in [
        (ServiceAnswer::status(500), "status", TICK * 2),
        (ServiceAnswer::reset(), "reset", TICK * 2),
        (ServiceAnswer::connect_failure(), "connect", TICK * 2),
        (ServiceAnswer::never(), "timeout", TICK + SECOND),
    ] {
        native::run(model([answer]), |mut host| {
            let patient = json!({ "limits": { "waiting_time": "30s" } });
            start(&mut host, &policy(json!({ "timeout": "1s" }), patient), 0);
            let stream = host.open(request("rsa-1"));
            host.advance(after);
            let outcome = host.finish(stream);
            assert_refused(&outcome, UNAVAILABLE.0, UNAVAILABLE.1, Some("1"));
            let failed = format!("jwt_gate.fetches.outcome.{cause}.issuer.{NAME}");
            host.model(|model| assert_eq!(model.metrics.counter(&failed), Some(1), "{failed}"));
            // Nobody is held while nothing is under way.
            let outcome = host.request(request("rsa-1"));
            assert_refused(&outcome, UNAVAILABLE.0, UNAVAILABLE.1, Some("1"));

            answer_from_now_on(&mut host, set(&["rsa-1"]));
            host.advance(SECOND);
            assert_passed(&host.request(request("rsa-1")));
        });
    }
}

#[test]
fn a_body_that_is_too_long_is_not_even_read() {
    let long = ServiceAnswer::response(Headers::from_iter([(":status", "200")]), &[b' '; 1025]);
    native::run(model([long]), |mut host| {
        start(&mut host, &policy(json!({ "max_bytes": 1024 }), json!({})), 0);
        host.model(Model::drain);
        host.advance(TICK);
        let (logs, calls) = host.model(Model::drain);
        assert!(calls.iter().any(|call| call.name == "proxy_get_header_map_pairs"));
        assert!(calls.iter().all(|call| call.name != "proxy_get_buffer_bytes"), "{calls:?}");
        assert!(logs.iter().any(|line| line.text.contains("too_large")), "{logs:?}");
    });
}

#[test]
fn a_key_that_is_new_is_fetched_and_waited_for() {
    native::run(model([set(&["rsa-1"])]), |mut host| {
        start(&mut host, &plain(), 2);
        assert_passed(&host.request(request("rsa-1")));
        host.advance(Duration::from_secs(60));
        answer_from_now_on(&mut host, set(&["rsa-1", "rsa-2"]).after(TICK));
        let stream = host.open(request("rsa-2"));
        assert_waits(&mut host, &stream);
        host.advance(TICK * 3);
        assert_passed(&host.finish(stream));
        assert_eq!(fetches(&mut host), 2);
    });
}

#[test]
fn a_key_that_nobody_has_is_refused_when_the_new_set_is_there() {
    native::run(model([set(&["rsa-1"]).after(TICK)]), |mut host| {
        start(&mut host, &plain(), 3);
        host.advance(Duration::from_secs(60));
        let stream = host.open(request("rsa-2"));
        assert_waits(&mut host, &stream);
        host.advance(TICK * 3);
        assert_refused(&host.finish(stream), 401, "key_unknown", None);
        // The next one does not wait: the set is as new as it may be.
        assert_refused(&host.request(request("rsa-3")), 401, "key_unknown", None);
        host.advance(SECOND * 20);
        assert_eq!(fetches(&mut host), 2);
    });
}

#[test]
fn places_are_limited() {
    native::run(model([set(&["rsa-1"]).after(SECOND)]), |mut host| {
        let tight = json!({ "limits": { "waiting_requests": 2 } });
        start(&mut host, &policy(json!({}), tight), 0);
        let held = [host.open(request("rsa-1")), host.open(request("rsa-1"))];
        let outcome = host.request(request("rsa-1"));
        assert_refused(&outcome, UNAVAILABLE.0, UNAVAILABLE.1, Some("1"));

        // A client that goes away makes room.
        let [gone, stays] = held;
        assert_eq!(host.abandon(gone).fate, Fate::Paused);
        let other = host.open(request("rsa-1"));
        for stream in [&stays, &other] {
            assert_waits(&mut host, stream);
        }
        host.advance(SECOND * 2);
        for stream in [stays, other] {
            assert_passed(&host.finish(stream));
        }
        assert_eq!(host.trap(), None);
    });
}

#[test]
fn nobody_waits_longer_than_the_policy_says() {
    native::run(model([ServiceAnswer::never()]), |mut host| {
        let impatient = json!({ "limits": { "waiting_time": "500ms" } });
        start(&mut host, &policy(json!({ "timeout": "10s" }), impatient), 0);
        let stream = host.open(request("rsa-1"));
        host.advance(TICK * 4);
        assert_waits(&mut host, &stream);
        host.advance(TICK);
        assert_refused(&host.finish(stream), UNAVAILABLE.0, UNAVAILABLE.1, Some("1"));
        assert_eq!(fetches(&mut host), 1);
    });
}

#[test]
fn a_clock_that_goes_back_ends_every_wait() {
    native::run(model([ServiceAnswer::never()]), |mut host| {
        start(&mut host, &plain(), 0);
        let stream = host.open(request("rsa-1"));
        host.model(|model| model.clock.jump(-3_600_000_000_000));
        host.advance(TICK);
        assert_refused(&host.finish(stream), UNAVAILABLE.0, UNAVAILABLE.1, Some("1"));
    });
}

#[test]
fn a_client_that_goes_away_takes_nothing_along() {
    native::run(model([set(&["rsa-1"]).after(TICK * 3)]), |mut host| {
        start(&mut host, &plain(), 1);
        let stream = host.open(request("rsa-1"));
        host.advance(TICK);
        let outcome = host.abandon(stream);
        assert_eq!((outcome.fate, outcome.reply), (Fate::Paused, None));
        host.advance(SECOND);
        assert_eq!(host.trap(), None);
        assert_passed(&host.request(request("rsa-1")));
        assert_eq!(fetches(&mut host), 1);
    });
}

#[test]
fn a_request_that_waits_ends_under_the_configuration_it_came_to() {
    native::run(model([set(&["rsa-1"]).after(SECOND)]), |mut host| {
        start(&mut host, &plain(), 1);
        let stream = host.open(request("rsa-1"));
        let closed = json!({ "rules": [{ "match": { "prefix": "/" }, "access": "deny" }] });
        assert!(host.reconfigure(&policy(json!({}), closed)).accepted);
        assert_refused(&host.request(request("rsa-1")), 403, "rule_denies", None);
        assert_waits(&mut host, &stream);
        host.advance(SECOND * 2);
        assert_passed(&host.finish(stream));
        assert_eq!(fetches(&mut host), 1, "the new root took over what was found");
    });
}

#[test]
fn a_canary_fetches_nothing() {
    native::run(model([set(&["rsa-1"])]), |mut host| {
        let startup = host.start(b"", &plain());
        assert!(startup.accepted);
        let quiet = ["proxy_http_call", "proxy_get_shared_data", "proxy_set_shared_data"];
        let loud = startup.trace.iter().find(|call| quiet.contains(&call.name));
        assert_eq!(loud, None);
        let ticks = startup.trace.iter().filter(|call| call.name == SET_TICK);
        assert_eq!(ticks.count(), 1);
    });
}

#[test]
fn keys_of_the_document_need_none_of_it() {
    native::run(model([]), |mut host| {
        let pem = Key::load("rsa-1").unwrap().public_pem();
        let mut policy: Value = serde_json::from_slice(&plain()).unwrap();
        policy["issuers"][0]["keys"] = json!({ "pem": pem });
        let startup = host.start(b"", policy.to_string().as_bytes());
        assert!(startup.accepted, "{:?}", startup.logs);
        host.advance(SECOND * 10);
        let outcome = host.request(request("rsa-1"));
        assert_passed(&outcome);
        let new = [
            "proxy_continue_stream",
            "proxy_get_shared_data",
            "proxy_http_call",
            "proxy_record_metric",
            "proxy_set_effective_context",
            "proxy_set_shared_data",
            SET_TICK,
        ];
        let calls = startup.trace.iter().chain(&outcome.trace);
        let found = calls.filter(|call| new.contains(&call.name)).count();
        assert_eq!(found, 0);
    });
}

#[test]
fn a_host_without_ticks_cannot_have_such_keys() {
    native::run(model([set(&["rsa-1"])]), |mut host| {
        host.model(|model| model.add_fault(Fault::from(0, Status::UNIMPLEMENTED).of(SET_TICK)));
        let startup = host.start(b"", &plain());
        assert!(!startup.accepted);
        assert!(startup.logs.iter().any(|line| line.text.contains(SET_TICK)));
        assert_refused(&host.request(request("rsa-1")), 503, "policy_invalid", None);
    });
}

#[test]
fn without_shared_data_a_vm_fetches_for_itself() {
    native::run(model([set(&["rsa-1"])]), |mut host| {
        let denied = Fault::from(0, Status::INTERNAL_FAILURE);
        host.model(|model| model.add_fault(denied.of("proxy_get_shared_data")));
        start(&mut host, &plain(), 0);
        let stream = host.open(request("rsa-1"));
        host.advance(SECOND);
        let outcome = host.finish(stream);
        assert_passed(&outcome);
        let warnings = |line: &&proxy_host_model::LogLine| line.level == LogLevel::Warn;
        assert_eq!(outcome.logs.iter().filter(warnings).count(), 1, "{:?}", outcome.logs);
        host.advance(Duration::from_secs(300));
        assert_eq!(fetches(&mut host), 1);
        assert_passed(&host.request(request("rsa-1")));
    });
}

#[test]
fn where_nobody_can_be_let_go_nobody_is_held() {
    let mut model = model([set(&["rsa-1"]).after(SECOND)]);
    model.profile = Profile::NGX_WASM;
    native::run(model, |mut host| {
        let alone = json!({ "shared_data": { "use": false }, "metrics": false });
        start(&mut host, &policy(json!({}), alone), 1);
        let outcome = host.request(request("rsa-1"));
        assert_refused(&outcome, UNAVAILABLE.0, UNAVAILABLE.1, Some("1"));
        host.advance(SECOND * 2);
        assert_passed(&host.request(request("rsa-1")));

        // The wish is heard all the same.
        host.advance(Duration::from_secs(60));
        answer_from_now_on(&mut host, set(&["rsa-2"]));
        let outcome = host.request(request("rsa-2"));
        assert_refused(&outcome, UNAVAILABLE.0, UNAVAILABLE.1, Some("1"));
        host.advance(SECOND);
        assert_passed(&host.request(request("rsa-2")));
    });
}

#[test]
fn gauges_and_lines_tell_how_keys_are() {
    let answers = [ServiceAnswer::status(500), set(&["rsa-1", "rsa-2"])];
    native::run(model(answers), |mut host| {
        let gauge = |host: &mut Host<Native>, what: &str| {
            let name = format!("jwt_gate.keys.{what}.issuer.{NAME}");
            host.model(|model| model.metrics.gauge(&name))
        };
        start(&mut host, &plain(), 0);
        host.model(Model::drain);
        host.advance(SECOND - TICK);
        assert_eq!(gauge(&mut host, "count"), Some(0));
        let (logs, _) = host.model(Model::drain);
        let lines: Vec<String> = logs.iter().map(ToString::to_string).collect();
        assert!(
            lines.iter().any(|line| line.contains(
                "jwt-gate: keys of issuer: fetch failed: \
            status: found 500, expected 200; next try in 1s"
            )),
            "{lines:?}"
        );
        assert!(logs.iter().any(|line| line.level == LogLevel::Error), "{lines:?}");

        host.advance(SECOND * 11);
        assert_eq!(gauge(&mut host, "count"), Some(2));
        assert_eq!(gauge(&mut host, "last_error"), Some(0));
        let age = gauge(&mut host, "age_seconds").unwrap();
        assert!((8..=11).contains(&age), "{age}");
        let (logs, calls) = host.model(Model::drain);
        let lines: Vec<String> = logs.iter().map(ToString::to_string).collect();
        assert!(lines.iter().any(|line| line.contains("2 in force: kid=rsa-1,rsa-2")), "{lines:?}");
        let set = calls.iter().filter(|call| call.name == "proxy_record_metric").count();
        assert!((30..=36).contains(&set), "three gauges a second, found {set} in 11");
    });
}

const SET_TICK: &str = "proxy_set_tick_period_milliseconds";
