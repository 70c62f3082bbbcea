//! Services that a filter calls, and faults, as a scenario writes them.

use std::time::Duration;

use proxy_host_model::{
    Answered, Effect, Fault, GrpcAnswer, GrpcEvent, GrpcService, HOST_FUNCTIONS, Service,
    ServiceAnswer, Status, WASI_FUNCTIONS,
};

use crate::{
    message::{self, Message, headers_field},
    read::{Table, Value, listed},
};

/// Makes what a proxy answers in a service's place.
type Make = fn() -> ServiceAnswer;
/// A function beyond the ABI, by its name: what it answers.
type Foreign = (Vec<u8>, Result<Vec<u8>, Status>);

/// The ways in which a service fails.
const FAILURES: [(&str, Make); 4] = [
    ("connect", ServiceAnswer::connect_failure),
    ("terminated", ServiceAnswer::connection_termination),
    ("no_host", ServiceAnswer::no_healthy_upstream),
    ("timeout", ServiceAnswer::timeout),
];

/// The statuses by name.
const STATUSES: [(&str, Status); 11] = [
    ("OK", Status::OK),
    ("NOT_FOUND", Status::NOT_FOUND),
    ("BAD_ARGUMENT", Status::BAD_ARGUMENT),
    ("SERIALIZATION_FAILURE", Status::SERIALIZATION_FAILURE),
    ("PARSE_FAILURE", Status::PARSE_FAILURE),
    ("INVALID_MEMORY_ACCESS", Status::INVALID_MEMORY_ACCESS),
    ("EMPTY", Status::EMPTY),
    ("CAS_MISMATCH", Status::CAS_MISMATCH),
    ("INTERNAL_FAILURE", Status::INTERNAL_FAILURE),
    ("BROKEN_CONNECTION", Status::BROKEN_CONNECTION),
    ("UNIMPLEMENTED", Status::UNIMPLEMENTED),
];

/// Reads one `[[service]]`: its cluster, and what it answers.
pub(crate) fn service(mut table: Table<'_, '_>) -> Option<(String, Service)> {
    let cluster = table.need("cluster", "the name of a cluster");
    let cluster = cluster.and_then(|cluster| cluster.sentence());
    let answers = table.need("answers", "what it answers, such as [{ status = 200 }]");
    let answers = answers.map(|answers| match answers.toml().is_table() {
        true => vec![answers],
        false => answers.list("a list of answers").unwrap_or_default(),
    });
    let answers: Vec<_> = answers
        .unwrap_or_default()
        .iter()
        .filter_map(|answer| {
            let mut table = answer.table("answer")?;
            let answer = service_answer(&mut table);
            table.close("an answer");
            answer
        })
        .collect();
    table.close("a service");
    Some((cluster?, Service::new(answers)))
}

/// Reads the fields of an answer to an HTTP call.
pub(crate) fn service_answer(table: &mut Table<'_, '_>) -> Option<ServiceAnswer> {
    let after = table.take("after").and_then(|after| after.duration());
    let times = table.take("times").and_then(|times| times.number("how many times, such as 1"));
    Some(ServiceAnswer {
        after: after.unwrap_or(Duration::ZERO),
        times: times.unwrap_or(1),
        what: answered(table)?,
    })
}

/// Reads how a call ends: with a response, a reset, or the proxy's own answer to a failure.
pub(crate) fn answered(table: &mut Table<'_, '_>) -> Option<Answered> {
    let reset = table.take("reset").map(|reset| reset.yes());
    let failure = table.take("failure").map(|failure| failure.one_of(&FAILURES));
    let response = ["status", "headers", "body", "trailers"].map(|name| table.has(name));
    let response = response.contains(&true);
    match (reset, failure, response) {
        (Some(reset), None, false) => reset.map(|_| Answered::Reset),
        (None, Some(failure), false) => failure.map(|failure| failure().what),
        (None, None, _) => {
            let Message { headers, body, trailers } = message::response(table, 200);
            Some(Answered::Response { headers, body: body.concat(), trailers })
        }
        _ => {
            table.wrong("found several of a response, `reset` and `failure`, expected one");
            None
        }
    }
}

/// Reads one `[[grpc_service]]`: its method, and what it answers.
pub(crate) fn grpc_service(mut table: Table<'_, '_>) -> Option<(String, GrpcService)> {
    let method = table.need("method", "a method such as \"package.Service/Method\"");
    let method = method.and_then(|method| match method.text()? {
        text if text.contains('/') => Some(text.to_owned()),
        _ => method.expected("a method such as \"package.Service/Method\""),
    });
    let answers = table.need("answers", "what it answers, such as [{ events = [] }]");
    let answers = answers.and_then(|answers| answers.list("a list of answers"));
    let answers: Vec<_> = answers
        .unwrap_or_default()
        .iter()
        .filter_map(|answer| {
            let mut table = answer.table("grpc answer")?;
            let events = table.need("events", "what happens, such as [{ message = \"\" }]");
            let events = events.and_then(|events| events.list("a list of events"));
            let events = events.unwrap_or_default();
            table.close("an answer of a gRPC service");
            Some(GrpcAnswer { events: events.iter().filter_map(timed_event).collect() })
        })
        .collect();
    table.close("a gRPC service");
    Some((method?, GrpcService::new(answers)))
}

