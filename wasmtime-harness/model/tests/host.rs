//! The life of a filter as the host drives it, with a scripted guest in the filter's place.

use proxy_host_model::{
    Callback, Fate, Fault, Guest, Headers, Host, LogLevel, Model, Refusal, Request, Status, Trap,
};

const CONTINUE: u32 = 0;
const PAUSE: u32 = 1;
const REQUEST_HEADERS: u32 = 0;
const RESPONSE_HEADERS: u32 = 2;
const PLUGIN_CONFIGURATION: u32 = 7;

type Answer = Result<Option<u32>, Trap>;

/// A filter that is a closure; what it does not handle it does not export.
struct Script<F> {
    model: Model,
    run: F,
}

impl<F: FnMut(&mut Model, Callback) -> Answer> Guest for Script<F> {
    fn model<R>(&mut self, visit: impl FnOnce(&mut Model) -> R) -> R {
        visit(&mut self.model)
    }

    fn call(&mut self, callback: Callback) -> Answer {
        (self.run)(&mut self.model, callback)
    }
}

fn host<F: FnMut(&mut Model, Callback) -> Answer>(run: F) -> Host<Script<F>> {
    Host::new(Script { model: Model::default(), run })
}

/// A started host whose filter has only a request headers callback.
fn on_headers<F: FnMut(&mut Model) -> u32>(
    mut run: F,
) -> Host<Script<impl FnMut(&mut Model, Callback) -> Answer>> {
    let mut host = host(move |model: &mut Model, callback| match callback {
        Callback::RequestHeaders { .. } => Ok(Some(run(model))),
        _ => Ok(None),
    });
    assert!(host.start(b"", b"").accepted);
    host
}

fn get() -> Request {
    Request::from_iter([(":method", "GET"), (":path", "/"), (":authority", "a.test")])
}

fn status(status: Status) -> Refusal {
    Refusal::Status(status)
}

fn reply(model: &mut Model, code: u32) {
    let sent = model.send_local_response(code, b"details", b"", &[], -1);
    assert_eq!(sent, Ok(()));
}

#[test]
fn callbacks_come_in_the_order_of_envoy() {
    let mut calls = Vec::new();
    let mut host = host(|_: &mut Model, callback: Callback| {
        calls.push((callback.export(), callback.arguments()));
        Ok(Some(1 - u32::from(matches!(callback, Callback::RequestHeaders { .. }))))
    });
    host.start(b"vm", b"plugin");
    host.request(get());
    drop(host);
    assert_eq!(
        calls,
        [
            ("proxy_on_context_create", vec![1, 0]),
            ("proxy_on_vm_start", vec![1, 2]),
            ("proxy_on_configure", vec![1, 6]),
            ("proxy_on_context_create", vec![2, 1]),
            ("proxy_on_request_headers", vec![2, 3, 1]),
            ("proxy_on_response_headers", vec![2, 1, 0]),
            ("proxy_on_log", vec![2]),
            ("proxy_on_done", vec![2]),
            ("proxy_on_delete", vec![2]),
        ]
    );
}

#[test]
fn the_plugin_configuration_is_there_while_configuring_only() {
    let mut seen = Vec::new();
    let mut host = host(|model: &mut Model, callback| {
        let read = model.get_buffer_bytes(PLUGIN_CONFIGURATION, 0, u32::MAX);
        seen.push((callback_name(callback), read));
        Ok(Some(1))
    });
    host.start(b"", b"policy");
    host.request(get());
    drop(host);
    let missing = || Err(status(Status::NOT_FOUND));
    assert_eq!(
        seen[..4],
        [
            ("proxy_on_context_create", Ok(b"policy".to_vec())),
            ("proxy_on_vm_start", missing()),
            ("proxy_on_configure", Ok(b"policy".to_vec())),
            ("proxy_on_context_create", missing()),
        ]
    );
    assert!(seen[4..].iter().all(|(_, read)| *read == missing()));
}

fn callback_name(callback: Callback) -> &'static str {
    callback.export()
}

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
fn a_refused_configuration_is_told_apart_from_a_trap() {
    let refuses = host(|_: &mut Model, callback| match callback {
        Callback::Configure { .. } => Ok(Some(0)),
        _ => Ok(None),
    })
    .start(b"", b"");
    assert!(!refuses.accepted);
    assert_eq!(refuses.trap, None);

    let mut dies = host(|_: &mut Model, callback| match callback {
        Callback::Configure { .. } => Err(Trap("boom".to_owned())),
        _ => Ok(Some(1)),
    });
    let startup = dies.start(b"", b"");
    assert!(!startup.accepted);
    assert_eq!(startup.trap, Some(Trap("boom".to_owned())));
    let outcome = dies.request(get());
    assert_eq!(outcome.fate, Fate::Trapped);
    assert_eq!(outcome.response, None);
}

