//! Requests that wait, and what ends the wait.

use std::time::Duration;

use host_tests::native;
use proxy_host_model::{Fate, Headers, Model, ServiceAnswer};
use serde_json::{Value, json};

use crate::setting::{
    ISSUER, NAME, SECOND, TICK, UNAVAILABLE, answer_from_now_on, assert_passed, assert_refused,
    assert_waits, fetches, model, plain, policy, request, set, start,
};

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
fn metadata_and_keys_are_one_wait() {
    let metadata = json!({ "issuer": ISSUER, "jwks_uri": "https://keys.test/jwks.json" });
    let headers = Headers::from_iter([(":status", "200")]);
    let metadata = ServiceAnswer::response(headers, metadata.to_string().as_bytes());
    let mut model = model([metadata.after(TICK)]);
    model.callouts.services.insert("keys".to_owned(), set(&["rsa-1"]).after(TICK).into());
    let mut policy: Value = serde_json::from_slice(&plain()).unwrap();
    policy["issuers"][0]["keys"] =
        json!({ "discovery": { "cluster": NAME, "jwks_cluster": "keys" } });
    native::run(model, |mut host| {
        start(&mut host, policy.to_string().as_bytes(), 0);
        let stream = host.open(request("rsa-1"));
        // The second request goes out as the answer to the first comes in, not with a tick.
        host.advance(TICK * 2);
        let sent = host.model(|model| model.callouts.http.clone());
        let addresses = sent.iter().map(|call| (&*call.cluster, call.headers.first(":authority")));
        assert_eq!(addresses.collect::<Vec<_>>(), [("keys", Some(&b"keys.test"[..]))]);
        assert_waits(&mut host, &stream);
        host.advance(TICK);
        assert_passed(&host.finish(stream));
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

/// A scheduled answer is on its way, made before the issuer had the new key. Who comes meanwhile is
/// woken by it, and waits for the one that has the key.
#[test]
fn an_answer_that_the_new_key_overtook_does_not_end_the_wait() {
    native::run(model([set(&["rsa-1"])]), |mut host| {
        start(
            &mut host,
            &policy(json!({ "refresh": "10s", "min_refetch_interval": "10s" }), json!({})),
            2,
        );
        answer_from_now_on(&mut host, set(&["rsa-1"]).after(SECOND));
        while fetches(&mut host) < 2 {
            host.advance(TICK);
        }
        answer_from_now_on(&mut host, set(&["rsa-1", "rsa-2"]).after(SECOND));
        let new = host.open(request("rsa-2"));
        let unknown = host.open(request("rsa-3"));
        host.advance(SECOND + TICK);
        for stream in [&new, &unknown] {
            assert_waits(&mut host, stream);
        }
        host.advance(SECOND + TICK);
        assert_eq!(fetches(&mut host), 3);
        assert_passed(&host.finish(new));
        assert_refused(&host.finish(unknown), 401, "key_unknown", None);
    });
}

/// And its time does not begin anew.
#[test]
fn who_waits_for_a_second_answer_waits_no_longer_for_that() {
    native::run(model([set(&["rsa-1"])]), |mut host| {
        let brief = json!({ "limits": { "waiting_time": "1500ms" } });
        start(
            &mut host,
            &policy(json!({ "refresh": "10s", "min_refetch_interval": "10s" }), brief),
            2,
        );
        answer_from_now_on(&mut host, set(&["rsa-1"]).after(SECOND));
        while fetches(&mut host) < 2 {
            host.advance(TICK);
        }
        answer_from_now_on(&mut host, ServiceAnswer::never());
        let stream = host.open(request("rsa-2"));
        host.advance(SECOND + TICK * 3);
        assert_waits(&mut host, &stream);
        host.advance(TICK * 2);
        assert_refused(&host.finish(stream), UNAVAILABLE.0, UNAVAILABLE.1, Some("1"));
    });
}

/// Its wish would be told with the next tick; a fetch for it would use up the cool-down.
#[test]
fn a_wish_that_an_answer_overtook_is_forgotten() {
    native::run(model([set(&["rsa-1"]).after(TICK / 2)]), |mut host| {
        start(&mut host, &plain(), 1);
        assert_eq!(fetches(&mut host), 1);
        let stream = host.open(request("rsa-1"));
        assert_waits(&mut host, &stream);
        host.advance(TICK / 2);
        assert_passed(&host.finish(stream));
        host.advance(SECOND * 5);
        assert_eq!(fetches(&mut host), 1);
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
