//! Streams that are held and go on.

use proxy_host_model::{Callback, Fate, Model, Status};

use crate::guest::{CONTINUE, PAUSE, filter, get, headers, in_request, refused};

const REQUEST: u32 = 0;
const RESPONSE: u32 = 1;

/// Ticks, and continues the stream that is 2 then.
fn on_tick(model: &mut Model, callback: Callback, kind: u32) -> Option<u32> {
    match callback {
        Callback::Configure { .. } => {
            model.set_tick_period_milliseconds(1).unwrap();
            Some(1)
        }
        Callback::Tick { .. } => {
            model.set_effective_context(2).unwrap();
            model.continue_stream(kind).unwrap();
            None
        }
        _ => None,
    }
}

tests! {
    fn what_was_held_unseen_is_shown_when_the_headers_go_on() {
        let mut seen = Vec::new();
        let mut host = filter(|model, callback| {
            match callback {
                Callback::RequestHeaders { .. } => return Some(PAUSE),
                Callback::RequestBody { size, end_of_stream, .. } => {
                    seen.push(("body", size, end_of_stream));
                }
                Callback::RequestTrailers { trailers, .. } => {
                    seen.push(("trailers", trailers, true));
                }
                _ => {}
            }
            on_tick(model, callback, REQUEST)
        });
        let stream = host.open(get().to_be_continued());
        assert_eq!(host.request_body(&stream, b"ab", false), None);
        assert_eq!(host.request_body(&stream, b"c", false), None);
        assert_eq!(host.request_trailers(&stream, headers(&[("t", "1")])), None);
        assert_eq!(host.fate(&stream), Fate::Paused);
        host.tick();
        assert_eq!(host.fate(&stream), Fate::Continued);
        let outcome = host.finish(stream);
        assert!(outcome.request_complete);
        assert_eq!(outcome.request_body, b"abc");
        assert_eq!(outcome.request_trailers, Some(headers(&[("t", "1")])));
        drop(host);
        assert_eq!(seen, [("body", 3, false), ("trailers", 1, true)], "the body in one part");
    }

    fn the_last_part_that_was_held_unseen_ends_the_body() {
        let mut seen = Vec::new();
        let mut host = filter(|model, callback| {
            match callback {
                Callback::RequestHeaders { .. } => return Some(PAUSE),
                Callback::RequestBody { size, end_of_stream, .. } => {
                    seen.push((size, end_of_stream));
                    return Some(PAUSE);
                }
                _ => {}
            }
            on_tick(model, callback, REQUEST)
        });
        let stream = host.open(get().to_be_continued());
        host.request_body(&stream, b"ab", true);
        host.tick();
        assert_eq!(host.fate(&stream), Fate::Paused, "the filter holds the body");
        host.tick();
        assert_eq!(host.fate(&stream), Fate::Continued);
        assert_eq!(host.finish(stream).request_body, b"ab");
        drop(host);
        assert_eq!(seen, [(2, true)], "shown once");
    }

    fn a_body_that_is_held_goes_on_unseen() {
        let mut bodies = 0;
        let mut host = filter(|model, callback| {
            if let Callback::RequestBody { .. } = callback {
                bodies += 1;
                return Some(PAUSE);
            }
            on_tick(model, callback, REQUEST)
        });
        let stream = host.open(get().to_be_continued());
        host.request_body(&stream, b"a", false);
        host.request_body(&stream, b"b", true);
        host.tick();
        let outcome = host.finish(stream);
        assert_eq!((outcome.fate, &outcome.request_body[..]), (Fate::Continued, &b"ab"[..]));
        assert!(outcome.request_complete);
        drop(host);
        assert_eq!(bodies, 2);
    }

    fn trailers_that_are_held_go_on() {
        let mut host = filter(|model, callback| {
            if let Callback::RequestTrailers { .. } = callback {
                return Some(PAUSE);
            }
            on_tick(model, callback, REQUEST)
        });
        let stream = host.open(get().to_be_continued());
        host.request_body(&stream, b"a", false);
        assert_eq!(host.request_trailers(&stream, headers(&[("t", "1")])), Some(PAUSE));
        assert_eq!(host.fate(&stream), Fate::Paused);
        host.tick();
        let outcome = host.finish(stream);
        assert_eq!(outcome.fate, Fate::Continued);
        assert_eq!(outcome.request_trailers, Some(headers(&[("t", "1")])));
    }

    fn a_response_is_held_and_goes_on_like_a_request() {
        let mut bodies = 0;
        let mut host = filter(|model, callback| {
            match callback {
                Callback::ResponseHeaders { .. } => return Some(PAUSE),
                Callback::ResponseBody { size: 2, end_of_stream: true, .. } => bodies += 1,
                Callback::ResponseBody { .. } => panic!("{callback:?}"),
                _ => {}
            }
            on_tick(model, callback, RESPONSE)
        });
        let stream = host.open(get());
        let ok = headers(&[(":status", "200")]);
        assert_eq!(host.respond_headers(&stream, ok.clone(), false), Some(PAUSE));
        assert_eq!(host.respond_body(&stream, b"a", false), None);
        assert_eq!(host.respond_body(&stream, b"b", true), None);
        assert_eq!(host.fate(&stream), Fate::Continued, "the request did");
        host.tick();
        let outcome = host.finish(stream);
        assert_eq!(outcome.response, Some(ok));
        assert_eq!(outcome.response_body, b"ab");
        assert!(outcome.response_complete);
        drop(host);
        assert_eq!(bodies, 1);
    }

    fn a_response_that_is_held_to_the_end_is_not_given() {
        let mut host = filter(|_, callback| {
            matches!(callback, Callback::ResponseHeaders { .. }).then_some(PAUSE)
        });
        let outcome = host.request(get().response_body(["a"]));
        assert_eq!((outcome.fate, outcome.response), (Fate::Continued, None));
        assert_eq!((outcome.response_body, outcome.response_complete), (Vec::new(), false));
    }

    fn the_number_of_the_other_side_lets_nothing_go_on() {
        let mut host = filter(|model, callback| {
            if let Callback::RequestHeaders { .. } = callback {
                return Some(PAUSE);
            }
            on_tick(model, callback, RESPONSE)
        });
        let stream = host.open(get());
        host.tick();
        assert_eq!(host.finish(stream).fate, Fate::Paused);
    }

    /// Envoy forgets what it showed the filter before the stream goes on. The pause is for what comes
    /// behind what was let go, as the probe's program `actions` shows.
    fn a_request_that_is_resumed_cannot_be_touched_any_more() {
        let mut host = filter(|model, callback| match callback {
            Callback::RequestHeaders { end_of_stream: true, .. } => {
                model.continue_stream(REQUEST).unwrap();
                let written = model.add_header_map_value(0, b"x", b"");
                assert_eq!(refused(written), Status::BAD_ARGUMENT);
                Some(PAUSE)
            }
            Callback::RequestBody { .. } => {
                model.continue_stream(REQUEST).unwrap();
                assert_eq!(model.get_buffer_bytes(0, 0, 9), Ok(Vec::new()));
                Some(CONTINUE)
            }
            _ => None,
        });
        let outcome = host.request(get());
        assert_eq!((outcome.fate, outcome.request_complete), (Fate::Continued, true));
        let outcome = host.request(get().body(["a"]));
        assert_eq!((outcome.fate, &outcome.request_body[..]), (Fate::Continued, &b"a"[..]));
    }

    fn a_stream_type_that_cannot_go_on_is_refused() {
        in_request(|model| {
            // There is no connection here, which is no error.
            assert_eq!(model.continue_stream(2), Ok(()));
            assert_eq!(refused(model.continue_stream(3)), Status::UNIMPLEMENTED);
            assert_eq!(refused(model.continue_stream(4)), Status::BAD_ARGUMENT);
        });
    }
}
