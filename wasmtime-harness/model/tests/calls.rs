//! What host calls answer, and when.

mod script;

use proxy_host_model::{Callback, Effect, Fault, LogLevel, Model, Refusal, Status};

use script::{
    CONTINUE, PLUGIN_CONFIGURATION, REQUEST_HEADERS, RESPONSE_HEADERS, get, host, on_headers,
    status,
};

#[test]
fn reading_past_a_buffer_gives_what_is_there() {
    let mut host = host(|model: &mut Model, callback| {
        if let Callback::Configure { .. } = callback {
            let mut read = |start, length| {
                let buffer = model.get_buffer_bytes(PLUGIN_CONFIGURATION, start, length);
                String::from_utf8(buffer.unwrap()).unwrap()
            };
            assert_eq!(read(0, 3), "abc");
            assert_eq!(read(2, u32::MAX), "cdef");
            assert_eq!(read(6, 1), "");
            assert_eq!(read(7, 1), "");
            assert_eq!(read(1, 0), "");
        }
        Ok(None)
    });
    assert!(host.start(b"", b"abcdef").accepted);
}

#[test]
fn a_map_that_is_not_there_is_empty_as_a_whole_and_refused_by_name() {
    let mut host = on_headers(|model| {
        let refused = || Err(status(Status::BAD_ARGUMENT));
        for map in [1, RESPONSE_HEADERS, 3, 4, 5, 6, 7] {
            assert_eq!(model.get_header_map_pairs(map), Ok(Vec::new()));
            let value = model.get_header_map_value(map, b"a");
            assert_eq!(value, Err(status(Status::BAD_ARGUMENT)));
            assert_eq!(model.add_header_map_value(map, b"a", b""), refused());
            assert_eq!(model.replace_header_map_value(map, b"a", b""), refused());
            assert_eq!(model.remove_header_map_value(map, b"a"), refused());
            assert_eq!(model.set_header_map_pairs(map, &[]), refused());
        }
        let unknown = model.get_header_map_pairs(8);
        assert_eq!(unknown, Err(status(Status::BAD_ARGUMENT)));
        CONTINUE
    });
    assert!(host.request(get()).continued());
}

