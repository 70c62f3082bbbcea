//! Each function of WASI preview 1 that proxy-wasm-cpp-host has, called under both of its names.

#![allow(clippy::expect_used, reason = "a test stops at what it did not expect")]

mod filter;

use std::fmt::Write as _;

use proxy_host_model::Fate;

use filter::{get, on_headers};

/// The highest bytes of the one page of memory: a write of more than one of them fails.
const EDGE: i64 = 65535;
/// Where the functions write.
const OUT: i64 = 512;
/// Some text, in two vectors.
const VECTORS: i64 = 128;
const VECTOR_COUNT: i64 = 2;

/// Name, types of the parameters (`i` is 32 bits, `I` is 64), arguments, the errno that comes back.
const CALLS: &[(&str, &str, &[i64], u32)] = &[
    ("fd_write", "iiii", &[1, VECTORS, VECTOR_COUNT, OUT], 0),
    ("fd_write", "iiii", &[3, VECTORS, VECTOR_COUNT, OUT], 8),
    ("fd_write", "iiii", &[1, EDGE, 1, OUT], 21),
    ("fd_write", "iiii", &[1, VECTORS, VECTOR_COUNT, EDGE], 21),
    ("fd_pwrite", "iiiIi", &[2, VECTORS, VECTOR_COUNT, 7, OUT], 0),
    ("fd_pwrite", "iiiIi", &[0, VECTORS, VECTOR_COUNT, 7, OUT], 8),
    ("fd_read", "iiii", &[0, VECTORS, VECTOR_COUNT, OUT], 52),
    ("fd_pread", "iiiIi", &[1, VECTORS, VECTOR_COUNT, 0, OUT], 52),
    ("fd_seek", "iIii", &[1, 0, 0, OUT], 0),
    ("fd_tell", "ii", &[1, OUT], 0),
    ("fd_tell", "ii", &[0, OUT], 8),
    ("fd_tell", "ii", &[2, EDGE], 21),
    ("fd_close", "i", &[1], 0),
    ("fd_sync", "i", &[1], 0),
    ("fd_sync", "i", &[3], 8),
    ("fd_datasync", "i", &[2], 0),
    ("fd_datasync", "i", &[3], 8),
    ("fd_advise", "iIIi", &[3, 0, 0, 0], 0),
    ("fd_allocate", "iII", &[1, 0, 1], 0),
    ("fd_allocate", "iII", &[3, 0, 1], 8),
    ("fd_fdstat_get", "ii", &[1, OUT], 0),
    ("fd_fdstat_get", "ii", &[0, OUT], 8),
    ("fd_fdstat_get", "ii", &[1, EDGE], 21),
    ("fd_fdstat_set_flags", "ii", &[1, 0], 52),
    ("fd_fdstat_set_rights", "iII", &[1, 0, 0], 0),
    ("fd_fdstat_set_rights", "iII", &[3, 0, 0], 8),
    ("fd_filestat_get", "ii", &[1, OUT], 8),
    ("fd_filestat_set_size", "iI", &[1, 0], 0),
    ("fd_filestat_set_size", "iI", &[3, 0], 8),
    ("fd_filestat_set_times", "iIIi", &[1, 0, 0, 0], 0),
    ("fd_filestat_set_times", "iIIi", &[3, 0, 0, 0], 8),
    ("fd_prestat_get", "ii", &[3, OUT], 8),
    ("fd_prestat_dir_name", "iii", &[3, OUT, 1], 52),
    ("fd_readdir", "iiiIi", &[3, OUT, 1, 0, OUT], 20),
    ("fd_readdir", "iiiIi", &[3, OUT, 1, 0, EDGE], 21),
    ("fd_renumber", "ii", &[1, 2], 58),
    ("fd_renumber", "ii", &[1, 3], 8),
    ("fd_renumber", "ii", &[3, 1], 8),
    ("environ_get", "ii", &[OUT, OUT], 0),
    ("environ_sizes_get", "ii", &[OUT, OUT], 0),
    ("environ_sizes_get", "ii", &[EDGE, OUT], 21),
    ("args_get", "ii", &[OUT, OUT], 0),
    ("args_sizes_get", "ii", &[OUT, OUT], 0),
    ("args_sizes_get", "ii", &[OUT, EDGE], 21),
    ("clock_time_get", "iIi", &[0, 0, OUT], 0),
    ("clock_time_get", "iIi", &[1, 0, OUT], 0),
    ("clock_time_get", "iIi", &[2, 0, OUT], 58),
    ("clock_time_get", "iIi", &[0, 0, EDGE], 21),
    ("clock_res_get", "ii", &[1, OUT], 0),
    ("clock_res_get", "ii", &[2, OUT], 58),
    ("clock_res_get", "ii", &[0, EDGE], 21),
    ("random_get", "ii", &[OUT, 8], 0),
    ("random_get", "ii", &[EDGE, 0], 0),
    ("random_get", "ii", &[EDGE, 8], 21),
    ("random_get", "ii", &[0, 65537], 28),
    ("sched_yield", "", &[], 0),
    ("poll_oneoff", "iiii", &[OUT, OUT, 1, OUT], 0),
    ("poll_oneoff", "iiii", &[OUT, OUT, 1, EDGE], 21),
    ("path_open", "iiiiiIIii", &[3, 0, OUT, 1, 0, 0, 0, 0, OUT], 44),
    ("path_create_directory", "iii", &[3, OUT, 1], 58),
    ("path_filestat_get", "iiiii", &[3, 0, OUT, 1, OUT], 58),
    ("path_filestat_set_times", "iiiiIIi", &[3, 0, OUT, 1, 0, 0, 0], 58),
    ("path_link", "iiiiiii", &[3, 0, OUT, 1, 3, OUT, 1], 58),
    ("path_readlink", "iiiiii", &[3, OUT, 1, OUT, 1, OUT], 58),
    ("path_readlink", "iiiiii", &[3, OUT, 1, OUT, 1, EDGE], 21),
    ("path_remove_directory", "iii", &[3, OUT, 1], 58),
    ("path_rename", "iiiiii", &[3, OUT, 1, 3, OUT, 1], 58),
    ("path_symlink", "iiiii", &[OUT, 1, 3, OUT, 1], 58),
    ("path_unlink_file", "iii", &[3, OUT, 1], 58),
    ("sock_accept", "iii", &[3, 0, OUT], 58),
    ("sock_accept", "iii", &[3, 0, EDGE], 21),
    ("sock_recv", "iiiiii", &[3, OUT, 1, 0, OUT, OUT], 58),
    ("sock_recv", "iiiiii", &[3, OUT, 1, 0, OUT, EDGE], 21),
    ("sock_send", "iiiii", &[3, OUT, 1, 0, OUT], 58),
    ("sock_send", "iiiii", &[3, OUT, 1, 0, EDGE], 21),
    ("sock_shutdown", "ii", &[3, 0], 58),
];

