//! Fails each host call of a request in turn, with every status, and each allocation: the request
//! must never go on with less checking than before, and the filter must never trap.
//!
//! Shared by the native and the wasmtime lane, so it knows of hosts only what the model says.

use std::iter;

use proxy_host_model::{Call, Fate, Fault, Guest, Host, Model, Outcome, Startup, Status};
use scenario_corpus::{VERIFY_SIGNATURE, verify_signature};

use crate::cases::Case;

/// All statuses of the ABI but OK, and some that nobody has named.
pub(crate) const STATUSES: [u32; 14] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 99, u32::MAX];

/// Something that runs the filter.
pub(crate) trait Lane {
    /// What runs it.
    type Guest: Guest;

    /// Runs `test` on a fresh filter.
    fn run<R: Send>(&self, model: Model, test: impl FnOnce(Host<Self::Guest>) -> R + Send) -> R;
}

/// What a faulty run is compared with, and how many calls it has to go through.
struct Baseline {
    outcome: Outcome,
    again: Outcome,
}

/// Sweeps over all calls of the case's request.
pub(crate) fn request<L: Lane>(lane: &L, case: &Case) {
    let baseline = lane.run(model(), |mut host| {
        start(&mut host, case);
        Baseline {
            outcome: host.request(case.request.clone()),
            again: host.request(case.request.clone()),
        }
    });
    assert_eq!(baseline.outcome.fate, case.fate, "{:?}", baseline.outcome);
    let calls = baseline.outcome.trace.clone();
    let named = |name: &str| calls.iter().any(|call| call.name == name);
    for call in &case.calls {
        assert!(named(call), "the case is meant to call {call}: {calls:?}");
    }
    for (k, call) in (0..).zip(&calls) {
        for status in STATUSES {
            let status = Status(status);
            let one = run(lane, case, &baseline, Fault::at(k, status));
            let context = format!("{}: call {k}, {call}, fails with {status}", case.name);
            check_one(&context, &baseline.outcome, &one, call.name, status);

            let rest = run(lane, case, &baseline, Fault::from(k, status));
            let later = calls.iter().skip(usize::try_from(k).expect("few calls"));
            let context = format!("{context}, and so do all after it");
            check_rest(&context, &baseline.outcome, &rest, later);
        }
        let lie = run(lane, case, &baseline, Fault::at(k, Status::OK));
        let context = format!("{}: call {k}, {call}, only pretends", case.name);
        check_lie(&context, &baseline.outcome, &lie, call.name);
    }
    allocations(lane, case, &baseline);
}

/// Sweeps over all times that the host needs memory of the filter for what it hands over.
fn allocations<L: Lane>(lane: &L, case: &Case, baseline: &Baseline) {
    for k in 0.. {
        for (fault, which) in [
            (Fault::allocator(k..k.saturating_add(1)), "fails"),
            (Fault::allocator(k..u64::MAX), "and all after it fail"),
        ] {
            let after = run(lane, case, baseline, fault);
            let unserved = after.trace.iter().find(|call| call.status == NO_MEMORY);
            let Some(call) = unserved else {
                assert!(k > 0, "{}: the filter reads no headers", case.name);
                assert_same(case.name, &baseline.outcome, &after);
                return;
            };
            let context = format!("{}: allocation {k}, for {call}, {which}", case.name);
            check_one(&context, &baseline.outcome, &after, call.name, NO_MEMORY);
        }
    }
}

