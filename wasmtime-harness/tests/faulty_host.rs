//! A host that fails on demand, under filters written by hand: statuses, traps, the allocator, and
//! services that do not answer as they should.

#![allow(clippy::expect_used, reason = "a test stops at what it did not expect")]

mod filter;

use std::time::Duration;

use proxy_host_model::{
    ALLOCATOR, Effect, Fate, Fault, Host, Model, Outcome, ServiceAnswer, Status, WASI_FUNCTIONS,
};
use wasmtime_harness::{Limits, Module, Vm};

use filter::{get, host, on_headers};

/// Logs three times; the action is the three statuses as decimal digits of a number in base 100.
fn logs_three_times() -> Host<Vm> {
    let log = "(call $log (i32.const 2) (i32.const 0) (i32.const 1))";
    on_headers(
        r#"(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))"#,
        &format!(
            "(i32.mul {log} (i32.const 10000)) (i32.mul {log} (i32.const 100)) {log}
             i32.add i32.add"
        ),
    )
}

/// Gets the header `x-in` twice: addresses and sizes go to 0, 4, 8 and 12, and the statuses are the
/// action, in base 100.
const GETS_TWICE: &str = r#"
    (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (data (i32.const 0) "\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff\ff")
    (data (i32.const 64) "x-in")
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (i32.add
            (i32.mul (i32.const 100)
                (call $get (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 0) (i32.const 4)))
            (call $get (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 8) (i32.const 12))))"#;

fn gets_twice(fault: Fault) -> (Host<Vm>, Outcome) {
    let mut host = host(GETS_TWICE);
    host.model(|model| model.inject(fault));
    let outcome = host.request(get());
    (host, outcome)
}

fn word(host: &mut Host<Vm>, address: usize) -> u32 {
    let bytes = host.guest().memory().get(address..).and_then(<[u8]>::first_chunk);
    u32::from_le_bytes(*bytes.expect("four bytes"))
}

fn trace(outcome: &Outcome) -> Vec<String> {
    outcome.trace.iter().map(ToString::to_string).collect()
}

#[test]
fn any_call_fails_with_any_status() {
    for (k, action) in [(0, 97_00_00), (1, 97_00), (2, 97)] {
        let mut host = logs_three_times();
        host.model(|model| model.inject(Fault::at(k, Status(97)).of("proxy_log")));
        let outcome = host.request(get());
        assert_eq!(outcome.action, Some(action));
        assert_eq!(outcome.logs.len(), 2);
    }
}

#[test]
fn any_call_ends_the_vm() {
    for k in 0..3 {
        let mut host = logs_three_times();
        host.model(|model| model.inject(Fault::trap_at(k, "power cut")));
        let outcome = host.request(get());
        assert_eq!(outcome.fate, Fate::Trapped);
        assert_eq!(outcome.logs.len(), usize::try_from(k).expect("small"));
        let trap = outcome.trap.expect("the fate says so");
        assert_eq!(trap.reason(), "proxy_on_request_headers: proxy_log: power cut");
        assert_eq!(host.request(get()).fate, Fate::Trapped);
    }
    let mut host = logs_three_times();
    host.model(|model| model.inject(Fault::trap_at(3, "power cut")));
    assert_eq!(host.request(get()).trap, None);
}

#[test]
fn a_trap_while_configuring_is_told_at_the_start() {
    let mut host = filter::module(
        r#"(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
           (func (export "proxy_on_configure") (param i32 i32) (result i32)
            (drop (call $log (i32.const 2) (i32.const 0) (i32.const 0))) (i32.const 1))"#,
    )
    .host(Model::default())
    .expect("it initialises");
    host.model(|model| model.inject(Fault::trap_at(0, "power cut").of("proxy_log")));
    let startup = host.start(b"", b"");
    assert!(!startup.accepted);
    let trap = startup.trap.expect("it ended").to_string();
    assert!(trap.contains("proxy_on_configure") && trap.contains("power cut"), "{trap}");
}