/// The functions of [`CALLS`] once each, with their types.
fn functions() -> Vec<(&'static str, &'static str)> {
    let mut functions: Vec<_> = CALLS.iter().map(|(name, types, _, _)| (*name, *types)).collect();
    functions.dedup();
    functions
}

fn import(module: &str, name: &str, types: &str, result: &str) -> String {
    let types = types.chars().map(|kind| if kind == 'i' { "i32 " } else { "i64 " });
    let types: String = types.collect();
    format!(r#"(import "{module}" "{name}" (func ${name} (param {types}) {result}))"#)
}

fn call(name: &str, types: &str, arguments: &[i64]) -> String {
    let mut code = format!("(call ${name}");
    for (kind, argument) in types.chars().zip(arguments) {
        let bits = if kind == 'i' { 32 } else { 64 };
        write!(code, " (i{bits}.const {argument})").expect("writing to a string cannot fail");
    }
    code + ")"
}

#[test]
fn all_45_functions_link_and_answer_under_both_names() {
    // proc_exit is the one that gives no answer.
    assert_eq!(functions().len() + 1, 45);
    for module in ["wasi_snapshot_preview1", "wasi_unstable"] {
        let imports: Vec<String> = functions()
            .into_iter()
            .map(|(name, types)| import(module, name, types, "(result i32)"))
            .collect();
        let vectors = format!(
            r#"(data (i32.const 64) "oh no\n")
               (data (i32.const {VECTORS}) "\40\00\00\00\03\00\00\00\43\00\00\00\03\00\00\00")"#
        );
        let mut code = String::new();
        for (number, (name, types, arguments, _)) in CALLS.iter().enumerate() {
            let at = 1024 + 4 * number;
            let call = call(name, types, arguments);
            writeln!(code, "(i32.store (i32.const {at}) {call})").expect("as above");
        }
        let mut host =
            on_headers(&[imports.join("\n"), vectors].join("\n"), &(code + "(i32.const 0)"));
        let outcome = host.request(get());
        assert_eq!(outcome.trap, None, "{module}");
        let memory = host.guest().memory();
        for (number, (name, _, arguments, expected)) in CALLS.iter().enumerate() {
            let at = 1024 + 4 * number;
            let errno: [u8; 4] = memory[at..at + 4].try_into().expect("four bytes");
            assert_eq!(u32::from_le_bytes(errno), *expected, "{module} {name}{arguments:?}");
        }
        let logs: Vec<String> = outcome.logs.iter().map(ToString::to_string).collect();
        // What cannot say how much it wrote has written it.
        assert_eq!(logs, ["info: oh no", "info: oh no", "error: oh no"], "{module}");
    }
}

#[test]
fn the_filter_that_exits_is_ended() {
    let import = import("wasi_snapshot_preview1", "proc_exit", "i", "");
    let outcome =
        on_headers(&import, "(call $proc_exit (i32.const 3)) (i32.const 0)").request(get());
    assert_eq!(outcome.fate, Fate::Trapped);
    let trap = outcome.trap.expect("the fate says so").to_string();
    assert!(trap.contains("proc_exit(3)"), "{trap}");
}

#[test]
fn emscripten_asks_for_two_more() {
    let imports = r#"(import "env" "pthread_equal" (func $equal (param i32 i32) (result i32)))
        (import "env" "emscripten_notify_memory_growth" (func $grown (param i32)))"#;
    for (other, equal) in [(7, 1), (8, 0)] {
        let code =
            format!("(call $grown (i32.const 0)) (call $equal (i32.const 7) (i32.const {other}))");
        assert_eq!(on_headers(imports, &code).request(get()).action, Some(equal));
    }
}