#[test]
fn a_request_that_goes_on_shows_its_changes_and_the_response() {
    let mut host = on_headers(|model| {
        let values = model.get_header_map_value(REQUEST_HEADERS, b"Cookie");
        assert_eq!(values, Ok(b"a=1".to_vec()));
        model.replace_header_map_value(REQUEST_HEADERS, b"x-user", b"alice").unwrap();
        model.remove_header_map_value(REQUEST_HEADERS, b"Authorization").unwrap();
        model.set_property(b"sub", b"alice").unwrap();
        assert_eq!(model.get_property(b"sub"), Ok(b"alice".to_vec()));
        CONTINUE
    });
    let request = Request::from_iter([
        (":path", "/"),
        ("cookie", "a=1"),
        ("cookie", "b=2"),
        ("authorization", "x"),
        ("x-user", "eve"),
        ("x-user", "mallory"),
    ])
    .response(Headers::from_iter([(":status", "404")]));
    let outcome = host.request(request);
    assert!(outcome.continued());
    assert_eq!(
        outcome.request_headers,
        Headers::from_iter([
            (":path", "/"),
            ("cookie", "a=1"),
            ("cookie", "b=2"),
            ("x-user", "alice"),
        ])
    );
    assert_eq!(outcome.published[&b"sub"[..]], b"alice");
    assert_eq!(outcome.response.unwrap().first(":status"), Some(&b"404"[..]));
}

#[test]
fn a_reply_beats_the_returned_action_and_the_first_one_wins() {
    let mut host = on_headers(|model| {
        reply(model, 401);
        reply(model, 200);
        CONTINUE
    });
    let outcome = host.request(get());
    assert_eq!(outcome.fate, Fate::Replied);
    assert_eq!(outcome.action, Some(CONTINUE));
    let reply = outcome.reply.unwrap();
    assert_eq!((reply.status, reply.grpc_status), (401, None));
    assert_eq!(reply.details, b"details");
    assert_eq!(outcome.response.unwrap().first(":status"), Some(&b"401"[..]));
}

#[test]
fn a_failed_reply_leaves_the_action_in_force() {
    for (action, fate) in [(PAUSE, Fate::Paused), (CONTINUE, Fate::Continued)] {
        let mut host = on_headers(|model| {
            let failed = model.send_local_response(401, b"", b"", &[], -1);
            assert_eq!(failed, Err(status(Status(99))));
            action
        });
        host.model(|model| model.inject(Fault::at(0, Status(99))));
        let outcome = host.request(get());
        assert_eq!(outcome.fate, fate);
        assert_eq!(outcome.reply, None);
    }
}

