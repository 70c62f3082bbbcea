//! `wasmtime-harness inspect`, as a library and as a command.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test; clippy does not see that its helpers are part of it"
)]

#[path = "module/mod.rs"]
mod module;

use std::process::{Command, Output};

use wasmtime_harness::{Inspection, Verdict};

const COMPLETE: &str = r#"(func (export "proxy_abi_version_0_2_1"))
    (memory (export "memory") 2 9)
    (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 8))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 0))"#;

fn inspect(wat: &str) -> Inspection {
    Inspection::of(&wat::parse_str(format!("(module {wat})")).expect("valid")).expect("a module")
}

fn verdict(wat: &str, host: &str) -> Verdict {
    inspect(wat).hosts.into_iter().find(|verdict| verdict.host == host).expect("a known host")
}

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_wasmtime-harness")).args(arguments).output().expect("starts")
}

#[test]
fn it_tells_size_version_memory_imports_and_exports() {
    let log = r#"(import "env" "proxy_log" (func (param i32 i32 i32) (result i32)))"#;
    let found = inspect(&format!("{log} {COMPLETE}"));
    assert_eq!(found.abi.as_deref(), Some("0.2.1"));
    assert_eq!(found.memory, Some((2, Some(9))));
    let text = found.to_string();
    let lines = [
        format!("size     {} bytes", found.size),
        "ABI      0.2.1".to_owned(),
        "memory   2 to 9 pages".to_owned(),
        "imports  1".to_owned(),
        "  env.proxy_log(i32, i32, i32) -> i32".to_owned(),
        "exports  4".to_owned(),
        "  proxy_abi_version_0_2_1()".to_owned(),
        "  memory: memory".to_owned(),
    ];
    for line in lines {
        assert!(text.lines().any(|found| found == line), "expected {line:?} in\n{text}");
    }
}

#[test]
fn the_whole_abi_loads_everywhere_but_where_one_function_differs() {
    let all = Inspection::of(&wat::parse_str(include_str!("fixtures/all_imports.wat")).unwrap());
    let all = all.unwrap();
    let refuses = |host: &str| {
        all.hosts.iter().find(|verdict| verdict.host == host).unwrap().refuses.join("\n")
    };
    assert_eq!(refuses("envoy-1.40"), "", "the table and the fixture have the same types");
    assert_eq!(
        refuses("ngx_wasm"),
        "it asks for env.proxy_get_buffer_status, which this host does not offer\n\
         it asks for env.proxy_get_header_map_size, which this host does not offer\n\
         it asks for env.proxy_get_log_level(i32); this host has 2 parameters"
    );
    assert_eq!(refuses("spec-strict"), "");
    assert_eq!(refuses("hostile"), "");
    assert!(refuses("test-framework").contains("offers nothing of WASI"));
}

#[test]
fn every_reason_to_refuse_is_told() {
    let import =
        |name: &str, types: &str| format!(r#"(import "env" "{name}" (func {types})) {COMPLETE}"#);
    let envoy = |wat: &str| verdict(wat, "envoy-1.40").refuses;
    assert_eq!(envoy(COMPLETE), Vec::<String>::new());
    assert_eq!(
        envoy(&import("proxy_future", "")),
        ["it asks for env.proxy_future, which this host does not offer"]
    );
    assert_eq!(
        envoy(&import("proxy_log", "(param i32)")),
        ["it asks for env.proxy_log(i32); the ABI has (i32, i32, i32) -> i32"]
    );
    let wasi = |name: &str, types: &str| {
        let import = r#"(import "wasi_snapshot_preview1""#;
        envoy(&format!(r#"{import} "{name}" (func {types})) {COMPLETE}"#))
    };
    assert_eq!(wasi("fd_write", "(param i32 i32 i32 i32) (result i32)"), Vec::<String>::new());
    assert_eq!(
        wasi("fd_write", "(param i32)"),
        ["it asks for wasi_snapshot_preview1.fd_write(i32); WASI has \
             (i32, i32, i32, i32) -> i32"]
    );
    assert_eq!(
        wasi("sock_open", "(param i32 i32 i32) (result i32)"),
        ["it asks for wasi_snapshot_preview1.sock_open, which this host does not offer"]
    );
    let nothing = [
        "it exports no marker of its ABI, such as proxy_abi_version_0_2_1",
        "it exports no memory",
        "it exports no allocator proxy_on_memory_allocate or malloc",
    ];
    assert_eq!(envoy(""), nothing);
    assert_eq!(
        verdict(COMPLETE, "test-framework").refuses,
        ["it exports no allocator malloc"],
        "it knows the old name alone"
    );
    assert_eq!(
        verdict("", "envoy-1.40").beware,
        ["it exports no proxy_on_request_headers: every request passes unseen"]
    );
}

#[test]
fn every_habit_of_a_host_is_told() {
    let all = include_str!("fixtures/all_imports.wat");
    let all = Inspection::of(&wat::parse_str(all).unwrap()).unwrap();
    let beware = |host: &str| {
        all.hosts.iter().find(|verdict| verdict.host == host).unwrap().beware.join("\n")
    };
    let nginx = beware("ngx_wasm");
    for line in [
        "env.proxy_define_metric: defining a metric ends the process unless a zone for metrics is \
         declared",
        "env.proxy_call_foreign_function: calling an unknown function ends the filter's VM",
        "env.proxy_set_property: no properties can be set but ngx.*, wasmx.*",
        "env.proxy_http_call: a call goes to an address, not to the name of a cluster",
    ] {
        assert!(nginx.lines().any(|found| found == line), "expected {line:?} in\n{nginx}");
    }
    let broken = nginx.lines().find(|line| line.starts_with("not working")).unwrap();
    assert!(broken.starts_with("not working, a call ends the filter's VM: env.proxy_"), "{broken}");
    assert!(broken.contains("env.proxy_close_stream, "), "{broken}");
    let envoy = beware("envoy-1.40");
    assert!(!envoy.contains("env."), "{envoy}");
    let silent = format!(r#"{COMPLETE} (func (export "proxy_on_grpc_close") (param i32 i32 i32))"#);
    let silent = verdict(&silent, "ngx_wasm").beware;
    assert_eq!(silent, ["never called: proxy_on_grpc_close"]);
}

#[test]
fn the_release_module_loads_in_envoy_and_nginx() {
    for verdict in Inspection::of(&module::bytes()).unwrap().hosts {
        if verdict.host != "test-framework" {
            assert_eq!(verdict.refuses, Vec::<String>::new(), "{}", verdict.host);
        }
    }
}

#[test]
fn the_command_prints_text_and_json_and_names_the_file_that_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("filter.wasm");
    std::fs::write(&file, wat::parse_str(format!("(module {COMPLETE})")).unwrap()).unwrap();
    let file = file.to_str().unwrap();

    let text = run(&["inspect", file]);
    assert!(text.status.success());
    assert!(String::from_utf8(text.stdout).unwrap().contains("  envoy-1.40       loads it\n"));

    let json = run(&["inspect", "--json", file]);
    let json: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(json["abi"], "0.2.1");
    assert_eq!(json["hosts"][0]["host"], "envoy-1.40");

    std::fs::write(file, "text").unwrap();
    let wrong = run(&["inspect", file]);
    assert_eq!(wrong.status.code(), Some(2));
    let text = String::from_utf8(wrong.stderr).unwrap();
    assert!(text.contains("filter.wasm: found no WebAssembly module, expected one"), "{text}");
}
