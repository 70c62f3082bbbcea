//! Local replies and resets, in each phase.

use proxy_host_model::{Callback, Fate, Host, Model, Outcome, Request, Status, encode_pairs};

use crate::guest::{CONTINUE, Filter, PAUSE, filter, get, headers, in_request, refused};

const RESPONSE: u32 = 2;
const RESPONSE_BODY: u32 = 1;

/// The phases of an exchange.
const PHASES: [&str; 6] = [
    "proxy_on_request_headers",
    "proxy_on_request_body",
    "proxy_on_request_trailers",
    "proxy_on_response_headers",
    "proxy_on_response_body",
    "proxy_on_response_trailers",
];

fn full() -> Request {
    get()
        .body(["body"])
        .trailers(headers(&[("t", "1")]))
        .response_body(["answer"])
        .response_trailers(headers(&[("u", "1")]))
}

fn reply(model: &mut Model, status: u32, body: &str) {
    let pairs = encode_pairs(&headers(&[("x-why", "tired")]));
    let sent = model.send_local_response(status, b"details", body.as_bytes(), &pairs, -1);
    assert_eq!(sent, Ok(()));
}

/// A filter that does something in one phase, the first time.
fn in_phase(
    phase: &'static str,
    mut act: impl FnMut(&mut Model) -> u32,
) -> Host<Filter<impl FnMut(&mut Model, Callback) -> Option<u32>>> {
    let mut done = false;
    filter(move |model, callback| {
        if callback.export() != phase || done {
            return None;
        }
        done = true;
        Some(act(model))
    })
}

fn status(outcome: &Outcome) -> &[u8] {
    let response = outcome.response.as_ref().expect("the client got one");
    response.first(":status").expect("each response has one")
}

