//! Modules that are not ours, written by hand: what the harness does with any filter.

#![allow(clippy::expect_used, reason = "a test stops at what it did not expect")]

mod filter;

use proxy_host_model::{Clock, Fate, Fault, Headers, Model, Status};
use wasmtime_harness::{Error, Module};

use filter::{get, host, module, on_headers, wat};

#[test]
fn every_host_function_links_with_the_types_of_the_specification() {
    let bytes = wat::parse_str(include_str!("fixtures/all_imports.wat")).expect("valid");
    let module = Module::from_bytes(&bytes).expect("links");
    let proxy = |name: &String| name.starts_with("env.proxy_");
    assert_eq!(module.imports().filter(proxy).count(), 39);
    let mut host = module.host(Model::default()).expect("is a filter");
    assert!(host.start(b"", b"").accepted, "a filter without callbacks");
    assert!(host.request(get()).continued());
}

#[test]
fn bytes_travel_both_ways() {
    let mut host = on_headers(
        r#"(import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
           (import "env" "proxy_replace_header_map_value" (func $set (param i32 i32 i32 i32 i32) (result i32)))
           (data (i32.const 64) "x-inx-out")"#,
        "(drop (call $get (i32.const 0) (i32.const 64) (i32.const 4) (i32.const 0) (i32.const 4)))
         (call $set (i32.const 0) (i32.const 68) (i32.const 5)
            (i32.load (i32.const 0)) (i32.load (i32.const 4)))",
    );
    let outcome = host.request(get());
    assert!(outcome.continued());
    assert_eq!(outcome.request_headers.first("x-out"), Some(&b"hello"[..]));
    // The first free address of the allocator, and the size that the host asked for.
    assert_eq!(host.guest().memory()[..8], [0, 4, 0, 0, 5, 0, 0, 0]);
}

#[test]
fn nothing_is_handed_over_as_address_zero() {
    let mut host = on_headers(
        r#"(import "env" "proxy_get_header_map_pairs" (func $get (param i32 i32 i32) (result i32)))"#,
        "(i32.store (i32.const 0) (i32.const -1))
         (i32.store (i32.const 4) (i32.const -1))
         (call $get (i32.const 2) (i32.const 0) (i32.const 4))",
    );
    assert_eq!(host.request(get()).action, Some(Status::OK.0));
    assert_eq!(host.guest().memory()[..8], [0; 8]);
}

#[test]
fn memory_outside_is_a_status_and_in_the_trace() {
    let log = r#"(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))"#;
    for (address, size) in [("65536", "1"), ("65535", "2"), ("-1", "-1"), ("0", "65537")] {
        let code = format!("(call $log (i32.const 2) (i32.const {address}) (i32.const {size}))");
        let outcome = on_headers(log, &code).request(get());
        assert_eq!(outcome.action, Some(6), "{address}, {size}");
        let trace: Vec<String> = outcome.trace.iter().map(ToString::to_string).collect();
        assert_eq!(trace, ["proxy_log -> INVALID_MEMORY_ACCESS"]);
        assert!(outcome.logs.is_empty());
    }
    let inside = "(call $log (i32.const 2) (i32.const 65535) (i32.const 1))";
    assert_eq!(on_headers(log, inside).request(get()).action, Some(0));
}

#[test]
fn a_result_that_cannot_be_written_is_a_status_and_in_the_trace() {
    let time = r#"(import "env" "proxy_get_current_time_nanoseconds" (func $time (param i32) (result i32)))"#;
    let outcome = on_headers(time, "(call $time (i32.const 65529))").request(get());
    assert_eq!(outcome.action, Some(6));
    assert_eq!(outcome.trace.len(), 1);
    assert_eq!(outcome.trace[0].status, Status::INVALID_MEMORY_ACCESS);
}

#[test]
fn an_injected_status_reaches_the_filter_whatever_its_number() {
    let log = r#"(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))"#;
    for status in [0, 1, 99, u32::MAX] {
        let mut host = on_headers(log, "(call $log (i32.const 2) (i32.const 0) (i32.const 1))");
        host.model(|model| model.inject(Fault::at(0, Status(status))));
        let outcome = host.request(get());
        assert_eq!(outcome.action, Some(status));
        assert!(outcome.logs.is_empty(), "the call has no effect");
    }
}

#[test]
fn a_trap_is_a_result_and_ends_the_vm() {
    let mut host = on_headers("", "(unreachable)");
    let outcome = host.request(get());
    assert_eq!(outcome.fate, Fate::Trapped);
    let trap = outcome.trap.expect("the fate says so");
    let unreachable = "wasm trap: wasm `unreachable` instruction executed";
    assert_eq!(trap.reason(), format!("proxy_on_request_headers: {unreachable}"));
    assert!(trap.to_string().contains("wasm backtrace"), "where it was: {trap}");
    assert_eq!(host.request(get()).fate, Fate::Trapped);
}

