//! Calls that go wrong because a test says so.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test; clippy does not see that its helpers are part of it"
)]

mod script;

use proxy_host_model::{
    Callback, Effect, Fate, Fault, HOST_FUNCTIONS, Host, Model, Refusal, Status, Trap,
};

use script::{CONTINUE, REQUEST_HEADERS, get, on_headers, status};

const BROKEN: Status = Status(99);

/// Each host function with arguments that mean something in the request headers callback.
fn call(model: &mut Model, function: &str) -> Result<(), Refusal> {
    let some = |_| ();
    match function {
        "proxy_log" => model.log(2, b"x"),
        "proxy_get_log_level" => model.get_log_level().map(some),
        "proxy_get_status" => model.get_status().map(|_| ()),
        "proxy_get_property" => model.get_property(b"plugin_name").map(|_| ()),
        "proxy_set_property" => model.set_property(b"a", b"b"),
        "proxy_send_local_response" => model.send_local_response(401, b"", b"", &[], -1),
        "proxy_continue_stream" => model.continue_stream(0),
        "proxy_close_stream" => model.close_stream(0),
        "proxy_get_shared_data" => model.get_shared_data(b"k").map(|_| ()),
        "proxy_set_shared_data" => model.set_shared_data(b"k", b"v", 0),
        "proxy_register_shared_queue" => model.register_shared_queue(b"q").map(some),
        "proxy_resolve_shared_queue" => model.resolve_shared_queue(b"", b"q").map(some),
        "proxy_enqueue_shared_queue" => model.enqueue_shared_queue(1, b"v"),
        "proxy_dequeue_shared_queue" => model.dequeue_shared_queue(1).map(|_| ()),
        "proxy_get_header_map_value" => model.get_header_map_value(0, b":path").map(|_| ()),
        "proxy_add_header_map_value" => model.add_header_map_value(0, b"x-added", b""),
        "proxy_replace_header_map_value" => model.replace_header_map_value(0, b"x-added", b""),
        "proxy_remove_header_map_value" => model.remove_header_map_value(0, b":path"),
        "proxy_get_header_map_pairs" => model.get_header_map_pairs(0).map(|_| ()),
        "proxy_set_header_map_pairs" => model.set_header_map_pairs(0, &[]),
        "proxy_get_header_map_size" => model.get_header_map_size(0).map(some),
        "proxy_get_buffer_status" => model.get_buffer_status(6).map(|_| ()),
        "proxy_get_buffer_bytes" => model.get_buffer_bytes(6, 0, 9).map(|_| ()),
        "proxy_set_buffer_bytes" => model.set_buffer_bytes(0, 0, 0, b""),
        "proxy_http_call" => model.http_call(b"c", &[], b"", &[], 0).map(some),
        "proxy_grpc_call" => model.grpc_call(b"", b"", b"", &[], b"", 0).map(some),
        "proxy_grpc_stream" => model.grpc_stream(b"", b"", b"", &[]).map(some),
        "proxy_grpc_send" => model.grpc_send(2, b"", false),
        "proxy_grpc_cancel" => model.grpc_cancel(2),
        "proxy_grpc_close" => model.grpc_close(2),
        "proxy_set_tick_period_milliseconds" => model.set_tick_period_milliseconds(1),
        "proxy_get_current_time_nanoseconds" => model.get_current_time_nanoseconds().map(|_| ()),
        "proxy_define_metric" => model.define_metric(0, b"m").map(some),
        "proxy_increment_metric" => model.increment_metric(0, 1),
        "proxy_record_metric" => model.record_metric(0, 1),
        "proxy_get_metric" => model.get_metric(0).map(|_| ()),
        "proxy_set_effective_context" => model.set_effective_context(1),
        "proxy_done" => model.done(),
        "proxy_call_foreign_function" => model.call_foreign_function(b"f", b"").map(|_| ()),
        _ => panic!("{function} is not known to this test"),
    }
}

/// What a request that calls `function` once comes to.
fn with(fault: &Fault, function: &'static str) -> (proxy_host_model::Outcome, Option<Refusal>) {
    let mut refusal = None;
    let mut host = script::host(|model: &mut Model, callback| match callback {
        Callback::RequestHeaders { .. } => match call(model, function) {
            Err(Refusal::Trap(reason)) => Err(Trap(reason)),
            other => {
                refusal = other.err();
                Ok(Some(CONTINUE))
            }
        },
        _ => Ok(None),
    });
    assert!(host.start(b"", b"").accepted);
    host.model(|model| model.inject(fault.clone()));
    let outcome = host.request(get());
    drop(host);
    (outcome, refusal)
}

