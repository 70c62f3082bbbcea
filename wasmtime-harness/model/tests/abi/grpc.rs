//! gRPC calls and streams, and their answers.

use std::time::Duration;

use proxy_host_model::{Callback, Model, Status, encode_pairs};

use crate::guest::{filter, get, headers, in_request, refused};

const MESSAGE: u32 = 5;
const INITIAL: u32 = 4;
const TRAILING: u32 = 5;

/// `GrpcService { envoy_grpc { cluster_name: "known" } }`.
const SERVICE: &[u8] = b"\x0a\x07\x0a\x05known";

fn call(model: &mut Model, upstream: &[u8], timeout: u32) -> u32 {
    model.grpc_call(upstream, b"s.S", b"M", &[], b"hello", timeout).unwrap()
}

fn stream(model: &mut Model) -> u32 {
    model.grpc_stream(b"known", b"s.S", b"M", &[]).unwrap()
}

tests! {
    fn a_token_tells_what_it_is_of() {
        in_request(|model| {
            let metadata = encode_pairs(&headers(&[("k", "v")]));
            let first = model.grpc_call(b"known", b"s.S", b"M", &metadata, b"hello", 0).unwrap();
            assert_eq!((first, call(model, SERVICE, 0)), (5, 9));
            assert_eq!((stream(model), stream(model)), (6, 10));
            let [call, _, stream, _] = model.callouts.grpc.as_slice() else {
                panic!("found {:?}", model.callouts.grpc);
            };
            assert_eq!((&call.service[..], &call.method[..]), (&b"s.S"[..], &b"M"[..]));
            assert_eq!((call.root, &call.metadata), (1, &headers(&[("k", "v")])));
            assert_eq!((&call.messages, call.closed), (&vec![b"hello".to_vec()], true));
            assert_eq!((&stream.messages, stream.closed), (&Vec::new(), false));
        });
    }

    fn an_upstream_that_is_none_is_refused() {
        in_request(|model| {
            for (upstream, expected) in [
                (&b"unknown"[..], Status::PARSE_FAILURE),
                (b"\x0a\xff", Status::PARSE_FAILURE),
                (b"", Status::BAD_ARGUMENT),
                (b"\x1a\x00", Status::BAD_ARGUMENT),
                (b"\x0a\x00", Status::INTERNAL_FAILURE),
                (b"\x0a\x03\x0a\x01x", Status::INTERNAL_FAILURE),
            ] {
                let call = model.grpc_call(upstream, b"", b"", &[], b"", 0);
                assert_eq!(refused(call), expected, "{upstream:?}");
                let stream = model.grpc_stream(upstream, b"", b"", &[]);
                assert_eq!(refused(stream), expected, "{upstream:?}");
            }
            // `google_grpc` goes to an address, which may be any.
            model.grpc_stream(b"\x12\x00", b"", b"", &[]).unwrap();
        });
    }

    fn messages_go_out_on_a_stream_and_not_on_a_call() {
        in_request(|model| {
            let (call, stream) = (call(model, b"known", 0), stream(model));
            model.grpc_send(stream, b"one", false).unwrap();
            model.grpc_send(stream, b"two", true).unwrap();
            assert_eq!(model.callouts.grpc[1].messages, [b"one", b"two"]);
            assert!(model.callouts.grpc[1].closed);
            for token in [call, 4, 7, 0] {
                let sent = model.grpc_send(token, b"", false);
                assert_eq!(refused(sent), Status::BAD_ARGUMENT, "{token}");
            }
            assert_eq!(refused(model.grpc_send(stream + 4, b"", false)), Status::NOT_FOUND);
        });
    }

    fn what_is_cancelled_is_gone() {
        in_request(|model| {
            let (call, stream) = (call(model, b"known", 0), stream(model));
            for token in [call, stream] {
                model.grpc_cancel(token).unwrap();
                assert_eq!(refused(model.grpc_cancel(token)), Status::NOT_FOUND, "{token}");
            }
            for token in [4, 7] {
                assert_eq!(refused(model.grpc_cancel(token)), Status::BAD_ARGUMENT, "{token}");
            }
            assert!(model.callouts.grpc.is_empty());
        });
    }

    fn a_call_that_is_closed_is_gone_and_a_stream_waits_for_the_other_side() {
        in_request(|model| {
            let (call, stream) = (call(model, b"known", 0), stream(model));
            model.grpc_close(call).unwrap();
            assert_eq!(refused(model.grpc_close(call)), Status::NOT_FOUND);
            model.grpc_close(stream).unwrap();
            model.grpc_close(stream).unwrap();
            assert!(model.callouts.grpc[0].closed);
            for token in [4, 7] {
                assert_eq!(refused(model.grpc_close(token)), Status::BAD_ARGUMENT, "{token}");
            }
        });
    }

    fn the_calls_of_a_root_are_its_own() {
        let mut host = filter(|model, callback| {
            if let Callback::Configure { context, .. } = callback {
                match context {
                    1 => assert_eq!((call(model, b"known", 0), stream(model)), (5, 6)),
                    _ => {
                        assert_eq!(refused(model.grpc_send(6, b"", false)), Status::NOT_FOUND);
                        assert_eq!(refused(model.grpc_cancel(5)), Status::NOT_FOUND);
                        assert_eq!(refused(model.grpc_close(6)), Status::NOT_FOUND);
                    }
                }
            }
            Some(1)
        });
        assert!(host.reconfigure(b"").accepted);
    }

    fn a_stream_is_answered_part_by_part() {
        let mut seen = Vec::new();
        let mut host = filter(|model, callback| {
            let map = |model: &mut Model, map| model.get_header_map_value(map, b"k").ok();
            match callback {
                Callback::Configure { .. } => {
                    stream(model);
                    return Some(1);
                }
                Callback::GrpcInitialMetadata { elements, .. } => {
                    assert_eq!((elements, map(model, TRAILING)), (1, None));
                    seen.push(map(model, INITIAL).expect("it is there"));
                    let written = model.add_header_map_value(INITIAL, b"x", b"");
                    assert_eq!(refused(written), Status::BAD_ARGUMENT);
                }
                Callback::GrpcMessage { size, .. } => {
                    seen.push(model.get_buffer_bytes(MESSAGE, 0, size).unwrap());
                    assert_eq!(model.get_buffer_status(MESSAGE), Ok((size, 0)));
                    let written = model.set_buffer_bytes(MESSAGE, 0, 0, b"x");
                    assert_eq!(refused(written), Status::BAD_ARGUMENT);
                    assert_eq!(map(model, INITIAL), None, "it has gone");
                }
                Callback::GrpcTrailingMetadata { elements, .. } => {
                    assert_eq!((elements, map(model, INITIAL)), (1, None));
                    seen.push(map(model, TRAILING).expect("it is there"));
                }
                Callback::GrpcClose { context, token, status } => {
                    assert_eq!((context, token, status), (1, 6, 7));
                    assert_eq!(model.get_status(), Ok((7, b"no".to_vec())));
                    assert_eq!(model.get_buffer_status(MESSAGE), Ok((0, 0)));
                    seen.push(b"close".to_vec());
                }
                Callback::RequestHeaders { .. } => {
                    assert_eq!(model.get_status(), Ok((7, Vec::new())));
                    // The other side has closed, so that this ends it.
                    model.grpc_close(6).unwrap();
                    assert!(model.callouts.grpc.is_empty());
                }
                _ => {}
            }
            None
        });
        host.grpc_initial_metadata(6, headers(&[("k", "first")]));
        host.grpc_message(6, b"one");
        host.grpc_message(6, b"two");
        host.grpc_trailing_metadata(6, headers(&[("k", "last")]));
        host.grpc_close(6, 7, "no");
        host.grpc_message(6, b"late");
        host.request(get());
        host.grpc_close(6, 0, "");
        drop(host);
        assert_eq!(seen, [&b"first"[..], b"one", b"two", b"last", b"close"]);
    }

    fn a_call_is_over_with_its_message_or_its_end() {
        let mut seen = Vec::new();
        let mut host = filter(|model, callback| {
            match callback {
                Callback::Configure { .. } => {
                    assert_eq!((call(model, b"known", 0), call(model, b"known", 0)), (5, 9));
                    return Some(1);
                }
                Callback::GrpcMessage { token, .. } => seen.push(("message", token)),
                Callback::GrpcClose { token, .. } => seen.push(("close", token)),
                _ => {}
            }
            None
        });
        host.grpc_message(5, b"a");
        host.grpc_message(5, b"b");
        host.grpc_close(5, 0, "");
        host.grpc_close(9, 14, "gone");
        host.grpc_message(9, b"c");
        assert!(host.model(|model| model.callouts.grpc.is_empty()));
        drop(host);
        assert_eq!(seen, [("message", 5), ("close", 9)]);
    }

    fn a_stream_is_over_when_both_sides_have_closed() {
        for filter_first in [true, false] {
            let mut host = filter(|model, callback| match callback {
                Callback::Configure { .. } => {
                    let token = stream(model);
                    if filter_first {
                        model.grpc_send(token, b"", true).unwrap();
                    }
                    Some(1)
                }
                _ => None,
            });
            host.grpc_close(6, 0, "");
            let open = host.model(|model| model.callouts.grpc.len());
            assert_eq!(open, usize::from(!filter_first));
        }
    }

    fn a_call_that_takes_too_long_ends_as_unavailable() {
        let mut ended = None;
        let mut host = filter(|model, callback| match callback {
            Callback::Configure { .. } => {
                call(model, b"known", 20);
                Some(1)
            }
            Callback::GrpcClose { token, status, .. } => {
                let now = model.get_current_time_nanoseconds().unwrap();
                ended = Some((now % 1_000_000_000, token, status, model.get_status().unwrap().1));
                None
            }
            _ => None,
        });
        host.advance(Duration::from_millis(19));
        assert_eq!(host.model(|model| model.callouts.grpc.len()), 1);
        host.advance(Duration::from_secs(1));
        assert!(host.model(|model| model.callouts.grpc.is_empty()));
        drop(host);
        let message = b"upstream request timeout".to_vec();
        assert_eq!(ended, Some((20_000_000, 5, 14, message)));
    }
}
