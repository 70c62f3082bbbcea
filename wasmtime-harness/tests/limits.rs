//! What a filter may use up: fuel for each callback, fuel to start, memory, the stack.

#![allow(clippy::expect_used, reason = "a test stops at what it did not expect")]

mod filter;

use proxy_host_model::{Fate, Host, Model, Outcome, Startup};
use wasmtime_harness::{Error, Limits, Module, Vm};

use filter::{get, module};

const PAGE: usize = 65536;

/// A function of this name that goes round a loop 100 times and then answers 1.
fn busy(export: &str, parameters: &str, result: bool) -> String {
    let (kind, answer) = if result { ("(result i32)", "(i32.const 1)") } else { ("", "") };
    format!(
        r#"(func (export "{export}") {parameters} {kind} (local $n i32)
            (loop $again
                (local.set $n (i32.add (local.get $n) (i32.const 1)))
                (br_if $again (i32.lt_u (local.get $n) (i32.const 100))))
            {answer})"#
    )
}

fn host_within(module: &Module, limits: Limits) -> Host<Vm> {
    module.host_within(Model::default(), limits).expect("it initialises")
}

fn outcome(module: &Module, limits: Limits) -> (Host<Vm>, Outcome) {
    let mut host = host_within(module, limits);
    assert!(host.start(b"", b"").accepted);
    let outcome = host.request(get());
    (host, outcome)
}

fn startup(module: &Module, limits: Limits) -> Startup {
    host_within(module, limits).start(b"", b"")
}

fn out_of_fuel(trap: Option<&proxy_host_model::Trap>, export: &str) {
    let text = trap.expect("it ran out").to_string();
    assert!(text.starts_with(export), "{text}");
    assert!(text.contains("all fuel consumed"), "{text}");
}

#[test]
fn a_callback_may_use_all_its_fuel_and_not_much_more() {
    for (export, parameters, result) in [
        ("proxy_on_context_create", "(param i32 i32)", false),
        ("proxy_on_request_headers", "(param i32 i32 i32)", true),
        ("proxy_on_response_headers", "(param i32 i32 i32)", true),
        ("proxy_on_log", "(param i32)", false),
        ("proxy_on_done", "(param i32)", true),
        ("proxy_on_delete", "(param i32)", false),
    ] {
        let module = module(&busy(export, parameters, result));
        let calls = |host: &mut Host<Vm>| {
            host.start(b"", b"");
            host.request(get());
            host.guest().fuel_used_by(export)
        };
        let mut free = host_within(&module, Limits::default());
        let used = calls(&mut free);
        // The root is created by this call as well.
        let once = if export == "proxy_on_context_create" { used / 2 } else { used };
        assert!(once > 100, "{export} used {once}");

        let mut enough = host_within(&module, Limits { fuel: once, ..Limits::default() });
        assert_eq!(calls(&mut enough), used, "{export}");
        assert_eq!(enough.trap(), None, "{export}");

        // What follows the last loop or call is not checked any more.
        let less = once * 9 / 10;
        let mut short = host_within(&module, Limits { fuel: less, ..Limits::default() });
        calls(&mut short);
        out_of_fuel(short.trap(), export);
    }
}

#[test]
fn every_callback_gets_its_fuel_anew() {
    let module = module(&busy("proxy_on_log", "(param i32)", false));
    let mut host = host_within(&module, Limits::default());
    host.start(b"", b"");
    host.request(get());
    let once = host.guest().fuel_used_by("proxy_on_log");
    let mut host = host_within(&module, Limits { fuel: once, ..Limits::default() });
    host.start(b"", b"");
    for _ in 0..10 {
        assert!(host.request(get()).continued());
    }
    assert_eq!(host.guest().fuel_used_by("proxy_on_log"), 10 * once);
}

#[test]
fn the_start_has_a_limit_of_its_own() {
    let filter = [
        busy("proxy_on_vm_start", "(param i32 i32)", true),
        busy("proxy_on_configure", "(param i32 i32)", true),
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))"#
            .to_owned(),
    ]
    .join("\n");
    let module = module(&filter);
    let tight = Limits { fuel: 50, ..Limits::default() };
    let (mut host, outcome) = outcome(&module, tight);
    assert!(outcome.continued(), "requests are cheap: {:?}", outcome.trap);
    assert!(host.reconfigure(b"").accepted, "an update may cost what a start may");

    let short = Limits { startup_fuel: 50, ..Limits::default() };
    let startup = startup(&module, short);
    assert!(!startup.accepted);
    out_of_fuel(startup.trap.as_ref(), "proxy_on_vm_start");
}

#[test]
fn a_configuration_that_never_ends_is_a_trap() {
    let module = module(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
            (loop $again (br $again)) (i32.const 1))"#,
    );
    let startup = startup(&module, Limits { startup_fuel: 100_000, ..Limits::default() });
    out_of_fuel(startup.trap.as_ref(), "proxy_on_configure");
}