/// Sweeps over all calls made while the case's policy is configured.
pub(crate) fn configuration<L: Lane>(lane: &L, case: &Case) {
    let calls = lane.run(model(), |mut host| start(&mut host, case)).trace;
    assert!(calls.iter().any(|call| call.name == READ_CONFIGURATION));
    for (k, call) in (0..).zip(&calls) {
        let statuses = iter::once(Status::OK).chain(STATUSES.map(Status));
        let mut faults: Vec<Fault> = statuses.map(|status| Fault::at(k, status)).collect();
        if call.name == READ_CONFIGURATION {
            faults.push(Fault::allocator(0..1));
        }
        for fault in faults {
            let context = format!("{}: call {k}, {call}, with {fault:?}", case.name);
            let (startup, outcome) = lane.run(model(), |mut host| {
                host.model(|model| model.inject(fault.clone()));
                let startup = host.start(b"", case.policy.as_bytes());
                host.model(Model::heal);
                (startup, host.request(case.request.clone()))
            });
            assert_eq!(startup.trap, None, "{context}");
            assert_eq!(outcome.trap, None, "{context}");
            if call.name == READ_CONFIGURATION {
                assert!(!startup.accepted, "{context}: accepted unread");
                assert_refused(&context, &outcome, "policy_invalid");
            } else {
                // The host's function fails its test then, or the host is not known for one.
                let spared = ["proxy_log", "proxy_call_foreign_function", "proxy_get_property"];
                assert!(spared.contains(&call.name), "{context}: not known to the sweep");
                assert!(startup.accepted, "{context}: {:?}", startup.logs);
                assert_eq!(outcome.fate, case.fate, "{context}");
            }
        }
    }
}

/// A host that brings the body of a request that it was told to hold gets no leave to go on.
pub(crate) fn body<L: Lane>(lane: &L, case: &Case) {
    for (fault, held) in [(None, false), (Some(Fault::from(0, Status::INTERNAL_FAILURE)), true)] {
        let (fate, actions) = lane.run(model(), |mut host| {
            start(&mut host, case);
            host.model(|model| model.settings.body_passes_paused_headers = true);
            if let Some(fault) = fault.clone() {
                host.model(|model| model.inject(fault));
            }
            let stream = host.open(case.request.clone().to_be_continued());
            let actions = [false, true].map(|end| host.request_body(&stream, b"body", end));
            (host.fate(&stream), actions)
        });
        let context = format!("{}: with {fault:?}", case.name);
        assert_eq!(fate, if held { Fate::Paused } else { case.fate }, "{context}");
        assert_eq!(actions, [Some(u32::from(held)); 2], "{context}");
    }
}

fn run<L: Lane>(lane: &L, case: &Case, baseline: &Baseline, fault: Fault) -> Outcome {
    let (outcome, healed) = lane.run(model(), |mut host| {
        start(&mut host, case);
        host.model(|model| model.inject(fault.clone()));
        let outcome = host.request(case.request.clone());
        host.model(Model::heal);
        (outcome, host.request(case.request.clone()))
    });
    let context = format!("{}: after {fault:?}", case.name);
    assert_eq!(outcome.trap, None, "{context}");
    assert_same(&context, &baseline.again, &healed);
    let secret = case.secret.as_bytes();
    for line in &outcome.logs {
        assert!(!line.text.contains(&case.secret), "{context}: {line}");
    }
    for text in outcome.reply.iter().flat_map(|reply| {
        let headers = reply.headers.iter().map(|(_, value)| value);
        headers.chain([reply.body.as_slice(), reply.details.as_slice()])
    }) {
        let leaked = text.windows(secret.len()).any(|part| part == secret);
        assert!(!leaked, "{context}: a token in the reply");
    }
    outcome
}

/// One call failed and told so.
fn check_one(context: &str, before: &Outcome, after: &Outcome, call: &str, status: Status) {
    match Role::of(call, before) {
        Role::Record | Role::Tool => assert_same(context, before, after),
        Role::Reply => {
            assert!(!after.continued(), "{context}: {after:?}");
            // One failed attempt is not the end: the bare status gets through.
            let code = |outcome: &Outcome| outcome.reply.as_ref().map(|reply| reply.status);
            assert_eq!(code(after), code(before), "{context}");
        }
        Role::Property if status == Status::NOT_FOUND => assert_held(context, after),
        Role::Read | Role::Property | Role::Change => {
            assert_refused(context, after, "host_error");
        }
        Role::MarkResponse => assert_response_replaced(context, after),
    }
}

/// From one call on, all failed: it is as bad as the worst of them.
fn check_rest<'a>(
    context: &str,
    before: &Outcome,
    after: &Outcome,
    mut failed: impl Iterator<Item = &'a Call>,
) {
    let roles: Vec<Role> = failed.by_ref().map(|call| Role::of(call.name, before)).collect();
    if roles.iter().all(|role| matches!(role, Role::Record | Role::Tool)) {
        assert_same(context, before, after);
    } else if roles.iter().all(|role| matches!(role, Role::Record | Role::MarkResponse)) {
        // Not even another response can be sent, so there is none.
        assert_eq!(after.response, None, "{context}");
    } else {
        assert_held(context, after);
        assert_eq!(after.reply, None, "{context}: the reply failed as well");
    }
}

