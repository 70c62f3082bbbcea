//! Buffers: bodies, and what else is bytes.

use proxy_host_model::{Callback, Fate, Model, Status};

use crate::guest::{CONTINUE, PAUSE, filter, get, headers, in_request, refused};

const REQUEST: u32 = 0;
const RESPONSE: u32 = 1;
const VM_CONFIGURATION: u32 = 6;
const PLUGIN_CONFIGURATION: u32 = 7;
const CALL_DATA: u32 = 8;

/// Holds a part and shows the next one alone.
const KEEP: u32 = 2;
/// Holds a part, and throws it away.
const DROP: u32 = 3;

fn text(model: &mut Model, buffer: u32) -> String {
    let (size, flags) = model.get_buffer_status(buffer).expect("it is there");
    assert_eq!(flags, 0);
    let bytes = model.get_buffer_bytes(buffer, 0, u32::MAX).expect("it is there");
    assert_eq!(bytes.len(), usize::try_from(size).unwrap());
    String::from_utf8(bytes).expect("the tests send text")
}

tests! {
    fn a_buffer_is_read_from_anywhere_as_far_as_it_goes() {
        let mut host = filter(|model, callback| {
            if let Callback::RequestBody { .. } = callback {
                for (start, length, expected) in [
                    (0, 3, "abc"),
                    (2, u32::MAX, "cdef"),
                    (6, 1, ""),
                    (7, 1, ""),
                    (u32::MAX, u32::MAX, ""),
                    (1, 0, ""),
                ] {
                    let bytes = model.get_buffer_bytes(REQUEST, start, length);
                    assert_eq!(bytes, Ok(expected.into()), "{start}, {length}");
                }
                assert_eq!(model.get_buffer_status(REQUEST), Ok((6, 0)));
            }
            None
        });
        assert_eq!(host.request(get().body(["abcdef"])).request_body, b"abcdef");
    }

    /// As the probe's program `buffers` shows.
    fn a_buffer_that_is_not_there_is_empty_or_not_found_and_another_number_unknown() {
        in_request(|model| {
            for buffer in [0, 1, 2, 3, 5] {
                assert_eq!(model.get_buffer_bytes(buffer, 0, 1), Ok(Vec::new()), "{buffer}");
                assert_eq!(model.get_buffer_status(buffer), Ok((0, 0)), "{buffer}");
                let written = model.set_buffer_bytes(buffer, 0, 0, b"x");
                assert_eq!(refused(written), Status::BAD_ARGUMENT, "{buffer}");
            }
            for buffer in [4, PLUGIN_CONFIGURATION] {
                let missing = Status::NOT_FOUND;
                assert_eq!(refused(model.get_buffer_bytes(buffer, 0, 1)), missing, "{buffer}");
                assert_eq!(refused(model.get_buffer_status(buffer)), missing, "{buffer}");
                assert_eq!(refused(model.set_buffer_bytes(buffer, 0, 0, b"x")), missing);
            }
            for buffer in [9, u32::MAX] {
                let unknown = Status::BAD_ARGUMENT;
                assert_eq!(refused(model.get_buffer_bytes(buffer, 0, 1)), unknown, "{buffer}");
                assert_eq!(refused(model.get_buffer_status(buffer)), unknown, "{buffer}");
                assert_eq!(refused(model.set_buffer_bytes(buffer, 0, 0, b"x")), unknown);
            }
        });
    }

    fn what_the_proxy_says_cannot_be_written() {
        in_request(|model| {
            for buffer in [VM_CONFIGURATION, CALL_DATA] {
                let written = model.set_buffer_bytes(buffer, 0, 0, b"x");
                assert_eq!(refused(written), Status::BAD_ARGUMENT, "{buffer}");
            }
            assert_eq!(text(model, VM_CONFIGURATION), "vm");
        });
    }

    fn the_configuration_can_be_read_while_the_filter_is_configured_only() {
        let mut seen = Vec::new();
        let mut host = filter(|model, callback| {
            let plugin = model.get_buffer_bytes(PLUGIN_CONFIGURATION, 0, u32::MAX);
            seen.push((callback.export(), plugin.is_ok()));
            if plugin.is_ok() {
                assert_eq!(text(model, PLUGIN_CONFIGURATION), "plugin");
                let written = model.set_buffer_bytes(PLUGIN_CONFIGURATION, 0, 0, b"x");
                assert_eq!(refused(written), Status::BAD_ARGUMENT);
            }
            assert_eq!(text(model, VM_CONFIGURATION), "vm", "it can be read at any time");
            Some(1)
        });
        host.request(get());
        drop(host);
        let there = ["proxy_on_context_create", "proxy_on_configure"];
        let expected =
            seen.iter().enumerate().map(|(i, (name, _))| (*name, i < 3 && there.contains(name)));
        assert_eq!(seen, expected.collect::<Vec<_>>());
    }

    fn a_part_is_changed_at_its_ends_or_as_a_whole() {
        for (start, length, expected) in [
            (0, 0, Ok("x-bcd")),
            (0, 3, Ok("x-")),
            (0, u32::MAX, Ok("x-")),
            (3, 0, Ok("bcdx-")),
            (9, 9, Ok("bcdx-")),
            (0, 1, Ok("x-cd")),
            (0, 2, Ok("x-d")),
            (1, 0, Err(Status::BAD_ARGUMENT)),
            (2, 9, Err(Status::BAD_ARGUMENT)),
        ] {
            let mut host = filter(|model, callback| {
                let buffer = match callback {
                    Callback::RequestBody { .. } => REQUEST,
                    Callback::ResponseBody { .. } => RESPONSE,
                    _ => return None,
                };
                let set = model.set_buffer_bytes(buffer, start, length, b"x-");
                match expected {
                    Ok(_) => assert_eq!(set, Ok(())),
                    Err(status) => assert_eq!(refused(set), status),
                }
                None
            });
            let outcome = host.request(get().body(["bcd"]).response_body(["bcd"]));
            let expected = expected.unwrap_or("bcd").as_bytes();
            assert_eq!(outcome.request_body, expected, "{start}, {length}");
            assert_eq!(outcome.response_body, expected, "{start}, {length}");
        }
    }

    fn parts_pass_one_by_one() {
        let mut seen = Vec::new();
        let mut host = filter(|model, callback| {
            match callback {
                Callback::RequestHeaders { end_of_stream, .. } => assert!(!end_of_stream),
                Callback::RequestBody { size, end_of_stream, .. } => {
                    seen.push((size, text(model, REQUEST), end_of_stream));
                }
                Callback::ResponseBody { size, end_of_stream, .. } => {
                    seen.push((size, text(model, RESPONSE), end_of_stream));
                }
                _ => {}
            }
            None
        });
        let outcome = host.request(get().body(["ab", "", "c"]).response_body(["de", "f"]));
        assert_eq!((outcome.request_complete, outcome.response_complete), (true, true));
        assert_eq!((&outcome.request_body[..], &outcome.response_body[..]), (&b"abc"[..], &b"def"[..]));
        drop(host);
        let text = |size, text: &str, end| (size, text.to_owned(), end);
        let request = [text(2, "ab", false), text(0, "", false), text(1, "c", true)];
        assert_eq!(seen[..3], request);
        assert_eq!(seen[3..], [text(2, "de", false), text(1, "f", true)]);
    }

    fn a_body_that_is_held_grows_until_it_goes_on_as_a_whole() {
        let mut seen = Vec::new();
        let mut host = filter(|model, callback| match callback {
            Callback::RequestBody { size, end_of_stream, .. } => {
                seen.push((size, text(model, REQUEST)));
                if end_of_stream {
                    model.set_buffer_bytes(REQUEST, 0, u32::MAX, b"ABC").unwrap();
                }
                Some(if end_of_stream { CONTINUE } else { PAUSE })
            }
            _ => None,
        });
        let stream = host.open(get().to_be_continued());
        assert_eq!(host.request_body(&stream, b"a", false), Some(PAUSE));
        assert_eq!(host.fate(&stream), Fate::Paused, "a part of it is held");
        assert_eq!(host.request_body(&stream, b"b", false), Some(PAUSE));
        assert_eq!(host.request_body(&stream, b"c", true), Some(CONTINUE));
        assert_eq!(host.fate(&stream), Fate::Continued);
        assert_eq!(host.finish(stream).request_body, b"ABC");
        drop(host);
        assert_eq!(seen, [(1, "a".to_owned()), (2, "ab".to_owned()), (3, "abc".to_owned())]);
    }

    fn a_part_can_be_held_unseen_or_thrown_away() {
        for (answer, expected) in [(KEEP, "abc"), (DROP, "c"), (4, "c"), (u32::MAX, "c")] {
            let mut seen = Vec::new();
            let mut host = filter(|model, callback| match callback {
                Callback::ResponseBody { end_of_stream, .. } => {
                    seen.push(text(model, RESPONSE));
                    Some(if end_of_stream { CONTINUE } else { answer })
                }
                _ => None,
            });
            let outcome = host.request(get().response_body(["a", "b", "c"]));
            assert_eq!(outcome.response_body, expected.as_bytes(), "{answer}");
            drop(host);
            assert_eq!(seen, ["a", "b", "c"], "{answer}: each part alone");
        }
    }

    /// Envoy holds the body with the headers, unless it is told otherwise.
    fn a_body_waits_unseen_while_the_headers_are_held() {
        let mut bodies = 0;
        let mut host = filter(|_, callback| match callback {
            Callback::RequestHeaders { .. } => Some(PAUSE),
            Callback::RequestBody { .. } => {
                bodies += 1;
                None
            }
            _ => None,
        });
        let stream = host.open(get().to_be_continued());
        assert_eq!(host.request_body(&stream, b"a", true), None);
        let outcome = host.finish(stream);
        assert_eq!((outcome.fate, outcome.request_body), (Fate::Paused, Vec::new()));
        drop(host);
        assert_eq!(bodies, 0);
    }

    fn a_body_that_may_pass_held_headers_takes_them_along() {
        let mut host = filter(|_, callback| match callback {
            Callback::RequestHeaders { .. } => Some(PAUSE),
            Callback::RequestBody { end_of_stream, .. } => Some(u32::from(!end_of_stream)),
            _ => None,
        });
        host.model(|model| model.settings.body_passes_paused_headers = true);
        let stream = host.open(get().to_be_continued());
        assert_eq!(host.fate(&stream), Fate::Paused);
        assert_eq!(host.request_body(&stream, b"a", false), Some(PAUSE));
        assert_eq!(host.fate(&stream), Fate::Paused);
        assert_eq!(host.request_body(&stream, b"b", true), Some(CONTINUE));
        assert_eq!(host.fate(&stream), Fate::Continued);
        assert_eq!(host.finish(stream).request_body, b"ab");
    }

    fn trailers_show_the_body_that_is_held_and_let_it_go() {
        for answer in [CONTINUE, PAUSE] {
            let mut host = filter(|model, callback| match callback {
                Callback::RequestBody { .. } => Some(PAUSE),
                Callback::RequestTrailers { .. } => {
                    assert_eq!(text(model, REQUEST), "ab");
                    Some(answer)
                }
                _ => None,
            });
            let request = get().body(["a", "b"]).trailers(headers(&[("t", "1")]));
            let outcome = host.request(request);
            let goes_on = answer == CONTINUE;
            let fate = if goes_on { Fate::Continued } else { Fate::Paused };
            assert_eq!(outcome.fate, fate);
            assert_eq!(outcome.request_complete, goes_on);
            assert_eq!(outcome.request_body, if goes_on { &b"ab"[..] } else { b"" });
            assert_eq!(outcome.request_trailers.is_some(), goes_on);
        }
    }

    fn metadata_passes_whatever_the_filter_answers() {
        let mut seen = Vec::new();
        let mut host = filter(|_, callback| match callback {
            Callback::RequestMetadata { elements, .. } => {
                seen.push(("request", elements));
                Some(PAUSE)
            }
            Callback::ResponseMetadata { elements, .. } => {
                seen.push(("response", elements));
                Some(PAUSE)
            }
            _ => None,
        });
        let stream = host.open(get().to_be_continued());
        host.request_metadata(&stream, 2);
        assert_eq!(host.fate(&stream), Fate::Continued);
        host.respond_metadata(&stream, 9);
        host.respond_headers(&stream, headers(&[(":status", "200")]), false);
        host.respond_metadata(&stream, 3);
        host.respond_body(&stream, b"", true);
        assert!(host.finish(stream).response_complete);
        drop(host);
        assert_eq!(seen, [("request", 2), ("response", 3)], "none before the headers");
    }
}
