//! Each host function of the ABI, called through the engine: with arguments that work, and then with
//! each of its pointers leading out of the filter's memory.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

mod filter;

use std::fmt::Write as _;

use proxy_host_model::{HOST_FUNCTIONS, Headers, Host, Status, encode_pairs};
use wasmtime_harness::Vm;

use filter::{get, host};

/// The size of the filter's memory, one page.
const END: u32 = 65536;
/// Where results go; 32 bytes for each.
const OUT: u32 = 512;
/// Where texts begin.
const TEXTS: u32 = 4096;

/// An argument of a host function.
#[derive(Clone, Copy)]
enum Argument {
    /// A 32-bit number.
    Number(u32),
    /// A 64-bit number.
    Long(i64),
    /// Bytes that the host reads: a pointer and a size.
    Text(&'static [u8]),
    /// Headers that the host reads, encoded: those that an HTTP call needs.
    Headers,
    /// A pointer to so many bytes that the host writes.
    Out(u32),
}

use Argument::{Long, Number, Out, Text};

/// A pointer and a size that the host writes, for bytes that it hands over.
const BYTES: [Argument; 2] = [Out(4), Out(4)];

struct Function {
    name: &'static str,
    arguments: Vec<Argument>,
    /// What it answers when its pointers are good.
    status: Status,
}

fn function(name: &'static str, arguments: &[Argument]) -> Function {
    Function { name, arguments: arguments.to_vec(), status: Status::OK }
}

/// The functions of the ABI with arguments that make each do something, after [`PRELUDE`].
fn functions() -> Vec<Function> {
    let [data, size] = BYTES;
    vec![
        function("proxy_log", &[Number(2), Text(b"hello")]),
        function("proxy_get_log_level", &[Out(4)]),
        function("proxy_get_status", &[Out(4), data, size]),
        function("proxy_get_property", &[Text(b"request\0path"), data, size]),
        function("proxy_set_property", &[Text(b"name"), Text(b"value")]),
        function(
            "proxy_send_local_response",
            &[Number(403), Text(b"details"), Text(b"body"), Argument::Headers, Number(u32::MAX)],
        ),
        function("proxy_continue_stream", &[Number(0)]),
        function("proxy_close_stream", &[Number(0)]),
        function("proxy_get_shared_data", &[Text(b"key"), data, size, Out(4)]),
        function("proxy_set_shared_data", &[Text(b"other"), Text(b"value"), Number(0)]),
        function("proxy_register_shared_queue", &[Text(b"queue"), Out(4)]),
        function("proxy_resolve_shared_queue", &[Text(b"vm"), Text(b"queue"), Out(4)]),
        function("proxy_enqueue_shared_queue", &[Number(1), Text(b"item")]),
        function("proxy_dequeue_shared_queue", &[Number(1), data, size]),
        function("proxy_get_header_map_value", &[Number(0), Text(b":path"), data, size]),
        function("proxy_add_header_map_value", &[Number(0), Text(b"x"), Text(b"1")]),
        function("proxy_replace_header_map_value", &[Number(0), Text(b"x"), Text(b"1")]),
        function("proxy_remove_header_map_value", &[Number(0), Text(b"x")]),
        function("proxy_get_header_map_pairs", &[Number(0), data, size]),
        function("proxy_set_header_map_pairs", &[Number(0), Argument::Headers]),
        function("proxy_get_header_map_size", &[Number(0), Out(4)]),
        function("proxy_get_buffer_status", &[Number(6), Out(4), Out(4)]),
        function("proxy_get_buffer_bytes", &[Number(6), Number(0), Number(9), data, size]),
        Function {
            // What can be written is a body, and there is none in this phase.
            status: Status::BAD_ARGUMENT,
            ..function("proxy_set_buffer_bytes", &[Number(6), Number(0), Number(0), Text(b"bytes")])
        },
        function(
            "proxy_http_call",
            &[
                Text(b"known"),
                Argument::Headers,
                Text(b"body"),
                Argument::Headers,
                Number(0),
                Out(4),
            ],
        ),
        function(
            "proxy_grpc_call",
            &[
                Text(b"known"),
                Text(b"service"),
                Text(b"method"),
                Argument::Headers,
                Text(b"message"),
                Number(0),
                Out(4),
            ],
        ),
        function(
            "proxy_grpc_stream",
            &[Text(b"known"), Text(b"service"), Text(b"method"), Argument::Headers, Out(4)],
        ),
        function("proxy_grpc_send", &[Number(6), Text(b"message"), Number(0)]),
        function("proxy_grpc_cancel", &[Number(6)]),
        function("proxy_grpc_close", &[Number(6)]),
        function("proxy_set_tick_period_milliseconds", &[Number(1)]),
        function("proxy_get_current_time_nanoseconds", &[Out(8)]),
        function("proxy_define_metric", &[Number(0), Text(b"metric"), Out(4)]),
        function("proxy_increment_metric", &[Number(4), Long(1)]),
        function("proxy_record_metric", &[Number(4), Long(1)]),
        function("proxy_get_metric", &[Number(4), Out(8)]),
        function("proxy_set_effective_context", &[Number(1)]),
        Function { status: Status::NOT_FOUND, ..function("proxy_done", &[]) },
        function(
            "proxy_call_foreign_function",
            &[Text(b"foreign"), Text(b"arguments"), data, size],
        ),
    ]
}

/// What the functions find, made by them: a value, a queue with an item, a metric, a gRPC stream.
const PRELUDE: [&str; 5] = [
    "proxy_set_shared_data",
    "proxy_register_shared_queue",
    "proxy_enqueue_shared_queue",
    "proxy_define_metric",
    "proxy_grpc_stream",
];

fn headers() -> Vec<u8> {
    let pairs = [(":method", "GET"), (":path", "/"), (":authority", "a.test")];
    encode_pairs(&Headers::from_iter(pairs))
}

/// Where a text is in the filter's memory, and how long it is.
fn place(texts: &mut Vec<(u32, Vec<u8>)>, text: &[u8]) -> (u32, u32) {
    let size = u32::try_from(text.len()).expect("texts are short");
    if let Some((at, _)) = texts.iter().find(|(_, known)| known == text) {
        return (*at, size);
    }
    let at = TEXTS + 128 * u32::try_from(texts.len()).expect("there are few");
    texts.push((at, text.to_vec()));
    (at, size)
}

/// The numbers that a function takes, in the text form of WebAssembly; `bad` is the pointer that
/// leads out of the memory, by one byte.
fn numbers(
    arguments: &[Argument],
    texts: &mut Vec<(u32, Vec<u8>)>,
    bad: Option<usize>,
) -> Vec<String> {
    let mut numbers = Vec::new();
    for (i, argument) in arguments.iter().enumerate() {
        let outside = bad == Some(i);
        let mut text = |text: &[u8]| {
            let (at, size) = place(texts, text);
            let at = if outside { END - size + 1 } else { at };
            [at, size].map(|number| format!("(i32.const {number})"))
        };
        match *argument {
            Number(number) => numbers.push(format!("(i32.const {})", number.cast_signed())),
            Long(number) => numbers.push(format!("(i64.const {number})")),
            Text(bytes) => numbers.extend(text(bytes)),
            Argument::Headers => numbers.extend(text(&headers())),
            Out(size) => {
                let at = OUT + 32 * u32::try_from(i).expect("there are few");
                let at = if outside { END - size + 1 } else { at };
                numbers.push(format!("(i32.const {at})"));
            }
        }
    }
    numbers
}

fn import(function: &Function) -> String {
    let kinds: String = numbers(&function.arguments, &mut Vec::new(), None)
        .iter()
        .map(|number| if number.starts_with("(i64") { "i64 " } else { "i32 " })
        .collect();
    let name = function.name;
    format!(r#"(import "env" "{name}" (func ${name} (param {kinds}) (result i32)))"#)
}

/// A filter that imports all functions and calls one, whose status is its action.
fn filter_that_calls(function: &Function, bad: Option<usize>) -> Host<Vm> {
    let functions = functions();
    let mut texts = Vec::new();
    let mut call = |function: &Function, bad| {
        let numbers = numbers(&function.arguments, &mut texts, bad);
        format!("(call ${} {})", function.name, numbers.join(" "))
    };
    let named = |name: &str| {
        let found = functions.iter().find(|function| function.name == name);
        found.unwrap_or_else(|| panic!("{name} is a function"))
    };
    let mut code = String::new();
    for name in PRELUDE {
        let mut arguments = named(name).arguments.clone();
        if name == "proxy_set_shared_data" {
            arguments[0] = Text(b"key");
        }
        let function = Function { name, arguments, status: Status::OK };
        writeln!(code, "(drop {})", call(&function, None)).expect("a string takes anything");
    }
    code.push_str(&call(function, bad));
    let imports: Vec<String> = functions.iter().map(import).collect();
    let data: Vec<String> = texts
        .iter()
        .map(|(at, text)| {
            let text: String = text.iter().map(|byte| format!("\\{byte:02x}")).collect();
            format!(r#"(data (i32.const {at}) "{text}")"#)
        })
        .collect();
    let mut host = host(&format!(
        "{}\n{}
        (func (export \"proxy_on_request_headers\") (param i32 i32 i32) (result i32) {code})",
        imports.join("\n"),
        data.join("\n")
    ));
    host.model(|model| {
        model.settings.clusters.insert("known".to_owned());
        model.foreign.insert(b"foreign".to_vec(), Ok(b"result".to_vec()).into());
        model.callouts = Default::default();
    });
    host
}

#[test]
fn the_table_has_every_function() {
    let names: Vec<&str> = functions().iter().map(|function| function.name).collect();
    assert_eq!(names, HOST_FUNCTIONS);
}

#[test]
fn every_function_can_be_called() {
    for function in functions() {
        let outcome = filter_that_calls(&function, None).request(get());
        assert_eq!(outcome.trap, None, "{}", function.name);
        let call = outcome.trace.last().expect("it made one");
        assert_eq!((call.name, call.status), (function.name, function.status));
        assert_eq!(outcome.action, Some(function.status.0), "{}", function.name);
    }
}

#[test]
fn a_pointer_out_of_the_memory_is_a_status_and_in_the_trace() {
    let mut pointers = 0;
    for function in functions() {
        for (i, argument) in function.arguments.iter().enumerate() {
            if matches!(argument, Number(_) | Long(_)) {
                continue;
            }
            let outcome = filter_that_calls(&function, Some(i)).request(get());
            let what = format!("{}, argument {i}", function.name);
            assert_eq!(outcome.trap, None, "{what}");
            let call = outcome.trace.last().expect("it made one");
            assert_eq!(call.name, function.name, "{what}");
            assert_eq!(call.status, Status::INVALID_MEMORY_ACCESS, "{what}");
            assert_eq!(outcome.action, Some(Status::INVALID_MEMORY_ACCESS.0), "{what}");
            let calls = outcome.trace.iter().filter(|call| call.name == function.name);
            let before = PRELUDE.iter().filter(|name| **name == function.name);
            assert_eq!(calls.count(), before.count() + 1, "{what}: once");
            pointers += 1;
        }
    }
    assert_eq!(pointers, 69, "as many as the table has");
}

/// proxy-wasm-cpp-host writes the token first, so that no call is made whose answer nobody knows.
#[test]
fn a_call_whose_token_cannot_be_written_is_not_sent() {
    let function = functions().into_iter().find(|function| function.name == "proxy_http_call");
    let function = function.expect("it is in the table");
    let token = function.arguments.len() - 1;
    let mut host = filter_that_calls(&function, Some(token));
    assert_eq!(host.request(get()).action, Some(Status::INVALID_MEMORY_ACCESS.0));
    assert!(host.model(|model| model.callouts.http.is_empty()));
}

#[test]
fn the_result_of_a_foreign_function_may_be_unwanted() {
    let names = functions().into_iter().find(|f| f.name == "proxy_call_foreign_function");
    let mut function = names.expect("it is in the table");
    for (wants_data, wants_size) in [(false, false), (true, false), (false, true)] {
        let wanted = |wanted, address| Number(if wanted { address } else { 0 });
        function.arguments[2] = wanted(wants_data, 3072);
        function.arguments[3] = wanted(wants_size, 3076);
        let mut host = filter_that_calls(&function, None);
        assert_eq!(host.request(get()).action, Some(Status::OK.0));
        let mut number = |at: usize| {
            let bytes = host.guest().memory()[at..at + 4].try_into().expect("four bytes");
            u32::from_le_bytes(bytes)
        };
        assert_eq!(number(0), 0, "nothing is written to address 0");
        assert_eq!(number(3072) != 0, wants_data);
        assert_eq!(number(3076), if wants_size { 6 } else { 0 });
    }
}
