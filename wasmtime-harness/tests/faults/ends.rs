//! Ends the VM at each host call in turn, and takes its fuel and memory away bit by bit: what the
//! filter has not let through until then stays where it is.

use proxy_host_model::{Fate, Fault, Host, Model, Outcome};
use wasmtime_harness::{Limits, Vm};

use crate::{
    cases::Case,
    module,
    sweep::{model, start},
};

/// How many different amounts of fuel or memory are tried.
const STEPS: u64 = 24;
const PAGE: usize = 65536;

/// The host ends the VM in each call of the case's request.
pub(crate) fn traps(case: &Case) {
    let (before, calls) = baseline(case);
    for k in 0..calls {
        let mut host = host(case, Limits::default());
        host.model(|model| model.inject(Fault::trap_at(k, "the host gives up")));
        let after = host.request(case.request.clone());
        let context = format!("{}: call {k} ends the VM", case.name);
        let trap = after.trap.as_ref().expect(&context).to_string();
        assert!(trap.contains("the host gives up"), "{context}: {trap}");
        check(&context, case, &before, &after);
        host.model(Model::heal);
        assert_eq!(host.request(case.request.clone()).fate, Fate::Trapped, "{context}");
    }
}

/// The host ends the VM in each call that is made while the case's policy is configured, and at
/// each allocation.
pub(crate) fn traps_while_configuring(case: &Case) {
    let calls = start(&mut unstarted(Limits::default()), case).trace.len();
    assert!(calls > 0);
    for k in 0..u64::try_from(calls).expect("few calls") {
        let mut host = unstarted(Limits::default());
        host.model(|model| model.inject(Fault::trap_at(k, "the host gives up")));
        let startup = host.start(b"", case.policy.as_bytes());
        let context = format!("{}: call {k} ends the VM", case.name);
        assert!(!startup.accepted && startup.trap.is_some(), "{context}");
        host.model(Model::heal);
        assert_eq!(host.request(case.request.clone()).fate, Fate::Trapped, "{context}");
    }
}

/// Each part of the fuel that the dearest callback of the request takes is its limit in turn.
pub(crate) fn fuel(case: &Case) {
    let (before, _) = baseline(case);
    let mut host = host(case, Limits::default());
    host.request(case.request.clone());
    let vm = host.guest();
    let requests = vm.fuel_by_callback().filter(|(export, _)| !STARTUP.contains(export));
    let most = requests.map(|(_, used)| used).max().expect("it was called");
    let mut trapped = 0_u64;
    for step in 0..STEPS {
        let fuel = most.saturating_mul(step) / STEPS;
        let limits = Limits { fuel, ..Limits::default() };
        let mut host = unstarted(limits);
        let startup = host.start(b"", case.policy.as_bytes());
        let context = format!("{}: {fuel} of {most} units of fuel", case.name);
        let after = host.request(case.request.clone());
        match (&startup.trap, &after.trap) {
            (Some(_), _) => assert_eq!(after.fate, Fate::Trapped, "{context}"),
            (None, Some(trap)) => {
                assert!(trap.to_string().contains("all fuel consumed"), "{context}: {trap}");
                check(&context, case, &before, &after);
            }
            (None, None) => assert_eq!(after.fate, before.fate, "{context}"),
        }
        trapped = trapped.saturating_add(u64::from(after.trap.is_some()));
    }
    assert!(trapped > STEPS / 2, "{}: ran out {trapped} times of {STEPS}", case.name);
}

/// From the memory that the module begins with to what a large request takes, each page is the limit
/// in turn.
pub(crate) fn memory(case: &Case) {
    let mut case = case.clone();
    for number in 0..4 {
        let name = format!("x-large-{number}");
        case.request.headers.add(name.as_bytes(), &[b'a'; PAGE]);
    }
    let case = &case;
    let (before, _) = baseline(case);
    let begins = unstarted(Limits::default()).guest().memory_size();
    let mut host = host(case, Limits::default());
    host.request(case.request.clone());
    let needs = host.guest().memory_size();
    assert!(needs > begins, "{}: the module never grows, so this shows nothing", case.name);
    for memory in (begins..needs).step_by(PAGE) {
        let limits = Limits { memory, ..Limits::default() };
        let context = format!("{}: {memory} of {needs} bytes", case.name);
        let mut host = unstarted(limits);
        let startup = host.start(b"", case.policy.as_bytes());
        let after = host.request(case.request.clone());
        if startup.trap.is_some() || !startup.accepted {
            assert!(!after.continued(), "{context}: {after:?}");
        } else {
            assert!(after.trap.is_some(), "{context}: it is said to need more");
            check(&context, case, &before, &after);
        }
        assert!(host.guest().memory_size() <= memory, "{context}");
    }
}

const STARTUP: [&str; 5] =
    ["_initialize", "_start", "main", "proxy_on_vm_start", "proxy_on_configure"];

/// A request in whose course the VM ended has gone as far as the filter had let it, and no further.
fn check(context: &str, case: &Case, before: &Outcome, after: &Outcome) {
    match after.fate {
        Fate::Trapped => assert_eq!(after.response, None, "{context}"),
        fate => {
            // It ended after the decision, which is the same then.
            assert_eq!(fate, before.fate, "{context}");
            assert_eq!(after.request_headers, before.request_headers, "{context}");
            assert_eq!(after.published, before.published, "{context}");
            assert_eq!(after.reply, before.reply, "{context}");
        }
    }
    for line in &after.logs {
        assert!(!line.text.contains(&case.secret), "{context}: {line}");
    }
    let trap = after.trap.as_ref().expect(context).to_string();
    assert!(!trap.contains(&case.secret), "{context}: {trap}");
}

fn baseline(case: &Case) -> (Outcome, u64) {
    let before = host(case, Limits::default()).request(case.request.clone());
    assert_eq!(before.fate, case.fate, "{before:?}");
    let calls = u64::try_from(before.trace.len()).expect("few calls");
    (before, calls)
}

fn host(case: &Case, limits: Limits) -> Host<Vm> {
    let mut host = unstarted(limits);
    start(&mut host, case);
    host
}

fn unstarted(limits: Limits) -> Host<Vm> {
    module::get().host_within(model(), limits).expect("the module initialises")
}