fn timed_event(value: &Value<'_, '_>) -> Option<(Duration, GrpcEvent)> {
    let mut table = value.table("grpc event")?;
    let after = table.take("after").and_then(|after| after.duration()).unwrap_or(Duration::ZERO);
    let event = grpc_event(&mut table);
    table.close("an event");
    Some((after, event?))
}

/// Reads something that comes for a gRPC call or stream.
pub(crate) fn grpc_event(table: &mut Table<'_, '_>) -> Option<GrpcEvent> {
    const NAMES: [&str; 4] = ["initial", "message", "trailing", "status"];
    let initial = headers_field(table, "initial").map(GrpcEvent::InitialMetadata);
    let message = message::bytes(table, "message").map(GrpcEvent::Message);
    let trailing = headers_field(table, "trailing").map(GrpcEvent::TrailingMetadata);
    let close = table.take("status").and_then(|status| status.number("a gRPC status such as 0"));
    let text = table.take("status_message").and_then(|text| text.text()).unwrap_or_default();
    let close = close.map(|status| GrpcEvent::Close { status, message: text.to_owned() });
    let mut found = [initial, message, trailing, close].into_iter().flatten();
    match (found.next(), found.next()) {
        (Some(event), None) => Some(event),
        _ => {
            let names = listed(NAMES.into_iter());
            table.wrong(format!("expected exactly one of {names}"));
            None
        }
    }
}

/// Reads one `[[foreign]]`: a function beyond the ABI, and what it answers.
pub(crate) fn foreign(mut table: Table<'_, '_>) -> Option<Foreign> {
    let name = table.need("name", "the name of the function").and_then(|name| name.bytes());
    let answer = table.take("answer").map(|answer| answer.bytes());
    let status = table.take("status").map(|found| status(&found));
    let result = match (answer, status) {
        (Some(answer), None) => answer.map(Ok),
        (None, Some(status)) => status.map(Err),
        (answer, _) => {
            let found = if answer.is_some() { "both" } else { "none" };
            table.wrong(format!("found {found} of `answer` and `status`, expected one"));
            None
        }
    };
    table.close("a foreign function");
    Some((name?, result?))
}

/// Reads one `[[fault]]`.
pub(crate) fn fault(mut table: Table<'_, '_>) -> Option<Fault> {
    let fault = fault_fields(&mut table);
    table.close("a fault");
    fault
}

fn fault_fields(table: &mut Table<'_, '_>) -> Option<Fault> {
    let named = HOST_FUNCTIONS.into_iter().chain(WASI_FUNCTIONS).map(|name| (name, name));
    let named: Vec<_> = named.collect();
    let function = table.take("function").map(|function| function.one_of(&named));
    let number = |value: Value<'_, '_>| value.number::<u64>("the number of a call, from 0");
    let call = table.take("call").map(number);
    let from = table.take("from").map(number);
    let found = table.take("status").map(|found| status(&found));
    let trap = table.take("trap").map(|trap| trap.text());
    let allocator = table.take("allocator").map(|allocator| allocator.yes());
    let beyond = table.take("beyond").map(|beyond| beyond.size::<u64>());
    let calls = match (call, from) {
        (Some(call), None) => call.map(|n| n..n.saturating_add(1)),
        (None, Some(from)) => from.map(|n| n..u64::MAX),
        (None, None) => Some(0..u64::MAX),
        (Some(_), Some(_)) => {
            table.wrong("found both of `call` and `from`, expected one");
            None
        }
    };
    let fault = match (found, trap, allocator) {
        (Some(status), None, None) => Fault::on(calls?, Effect::Status(status?)),
        (None, Some(trap), None) => Fault::on(calls?, Effect::Trap(trap?.to_owned())),
        (None, None, Some(_)) if function.is_some() => {
            table.wrong("found `function` with `allocator`, expected one of them");
            return None;
        }
        (None, None, Some(_)) => Fault::allocator(calls?),
        _ => {
            table.wrong("expected exactly one of `status`, `trap` and `allocator`");
            return None;
        }
    };
    let fault = match function {
        Some(function) => fault.of(function?),
        None => fault,
    };
    match beyond {
        Some(_) if allocator.is_none() => {
            table.wrong("found `beyond` without `allocator = true`");
            None
        }
        Some(beyond) => Some(Fault { beyond: beyond?, ..fault }),
        None => Some(fault),
    }
}

/// A status by its name or its number.
fn status(value: &Value<'_, '_>) -> Option<Status> {
    match value.toml().is_integer() {
        true => value.number("a status such as \"NOT_FOUND\" or 1").map(Status),
        false => value.one_of(&STATUSES),
    }
}