#[test]
fn the_allocator_gives_nothing_at_its_kth_call() {
    let (mut host, outcome) = gets_twice(Fault::allocator(0..1));
    assert_eq!(outcome.action, Some(6_00), "INVALID_MEMORY_ACCESS, then OK");
    let failed = "proxy_get_header_map_value -> INVALID_MEMORY_ACCESS";
    assert_eq!(trace(&outcome), [failed, "proxy_get_header_map_value -> OK"]);
    assert_eq!([word(&mut host, 0), word(&mut host, 4)], [u32::MAX; 2], "nothing is written");
    assert_eq!([word(&mut host, 8), word(&mut host, 12)], [1024, 5], "the first that it gave");

    let (mut host, outcome) = gets_twice(Fault::allocator(1..2));
    assert_eq!(outcome.action, Some(6));
    assert_eq!([word(&mut host, 0), word(&mut host, 4)], [1024, 5]);
    assert_eq!([word(&mut host, 8), word(&mut host, 12)], [u32::MAX; 2]);
}

#[test]
fn the_allocator_gives_nothing_beyond_a_number_of_bytes() {
    for (bytes, action) in [(4, 6_06), (5, 6), (9, 6), (10, 0)] {
        let (_, outcome) = gets_twice(Fault::allocator_beyond(bytes));
        assert_eq!(outcome.action, Some(action), "{bytes} bytes");
    }
}

#[test]
fn the_allocator_ends_the_vm() {
    let abort = Effect::Trap("out of memory".to_owned());
    let (_, outcome) = gets_twice(Fault::on(1..2, abort).of(ALLOCATOR));
    assert_eq!(outcome.fate, Fate::Trapped);
    let trap = outcome.trap.expect("the fate says so").to_string();
    assert!(trap.contains("proxy_on_memory_allocate: out of memory"), "{trap}");
}

/// The filter of [`GETS_TWICE`] with another allocator.
fn with_allocator(body: &str) -> Outcome {
    let text = filter::wat(GETS_TWICE);
    let (before, rest) = text.split_once("(global.get $next)").expect("the fixture has it");
    let (_, after) = rest.split_once("(local.get $size))))").expect("the fixture has it");
    let bytes = wat::parse_str(format!("{before} {body}) {after}")).expect("valid");
    let module = Module::from_bytes(&bytes).expect("a filter");
    let limits = Limits { fuel: 100_000, ..Limits::default() };
    let mut host = module.host_within(Model::default(), limits).expect("it initialises");
    assert!(host.start(b"", b"").accepted);
    host.request(get())
}

#[test]
fn an_allocator_of_the_filter_that_really_fails_is_told_the_same_way() {
    assert_eq!(with_allocator("(i32.const 2048)").action, Some(0));
    assert_eq!(with_allocator("(i32.const 0)").action, Some(6_06), "nothing");
    assert_eq!(with_allocator("(i32.const 65533)").action, Some(6_06), "beyond the end");
    assert_eq!(with_allocator("(i32.const -1)").action, Some(6_06), "far outside");
    let outcome = with_allocator("(unreachable)");
    assert_eq!(outcome.fate, Fate::Trapped);
    let allocator = "proxy_on_request_headers: the filter's allocator: ";
    let trap = outcome.trap.expect("the fate says so");
    let unreachable = format!("{allocator}wasm trap: wasm `unreachable` instruction executed");
    assert_eq!(trap.reason(), unreachable);
    let endless = with_allocator("(loop $again (br $again)) (i32.const 0)");
    let trap = endless.trap.expect("it ran out");
    let out_of_fuel = format!("{allocator}wasm trap: all fuel consumed by WebAssembly");
    assert_eq!(trap.reason(), out_of_fuel);
}