#[test]
fn a_module_that_never_stops_initialising_is_refused() {
    let limits = Limits { startup_fuel: 100_000, ..Limits::default() };
    for export in ["_initialize", "_start"] {
        let endless = format!(r#"(func (export "{export}") (loop $again (br $again)))"#);
        let error = module(&endless).host_within(Model::default(), limits).expect_err("endless");
        assert!(matches!(error, Error::Initialize(_)), "{error}");
        assert!(error.to_string().contains("all fuel consumed"), "{error}");
    }
    let endless = r#"(func $endless (loop $again (br $again))) (start $endless)"#;
    let error = module(endless).host_within(Model::default(), limits).expect_err("endless");
    assert!(error.to_string().contains("all fuel consumed"), "{error}");
}

#[test]
fn an_endless_loop_runs_out_of_fuel() {
    let module = module(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (loop $again (br $again)) (i32.const 0))"#,
    );
    let (mut host, outcome) = outcome(&module, Limits { fuel: 100_000, ..Limits::default() });
    assert_eq!(outcome.fate, Fate::Trapped);
    out_of_fuel(outcome.trap.as_ref(), "proxy_on_request_headers");
    assert_eq!(host.request(get()).fate, Fate::Trapped, "it is gone for good");
    assert_eq!(host.guest().fuel_used_by("proxy_on_request_headers"), 100_000);
}

#[test]
fn fuel_is_the_same_in_every_run() {
    let module = module(&busy("proxy_on_request_headers", "(param i32 i32 i32)", true));
    let used = || {
        let (mut host, _) = outcome(&module, Limits::default());
        host.guest().fuel_used()
    };
    assert_ne!(used(), 0);
    assert_eq!(used(), used());
}

#[test]
fn fuel_is_known_for_each_callback() {
    let module = module(&busy("proxy_on_request_headers", "(param i32 i32 i32)", true));
    let (mut host, _) = outcome(&module, Limits::default());
    let vm = host.guest();
    let costs: Vec<(&str, u64)> = vm.fuel_by_callback().collect();
    assert_eq!(costs, [("proxy_on_request_headers", vm.fuel_used())]);
    assert_eq!(vm.fuel_used_by("proxy_on_log"), 0, "the module does not have it");
}

/// Grows by a page for each request; the action is the size before in pages, or -1.
const GROWS: &str = r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
    (memory.grow (i32.const 1)))"#;

#[test]
fn memory_does_not_grow_beyond_the_limit() {
    let limits = Limits { memory: 2 * PAGE, ..Limits::default() };
    let (mut host, outcome) = outcome(&module(GROWS), limits);
    assert_eq!(outcome.action, Some(1), "one page before");
    assert_eq!(host.guest().memory_size(), 2 * PAGE);
    assert_eq!(host.request(get()).action, Some(u32::MAX), "it failed");
    assert_eq!(host.trap(), None, "which is an answer and not a trap");
    assert_eq!(host.guest().memory_size(), 2 * PAGE);
}

#[test]
fn a_limit_amid_a_page_does_not_let_it_begin() {
    let limits = Limits { memory: 2 * PAGE - 1, ..Limits::default() };
    let (mut host, outcome) = outcome(&module(GROWS), limits);
    assert_eq!(outcome.action, Some(u32::MAX));
    assert_eq!(host.guest().memory_size(), PAGE);
}

#[test]
fn a_module_that_begins_beyond_the_limit_is_refused() {
    let limits = Limits { memory: PAGE - 1, ..Limits::default() };
    let error = module("").host_within(Model::default(), limits).expect_err("too small");
    let text = error.to_string();
    assert!(text.contains("memory"), "{text}");
}

#[test]
fn a_runaway_recursion_is_a_trap() {
    let module = module(
        r#"(func $deeper (param i32) (result i32)
            (i32.add (call $deeper (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))
           (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (call $deeper (i32.const 0)))"#,
    );
    let (_, outcome) = outcome(&module, Limits::default());
    let trap = outcome.trap.expect("there is an end to it").to_string();
    assert!(trap.contains("call stack exhausted"), "{trap}");
}

#[test]
fn the_limits_of_the_default_are_those_that_it_tells() {
    let limits = Limits::default();
    assert_eq!(limits.memory, 1 << 30, "as in proxy-wasm-cpp-host");
    let module = module(&GROWS.replace("(i32.const 1)", "(i32.const 16383)"));
    let (mut host, outcome) = outcome(&module, limits);
    assert_eq!(outcome.action, Some(1), "16384 pages are 1 GiB");
    assert_eq!(host.guest().memory_size(), 1 << 30);
    assert_eq!(host.request(get()).action, Some(u32::MAX));
}
