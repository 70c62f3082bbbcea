//! Small filters, each a text module.

use std::{collections::BTreeMap, path::PathBuf};

use proxy_host_model::{Headers, encode_pairs};
use tempfile::TempDir;

/// Where strings are put.
const STRINGS: usize = 1024;

/// A module file, which goes away with this value.
pub(crate) struct Filter {
    _folder: TempDir,
    pub(crate) path: PathBuf,
}

/// Makes a module of functions, in which `@text@` is the address and length of that text.
///
/// The allocator always gives the same place, at 32768.
pub(crate) fn filter(functions: &str) -> Filter {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("filter.wasm");
    let module = wat::parse_str(with_strings(functions)).expect("the fixture is written right");
    std::fs::write(&path, module).unwrap();
    Filter { _folder: folder, path }
}

/// Passes everything on.
pub(crate) fn passing() -> Filter {
    filter("")
}

/// Changes each part of a request and of its response.
pub(crate) fn changing() -> Filter {
    filter(
        r#"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $add (i32.const 0) @x-from-filter@ @yes@))
            (drop (call $remove (i32.const 0) @x-secret@))
            (i32.const 0))
        (func (export "proxy_on_request_body") (param i32 i32 i32) (result i32)
            (if (local.get 2) (then
                (drop (call $set_buffer (i32.const 0) (local.get 1) (i32.const 0) @!@))))
            (i32.const 0))
        (func (export "proxy_on_request_trailers") (param i32 i32) (result i32)
            (drop (call $add (i32.const 1) @x-trailer@ @seen@))
            (i32.const 0))
        (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
            (drop (call $add (i32.const 2) @x-response@ @seen@))
            (drop (call $remove (i32.const 2) @content-length@))
            (i32.const 0))
        (func (export "proxy_on_response_body") (param i32 i32 i32) (result i32)
            (if (local.get 2) (then
                (drop (call $set_buffer (i32.const 1) (local.get 1) (i32.const 0) @?@))))
            (i32.const 0))
        "#,
    )
}

/// Answers everything with 403.
pub(crate) fn answering() -> Filter {
    filter(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $reply
                (i32.const 403) @no_way@ @no@ (i32.const 0) (i32.const 0) (i32.const -1)))
            (i32.const 1))"#,
    )
}

/// Holds every request and logs when it ends.
pub(crate) fn holding() -> Filter {
    filter(
        r#"
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) (i32.const 1))
        (func (export "proxy_on_log") (param i32)
            (drop (call $log (i32.const 2) @the end@)))"#,
    )
}

/// Traps when a request has the header `x-trap`, and adds a header to the others.
pub(crate) fn trapping() -> Filter {
    filter(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (if (i32.eqz (call $get (i32.const 0) @x-trap@ (i32.const 0) (i32.const 4)))
                (then unreachable))
            (drop (call $add (i32.const 0) @x-from-filter@ @yes@))
            (i32.const 0))"#,
    )
}

/// Asks the cluster `auth` about each request and passes on the status of its answer in `x-auth`,
/// and its body in `x-auth-body`; the limit is 400 ms.
pub(crate) fn asking() -> Filter {
    filter(
        r#"
        (global $stream (mut i32) (i32.const 0))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (global.set $stream (local.get 0))
            (if (call $call @auth@ @<pairs>@ @question@ (i32.const 0) (i32.const 0)
                    (i32.const 400) (i32.const 0))
                (then unreachable))
            (i32.const 1))
        (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
            (drop (call $effective (global.get $stream)))
            (if (i32.eqz (local.get 2)) (then
                (drop (call $add (i32.const 0) @x-auth@ @reset@))))
            (if (i32.eqz (call $get (i32.const 6) @:status@ (i32.const 0) (i32.const 4))) (then
                (drop (call $add (i32.const 0) @x-auth@
                    (i32.load (i32.const 0)) (i32.load (i32.const 4))))))
            (if (i32.eqz (call $get_buffer (i32.const 4) (i32.const 0) (i32.const 100)
                    (i32.const 0) (i32.const 4))) (then
                (drop (call $add (i32.const 0) @x-auth-body@
                    (i32.load (i32.const 0)) (i32.load (i32.const 4))))))
            (drop (call $continue (i32.const 0))))"#,
    )
}

/// Counts ticks of 50 ms, and says in `x-ticks` how many there were, up to 9.
pub(crate) fn ticking() -> Filter {
    filter(
        r#"
        (data (i32.const 16) "0")
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
            (drop (call $tick (i32.const 50)))
            (i32.const 1))
        (func (export "proxy_on_tick") (param i32)
            (if (i32.lt_u (i32.load8_u (i32.const 16)) (i32.const 57)) (then
                (i32.store8 (i32.const 16)
                    (i32.add (i32.load8_u (i32.const 16)) (i32.const 1))))))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $add (i32.const 0) @x-ticks@ (i32.const 16) (i32.const 1)))
            (i32.const 0))"#,
    )
}

/// The module's text, with each `@text@` put into memory.
fn with_strings(functions: &str) -> String {
    let mut placed = BTreeMap::<String, usize>::new();
    let (mut code, mut data, mut next) = (String::new(), String::new(), STRINGS);
    for (number, part) in functions.split('@').enumerate() {
        if number % 2 == 0 {
            code.push_str(part);
            continue;
        }
        let bytes = if part == "<pairs>" { question() } else { part.as_bytes().to_vec() };
        let address = *placed.entry(part.to_owned()).or_insert_with(|| {
            let escaped: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
            data.push_str(&format!("(data (i32.const {next}) \"{escaped}\")\n"));
            next += bytes.len();
            next - bytes.len()
        });
        code.push_str(&format!("(i32.const {address}) (i32.const {})", bytes.len()));
    }
    let types = [
        ("add", "proxy_add_header_map_value", 5),
        ("call", "proxy_http_call", 10),
        ("close", "proxy_close_stream", 1),
        ("continue", "proxy_continue_stream", 1),
        ("effective", "proxy_set_effective_context", 1),
        ("get", "proxy_get_header_map_value", 5),
        ("get_buffer", "proxy_get_buffer_bytes", 5),
        ("log", "proxy_log", 3),
        ("now", "proxy_get_current_time_nanoseconds", 1),
        ("property", "proxy_get_property", 4),
        ("remove", "proxy_remove_header_map_value", 3),
        ("reply", "proxy_send_local_response", 8),
        ("set_buffer", "proxy_set_buffer_bytes", 5),
        ("tick", "proxy_set_tick_period_milliseconds", 1),
    ];
    let import = |(name, function, parameters): (&str, &str, usize)| {
        let parameters = "i32 ".repeat(parameters);
        format!(
            "(import \"env\" \"{function}\" (func ${name} (param {parameters}) (result i32)))\n"
        )
    };
    let imports: String = types.into_iter().map(import).collect();
    format!(
        r#"(module
            {imports}
            (memory (export "memory") 1)
            (func (export "proxy_abi_version_0_2_1"))
            (func (export "proxy_on_memory_allocate") (param i32) (result i32) (i32.const 32768))
            {data}
            {code})"#
    )
}

/// The headers of a call to another server.
fn question() -> Vec<u8> {
    let headers =
        [(":method", "POST"), (":path", "/ask"), (":authority", "auth.test"), ("x-question", "1")];
    encode_pairs(&Headers::from_iter(headers))
}
