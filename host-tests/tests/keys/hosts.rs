//! What is asked of a host, what is not, and hosts that cannot do it.

use std::time::Duration;

use host_tests::native::{self, Native};
use proxy_host_model::{Fault, Host, LogLevel, Model, Profile, ServiceAnswer, Status};
use scenario_corpus::Key;
use serde_json::{Value, json};

use crate::setting::{
    NAME, SECOND, TICK, UNAVAILABLE, answer_from_now_on, assert_passed, assert_refused, fetches,
    model, plain, policy, request, set, start,
};

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
