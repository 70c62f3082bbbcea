//! `wasmtime-harness bench`: what is the same in every run, and the shape of the rest.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A filter that loops `x-turns` times a request, five without it, after one host call.
const LOOP: &str = r#"
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (local $left i32)
        (drop (call $log (i32.const 2) (i32.const 0) (i32.const 0)))
        (local.set $left (i32.const 5))
        (loop $again
            (local.set $left (i32.sub (local.get $left) (i32.const 1)))
            (br_if $again (local.get $left)))
        (i32.const 0))
    (func (export "proxy_on_log") (param i32))"#;
/// A filter that grows by a page a request.
const GROW: &str = r#"
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (memory.grow (i32.const 1)))
        (i32.const 0))"#;

/// A module with this code, in a folder that goes away with it.
fn module(code: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("filter.wasm");
    let text = format!(
        r#"(module
            (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
            (memory (export "memory") 1)
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 1024))
            {code})"#
    );
    fs::write(&path, wat::parse_str(text).expect("the fixture is written right")).unwrap();
    (folder, path)
}

fn bench(module: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wasmtime-harness"));
    command.arg("bench").arg(module).args(arguments).output().unwrap()
}

fn json(module: &Path, arguments: &[&str]) -> Value {
    let output = bench(module, &[arguments, &["--json"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// What it says when it cannot measure.
fn error(module: &Path, arguments: &[&str]) -> String {
    let output = bench(module, arguments);
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn fuel_calls_and_memory_are_the_same_in_every_run() {
    let (_folder, module) = module(LOOP);
    let few = ["--requests", "20", "--warm-up", "5"];
    let (first, second) = (json(&module, &few), json(&module, &few));
    for part in ["fuel", "host_calls", "memory", "outcomes", "requests", "warm_up", "module"] {
        assert_eq!(first[part], second[part], "{part}");
    }
    let one =
        |figure: u64| json!({ "min": figure, "median": figure, "p95": figure, "max": figure });
    let fuel = &first["fuel"];
    let headers = fuel["callbacks"]["proxy_on_request_headers"]["min"].as_u64().unwrap();
    let log = fuel["callbacks"]["proxy_on_log"]["min"].as_u64().unwrap();
    assert!(headers > 20 && log < 5, "{fuel}");
    assert_eq!(fuel["request"], one(headers + log));
    assert_eq!(
        first["host_calls"],
        json!({ "request": one(1), "functions": { "proxy_log": one(1) } })
    );
    assert_eq!(
        first["memory"],
        json!({ "pages_at_start": 1, "pages_after_warm_up": 1, "pages_at_end": 1 })
    );
    assert_eq!(first["outcomes"], json!({ "continued": 20 }));
}

#[test]
fn memory_that_grows_is_seen() {
    let (_folder, module) = module(GROW);
    let report = json(&module, &["--requests", "20", "--warm-up", "5"]);
    assert_eq!(
        report["memory"],
        json!({ "pages_at_start": 1, "pages_after_warm_up": 6, "pages_at_end": 26 })
    );
}

#[test]
fn times_are_ordered_and_there() {
    let (_folder, module) = module(LOOP);
    let time = &json(&module, &["--requests", "20"])["time"];
    for part in ["request", "request_with_fuel", "instantiate", "start"] {
        let figures: Vec<u64> =
            ["min", "median", "p95", "max"].map(|name| time[part][name].as_u64().unwrap()).into();
        assert!(figures.is_sorted() && figures[0] > 0, "{part}: {figures:?}");
    }
    assert!(time["compile"].as_u64().unwrap() > 0);
    assert_eq!(time["harness"], if cfg!(debug_assertions) { "debug" } else { "release" });
}

#[test]
fn the_table_has_a_row_for_each_figure() {
    let (_folder, module) = module(LOOP);
    let output = bench(&module, &["--requests", "1200", "--warm-up", "0"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("requests      1,200 after 0 of warm-up: 1,200 continued\n"), "{text}");
    for row in [
        "fuel ",
        "  proxy_on_request_headers ",
        "  proxy_on_log ",
        "host calls ",
        "  proxy_log ",
        "a request, no fuel counted ",
        "a request, fuel counted ",
        "a new VM ",
        "start and configuration ",
        "compiling ",
        "starting ",
    ] {
        let rows = text.lines().filter(|line| line.starts_with(row)).count();
        assert_eq!(rows, 1, "{row:?} in\n{text}");
    }
}

#[test]
fn the_request_reaches_the_filter() {
    let (_folder, module) = module(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (if (i32.ne (local.get 1) (i32.const 6)) (then unreachable))
            (i32.const 0))"#,
    );
    let request = ["--request", "PUT /a b", "--header", "x-one: 1", "--header", "x-two:a:b"];
    let report = json(&module, &[&request[..], &["--requests", "2"]].concat());
    assert_eq!(report["outcomes"], json!({ "continued": 2 }));
    let fewer = error(&module, &request[..4]);
    assert!(fewer.contains("a request ended the filter: proxy_on_request_headers"), "{fewer}");
}

#[test]
fn a_scenario_gives_the_requests() {
    let (folder, module) = module(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (if (i32.eq (local.get 1) (i32.const 5)) (then (return (i32.const 1))))
            (i32.const 0))"#,
    );
    let file = folder.path().join("scenario.toml");
    let text = r#"why = "one request passes, one is held"
        step = [
            { request = "GET /", expect.upstream = {} },
            { advance = "1s" },
            { request = "GET /", headers = { x-hold = "1" }, expect.paused = true },
        ]"#;
    fs::write(&file, text).unwrap();
    let file = file.to_str().unwrap();
    let report = json(&module, &["--scenario", file, "--requests", "10", "--warm-up", "0"]);
    assert_eq!(report["outcomes"], json!({ "continued": 5, "paused": 5 }));
    let both = error(&module, &["--scenario", file, "--now", "5"]);
    assert!(both.contains("cannot be used with"), "{both}");
    fs::write(
        file,
        r#"why = "nothing comes"
        start = { accepted = true }"#,
    )
    .unwrap();
    let none = error(&module, &["--scenario", file]);
    assert!(none.contains("found no step with `request`, expected one or more"), "{none}");
}

#[test]
fn a_real_filter_is_measured_with_its_configuration() {
    let module = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/jwt_gate.wasm");
    let policy = scenario_corpus::named_policy("auth0").unwrap().json;
    let policy = String::from_utf8(policy).unwrap();
    let delete = ["--request", "DELETE /api/hamsters/turbo", "--requests", "3", "--warm-up", "1"];
    let report = json(module.as_ref(), &[&delete[..], &["--config-text", &policy]].concat());
    assert_eq!(report["outcomes"], json!({ "replied 401": 3 }));
    assert_eq!(report["host_calls"]["functions"]["proxy_send_local_response"]["min"], 1);
    let public = ["--requests", "3", "--request", "GET /api/hamsters", "--config-text", &policy];
    assert_eq!(json(module.as_ref(), &public)["outcomes"], json!({ "continued": 3 }));
}

#[test]
fn what_cannot_be_measured_is_said() {
    let (_folder, refusing) = module(
        r#"(data (i32.const 0) "no such key")
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
            (drop (call $log (i32.const 4) (i32.const 0) (i32.const 11)))
            (i32.const 0))"#,
    );
    let message = error(&refusing, &[]);
    let expected = "the filter refused its configuration\n  error: no such key\n";
    assert!(message.ends_with(expected), "{message}");

    let missing = error(Path::new("no/such.wasm"), &[]);
    assert!(missing.starts_with("no/such.wasm: cannot read it: "), "{missing}");
    let config = error(&refusing, &["--config", "no/such.json"]);
    assert!(config.starts_with("--config: cannot read no/such.json: "), "{config}");
    let line = error(&refusing, &["--request", "/path"]);
    assert!(line.contains("found \"/path\", expected a method and a path"), "{line}");
    let header = error(&refusing, &["--header", "x"]);
    assert!(header.contains("found \"x\", expected a name, `:` and a value"), "{header}");
    let property = error(&refusing, &["--property", "a.b"]);
    assert!(property.contains("found \"a.b\", expected a name, `=` and a value"), "{property}");
}
