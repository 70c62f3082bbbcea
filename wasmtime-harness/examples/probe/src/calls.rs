//! Orders: one host call each, as a list of the function's name without `proxy_` and its arguments.
//!
//! `["q = register_shared_queue", "jobs"]` saves the number that comes back as `$q`, for arguments
//! of later orders; the transcript then shows the name, since such numbers may differ from host to
//! host. `["return", 1]` ends the callback with an answer, `["trap"]` ends the VM. The WASI
//! functions go by their own names.

use serde_json::Value;

use crate::{
    abi::{self, UNTOUCHED},
    arguments::{Arguments, Saved},
    exports::take,
    text,
    wasi::{self, Piece},
};

/// The functions that answer with an error number of WASI and not with a status.
const WASI: &[&str] = &[
    "fd_write",
    "clock_time_get",
    "random_get",
    "environ_sizes_get",
    "environ_get",
    "args_sizes_get",
    "args_get",
];

/// What an order came to.
pub(crate) enum Done {
    /// A call was made; its line of the transcript.
    Called(String),
    /// The callback ends with this answer.
    Returns(u32),
}

/// What a call gave: a status, results for the transcript, and a number that can be saved.
struct Given {
    status: u32,
    shown: Vec<String>,
    number: Option<u64>,
}

/// Carries out one order.
pub(crate) fn carry_out(order: &Value, saved: &mut Saved) -> Result<Done, String> {
    let Some((Value::String(name), rest)) = order.as_array().and_then(|list| list.split_first())
    else {
        return Err("expected a list that begins with a name".to_owned());
    };
    let (kept, name) = match name.split_once(" = ") {
        Some((kept, name)) => (Some(kept), name),
        None => (None, name.as_str()),
    };
    let mut arguments = Arguments::new(rest, saved);
    if name == "return" {
        return Ok(Done::Returns(arguments.u32()?));
    }
    let mut given = call(name, &mut arguments)?;
    arguments.end()?;
    let shown = arguments.shown.join(", ");
    if let Some(kept) = kept {
        match given.number {
            Some(number) => {
                saved.insert(kept.to_owned(), number);
                given.shown = vec![format!("${kept}")];
            }
            None => given.shown.push("nothing to save".to_owned()),
        }
    }
    let results = given.shown.iter().map(|result| format!(" {result}")).collect::<String>();
    let status = if WASI.contains(&name) {
        format!("errno {}", given.status)
    } else {
        text::status(given.status)
    };
    Ok(Done::Called(format!("{name}({shown}) = {status}{results}")))
}

