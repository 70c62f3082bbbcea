//! Fails each host call in turn that is made while a request waits for keys that are fetched: the
//! request must never go on unchecked, nor with a claim to be somebody, the filter must never trap,
//! and when the host is well again, so are the keys.

use std::{collections::BTreeSet, sync::LazyLock, time::Duration};

use proxy_host_model::{
    Call, Effect, Fate, Fault, Headers, Model, Outcome, Request, ServiceAnswer, Status,
};
use scenario_corpus::{Key, mint};
use serde_json::{Map, json};

use crate::sweep::{Lane, STATUSES, model};

/// Sweeps over all calls between a request's arrival and its end.
pub(crate) fn request<L: Lane>(lane: &L) {
    let (baseline, _) = play(lane, &[]);
    assert_passed("without a fault", &baseline);
    for call in CALLS {
        let named = baseline.trace.iter().any(|made| made.name == call);
        assert!(named, "the request is meant to call {call}: {:?}", baseline.trace);
    }
    for (k, call) in baseline.trace.iter().enumerate() {
        let before: Vec<&str> = baseline.trace.iter().map(|call| call.name).take(k).collect();
        for status in statuses(call.name, &before) {
            let context = format!("call {k}, {call}, ends with {status}");
            let (fate, healed) = check(lane, &context, status, &[Fault::at(number(k), status)]);
            // Nothing can be done for a request that the host cannot be told of, nor about calls that
            // it only pretends to make. Every other wait ends.
            let is_stuck = match call.name {
                SPEAK_FOR => before.contains(&SPEAK_FOR),
                SEND | CONTINUE => status == Status::OK,
                _ => false,
            };
            assert_eq!(fate == Fate::Paused, is_stuck, "{context}: {fate:?}");
            // A host that only pretended to send is not asked again: see `Callouts::send`.
            if (call.name, status) == (SEND, Status::OK) {
                assert_refused(&context, &healed);
            } else {
                assert_passed(&context, &healed);
            }
            let context = format!("{context}, and so do those after it");
            let (_, healed) =
                check(lane, &context, status, &from(&baseline.trace, &before, status));
            assert_passed(&context, &healed);
        }
    }
}

/// Sweeps over all calls made while the policy is configured.
pub(crate) fn configuration<L: Lane>(lane: &L) {
    let calls = lane.run(model(), |mut host| host.start(b"", &policy())).trace;
    for (k, call) in (0..).zip(&calls) {
        for status in STATUSES.into_iter().chain([0]).map(Status) {
            let context = format!("call {k}, {call}, ends with {status}");
            let (startup, outcome) = lane.run(issuer(), |mut host| {
                host.model(|model| model.inject(Fault::at(k, status)));
                let startup = host.start(b"", &policy());
                host.model(Model::heal);
                let stream = host.open(arriving());
                host.advance(LONG);
                (startup, host.finish(stream))
            });
            assert_eq!((startup.trap, &outcome.trap), (None, &None), "{context}");
            let needed = ["proxy_get_buffer_bytes", "proxy_set_tick_period_milliseconds"];
            match (needed.contains(&call.name), status) {
                // Nobody can tell a host that does not tick from one that has not yet.
                (true, Status::OK) if call.name.contains("tick") => {
                    assert_eq!(outcome.fate, Fate::Paused, "{context}");
                }
                (true, _) => {
                    assert!(!startup.accepted, "{context}");
                    assert_refused(&context, &outcome);
                }
                // A host that cannot let anybody go is told by its OK: nobody is held.
                (false, Status::OK) if call.name == SPEAK_FOR => assert_refused(&context, &outcome),
                (false, _) => assert_passed(&context, &outcome),
            }
        }
    }
}

/// Looks at a request whose host has these faults; gives its fate and the request after it.
fn check<L: Lane>(lane: &L, context: &str, status: Status, faults: &[Fault]) -> (Fate, Outcome) {
    let (outcome, healed) = play(lane, faults);
    assert_eq!(outcome.trap, None, "{context}");
    match outcome.fate {
        // What a host only pretends to change, nobody sees.
        Fate::Continued if status == Status::OK => {}
        Fate::Continued => assert_passed(context, &outcome),
        Fate::Replied => assert_refused(context, &outcome),
        Fate::Paused => {}
        Fate::Reset | Fate::Trapped => panic!("{context}: {:?}", outcome.fate),
    }
    for line in &outcome.logs {
        assert!(!line.text.contains(bearer()), "{context}: {line}");
    }
    (outcome.fate, healed)
}

/// The statuses that a call can end with; the SDK panics on others where it makes the call itself.
fn statuses(call: &str, before: &[&str]) -> Vec<Status> {
    match call {
        SEND => vec![Status::BAD_ARGUMENT, Status::INTERNAL_FAILURE, Status::OK],
        // The first is the SDK's, before it tells of an answer.
        SPEAK_FOR if !before.contains(&SPEAK_FOR) => vec![Status::OK],
        _ => STATUSES.into_iter().chain([0]).map(Status).collect(),
    }
}

