//! Contexts: how they begin and end, and for which of them a call speaks.

use proxy_host_model::{Callback, Refusal, Status};

use crate::guest::{PAUSE, call_headers, filter, get, headers, load, refused};

tests! {
    fn a_context_begins_and_ends_in_the_order_of_envoy() {
        let mut calls = Vec::new();
        let mut host = filter(|_, callback| {
            calls.push((callback.export(), callback.arguments()));
            matches!(callback, Callback::VmStart { .. } | Callback::Configure { .. }).then_some(1)
        });
        host.request(get());
        drop(host);
        let expected: &[(&str, &[u32])] = &[
            ("proxy_on_context_create", &[1, 0]),
            ("proxy_on_vm_start", &[1, 2]),
            ("proxy_on_configure", &[1, 6]),
            ("proxy_on_context_create", &[2, 1]),
            ("proxy_on_request_headers", &[2, 3, 1]),
            ("proxy_on_response_headers", &[2, 1, 1]),
            ("proxy_on_log", &[2]),
            ("proxy_on_done", &[2]),
            ("proxy_on_delete", &[2]),
        ];
        let calls: Vec<_> = calls.iter().map(|(name, args)| (*name, args.as_slice())).collect();
        assert_eq!(calls, expected);
    }

    fn a_call_speaks_for_another_context_until_the_callback_ends() {
        let mut host = filter(|model, callback| match callback {
            Callback::RequestHeaders { .. } => {
                model.http_call(b"known", &call_headers(), b"", b"", 0).unwrap();
                Some(PAUSE)
            }
            Callback::HttpCallResponse { .. } => {
                let path = |model: &mut proxy_host_model::Model| {
                    model.get_header_map_value(0, b":path")
                };
                assert_eq!(refused(path(model)), Status::BAD_ARGUMENT, "the root has none");
                model.set_effective_context(2).unwrap();
                assert_eq!(path(model), Ok(b"/".to_vec()));
                model.set_effective_context(1).unwrap();
                assert_eq!(refused(path(model)), Status::BAD_ARGUMENT);
                model.set_effective_context(2).unwrap();
                None
            }
            Callback::Tick { .. } => {
                let path = model.get_header_map_value(0, b":path");
                assert_eq!(refused(path), Status::BAD_ARGUMENT, "it speaks for itself again");
                None
            }
            Callback::Configure { .. } => {
                model.set_tick_period_milliseconds(1).unwrap();
                Some(1)
            }
            _ => None,
        });
        let stream = host.open(get());
        host.answer(4, headers(&[(":status", "200")]), b"", None);
        host.tick();
        drop(host.finish(stream));
    }

    fn no_call_speaks_for_a_context_that_is_not_there() {
        let mut tried = 0;
        let mut host = filter(|model, callback| {
            if let Callback::Log { .. } = callback {
                assert_eq!(model.set_effective_context(0), Ok(()));
                for context in [3, 4, u32::MAX] {
                    let set = model.set_effective_context(context);
                    assert_eq!(refused(set), Status::BAD_ARGUMENT, "{context}");
                    tried += 1;
                }
            }
            None
        });
        host.request(get());
        drop(host);
        assert_eq!(tried, 3);
    }

    fn a_root_that_is_not_done_is_deleted_when_it_says_so() {
        let mut seen = Vec::new();
        let mut host = filter(|model, callback| {
            match callback {
                Callback::Configure { .. } => {
                    assert_eq!(refused(model.done()), Status::NOT_FOUND, "nothing is pending");
                    model.set_tick_period_milliseconds(1).unwrap();
                    return Some(1);
                }
                Callback::Done { context: 1 } => {
                    seen.push("not yet");
                    return Some(0);
                }
                Callback::Tick { context: 1 } => {
                    model.done().unwrap();
                    assert_eq!(refused(model.done()), Status::NOT_FOUND, "it was said");
                    seen.push("done");
                }
                Callback::Delete { context: 1 } => seen.push("deleted"),
                _ => {}
            }
            None
        });
        assert!(host.reconfigure(b"").accepted);
        host.tick();
        host.tick();
        drop(host);
        assert_eq!(seen, ["not yet", "done", "deleted"], "after the callback");
    }

    /// Envoy does not ask a stream twice.
    fn a_stream_is_deleted_whatever_it_says() {
        let mut deleted = false;
        let mut host = filter(|model, callback| match callback {
            Callback::Done { context: 2 } => Some(0),
            Callback::Delete { context: 2 } => {
                assert_eq!(refused(model.done()), Status::NOT_FOUND);
                deleted = true;
                None
            }
            _ => None,
        });
        host.request(get());
        drop(host);
        assert!(deleted);
    }

    fn while_a_module_loads_it_may_log_and_nothing_else() {
        let mut model = proxy_host_model::Model::default();
        model.log(2, b"x").unwrap();
        for ended in [
            model.get_current_time_nanoseconds().map(|_| ()),
            model.get_log_level().map(|_| ()),
            model.set_tick_period_milliseconds(1),
            model.done(),
        ] {
            assert!(matches!(ended, Err(Refusal::Trap(_))), "{ended:?}");
        }
    }

    fn a_filter_that_refuses_is_told_apart_from_one_that_works() {
        for refusing in ["proxy_on_vm_start", "proxy_on_configure"] {
            let mut host = load(|_, callback| Some(u32::from(callback.export() != refusing)));
            let startup = host.start(b"", b"");
            assert!(!startup.accepted, "{refusing}");
            assert_eq!(startup.vm_started, refusing != "proxy_on_vm_start");
        }
    }
}
