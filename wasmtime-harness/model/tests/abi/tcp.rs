//! TCP connections.

use proxy_host_model::{Callback, Peer, Status};

use crate::guest::{CONTINUE, PAUSE, filter, refused};

const DOWNSTREAM: u32 = 2;
const UPSTREAM: u32 = 3;

tests! {
    fn bytes_pass_both_ways_and_can_be_changed() {
        let mut host = filter(|model, callback| {
            match callback {
                Callback::DownstreamData { size, .. } => {
                    assert_eq!(model.get_buffer_status(DOWNSTREAM), Ok((size, 0)));
                    assert_eq!(model.get_buffer_status(UPSTREAM), Ok((0, 0)));
                    model.set_buffer_bytes(DOWNSTREAM, 0, 0, b">").unwrap();
                }
                Callback::UpstreamData { .. } => {
                    assert_eq!(model.get_buffer_bytes(UPSTREAM, 0, 9), Ok(b"pong".to_vec()));
                    assert_eq!(model.get_buffer_status(DOWNSTREAM), Ok((0, 0)));
                    model.set_buffer_bytes(UPSTREAM, 0, 9, b"PONG").unwrap();
                }
                _ => {}
            }
            None
        });
        let connection = host.open_connection();
        assert_eq!(host.downstream_data(&connection, b"ping", false), Some(CONTINUE));
        assert_eq!(host.upstream_data(&connection, b"pong", false), Some(CONTINUE));
        assert_eq!(host.downstream_data(&connection, b"!", true), Some(CONTINUE));
        let outcome = host.finish_connection(connection);
        assert_eq!(outcome.to_upstream, b">ping>!");
        assert_eq!(outcome.to_downstream, b"PONG");
        assert_eq!((outcome.held, outcome.closed_by_filter), (Vec::new(), false));
    }

    fn callbacks_come_in_the_order_of_envoy() {
        let mut calls = Vec::new();
        let mut host = filter(|_, callback| {
            calls.push((callback.export(), callback.arguments()));
            matches!(callback, Callback::VmStart { .. } | Callback::Configure { .. }).then_some(1)
        });
        let connection = host.open_connection();
        assert_eq!(connection.context(), 2);
        host.downstream_data(&connection, b"ab", false);
        host.upstream_data(&connection, b"c", true);
        host.upstream_close(&connection, Peer::Remote);
        host.downstream_close(&connection, Peer::Remote);
        host.downstream_close(&connection, Peer::Local);
        assert_eq!(host.downstream_data(&connection, b"late", false), None);
        let outcome = host.finish_connection(connection);
        assert_eq!(outcome.to_upstream, b"ab");
        drop(host);
        let expected: &[(&str, &[u32])] = &[
            ("proxy_on_context_create", &[2, 1]),
            ("proxy_on_new_connection", &[2]),
            ("proxy_on_downstream_data", &[2, 2, 0]),
            ("proxy_on_upstream_data", &[2, 1, 1]),
            // The end of the upstream's bytes is its close for Envoy, by nobody knows whom.
            ("proxy_on_upstream_connection_close", &[2, 0]),
            ("proxy_on_downstream_connection_close", &[2, 2]),
            ("proxy_on_done", &[2]),
            ("proxy_on_log", &[2]),
            ("proxy_on_delete", &[2]),
        ];
        let calls: Vec<_> = calls[3..].iter().map(|(name, args)| (*name, args.as_slice())).collect();
        assert_eq!(calls, expected);
    }

    fn bytes_that_are_held_are_shown_again_with_the_next_ones() {
        let mut seen = Vec::new();
        let mut host = filter(|model, callback| match callback {
            Callback::DownstreamData { size, end_of_stream, .. } => {
                seen.push(model.get_buffer_bytes(DOWNSTREAM, 0, size).unwrap());
                Some(u32::from(!end_of_stream))
            }
            Callback::UpstreamData { size, .. } => Some(u32::from(size < 2)),
            _ => None,
        });
        let connection = host.open_connection();
        assert_eq!(host.downstream_data(&connection, b"a", false), Some(PAUSE));
        assert_eq!(host.downstream_data(&connection, b"b", true), Some(CONTINUE));
        assert_eq!(host.upstream_data(&connection, b"c", false), Some(PAUSE));
        assert_eq!(host.upstream_data(&connection, b"d", false), Some(CONTINUE));
        let outcome = host.finish_connection(connection);
        assert_eq!((&outcome.to_upstream[..], &outcome.to_downstream[..]), (&b"ab"[..], &b"cd"[..]));
        drop(host);
        assert_eq!(seen, [b"a".to_vec(), b"ab".to_vec()]);
    }

    fn bytes_of_the_client_that_are_held_go_on_when_the_filter_says_so() {
        let mut host = filter(|model, callback| match callback {
            Callback::Configure { .. } => {
                model.set_tick_period_milliseconds(1).unwrap();
                Some(1)
            }
            Callback::DownstreamData { .. } => Some(PAUSE),
            Callback::Tick { .. } => {
                model.set_effective_context(2).unwrap();
                assert_eq!(refused(model.continue_stream(UPSTREAM)), Status::UNIMPLEMENTED);
                // Neither has a connection the sides of a request, which is no error.
                model.continue_stream(0).unwrap();
                model.continue_stream(DOWNSTREAM).unwrap();
                None
            }
            _ => None,
        });
        for (ticks, sent, held) in [(true, &b"ab"[..], &b""[..]), (false, b"", b"ab")] {
            let connection = host.open_connection();
            host.downstream_data(&connection, b"a", false);
            host.downstream_data(&connection, b"b", false);
            if ticks {
                host.tick();
            }
            let outcome = host.finish_connection(connection);
            assert_eq!((&outcome.to_upstream[..], &outcome.held[..]), (sent, held));
        }
    }

    fn the_filter_closes_a_connection_of_either_side() {
        for kind in [DOWNSTREAM, UPSTREAM] {
            let mut closed_by = None;
            let mut host = filter(|model, callback| {
                match callback {
                    Callback::NewConnection { .. } => {
                        // A request's sides are none of a connection.
                        model.close_stream(0).unwrap();
                        model.close_stream(1).unwrap();
                    }
                    Callback::DownstreamData { .. } => model.close_stream(kind).unwrap(),
                    Callback::DownstreamClose { peer, .. } => closed_by = Some(peer),
                    _ => {}
                }
                None
            });
            let connection = host.open_connection();
            assert_eq!(host.downstream_data(&connection, b"a", false), Some(CONTINUE));
            assert_eq!(host.downstream_data(&connection, b"b", false), None);
            assert_eq!(host.upstream_data(&connection, b"c", false), None);
            let outcome = host.finish_connection(connection);
            assert!(outcome.closed_by_filter);
            assert_eq!(outcome.to_upstream, b"", "whatever the action says");
            drop(host);
            assert_eq!(closed_by, Some(Peer::Local.number()));
        }
    }

    fn a_connection_publishes_and_answers_no_request() {
        let mut host = filter(|model, callback| match callback {
            Callback::NewConnection { .. } => {
                model.set_property(b"sub", b"alice").unwrap();
                assert_eq!(model.get_property(b"sub"), Ok(b"alice".to_vec()));
                assert_eq!(refused(model.get_property(b"request\0path")), Status::NOT_FOUND);
                assert_eq!(refused(model.get_header_map_value(0, b"a")), Status::BAD_ARGUMENT);
                assert_eq!(model.send_local_response(403, b"", b"", &[], -1), Ok(()));
                Some(PAUSE)
            }
            _ => None,
        });
        let connection = host.open_connection();
        let outcome = host.finish_connection(connection);
        assert_eq!(outcome.action, Some(PAUSE));
        assert_eq!(outcome.published[&b"sub"[..]], b"alice");
        assert!(!outcome.closed_by_filter, "a local reply is one of HTTP");
    }
}