/// A call said that it did what it did not do.
fn check_lie(context: &str, before: &Outcome, after: &Outcome, call: &str) {
    match Role::of(call, before) {
        // An empty header map and a clock at zero cannot be true.
        Role::Read => assert_refused(context, after, "host_error"),
        // Indistinguishable from a route without metadata.
        Role::Property => assert_held(context, after),
        Role::Reply => {
            assert_held(context, after);
            assert_eq!(after.action, Some(1), "{context}");
        }
        // A verdict that was not written is none.
        Role::Record | Role::Tool => assert_same(context, before, after),
        // Nothing shows it; the request is decided as it should be.
        Role::Change | Role::MarkResponse => assert_eq!(after.fate, before.fate, "{context}"),
    }
}

/// What a request needs a host call for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Role {
    /// To decide.
    Read,
    /// To decide; there may be nothing.
    Property,
    /// To make the request what the decision says.
    Change,
    /// To keep the response out of shared caches.
    MarkResponse,
    /// To answer.
    Reply,
    /// To tell the operator; nothing depends on it.
    Record,
    /// To do in less time what the filter does otherwise.
    Tool,
}

impl Role {
    fn of(call: &str, baseline: &Outcome) -> Self {
        match call {
            "proxy_get_header_map_pairs" | "proxy_get_current_time_nanoseconds" => Self::Read,
            "proxy_get_property" => Self::Property,
            "proxy_remove_header_map_value"
            | "proxy_replace_header_map_value"
            | "proxy_set_property" => Self::Change,
            "proxy_add_header_map_value" if baseline.continued() => Self::MarkResponse,
            "proxy_send_local_response" => Self::Reply,
            "proxy_call_foreign_function" => Self::Tool,
            "proxy_log" | "proxy_define_metric" | "proxy_increment_metric" => Self::Record,
            _ => panic!("{call} is not known to the sweep: say what a request needs it for"),
        }
    }
}

fn assert_same(context: &str, expected: &Outcome, found: &Outcome) {
    let visible = |outcome: &Outcome| {
        let outcome = outcome.clone();
        (
            (outcome.fate, outcome.action, outcome.trap),
            (outcome.request_headers, outcome.published),
            (outcome.reply, outcome.response),
        )
    };
    assert_eq!(visible(found), visible(expected), "{context}");
}

fn assert_held(context: &str, outcome: &Outcome) {
    let held = matches!(outcome.fate, Fate::Paused | Fate::Replied);
    assert!(held, "{context}: {outcome:?}");
}

fn assert_refused(context: &str, outcome: &Outcome, reason: &str) {
    assert_eq!(outcome.fate, Fate::Replied, "{context}: {outcome:?}");
    let reply = outcome.reply.as_ref().expect("the fate says so");
    assert_eq!(reply.status, 503, "{context}");
    let details = String::from_utf8_lossy(&reply.details);
    assert_eq!(details, format!("jwt_gate.{reason}"), "{context}");
    assert!(!reply.headers.has("www-authenticate"), "{context}");
}

fn assert_response_replaced(context: &str, outcome: &Outcome) {
    let response = outcome.response.as_ref().expect("there is another one");
    assert_eq!(response.first(":status"), Some(&b"503"[..]), "{context}");
}

pub(crate) fn start<G: Guest>(host: &mut Host<G>, case: &Case) -> Startup {
    let startup = host.start(b"", case.policy.as_bytes());
    assert!(startup.accepted, "{}: {:?}", case.name, startup.logs);
    startup
}

pub(crate) fn model() -> Model {
    // 2018-11-07T12:00:00Z, within the life of the token.
    let mut model = Model::at_secs(1_541_592_000);
    model.foreign.insert(VERIFY_SIGNATURE.to_vec(), verify_signature());
    model
}

/// What a host call ends with when the filter's allocator gives nothing.
const NO_MEMORY: Status = Status::INVALID_MEMORY_ACCESS;

const READ_CONFIGURATION: &str = "proxy_get_buffer_bytes";