fn call(name: &str, a: &mut Arguments<'_>) -> Result<Given, String> {
    // SAFETY, of every call below: the pointers are those of local numbers and of bytes that live
    // until the end of the function, but for addresses that a program makes up; the host checks
    // those, and a host that does not is what the program wants to find.
    Ok(match name {
        "log" => {
            let (level, text) = (a.u32()?, a.bytes()?);
            plain(unsafe { abi::proxy_log(level, text.at(), text.size()) })
        }
        "get_log_level" => number(|out| unsafe { abi::proxy_get_log_level(out) }),
        "get_status" => {
            let mut code = UNTOUCHED;
            let mut given =
                bytes(|at, size| unsafe { abi::proxy_get_status(&raw mut code, at, size) });
            given.shown.insert(0, text::number(code));
            given
        }
        "get_property" => {
            let path = a.bytes()?;
            bytes(|at, size| unsafe { abi::proxy_get_property(path.at(), path.size(), at, size) })
        }
        // The value is a list of pairs, as Envoy shows a map.
        "get_property_pairs" => {
            let path = a.bytes()?;
            pairs(|at, size| unsafe { abi::proxy_get_property(path.at(), path.size(), at, size) })
        }
        "set_property" => {
            let (path, value) = (a.bytes()?, a.bytes()?);
            plain(unsafe {
                abi::proxy_set_property(path.at(), path.size(), value.at(), value.size())
            })
        }
        "send_local_response" => {
            let (status, details, body) = (a.u32()?, a.bytes()?, a.bytes()?);
            let (headers, grpc) = (a.pairs()?, a.i32()?);
            plain(unsafe {
                abi::proxy_send_local_response(
                    status,
                    details.at(),
                    details.size(),
                    body.at(),
                    body.size(),
                    headers.at(),
                    headers.size(),
                    grpc,
                )
            })
        }
        "continue_stream" => {
            let kind = a.u32()?;
            plain(unsafe { abi::proxy_continue_stream(kind) })
        }
        "close_stream" => {
            let kind = a.u32()?;
            plain(unsafe { abi::proxy_close_stream(kind) })
        }
        "get_shared_data" => {
            let key = a.bytes()?;
            let mut cas = UNTOUCHED;
            let mut given = bytes(|at, size| unsafe {
                abi::proxy_get_shared_data(key.at(), key.size(), at, size, &raw mut cas)
            });
            given.shown.push(text::number(cas));
            given.number = Some(u64::from(cas));
            given
        }
        "set_shared_data" => {
            let (key, value, cas) = (a.bytes()?, a.bytes()?, a.u32()?);
            plain(unsafe {
                abi::proxy_set_shared_data(key.at(), key.size(), value.at(), value.size(), cas)
            })
        }
        "register_shared_queue" => {
            let name = a.bytes()?;
            number(|out| unsafe { abi::proxy_register_shared_queue(name.at(), name.size(), out) })
        }
        "resolve_shared_queue" => {
            let (vm, name) = (a.bytes()?, a.bytes()?);
            number(|out| unsafe {
                abi::proxy_resolve_shared_queue(vm.at(), vm.size(), name.at(), name.size(), out)
            })
        }
        "enqueue_shared_queue" => {
            let (token, value) = (a.u32()?, a.bytes()?);
            plain(unsafe { abi::proxy_enqueue_shared_queue(token, value.at(), value.size()) })
        }
        "dequeue_shared_queue" => {
            let token = a.u32()?;
            bytes(|at, size| unsafe { abi::proxy_dequeue_shared_queue(token, at, size) })
        }
        "get_header_map_value" => {
            let (map, name) = (a.u32()?, a.bytes()?);
            bytes(|at, size| unsafe {
                abi::proxy_get_header_map_value(map, name.at(), name.size(), at, size)
            })
        }
        "add_header_map_value" => {
            let (map, name, value) = (a.u32()?, a.bytes()?, a.bytes()?);
            plain(unsafe {
                abi::proxy_add_header_map_value(
                    map,
                    name.at(),
                    name.size(),
                    value.at(),
                    value.size(),
                )
            })
        }
        "replace_header_map_value" => {
            let (map, name, value) = (a.u32()?, a.bytes()?, a.bytes()?);
            plain(unsafe {
                abi::proxy_replace_header_map_value(
                    map,
                    name.at(),
                    name.size(),
                    value.at(),
                    value.size(),
                )
            })
        }
        "remove_header_map_value" => {
            let (map, name) = (a.u32()?, a.bytes()?);
            plain(unsafe { abi::proxy_remove_header_map_value(map, name.at(), name.size()) })
        }
        "get_header_map_pairs" => {
            let map = a.u32()?;
            pairs(|at, size| unsafe { abi::proxy_get_header_map_pairs(map, at, size) })
        }
        "set_header_map_pairs" => {
            let (map, pairs) = (a.u32()?, a.pairs()?);
            plain(unsafe { abi::proxy_set_header_map_pairs(map, pairs.at(), pairs.size()) })
        }
        "get_header_map_size" => {
            let map = a.u32()?;
            number(|out| unsafe { abi::proxy_get_header_map_size(map, out) })
        }
        "get_buffer_status" => {
            let buffer = a.u32()?;
            let mut flags = UNTOUCHED;
            let mut given =
                number(|out| unsafe { abi::proxy_get_buffer_status(buffer, out, &raw mut flags) });
            given.shown.push(text::number(flags));
            given
        }
        "get_buffer_bytes" => {
            let (buffer, start, length) = (a.u32()?, a.u32()?, a.u32()?);
            bytes(|at, size| unsafe {
                abi::proxy_get_buffer_bytes(buffer, start, length, at, size)
            })
        }
        "set_buffer_bytes" => {
            let (buffer, start, length, bytes) = (a.u32()?, a.u32()?, a.u32()?, a.bytes()?);
            plain(unsafe {
                abi::proxy_set_buffer_bytes(buffer, start, length, bytes.at(), bytes.size())
            })
        }
        "http_call" | "grpc_call" | "grpc_stream" | "grpc_send" | "grpc_cancel" | "grpc_close" => {
            callout(name, a)?
        }
        "set_tick_period_milliseconds" => {
            let period = a.u32()?;
            plain(unsafe { abi::proxy_set_tick_period_milliseconds(period) })
        }
        "get_current_time_nanoseconds" => {
            long(|out| unsafe { abi::proxy_get_current_time_nanoseconds(out) })
        }
        "define_metric" => {
            let (kind, name) = (a.u32()?, a.bytes()?);
            number(|out| unsafe { abi::proxy_define_metric(kind, name.at(), name.size(), out) })
        }
        "increment_metric" => {
            let (metric, offset) = (a.u32()?, a.i64()?);
            plain(unsafe { abi::proxy_increment_metric(metric, offset) })
        }
        "record_metric" => {
            let (metric, value) = (a.u32()?, a.u64()?);
            plain(unsafe { abi::proxy_record_metric(metric, value) })
        }
        "get_metric" => {
            let metric = a.u32()?;
            long(|out| unsafe { abi::proxy_get_metric(metric, out) })
        }
        "set_effective_context" => {
            let context = a.u32()?;
            plain(unsafe { abi::proxy_set_effective_context(context) })
        }
        "done" => plain(unsafe { abi::proxy_done() }),
        "call_foreign_function" => {
            let (name, arguments) = (a.bytes()?, a.bytes()?);
            bytes(|at, size| unsafe {
                abi::proxy_call_foreign_function(
                    name.at(),
                    name.size(),
                    arguments.at(),
                    arguments.size(),
                    at,
                    size,
                )
            })
        }
        _ => system(name, a)?,
    })
}