#[test]
fn the_filter_sees_its_own_reply_in_the_response_phase() {
    let mut host = host(|model: &mut Model, callback| {
        match callback {
            Callback::RequestHeaders { .. } => reply(model, 403),
            Callback::ResponseHeaders { .. } => {
                let seen = model.get_header_map_value(RESPONSE_HEADERS, b":status");
                assert_eq!(seen, Ok(b"403".to_vec()));
                model.add_header_map_value(RESPONSE_HEADERS, b"x-a", b"1").unwrap();
            }
            _ => return Ok(None),
        }
        Ok(Some(CONTINUE))
    });
    host.start(b"", b"");
    let response = host.request(get()).response.unwrap();
    assert_eq!(response, Headers::from_iter([(":status", "403"), ("x-a", "1")]));
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
        model.inject(Fault { calls: 1..3, status: Status::INTERNAL_FAILURE });
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
fn a_paused_request_goes_on_when_its_call_is_answered() {
    let mut token = None;
    let mut host = host(|model: &mut Model, callback| match callback {
        Callback::RequestHeaders { context, .. } => {
            let headers = [(":method", "GET"), (":path", "/k"), (":authority", "k")];
            let pairs = proxy_host_model::encode_pairs(&Headers::from_iter(headers));
            let unknown = model.http_call(b"nowhere", &pairs, b"", &[], 100);
            assert_eq!(unknown, Err(status(Status::BAD_ARGUMENT)));
            let bare = model.http_call(b"keys", &[], b"", &[], 100);
            assert_eq!(bare, Err(status(Status::BAD_ARGUMENT)));
            let call = model.http_call(b"keys", &pairs, b"", &[], 100).unwrap();
            token = Some((call, context));
            Ok(Some(PAUSE))
        }
        Callback::HttpCallResponse { token: answered, body, .. } => {
            let (call, context) = token.unwrap();
            assert_eq!((answered, body), (call, 4));
            assert_eq!(model.get_header_map_value(6, b":status"), Ok(b"200".to_vec()));
            assert_eq!(model.get_buffer_bytes(4, 0, 99), Ok(b"keys".to_vec()));
            model.set_effective_context(context).unwrap();
            model.continue_stream(0).unwrap();
            let late = model.add_header_map_value(REQUEST_HEADERS, b"x", b"");
            assert_eq!(late, Err(status(Status::BAD_ARGUMENT)));
            Ok(None)
        }
        _ => Ok(None),
    });
    host.start(b"", b"");
    host.model(|model| model.settings.clusters.insert("keys".to_owned()));
    let stream = host.open(get());
    assert_eq!(host.fate(&stream), Fate::Paused);
    let call = host.model(|model| model.callouts.http[0].token);
    let ok = Headers::from_iter([(":status", "200")]);
    host.answer(call, ok, b"keys", None);
    assert_eq!(host.fate(&stream), Fate::Continued);
    assert!(host.finish(stream).continued());
}

#[test]
fn a_call_that_was_reset_has_no_headers_and_a_status() {
    let mut told = None;
    let mut host = host(|model: &mut Model, callback| {
        match callback {
            Callback::Tick { .. } => {
                let headers = [(":method", "GET"), (":path", "/k"), (":authority", "k")];
                let pairs = proxy_host_model::encode_pairs(&Headers::from_iter(headers));
                model.http_call(b"keys", &pairs, b"", &[], 0).unwrap();
            }
            Callback::Configure { .. } => model.set_tick_period_milliseconds(1000).unwrap(),
            Callback::HttpCallResponse { headers, .. } => {
                told = Some((headers, model.get_status().unwrap()));
            }
            _ => {}
        }
        Ok(None)
    });
    host.model(|model| model.settings.clusters.insert("keys".to_owned()));
    host.start(b"", b"");
    host.tick();
    let token = host.model(|model| model.callouts.http[0].token);
    host.answer(token, Headers::default(), b"", None);
    host.answer(token, Headers::default(), b"", None);
    drop(host);
    assert_eq!(told, Some((0, (11, b"reset".to_vec()))));
}

#[test]
fn an_update_takes_over_when_accepted_and_changes_nothing_when_refused() {
    let mut calls = Vec::new();
    let mut host = host(|model: &mut Model, callback: Callback| {
        calls.push((callback.export(), callback.context()));
        Ok(match callback {
            Callback::Configure { .. } => {
                let policy = model.get_buffer_bytes(PLUGIN_CONFIGURATION, 0, 9).unwrap();
                Some(u32::from(policy != b"bad"))
            }
            Callback::RequestHeaders { .. } => Some(CONTINUE),
            _ => None,
        })
    });
    host.start(b"", b"one");
    assert!(!host.reconfigure(b"bad").accepted);
    assert_eq!(host.root(), Some(1));
    assert!(host.reconfigure(b"two").accepted);
    assert_eq!(host.root(), Some(3));
    host.request(get());
    drop(host);
    let ended: Vec<_> = calls.iter().filter(|(name, _)| *name == "proxy_on_delete").collect();
    assert_eq!(ended, [&("proxy_on_delete", 2), &("proxy_on_delete", 1), &("proxy_on_delete", 4)]);
}

#[test]
fn a_root_that_is_not_done_yet_is_deleted_when_it_says_so() {
    let mut deleted = Vec::new();
    let mut host = host(|model: &mut Model, callback| match callback {
        Callback::Configure { .. } => {
            assert_eq!(model.done(), Err(status(Status::NOT_FOUND)));
            model.set_tick_period_milliseconds(1).unwrap();
            Ok(Some(1))
        }
        Callback::Done { .. } => Ok(Some(0)),
        Callback::Tick { context: 1 } => {
            model.done().unwrap();
            Ok(None)
        }
        Callback::Delete { context } => {
            deleted.push(context);
            Ok(None)
        }
        _ => Ok(Some(1)),
    });
    host.start(b"", b"");
    host.reconfigure(b"");
    host.tick();
    drop(host);
    assert_eq!(deleted, [1]);
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
            return Ok(Some(PAUSE));
        }
        Ok(None)
    });
    host.start(b"", b"");
    let stream = host.open(get());
    let (action, body) = host.request_body(&stream, b"bcd", true);
    assert_eq!((action, body), (Some(PAUSE), b"abcde".to_vec()));
    assert!(host.finish(stream).continued());
}

#[test]
fn grpc_tokens_tell_calls_from_streams() {
    let mut host = on_headers(|model| {
        let call = model.grpc_call(b"u", b"s", b"m", &[], b"1", 0).unwrap();
        let stream = model.grpc_stream(b"u", b"s", b"m", &[]).unwrap();
        assert_eq!((call % 2, stream % 2), (1, 0));
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
        assert_eq!(model.continue_stream(2), Err(status(Status::BAD_ARGUMENT)));
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
fn a_reset_stream_gets_no_response() {
    let mut host = on_headers(|model| {
        model.close_stream(0).unwrap();
        CONTINUE
    });
    let outcome = host.request(get());
    assert_eq!(outcome.fate, Fate::Reset);
    assert_eq!(outcome.response, None);
}

#[test]
fn while_loading_only_the_log_answers() {
    let mut model = Model::default();
    model.log(2, b"x").unwrap();
    let refused = model.get_current_time_nanoseconds();
    assert!(matches!(refused, Err(Refusal::Trap(_))), "{refused:?}");
}