#[test]
fn every_host_function_can_fail_with_any_status_and_has_no_effect_then() {
    for function in HOST_FUNCTIONS {
        for number in [1, 12, 99, u32::MAX] {
            let fault = Fault::at(0, Status(number)).of(function);
            let (outcome, refusal) = with(&fault, function);
            assert_eq!(refusal, Some(status(Status(number))), "{function}");
            let trace: Vec<String> = outcome.trace.iter().map(ToString::to_string).collect();
            assert_eq!(trace, [format!("{function} -> {}", Status(number))]);
            assert_eq!(outcome.fate, Fate::Continued, "{function}");
            assert_eq!(outcome.request_headers, get().headers, "{function}");
            assert!(outcome.published.is_empty(), "{function}");
            assert!(outcome.logs.is_empty(), "{function}");
        }
    }
}

#[test]
fn every_host_function_can_end_the_vm() {
    for function in HOST_FUNCTIONS {
        let fault = Fault::trap_at(0, "power cut").of(function);
        let (outcome, _) = with(&fault, function);
        assert_eq!(outcome.fate, Fate::Trapped, "{function}");
        assert_eq!(outcome.trap, Some(Trap(format!("{function}: power cut"))));
        assert!(outcome.logs.is_empty() && outcome.reply.is_none(), "{function}");
        assert_eq!(outcome.response, None, "{function}");
    }
}

#[test]
fn a_fault_of_one_function_counts_its_calls_alone() {
    let mut host = on_headers(|model| {
        for round in 0..4 {
            model.log(2, b"").unwrap();
            let expected = if round == 2 { Err(status(BROKEN)) } else { Ok(()) };
            assert_eq!(model.set_property(b"a", b""), expected, "round {round}");
        }
        CONTINUE
    });
    host.model(|model| model.inject(Fault::at(2, BROKEN).of("proxy_set_property")));
    assert_eq!(host.request(get()).trace.len(), 8);
}

#[test]
fn faults_stand_side_by_side_and_count_from_when_they_came() {
    let seen = |model: &mut Model| -> Vec<u32> {
        let status = |result: Result<(), Refusal>| match result {
            Ok(()) => 0,
            Err(Refusal::Status(status)) => status.0,
            Err(Refusal::Trap(reason)) => panic!("{reason}"),
        };
        (0..4).map(|_| status(model.log(2, b""))).collect()
    };
    let mut model = Model::default();
    model.inject(Fault::at(1, Status(21)));
    assert_eq!(model.log(2, b""), Ok(()));
    model.add_fault(Fault::at(0, Status(22)).of("proxy_log"));
    model.add_fault(Fault::at(2, Status(23)));
    // The first call is the second one for the first fault and the first one for the second: the
    // fault that was there first wins, and the other has had its call.
    assert_eq!(seen(&mut model), [21, 0, 23, 0]);

    model.inject(Fault::from(3, Status(24)));
    assert_eq!(seen(&mut model), [0, 0, 0, 24], "no other fault is left, and the count is new");
    model.heal();
    assert_eq!(seen(&mut model), [0; 4]);
}

#[test]
fn a_call_that_the_binding_refused_counts() {
    let mut model = Model::default();
    model.inject(Fault::at(1, BROKEN).of("proxy_log"));
    model.refuse("proxy_log", Status::INVALID_MEMORY_ACCESS);
    assert_eq!(model.log(2, b""), Err(status(BROKEN)));
}

#[test]
fn a_host_that_lies_says_ok_and_does_nothing() {
    let mut host = on_headers(|model| {
        // The status travels as a refusal: there is no result to hand over.
        let added = model.add_header_map_value(REQUEST_HEADERS, b"x", b"");
        assert_eq!(added, Err(status(Status::OK)));
        CONTINUE
    });
    host.model(|model| model.inject(Fault::at(0, Status::OK)));
    let outcome = host.request(get());
    assert!(!outcome.request_headers.has("x"));
    assert_eq!(outcome.trace[0].to_string(), "proxy_add_header_map_value -> OK");
}