/// Calls to other services.
fn callout(name: &str, a: &mut Arguments<'_>) -> Result<Given, String> {
    // SAFETY: as in `call`.
    Ok(match name {
        "http_call" => {
            let (cluster, headers, body) = (a.bytes()?, a.pairs()?, a.bytes()?);
            let (trailers, timeout) = (a.pairs()?, a.u32()?);
            number(|out| unsafe {
                abi::proxy_http_call(
                    cluster.at(),
                    cluster.size(),
                    headers.at(),
                    headers.size(),
                    body.at(),
                    body.size(),
                    trailers.at(),
                    trailers.size(),
                    timeout,
                    out,
                )
            })
        }
        "grpc_call" => {
            let (upstream, service, method) = (a.bytes()?, a.bytes()?, a.bytes()?);
            let (metadata, message, timeout) = (a.pairs()?, a.bytes()?, a.u32()?);
            number(|out| unsafe {
                abi::proxy_grpc_call(
                    upstream.at(),
                    upstream.size(),
                    service.at(),
                    service.size(),
                    method.at(),
                    method.size(),
                    metadata.at(),
                    metadata.size(),
                    message.at(),
                    message.size(),
                    timeout,
                    out,
                )
            })
        }
        "grpc_stream" => {
            let (upstream, service, method) = (a.bytes()?, a.bytes()?, a.bytes()?);
            let metadata = a.pairs()?;
            number(|out| unsafe {
                abi::proxy_grpc_stream(
                    upstream.at(),
                    upstream.size(),
                    service.at(),
                    service.size(),
                    method.at(),
                    method.size(),
                    metadata.at(),
                    metadata.size(),
                    out,
                )
            })
        }
        "grpc_send" => {
            let (token, message, end) = (a.u32()?, a.bytes()?, a.u32()?);
            plain(unsafe { abi::proxy_grpc_send(token, message.at(), message.size(), end) })
        }
        "grpc_cancel" => {
            let token = a.u32()?;
            plain(unsafe { abi::proxy_grpc_cancel(token) })
        }
        _ => {
            let token = a.u32()?;
            plain(unsafe { abi::proxy_grpc_close(token) })
        }
    })
}

