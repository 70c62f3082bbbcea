//! Services that answer gRPC calls and streams.

#![allow(
    clippy::unwrap_used,
    reason = "a test; clippy does not see that its helpers are part of it"
)]

mod script;

use std::time::Duration;

use proxy_host_model::{
    Callback, Fleet, GrpcAnswer, GrpcEvent, GrpcService, Guest, Headers, Host, Model, Plan,
    Recorded,
};

use script::{Scripts, get, host};

const MS: Duration = Duration::from_millis(1);
const NONE: Duration = Duration::ZERO;

/// What a filter does when it is configured.
#[derive(Clone, Copy)]
enum Opens {
    Call { timeout: u32 },
    Stream,
}

fn open(model: &mut Model, opens: Opens) -> u32 {
    match opens {
        Opens::Call { timeout } => model.grpc_call(b"u", b"a.B", b"C", &[], b"ask", timeout),
        Opens::Stream => model.grpc_stream(b"u", b"a.B", b"C", &[]),
    }
    .unwrap()
}

/// One line of what a filter is told of its call, with the time in milliseconds.
fn told(model: &mut Model, callback: Callback) -> Option<String> {
    let line = match callback {
        Callback::GrpcInitialMetadata { elements, .. } => {
            let value = model.get_header_map_value(4, b"a").unwrap();
            format!("begins with {elements}, a is {}", value.escape_ascii())
        }
        Callback::GrpcMessage { size, .. } => {
            let message = model.get_buffer_bytes(5, 0, u32::MAX).unwrap();
            format!("{size} bytes, {}", message.escape_ascii())
        }
        Callback::GrpcTrailingMetadata { elements, .. } => {
            let value = model.get_header_map_value(5, b"b").unwrap();
            format!("ends with {elements}, b is {}", value.escape_ascii())
        }
        Callback::GrpcClose { status, .. } => {
            let (code, message) = model.get_status().unwrap();
            assert_eq!(code, status);
            format!("closed, {status} {}", message.escape_ascii())
        }
        _ => return None,
    };
    let at = model.clock.read_monotonic() / 1_000_000;
    Some(format!("{at} ms: {line}"))
}

fn serve(model: &mut Model, service: GrpcService) {
    model.settings.clusters.insert("u".to_owned());
    model.callouts.grpc_services.insert("a.B/C".to_owned(), service);
}

fn calling(service: GrpcService, opens: &'static [Opens]) -> Host<impl Guest> {
    let mut host = host(move |model: &mut Model, callback| {
        if let Callback::Configure { .. } = callback {
            for opens in opens {
                open(model, *opens);
            }
        }
        if let Some(line) = told(model, callback) {
            model.log(2, line.as_bytes()).unwrap();
        }
        Ok(Some(1))
    });
    host.model(|model| serve(model, service));
    assert!(host.start(b"", b"").accepted);
    host
}

fn heard<G: Guest>(host: &mut Host<G>) -> Vec<String> {
    host.advance(Duration::from_secs(10));
    host.request(get()).logs.iter().map(|line| line.text.clone()).collect()
}

fn answers(answer: GrpcAnswer, opens: &'static [Opens]) -> Vec<String> {
    heard(&mut calling(GrpcService::new([answer]), opens))
}

fn metadata(name: &str) -> Headers {
    Headers::from_iter([(name, "1")])
}

#[test]
fn a_call_is_told_of_its_message() {
    let answer = GrpcAnswer::never().then(5 * MS, GrpcEvent::Message(b"reply".to_vec()));
    assert_eq!(answers(answer, &[Opens::Call { timeout: 100 }]), ["5 ms: 5 bytes, reply"]);
    let at_once = answers(GrpcAnswer::message(b""), &[Opens::Call { timeout: 0 }]);
    assert_eq!(at_once, ["0 ms: 0 bytes, "]);
}

#[test]
fn a_call_is_told_of_its_failure() {
    let answer = GrpcAnswer::close(7, "denied");
    assert_eq!(answers(answer, &[Opens::Call { timeout: 100 }]), ["0 ms: closed, 7 denied"]);
}