#[test]
fn the_allocator_fails_at_its_kth_call() {
    let mut model = Model::default();
    model.inject(Fault::allocator(1..3));
    let failed = Err(status(Status::INVALID_MEMORY_ACCESS));
    let asked: Vec<_> = (0..4).map(|_| model.allocation(10)).collect();
    assert_eq!(asked, [Ok(()), failed.clone(), failed, Ok(())]);
    model.heal();
    assert_eq!(model.allocation(u32::MAX), Ok(()));
}

#[test]
fn the_allocator_fails_beyond_a_number_of_bytes() {
    let mut model = Model::default();
    model.inject(Fault::allocator_beyond(100));
    let asked: Vec<_> = [60, 40, 1, 1].map(|size| model.allocation(size).is_ok()).to_vec();
    assert_eq!(asked, [true, true, false, false]);
    model.inject(Fault::allocator_beyond(100));
    assert!(model.allocation(100).is_ok(), "the count is new");
    assert!(model.allocation(u32::MAX).is_err());
}

#[test]
fn the_allocator_may_end_the_vm() {
    let mut model = Model::default();
    let abort = Effect::Trap("abort".to_owned());
    model.inject(Fault::on(0..1, abort).of(proxy_host_model::ALLOCATOR));
    let ended = Refusal::Trap("proxy_on_memory_allocate: abort".to_owned());
    assert_eq!(model.allocation(1), Err(ended));
}

#[test]
fn the_allocator_and_the_host_functions_do_not_count_each_other() {
    let mut model = Model::default();
    model.inject(Fault::at(1, BROKEN));
    model.add_fault(Fault::allocator(1..2));
    assert_eq!(model.allocation(1), Ok(()));
    assert_eq!(model.log(2, b""), Ok(()));
    assert!(model.allocation(1).is_err());
    assert_eq!(model.log(2, b""), Err(status(BROKEN)));
}

#[test]
fn a_fault_of_wasi_is_named_and_not_counted_among_the_hosts_functions() {
    let mut model = Model::default();
    model.inject(Fault::at(0, BROKEN));
    model.add_fault(Fault::at(1, Status(76)).of("random_get"));
    let answers: Vec<_> = (0..3).map(|_| model.wasi_call("random_get")).collect();
    assert_eq!(answers, [Ok(()), Err(status(Status(76))), Ok(())]);
    assert_eq!(model.wasi_call("fd_write"), Ok(()));
    assert_eq!(model.log(2, b""), Err(status(BROKEN)), "the first call of the host's");
}

#[test]
fn a_trap_ends_the_vm_for_good_even_when_healed() {
    let mut host: Host<_> = script::host(|model: &mut Model, callback| match callback {
        Callback::RequestHeaders { .. } => match model.log(2, b"") {
            Err(Refusal::Trap(reason)) => Err(Trap(reason)),
            _ => Ok(Some(CONTINUE)),
        },
        _ => Ok(None),
    });
    assert!(host.start(b"", b"").accepted);
    assert!(host.request(get()).continued());
    host.model(|model| model.inject(Fault::trap_at(0, "gone")));
    assert_eq!(host.request(get()).fate, Fate::Trapped);
    host.model(Model::heal);
    assert_eq!(host.request(get()).fate, Fate::Trapped);
    assert_eq!(host.trap(), Some(&Trap("proxy_log: gone".to_owned())));
}

#[test]
fn faults_hit_the_counted_calls_and_nothing_else() {
    let mut host = on_headers(|model| {
        for round in 0..4 {
            let expected = match round {
                1 | 2 => Err(status(Status::INTERNAL_FAILURE)),
                _ => Ok(()),
            };
            let added = model.add_header_map_value(REQUEST_HEADERS, b"x", b"");
            assert_eq!(added, expected, "call {round}");
        }
        CONTINUE
    });
    host.model(|model| {
        model.inject(Fault::on(1..3, Effect::Status(Status::INTERNAL_FAILURE)));
    });
    let outcome = host.request(get());
    assert_eq!(outcome.request_headers.all(b"x").count(), 2);
    let trace: Vec<String> = outcome.trace.iter().map(ToString::to_string).collect();
    assert_eq!(
        trace,
        [
            "proxy_add_header_map_value -> OK",
            "proxy_add_header_map_value -> INTERNAL_FAILURE",
            "proxy_add_header_map_value -> INTERNAL_FAILURE",
            "proxy_add_header_map_value -> OK",
        ]
    );
}