/// The WASI functions, and the end of the VM.
fn system(name: &str, a: &mut Arguments<'_>) -> Result<Given, String> {
    // SAFETY: as in `call`.
    Ok(match name {
        "fd_write" => {
            let (fd, text) = (a.u32()?, a.bytes()?);
            let piece = Piece { at: text.at(), size: text.size() };
            number(|out| unsafe { wasi::fd_write(fd, &raw const piece, 1, out) })
        }
        "clock_time_get" => {
            let clock = a.u32()?;
            let mut given = long(|out| unsafe { wasi::clock_time_get(clock, 1, out) });
            // The monotonic clock counts from the start of the machine.
            if clock == 1 {
                given.shown.clear();
            }
            given
        }
        "random_get" => {
            let size = a.u32()?;
            let size = usize::try_from(size).map_err(|error| error.to_string())?;
            let mut bytes = vec![0; size];
            plain(unsafe { wasi::random_get(bytes.as_mut_ptr(), bytes.len()) })
        }
        "environ_sizes_get" | "args_sizes_get" => {
            let mut size = UNTOUCHED;
            let mut given = number(|count| match name {
                "environ_sizes_get" => unsafe { wasi::environ_sizes_get(count, &raw mut size) },
                _ => unsafe { wasi::args_sizes_get(count, &raw mut size) },
            });
            given.shown.push(text::number(size));
            given
        }
        "environ_get" | "args_get" => {
            let (mut places, mut bytes) = ([0; 16], [0; 256]);
            let (places, bytes) = (places.as_mut_ptr(), bytes.as_mut_ptr());
            plain(match name {
                "environ_get" => unsafe { wasi::environ_get(places, bytes) },
                _ => unsafe { wasi::args_get(places, bytes) },
            })
        }
        "proc_exit" => {
            let code = a.u32()?;
            unsafe { wasi::proc_exit(code) }
        }
        "trap" => std::process::abort(),
        _ => return Err(format!("found {name}, expected a host function")),
    })
}

fn plain(status: u32) -> Given {
    Given { status, shown: Vec::new(), number: None }
}

/// A call that gives a number of 32 bits.
fn number(call: impl FnOnce(*mut u32) -> u32) -> Given {
    let mut number = UNTOUCHED;
    let status = call(&raw mut number);
    Given { status, shown: vec![text::number(number)], number: Some(u64::from(number)) }
}

/// A call that gives a number of 64 bits.
fn long(call: impl FnOnce(*mut u64) -> u32) -> Given {
    let mut number = u64::from(UNTOUCHED);
    let status = call(&raw mut number);
    let shown = u32::try_from(number).map_or_else(|_| number.to_string(), text::number);
    Given { status, shown: vec![shown], number: Some(number) }
}

/// A call that gives bytes in memory which the filter allocated for them.
fn bytes(call: impl FnOnce(*mut usize, *mut usize) -> u32) -> Given {
    shown(call, text::bytes)
}

/// A call that gives encoded pairs.
fn pairs(call: impl FnOnce(*mut usize, *mut usize) -> u32) -> Given {
    shown(call, text::pairs)
}

fn shown(
    call: impl FnOnce(*mut usize, *mut usize) -> u32,
    show: impl FnOnce(&[u8]) -> String,
) -> Given {
    let untouched = usize::try_from(UNTOUCHED).unwrap_or_default();
    let (mut at, mut size) = (untouched, untouched);
    let status = call(&raw mut at, &raw mut size);
    let shown = match (at, size) {
        _ if at == untouched && size == untouched => "untouched".to_owned(),
        (0, 0) => "null".to_owned(),
        _ if at == untouched || size == untouched => format!("half written: {at}, {size}"),
        _ => show(&take(at, size)),
    };
    Given { status, shown: vec![shown], number: None }
}