#[test]
fn after_the_end_of_a_call_nothing_comes() {
    let late =
        |after: u32| GrpcAnswer::never().then(after * MS, GrpcEvent::Message(b"late".to_vec()));
    let limit = ["100 ms: closed, 14 upstream request timeout"];
    let call: &[Opens] = &[Opens::Call { timeout: 100 }];
    assert_eq!(answers(late(101), call), limit);
    assert_eq!(answers(late(100), call), ["100 ms: 4 bytes, late"], "in the last moment");
    let twice = late(1).then(2 * MS, GrpcEvent::Message(b"again".to_vec()));
    assert_eq!(answers(twice, call), ["1 ms: 4 bytes, late"]);
    let end = GrpcEvent::Close { status: 0, message: String::new() };
    assert_eq!(answers(late(1).then(2 * MS, end), call), ["1 ms: 4 bytes, late"]);
}

#[test]
fn without_an_answer_the_time_limit_ends_a_call_and_not_a_stream() {
    let limit = ["100 ms: closed, 14 upstream request timeout"];
    assert_eq!(answers(GrpcAnswer::never(), &[Opens::Call { timeout: 100 }]), limit);
    let mut unknown = calling(GrpcService::default(), &[Opens::Call { timeout: 100 }]);
    assert_eq!(heard(&mut unknown), limit, "a service without answers");
    assert!(answers(GrpcAnswer::never(), &[Opens::Call { timeout: 0 }]).is_empty());
    assert!(answers(GrpcAnswer::never(), &[Opens::Stream]).is_empty());
}

#[test]
fn a_stream_is_told_of_everything_in_order() {
    let answer = GrpcAnswer::never()
        .then(3 * MS, GrpcEvent::TrailingMetadata(metadata("b")))
        .then(MS, GrpcEvent::InitialMetadata(metadata("a")))
        .then(2 * MS, GrpcEvent::Message(b"one".to_vec()))
        .then(2 * MS, GrpcEvent::Message(b"two".to_vec()))
        .then(3 * MS, GrpcEvent::Close { status: 0, message: "done".to_owned() })
        .then(4 * MS, GrpcEvent::Message(b"late".to_vec()));
    let expected = [
        "1 ms: begins with 1, a is 1",
        "2 ms: 3 bytes, one",
        "2 ms: 3 bytes, two",
        "3 ms: ends with 1, b is 1",
        "3 ms: closed, 0 done",
    ];
    assert_eq!(answers(answer, &[Opens::Stream]), expected);
}

#[test]
fn a_cancelled_call_is_told_nothing() {
    let mut heard = Vec::new();
    let mut host = host(|model: &mut Model, callback| {
        if let Callback::Configure { .. } = callback {
            for opens in [Opens::Stream, Opens::Call { timeout: 100 }] {
                let token = open(model, opens);
                model.grpc_cancel(token).unwrap();
            }
        }
        heard.extend(told(model, callback));
        Ok(Some(1))
    });
    let service = GrpcService::new([GrpcAnswer::message(b"late")]);
    host.model(|model| serve(model, service));
    host.start(b"", b"");
    host.advance(Duration::from_secs(1));
    drop(host);
    assert!(heard.is_empty(), "{heard:?}");
}

#[test]
fn answers_follow_the_calls_and_the_last_one_stays() {
    let service = GrpcService::new([
        GrpcAnswer::close(8, "").then(NONE, GrpcEvent::Message(b"never seen".to_vec())),
        GrpcAnswer::message(b"good"),
    ]);
    let mut host = calling(service, &[Opens::Call { timeout: 0 }; 3]);
    let expected = ["0 ms: closed, 8 ", "0 ms: 4 bytes, good", "0 ms: 4 bytes, good"];
    assert_eq!(heard(&mut host), expected);
    assert_eq!(host.model(|model| model.callouts.grpc_services["a.B/C"].calls), 3);
}

#[test]
fn a_service_counts_the_calls_of_all_vms_but_the_canary() {
    let filter = |model: &mut Model, callback| {
        if let Callback::Configure { .. } = callback {
            open(model, Opens::Call { timeout: 0 });
        }
        Ok(Some(1))
    };
    let mut model = Model::default();
    serve(&mut model, GrpcService::default());
    let plan = Plan { workers: 2, main: true, canary: true, ..Plan::default() };
    let mut fleet = Fleet::new(Recorded(Scripts(filter)), plan, model).unwrap();
    assert!(fleet.start(b"", b"").accepted);
    assert_eq!(fleet.world(|world| world.grpc_services["a.B/C"].calls), 3);
}