#[test]
fn wasi_fails_and_ends_the_vm_too() {
    let functions = [
        ("clock_time_get", "i32 i64 i32", "(i32.const 0) (i64.const 0) (i32.const 0)"),
        ("fd_write", "i32 i32 i32 i32", "(i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0)"),
        ("random_get", "i32 i32", "(i32.const 0) (i32.const 8)"),
    ];
    assert_eq!(functions.map(|(name, _, _)| name), WASI_FUNCTIONS);
    for (name, parameters, arguments) in functions {
        for module in ["wasi_snapshot_preview1", "wasi_unstable"] {
            let filter = || {
                on_headers(
                    &format!(
                        r#"(import "{module}" "{name}" (func $f (param {parameters}) (result i32)))"#
                    ),
                    &format!("(i32.store (i32.const 0) (i32.const 7)) (call $f {arguments})"),
                )
            };
            let mut host = filter();
            host.model(|model| model.inject(Fault::at(1, Status(76)).of(name)));
            assert_eq!(host.request(get()).action, Some(0), "{name}");
            assert_ne!(word(&mut host, 0), 7, "{name} did its work");
            assert_eq!(host.request(get()).action, Some(76), "{name}: NOTCAPABLE");
            assert_eq!(word(&mut host, 0), 7, "{name} did nothing");

            let mut host = filter();
            host.model(|model| model.inject(Fault::trap_at(0, "gone").of(name)));
            let trap = host.request(get()).trap.expect("the host ended it");
            assert_eq!(trap.reason(), format!("proxy_on_request_headers: {name}: gone"));
        }
    }
}

/// Calls the cluster `k` for a request, holds it, and lets it go on when the answer is 200; the
/// first digit of the status is compared, and an answer without headers replies.
const ASKS: &str = r#"
    (import "env" "proxy_http_call" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_set_effective_context" (func $speak_for (param i32) (result i32)))
    (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
    (import "env" "proxy_send_local_response" (func $reply (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (data (i32.const 64) "k:status")
    (data (i32.const 128) "\03\00\00\00\07\00\00\00\03\00\00\00\05\00\00\00\01\00\00\00\0a\00\00\00\01\00\00\00:method\00GET\00:path\00/\00:authority\00k\00")
    (global $waits (mut i32) (i32.const 0))
    (func (export "proxy_on_request_headers") (param $context i32) (param i32 i32) (result i32)
        (global.set $waits (local.get $context))
        (if (call $call (i32.const 64) (i32.const 1) (i32.const 128) (i32.const 61)
                (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
                (i32.const 100) (i32.const 0))
            (then (unreachable)))
        (i32.const 1))
    (func (export "proxy_on_http_call_response") (param i32 i32) (param $headers i32) (param i32 i32)
        (local $good i32)
        (if (local.get $headers) (then
            (drop (call $get (i32.const 6) (i32.const 65) (i32.const 7) (i32.const 8) (i32.const 12)))
            (local.set $good (i32.eq (i32.load8_u (i32.load (i32.const 8))) (i32.const 50)))))
        (drop (call $speak_for (global.get $waits)))
        (if (local.get $good)
            (then (drop (call $continue (i32.const 0))))
            (else (drop (call $reply (i32.const 503) (i32.const 0) (i32.const 0) (i32.const 0)
                (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1))))))"#;

#[test]
fn a_filter_that_asks_a_service_is_answered_as_the_test_says() {
    let ms = Duration::from_millis;
    let ok = || ServiceAnswer::status(200);
    for (answer, after, fate) in [
        (ok().after(ms(100)), 100, Fate::Continued),
        (ok().after(ms(100)), 99, Fate::Paused),
        (ok().after(ms(101)), 200, Fate::Replied),
        (ok().times(2), 0, Fate::Continued),
        (ServiceAnswer::never(), 99, Fate::Paused),
        (ServiceAnswer::never(), 100, Fate::Replied),
        (ServiceAnswer::reset(), 0, Fate::Replied),
        (ServiceAnswer::connect_failure(), 0, Fate::Replied),
        (ServiceAnswer::timeout(), 0, Fate::Replied),
    ] {
        let mut host = host(ASKS);
        host.model(|model| {
            model.callouts.services.insert("k".to_owned(), answer.clone().into());
        });
        let stream = host.open(get());
        host.advance(ms(after));
        assert_eq!(host.fate(&stream), fate, "{answer:?} after {after} ms");
        assert_eq!(host.finish(stream).trap, None);
    }
}