#[test]
fn the_log_phase_reads_maps_and_writes_none() {
    let mut logged = false;
    let mut host = host(|model: &mut Model, callback| {
        if let Callback::Log { .. } = callback {
            let path = model.get_header_map_value(REQUEST_HEADERS, b":path");
            assert_eq!(path, Ok(b"/".to_vec()));
            let absent = model.get_header_map_value(RESPONSE_HEADERS, b"x");
            assert_eq!(absent, Err(status(Status::NOT_FOUND)));
            let written = model.add_header_map_value(REQUEST_HEADERS, b"x", b"");
            assert_eq!(written, Err(status(Status::BAD_ARGUMENT)));
            logged = true;
        }
        Ok(None)
    });
    host.start(b"", b"");
    host.request(get());
    drop(host);
    assert!(logged);
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

#[test]
fn properties_come_from_the_request_the_test_and_the_settings() {
    let mut host = on_headers(|model| {
        let mut get = |path: &str| model.get_property(path.replace('.', "\0").as_bytes());
        assert_eq!(get("request.host"), Ok(b"a.test".to_vec()));
        assert_eq!(get("xds.route_name"), Ok(b"r1".to_vec()));
        assert_eq!(get("xds.node.id"), Ok(b"n1".to_vec()));
        assert_eq!(get("plugin_name"), Ok(b"filter".to_vec()));
        assert_eq!(get("xds"), Err(status(Status::SERIALIZATION_FAILURE)));
        assert_eq!(get("route_name"), Err(status(Status::NOT_FOUND)));
        CONTINUE
    });
    host.model(|model| model.properties.set(&["xds", "node", "id"], b"n1"));
    let outcome = host.request(get().property(&["xds", "route_name"], b"r1"));
    assert!(outcome.continued());
}

#[test]
fn publishing_needs_a_stream() {
    let mut host = host(|model: &mut Model, callback| {
        if let Callback::Configure { .. } = callback {
            let set = model.set_property(b"a", b"");
            assert_eq!(set, Err(status(Status::NOT_FOUND)));
        }
        Ok(None)
    });
    assert_eq!(host.start(b"", b"").trace.len(), 1);
}

#[test]
fn queues_tell_their_consumer_once_per_item() {
    let mut taken = Vec::new();
    let mut host = host(|model: &mut Model, callback| {
        match callback {
            Callback::Configure { .. } => {
                let queue = model.register_shared_queue(b"q").unwrap();
                assert_eq!(model.resolve_shared_queue(b"", b"q"), Ok(queue));
                model.enqueue_shared_queue(queue, b"a").unwrap();
                model.enqueue_shared_queue(queue, b"b").unwrap();
            }
            Callback::QueueReady { context, queue } => {
                taken.push((context, model.dequeue_shared_queue(queue).unwrap()));
            }
            _ => {}
        }
        Ok(None)
    });
    host.start(b"", b"");
    host.deliver_queues();
    host.deliver_queues();
    drop(host);
    assert_eq!(taken, [(1, b"a".to_vec()), (1, b"b".to_vec())]);
}

#[test]
fn a_part_of_the_body_can_be_changed_at_its_ends_only() {
    let mut host = host(|model: &mut Model, callback| {
        if let Callback::RequestBody { size, .. } = callback {
            assert_eq!(size, 3);
            assert_eq!(model.get_buffer_bytes(0, 0, 9), Ok(b"bcd".to_vec()));
            for (start, length) in [(0, 1), (0, 2), (1, 0), (2, 9)] {
                let inside = model.set_buffer_bytes(0, start, length, b"x");
                assert_eq!(inside, Err(status(Status::BAD_ARGUMENT)), "{start}, {length}");
            }
            model.set_buffer_bytes(0, 0, 0, b"a").unwrap();
            model.set_buffer_bytes(0, 4, 0, b"e").unwrap();
            return Ok(Some(CONTINUE));
        }
        Ok(None)
    });
    host.start(b"", b"");
    let stream = host.open(get().to_be_continued());
    assert_eq!(host.request_body(&stream, b"bcd", true), Some(CONTINUE));
    assert_eq!(host.finish(stream).request_body, b"abcde");
}

#[test]
fn grpc_tokens_tell_calls_from_streams() {
    let mut host = on_headers(|model| {
        let call = model.grpc_call(b"u", b"s", b"m", &[], b"1", 0).unwrap();
        let stream = model.grpc_stream(b"u", b"s", b"m", &[]).unwrap();
        assert_eq!((call, stream), (5, 6));
        let refused = model.grpc_send(call, b"2", false);
        assert_eq!(refused, Err(status(Status::BAD_ARGUMENT)));
        model.grpc_send(stream, b"2", true).unwrap();
        assert!(model.callouts.grpc[1].closed);
        model.grpc_cancel(stream).unwrap();
        model.grpc_close(call).unwrap();
        let gone = model.grpc_send(stream, b"3", false);
        assert_eq!(gone, Err(status(Status::NOT_FOUND)));
        assert!(model.callouts.grpc.is_empty());
        CONTINUE
    });
    host.model(|model| model.settings.clusters.insert("u".to_owned()));
    assert!(host.request(get()).continued());
}

#[test]
fn small_calls_answer_as_in_envoy() {
    let mut host = on_headers(|model| {
        model.clock.step_by(std::time::Duration::from_nanos(5));
        let first = model.get_current_time_nanoseconds().unwrap();
        assert_eq!(model.get_current_time_nanoseconds(), Ok(first + 5));
        assert_eq!(model.get_log_level(), Ok(LogLevel::Info.number()));
        assert_eq!(model.log(6, b"x"), Err(status(Status::BAD_ARGUMENT)));
        model.log(2, b"hello \xff").unwrap();
        let foreign = model.call_foreign_function(b"verify_signature", b"");
        assert_eq!(foreign, Err(status(Status::NOT_FOUND)));
        let context = model.set_effective_context(77);
        assert_eq!(context, Err(status(Status::BAD_ARGUMENT)));
        assert_eq!(model.continue_stream(4), Err(status(Status::BAD_ARGUMENT)));
        assert_eq!(model.close_stream(4), Err(status(Status::BAD_ARGUMENT)));
        assert_eq!(model.get_header_map_size(REQUEST_HEADERS), Ok(32));
        assert_eq!(model.get_buffer_status(8), Ok((0, 0)));
        let body = model.get_buffer_bytes(0, 0, 1);
        assert_eq!(body, Err(status(Status::NOT_FOUND)));
        let unknown = model.get_buffer_bytes(9, 0, 1);
        assert_eq!(unknown, Err(status(Status::BAD_ARGUMENT)));
        let written = model.set_buffer_bytes(6, 0, 0, b"x");
        assert_eq!(written, Err(status(Status::BAD_ARGUMENT)));
        CONTINUE
    });
    let outcome = host.request(get());
    let logs: Vec<String> = outcome.logs.iter().map(ToString::to_string).collect();
    assert_eq!(logs, ["info: hello \u{fffd}"]);
}

#[test]
fn while_loading_only_the_log_answers() {
    let mut model = Model::default();
    model.log(2, b"x").unwrap();
    let refused = model.get_current_time_nanoseconds();
    assert!(matches!(refused, Err(Refusal::Trap(_))), "{refused:?}");
}