/// The faults that let all of our calls fail that come after these.
fn from(trace: &[Call], before: &[&str], status: Status) -> Vec<Fault> {
    let names: BTreeSet<&str> = trace.iter().map(|call| call.name).collect();
    let faults = names.into_iter().filter(|name| *name != SEND).map(|name| {
        let done = before.iter().filter(|done| **done == name).count();
        // The SDK's own comes first.
        let done = if name == SPEAK_FOR { done.max(1) } else { done };
        Fault::on(number(done)..u64::MAX, Effect::Status(status)).of(name)
    });
    faults.collect()
}

fn number(k: usize) -> u64 {
    u64::try_from(k).expect("few calls")
}

/// What becomes of a request that arrives before the keys, and of another one when the host has been
/// well for a while.
fn play<L: Lane>(lane: &L, faults: &[Fault]) -> (Outcome, Outcome) {
    lane.run(issuer(), |mut host| {
        let startup = host.start(b"", &policy());
        assert!(startup.accepted, "{:?}", startup.logs);
        for fault in faults {
            host.model(|model| model.add_fault(fault.clone()));
        }
        let stream = host.open(arriving());
        host.advance(SHORT);
        let outcome = host.finish(stream);
        host.model(Model::heal);
        host.advance(LONG);
        (outcome, host.request(arriving()))
    })
}

fn assert_passed(context: &str, outcome: &Outcome) {
    assert_eq!(outcome.fate, Fate::Continued, "{context}: {:?}", outcome.logs);
    assert_eq!(outcome.request_headers.first("x-user"), Some(&b"alice"[..]), "{context}");
    assert_eq!(outcome.request_headers.first("authorization"), None, "{context}");
}

fn assert_refused(context: &str, outcome: &Outcome) {
    assert_eq!(outcome.fate, Fate::Replied, "{context}: {:?}", outcome.logs);
    let reply = outcome.reply.as_ref().expect("the fate says so");
    assert_eq!(reply.status, 503, "{context}");
}

fn issuer() -> Model {
    let keys = json!({ "keys": [Key::load("rsa-1").expect("a key of the repository").jwk()] });
    let headers = Headers::from_iter([(":status", "200")]);
    let answer = ServiceAnswer::response(headers, keys.to_string().as_bytes());
    let mut model = model();
    model.callouts.services.insert("issuer".to_owned(), answer.into());
    model
}

fn policy() -> Vec<u8> {
    let policy = json!({
        "issuers": [{
            "name": "issuer", "issuer": "https://issuer.test/", "audiences": ["api"],
            "algorithms": ["RS256"],
            "keys": { "remote": {
                "uri": "https://issuer.test/keys", "cluster": "issuer", "timeout": "100ms",
            } },
        }],
        "rules": [{ "match": { "prefix": "/" }, "access": "token" }],
        "forward": { "claims": [{ "claim": ["sub"], "header": "x-user" }] },
        "metrics": true,
    });
    policy.to_string().into_bytes()
}

/// A good token; signing takes longer than all the rest of a run.
fn bearer() -> &'static str {
    static BEARER: LazyLock<String> = LazyLock::new(|| {
        let claims = [
            ("iss", json!("https://issuer.test/")),
            ("aud", json!("api")),
            ("sub", json!("alice")),
            ("exp", json!(1_541_595_600)),
        ];
        let claims = claims.map(|(name, value)| (name.to_owned(), value));
        let key = Key::load("rsa-1").expect("a key of the repository");
        mint(&key, &Map::new(), &claims.into_iter().collect())
    });
    &BEARER
}

fn arriving() -> Request {
    Request::from_iter([
        (":method", "GET"),
        (":path", "/"),
        (":scheme", "https"),
        (":authority", "api.test"),
        ("authorization", &format!("Bearer {}", bearer())),
    ])
}

/// Calls without which the sweep would show nothing.
const CALLS: [&str; 9] = [
    CONTINUE,
    "proxy_define_metric",
    "proxy_get_buffer_bytes",
    "proxy_get_header_map_pairs",
    "proxy_get_shared_data",
    SEND,
    "proxy_record_metric",
    SPEAK_FOR,
    "proxy_set_shared_data",
];

const CONTINUE: &str = "proxy_continue_stream";
const SEND: &str = "proxy_http_call";
const SPEAK_FOR: &str = "proxy_set_effective_context";

/// Long enough for the keys to come.
const SHORT: Duration = Duration::from_millis(300);

/// Long enough for a wait to end, for a failed fetch to be made again, and for a lease to run out.
const LONG: Duration = Duration::from_secs(4);
