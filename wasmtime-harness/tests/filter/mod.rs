//! Small filters written by hand.

#![allow(dead_code, reason = "each test uses what it needs")]

use proxy_host_model::{Host, Model, Request};
use wasmtime_harness::{Module, Vm};

/// Memory, a marker and an allocator that only grows, around `body`.
///
/// Bytes below 1024 are the test's own; 0 to 63 is scratch space.
pub(crate) fn wat(body: &str) -> String {
    let (imports, code): (Vec<&str>, Vec<&str>) =
        body.lines().partition(|line| line.trim_start().starts_with("(import"));
    format!(
        r#"(module
            {}
            (memory (export "memory") 1)
            (global $next (mut i32) (i32.const 1024))
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "proxy_on_memory_allocate") (param $size i32) (result i32)
                (global.get $next)
                (global.set $next (i32.add (global.get $next) (local.get $size))))
            {})"#,
        imports.join("\n"),
        code.join("\n")
    )
}

pub(crate) fn module(body: &str) -> Module {
    let bytes = wat::parse_str(wat(body)).expect("the fixture is written right");
    Module::from_bytes(&bytes).expect("the fixture is a filter")
}

pub(crate) fn host(body: &str) -> Host<Vm> {
    let mut host = module(body).host(Model::default()).expect("it initialises");
    assert!(host.start(b"", b"").accepted);
    host
}

/// A filter whose request headers callback is `code`, which leaves the action on the stack.
pub(crate) fn on_headers(imports: &str, code: &str) -> Host<Vm> {
    host(&format!(
        "{imports}\n
        (func (export \"proxy_on_request_headers\") (param $context i32) (param i32 i32)
            (result i32)
            {code})"
    ))
}

pub(crate) fn get() -> Request {
    Request::from_iter([(":method", "GET"), (":path", "/"), ("x-in", "hello")])
}