#[test]
fn wasi_shows_virtual_time_seeded_bytes_and_an_empty_environment() {
    let mut host = on_headers(
        r#"(import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
           (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
           (import "wasi_snapshot_preview1" "environ_sizes_get" (func $environ (param i32 i32) (result i32)))"#,
        "(i32.store (i32.const 32) (i32.const -1))
         (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 0)))
         (drop (call $random (i32.const 8) (i32.const 16)))
         (drop (call $environ (i32.const 32) (i32.const 36)))
         (call $random (i32.const 8) (i32.const 65537))",
    );
    host.model(|model| model.clock = Clock::at_nanos(0x0102_0304));
    assert_eq!(host.request(get()).action, Some(28), "EINVAL for too much");
    let memory = host.guest().memory();
    assert_eq!(memory[..8], [4, 3, 2, 1, 0, 0, 0, 0]);
    // SplitMix64 from seed 0, as its reference implementation prints it.
    assert_eq!(memory[8..16], 0xe220_a839_7b1d_cdaf_u64.to_le_bytes());
    assert_eq!(memory[32..40], [0; 8]);
}

#[test]
fn what_is_printed_goes_to_the_log() {
    let print = |fd: u32| {
        let mut host = on_headers(
            r#"(import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
               (data (i32.const 64) "oh no\n")"#,
            &format!(
                "(i32.store (i32.const 0) (i32.const 64))
                 (i32.store (i32.const 4) (i32.const 3))
                 (i32.store (i32.const 8) (i32.const 67))
                 (i32.store (i32.const 12) (i32.const 3))
                 (call $write (i32.const {fd}) (i32.const 0) (i32.const 2) (i32.const 16))"
            ),
        );
        let outcome = host.request(get());
        let logs: Vec<String> = outcome.logs.iter().map(ToString::to_string).collect();
        (outcome.action, logs)
    };
    assert_eq!(print(1), (Some(0), vec!["info: oh no".to_owned()]));
    assert_eq!(print(2), (Some(0), vec!["error: oh no".to_owned()]));
    assert_eq!(print(3), (Some(8), vec![]));
}

#[test]
fn a_module_may_log_and_not_ask_while_it_initialises() {
    let initialize = |call: &str| {
        module(&format!(
            r#"(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
               (import "env" "proxy_get_current_time_nanoseconds" (func $time (param i32) (result i32)))
               (func (export "_initialize") (drop {call}))"#
        ))
        .host(Model::default())
    };
    assert!(initialize("(call $log (i32.const 2) (i32.const 0) (i32.const 1))").is_ok());
    let error = initialize("(call $time (i32.const 0))").expect_err("forbidden");
    let text = error.to_string();
    assert!(matches!(error, Error::Initialize(_)), "{text}");
    assert!(text.contains("only proxy_log and WASI are allowed"), "{text}");
}

#[test]
fn an_unknown_import_is_a_trap_when_called_and_not_before() {
    let import = r#"(import "env" "proxy_future" (func $future))"#;
    assert!(on_headers(import, "(i32.const 0)").request(get()).continued());
    let trap = on_headers(import, "(call $future) (i32.const 0)").request(get()).trap;
    let trap = trap.expect("it was called").to_string();
    assert!(trap.contains("proxy_future"), "{trap}");
}

#[test]
fn what_is_not_a_filter_is_told_why() {
    let refused = |wat: &str| {
        let module = Module::from_bytes(&wat::parse_str(wat).expect("valid"))?;
        module.host(Model::default()).map(|_| ())
    };
    let text = |wat: &str| refused(wat).expect_err("no filter").to_string();
    let bare = text(r#"(module (func (export "f")) (memory (export "memory") 1))"#);
    assert!(bare.contains("expected proxy_abi_version_0_2_1"), "{bare}");
    assert!(bare.contains("found the exports f, memory"), "{bare}");
    let marker = r#"(func (export "proxy_abi_version_0_2_1"))"#;
    let homeless = text(&format!("(module {marker})"));
    assert!(homeless.contains("expected a memory"), "{homeless}");
    let poor = text(&format!(r#"(module {marker} (memory (export "memory") 1))"#));
    assert!(poor.contains("expected an allocator"), "{poor}");
    assert!(matches!(Module::from_bytes(b"text"), Err(Error::Compile(_))));
    let absent = Module::load("absent.wasm".as_ref()).expect_err("there is none");
    assert!(absent.to_string().contains("absent.wasm"), "{absent}");
}

#[test]
fn a_broken_cache_is_compiled_anew() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("filter.wasm");
    std::fs::write(&path, wat::parse_str(wat("")).expect("valid")).expect("written");
    Module::load(&path).expect("compiles");
    let cache = folder.path().join("wasmtime-cache");
    let files: Vec<_> = std::fs::read_dir(&cache).expect("made").collect();
    let [Ok(file)] = files.as_slice() else {
        panic!("one compiled module, found {files:?}");
    };
    let whole = std::fs::read(file.path()).expect("readable");
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for broken in [&whole[..40], &flipped, b""] {
        std::fs::write(file.path(), broken).expect("written");
        Module::load(&path).expect("compiles again");
        assert_eq!(std::fs::read(file.path()).expect("readable").len(), whole.len());
    }
}

#[test]
fn a_response_passes_through_the_filter() {
    let mut host = host(
        r#"(import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
           (data (i32.const 64) "x-via1")
           (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
             (call $add (i32.const 2) (i32.const 64) (i32.const 5) (i32.const 69) (i32.const 1)))"#,
    );
    let upstream = Headers::from_iter([(":status", "204")]);
    let response = host.request(get().response(upstream)).response;
    let expected = Headers::from_iter([(":status", "204"), ("x-via", "1")]);
    assert_eq!(response, Some(expected));
}