tests! {
    fn a_reply_ends_the_request_in_whichever_of_its_phases() {
        for phase in &PHASES[..3] {
            // Whatever action comes with it.
            for action in [CONTINUE, PAUSE] {
                let mut host = in_phase(phase, |model| {
                    reply(model, 403, "no");
                    action
                });
                let outcome = host.request(full());
                assert_eq!(outcome.fate, Fate::Replied, "{phase}");
                assert!(!outcome.request_complete, "{phase}");
                assert_eq!(status(&outcome), b"403", "{phase}");
                assert_eq!(outcome.response_body, b"no", "{phase}");
                assert_eq!(outcome.response_trailers, None, "{phase}");
                assert!(outcome.response_complete, "{phase}");
                let reply = outcome.reply.expect("the client got it");
                assert_eq!((reply.status, &reply.details[..]), (403, &b"details"[..]));
            }
        }
    }

    fn a_reply_takes_the_place_of_a_response_whose_headers_have_not_gone_on() {
        let mut host = in_phase(PHASES[3], |model| {
            reply(model, 502, "sorry");
            CONTINUE
        });
        let outcome = host.request(full());
        assert_eq!(outcome.fate, Fate::Continued, "the request did");
        assert_eq!(status(&outcome), b"502");
        assert_eq!(outcome.response_body, b"sorry");
        assert_eq!(outcome.response_trailers, None, "those of the upstream are gone");
        assert!(outcome.reply.is_some());
    }

    fn a_reply_while_a_response_is_held_takes_its_place() {
        let mut host = filter(|model, callback| match callback {
            Callback::ResponseHeaders { .. } => Some(PAUSE),
            Callback::ResponseBody { end_of_stream, .. } => {
                if end_of_stream {
                    reply(model, 502, "");
                }
                Some(PAUSE)
            }
            _ => None,
        });
        host.model(|model| model.settings.body_passes_paused_headers = true);
        let outcome = host.request(get().response_body(["a", "b"]));
        assert_eq!(status(&outcome), b"502");
        assert_eq!(outcome.response_body, b"");
    }

    fn a_reply_to_a_response_on_its_way_cuts_it_off() {
        for phase in &PHASES[4..] {
            let mut host = in_phase(phase, |model| {
                reply(model, 502, "sorry");
                CONTINUE
            });
            let outcome = host.request(full());
            assert_eq!(outcome.fate, Fate::Reset, "{phase}");
            assert_eq!(outcome.reply, None, "{phase}: nobody got it");
            assert_eq!(status(&outcome), b"200", "{phase}: what was under way");
            assert!(!outcome.response_complete, "{phase}");
        }
    }

    fn the_filter_sees_its_own_reply_as_a_response() {
        let mut host = filter(|model, callback| match callback {
            Callback::RequestHeaders { .. } => {
                reply(model, 403, "no");
                Some(CONTINUE)
            }
            Callback::ResponseHeaders { end_of_stream, .. } => {
                assert!(!end_of_stream, "a body follows");
                let status = model.get_header_map_value(RESPONSE, b":status");
                assert_eq!(status, Ok(b"403".to_vec()));
                model.add_header_map_value(RESPONSE, b"x-a", b"1").unwrap();
                Some(CONTINUE)
            }
            Callback::ResponseBody { size: 2, end_of_stream: true, .. } => {
                model.set_buffer_bytes(RESPONSE_BODY, 0, 0, b"oh ").unwrap();
                Some(CONTINUE)
            }
            Callback::RequestBody { .. } => panic!("the request has ended"),
            _ => None,
        });
        let outcome = host.request(full());
        let response = outcome.response.expect("there is one");
        assert_eq!(response.first("x-why"), Some(&b"tired"[..]));
        assert_eq!(response.first("x-a"), Some(&b"1"[..]));
        assert_eq!(outcome.response_body, b"oh no");
    }

    fn a_reply_without_a_body_ends_with_its_headers() {
        for (method, body, end) in [("GET", "", true), ("GET", "no", false), ("HEAD", "no", true)] {
            let mut host = filter(|model, callback| match callback {
                Callback::RequestHeaders { .. } => {
                    reply(model, 403, body);
                    None
                }
                Callback::ResponseHeaders { end_of_stream, .. } => {
                    assert_eq!(end_of_stream, end, "{method} {body}");
                    None
                }
                _ => None,
            });
            let outcome = host.request(Request::from_iter([(":method", method), (":path", "/")]));
            assert_eq!(outcome.response_body.is_empty(), end, "{method} {body}");
            assert!(outcome.response_complete);
        }
    }

    fn a_reply_to_grpc_is_all_headers() {
        for (given, expected) in [(-1, "7"), (3, "3"), (16, "16"), (17, "7")] {
            let mut host = in_phase(PHASES[0], |model| {
                model.send_local_response(403, b"", b"no", &[], given).unwrap();
                PAUSE
            });
            let request = [(":path", "/s/m"), ("content-type", "application/grpc")];
            let outcome = host.request(Request::from_iter(request));
            assert_eq!(status(&outcome), b"200");
            let response = outcome.response.expect("there is one");
            assert_eq!(response.first("grpc-status"), Some(expected.as_bytes()), "{given}");
            assert_eq!(response.first("grpc-message"), Some(&b"no"[..]));
            assert_eq!(outcome.response_body, b"");
        }
    }

    fn the_first_reply_of_a_callback_wins() {
        let mut host = in_phase(PHASES[0], |model| {
            reply(model, 401, "");
            reply(model, 200, "");
            CONTINUE
        });
        assert_eq!(host.request(get()).reply.expect("there is one").status, 401);
    }

    fn a_reply_to_its_own_reply_takes_its_place_unseen() {
        let mut phases = 0;
        let mut host = filter(|model, callback| {
            match callback {
                Callback::RequestHeaders { .. } => reply(model, 401, "one"),
                Callback::ResponseHeaders { .. } => {
                    phases += 1;
                    reply(model, 503, "two");
                }
                Callback::ResponseBody { .. } => panic!("the first reply has gone"),
                _ => {}
            }
            None
        });
        let outcome = host.request(get());
        assert_eq!((outcome.fate, status(&outcome)), (Fate::Replied, &b"503"[..]));
        assert_eq!(outcome.response_body, b"two");
        drop(host);
        assert_eq!(phases, 1);
    }

    fn a_reply_beats_all_else_that_is_asked_for() {
        let mut host = in_phase(PHASES[0], |model| {
            model.close_stream(0).unwrap();
            model.continue_stream(0).unwrap();
            reply(model, 403, "");
            CONTINUE
        });
        assert_eq!(host.request(get()).fate, Fate::Replied);
    }

    fn a_reply_without_a_request_comes_to_nothing() {
        let mut host = filter(|model, callback| match callback {
            Callback::Tick { .. } => {
                reply(model, 403, "");
                None
            }
            Callback::Configure { .. } => {
                model.set_tick_period_milliseconds(1).unwrap();
                Some(1)
            }
            _ => None,
        });
        let stream = host.open(get());
        host.tick();
        assert!(host.finish(stream).continued());
    }

    fn a_held_request_is_answered_from_elsewhere() {
        let mut held = None;
        let mut host = filter(|model, callback| match callback {
            Callback::Configure { .. } => {
                model.set_tick_period_milliseconds(1).unwrap();
                Some(1)
            }
            Callback::RequestHeaders { context, .. } => {
                held = Some(context);
                Some(PAUSE)
            }
            Callback::Tick { .. } => {
                model.set_effective_context(held.expect("it is held")).unwrap();
                reply(model, 503, "");
                None
            }
            _ => None,
        });
        let stream = host.open(get());
        assert_eq!(host.fate(&stream), Fate::Paused);
        host.tick();
        assert_eq!(host.fate(&stream), Fate::Replied);
        assert_eq!(status(&host.finish(stream)), b"503");
    }

    fn a_reset_ends_a_stream_in_whichever_phase() {
        for phase in PHASES {
            for kind in [0, 1] {
                let mut host = in_phase(phase, |model| {
                    model.close_stream(kind).unwrap();
                    CONTINUE
                });
                let outcome = host.request(full());
                assert_eq!(outcome.fate, Fate::Reset, "{phase}, {kind}");
                let in_response = PHASES[3..].contains(&phase);
                assert_eq!(outcome.request_complete, in_response, "{phase}");
                assert!(!outcome.response_complete, "{phase}: whatever the action says");
            }
        }
    }

    fn a_stream_type_that_is_none_of_four_is_refused() {
        in_request(|model| {
            assert_eq!(refused(model.close_stream(4)), Status::BAD_ARGUMENT);
            // There is no connection here, which is no error.
            assert_eq!(model.close_stream(2), Ok(()));
            assert_eq!(model.close_stream(3), Ok(()));
        });
    }

    fn an_upstream_does_not_answer_a_request_that_has_ended_or_waits() {
        for (closes, action) in [(true, CONTINUE), (false, PAUSE)] {
            let mut host = in_phase(PHASES[0], |model| {
                if closes {
                    model.close_stream(0).unwrap();
                }
                action
            });
            let stream = host.open(get().to_be_continued());
            let ok = headers(&[(":status", "200")]);
            assert_eq!(host.respond_headers(&stream, ok, true), None);
            assert_eq!(host.respond_body(&stream, b"a", true), None);
            assert_eq!(host.respond_trailers(&stream, headers(&[])), None);
            assert_eq!(host.finish(stream).response, None);
        }
    }
}
