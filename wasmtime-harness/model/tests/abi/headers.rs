//! Header maps.

use std::collections::BTreeMap;

use proxy_host_model::{
    Callback, Model, PAIRS_MAX_COUNT, Request, Status, decode_pairs, encode_pairs,
};

use crate::guest::{CONTINUE, PAUSE, call_headers, filter, get, headers, in_request, refused};

const REQUEST: u32 = 0;
const REQUEST_TRAILERS: u32 = 1;
const RESPONSE: u32 = 2;
const RESPONSE_TRAILERS: u32 = 3;
const LAST: u32 = 7;

/// A request with all that one can have.
fn full() -> Request {
    get()
        .body(["body"])
        .trailers(headers(&[("t", "1")]))
        .response_body(["answer"])
        .response_trailers(headers(&[("u", "1")]))
}

/// The maps that can be read, and those that can be written, at the moment.
fn maps(model: &mut Model) -> (Vec<u32>, Vec<u32>) {
    let readable = (0..=LAST).filter(|map| match model.get_header_map_value(*map, b"absent") {
        Ok(value) => panic!("found {value:?}"),
        refusal => match refused(refusal) {
            Status::NOT_FOUND => true,
            Status::BAD_ARGUMENT => false,
            other => panic!("found {other}"),
        },
    });
    let readable = readable.collect();
    let writable = (0..=LAST).filter(|map| model.remove_header_map_value(*map, b"absent").is_ok());
    (readable, writable.collect())
}

tests! {
    fn each_phase_has_its_own_maps() {
        let mut seen = BTreeMap::new();
        let mut host = filter(|model, callback| {
            seen.entry(callback.export()).or_insert_with(|| maps(model));
            matches!(callback, Callback::VmStart { .. } | Callback::Configure { .. }).then_some(1)
        });
        assert!(host.request(full()).response_complete);
        host.tick();
        drop(host);
        let none: (Vec<u32>, Vec<u32>) = (vec![], vec![]);
        for (callback, expected) in [
            ("proxy_on_context_create", none.clone()),
            ("proxy_on_vm_start", none.clone()),
            ("proxy_on_configure", none.clone()),
            ("proxy_on_request_headers", (vec![REQUEST], vec![REQUEST])),
            ("proxy_on_request_body", none.clone()),
            ("proxy_on_request_trailers", (vec![REQUEST_TRAILERS], vec![REQUEST_TRAILERS])),
            ("proxy_on_response_headers", (vec![RESPONSE], vec![RESPONSE])),
            ("proxy_on_response_body", none.clone()),
            ("proxy_on_response_trailers", (vec![RESPONSE_TRAILERS], vec![RESPONSE_TRAILERS])),
            // Nothing is absent there: what is not there has no such header.
            ("proxy_on_log", ((0..=LAST).collect(), vec![])),
            ("proxy_on_done", none.clone()),
            ("proxy_on_delete", none.clone()),
        ] {
            assert_eq!(seen.remove(callback), Some(expected), "{callback}");
        }
        assert_eq!(seen, BTreeMap::new(), "callbacks that were not expected");
    }

    fn a_map_that_is_not_there_is_empty_as_a_whole_and_refused_by_name() {
        in_request(|model| {
            for map in 1..=LAST {
                assert_eq!(model.get_header_map_pairs(map), Ok(Vec::new()));
                let bad = Status::BAD_ARGUMENT;
                assert_eq!(refused(model.get_header_map_value(map, b"a")), bad);
                assert_eq!(refused(model.add_header_map_value(map, b"a", b"")), bad);
                assert_eq!(refused(model.replace_header_map_value(map, b"a", b"")), bad);
                assert_eq!(refused(model.remove_header_map_value(map, b"a")), bad);
                assert_eq!(refused(model.set_header_map_pairs(map, b"")), bad);
                assert_eq!(refused(model.get_header_map_size(map)), bad);
            }
        });
    }

    fn a_map_with_another_number_is_unknown() {
        in_request(|model| {
            for map in [LAST + 1, u32::MAX] {
                let bad = Status::BAD_ARGUMENT;
                assert_eq!(refused(model.get_header_map_pairs(map)), bad);
                assert_eq!(refused(model.get_header_map_value(map, b"a")), bad);
                assert_eq!(refused(model.add_header_map_value(map, b"a", b"")), bad);
                assert_eq!(refused(model.replace_header_map_value(map, b"a", b"")), bad);
                assert_eq!(refused(model.remove_header_map_value(map, b"a")), bad);
                assert_eq!(refused(model.set_header_map_pairs(map, b"")), bad);
                assert_eq!(refused(model.get_header_map_size(map)), bad);
            }
        });
    }

    fn the_first_of_several_values_is_found_whatever_the_case() {
        let mut host = filter(|model, callback| {
            if let Callback::RequestHeaders { .. } = callback {
                assert_eq!(model.get_header_map_value(REQUEST, b"X-A"), Ok(b"1".to_vec()));
                let absent = model.get_header_map_value(REQUEST, b"x-b");
                assert_eq!(refused(absent), Status::NOT_FOUND);
                let pairs = model.get_header_map_pairs(REQUEST).unwrap();
                let expected = headers(&[(":path", "/"), ("x-a", "1"), ("x-a", "2")]);
                assert_eq!(decode_pairs(&pairs), expected);
                // `:path/x-a1x-a2`
                assert_eq!(model.get_header_map_size(REQUEST), Ok(14));
            }
            None
        });
        let request = Request::from_iter([(":path", "/"), ("x-a", "1"), ("X-A", "2")]);
        assert!(host.request(request).continued());
    }

    fn writing_adds_replaces_and_removes() {
        let mut host = filter(|model, callback| {
            if let Callback::RequestHeaders { .. } = callback {
                model.add_header_map_value(REQUEST, b"X-A", b"3").unwrap();
                model.replace_header_map_value(REQUEST, b"x-b", b"\xff").unwrap();
                model.replace_header_map_value(REQUEST, b"x-d", b"new").unwrap();
                model.remove_header_map_value(REQUEST, b"X-C").unwrap();
                model.remove_header_map_value(REQUEST, b"absent").unwrap();
            }
            None
        });
        let sent = [("x-a", "1"), ("x-b", "1"), ("x-c", "1"), ("x-b", "2"), ("x-c", "2")];
        let outcome = host.request(Request::from_iter(sent));
        let expected =
            [("x-a", &b"1"[..]), ("x-a", b"3"), ("x-b", b"\xff"), ("x-d", b"new")];
        assert_eq!(outcome.request_headers, expected.into_iter().collect());
    }

    fn a_whole_map_is_replaced_and_what_cannot_be_read_empties_it() {
        let too_many = (0..=PAIRS_MAX_COUNT).map(|i| (format!("h{i}"), "")).collect();
        for (pairs, expected) in [
            (encode_pairs(&headers(&[("b", "2")])), headers(&[("b", "2")])),
            (Vec::new(), headers(&[])),
            (b"no pairs".to_vec(), headers(&[])),
            (encode_pairs(&too_many), headers(&[])),
        ] {
            let mut host = filter(|model, callback| {
                if let Callback::RequestHeaders { .. } = callback {
                    model.set_header_map_pairs(REQUEST, &pairs).unwrap();
                }
                None
            });
            assert_eq!(host.request(get()).request_headers, expected);
        }
    }

    fn trailers_are_written_on_both_ways() {
        let mut host = filter(|model, callback| {
            match callback {
                Callback::RequestTrailers { trailers: 1, .. } => {
                    model.add_header_map_value(REQUEST_TRAILERS, b"x", b"1").unwrap();
                }
                Callback::ResponseTrailers { trailers: 1, .. } => {
                    model.replace_header_map_value(RESPONSE_TRAILERS, b"u", b"2").unwrap();
                }
                _ => {}
            }
            None
        });
        let outcome = host.request(full());
        assert_eq!(outcome.request_trailers, Some(headers(&[("t", "1"), ("x", "1")])));
        assert_eq!(outcome.response_trailers, Some(headers(&[("u", "2")])));
    }

    /// Envoy takes the maps away when they go on, and leaves them while they are held.
    fn headers_that_are_held_can_be_written_in_later_callbacks() {
        let mut host = filter(|model, callback| match callback {
            Callback::RequestHeaders { .. } => Some(PAUSE),
            Callback::RequestBody { end_of_stream, .. } => {
                model.add_header_map_value(REQUEST, b"x", b"1").unwrap();
                Some(if end_of_stream { CONTINUE } else { PAUSE })
            }
            _ => None,
        });
        host.model(|model| model.settings.body_passes_paused_headers = true);
        let outcome = host.request(get().body(["a", "b"]));
        assert_eq!(outcome.request_headers.all(b"x").count(), 2);
    }

    fn a_map_that_has_gone_on_is_there_again_when_the_request_is_logged() {
        let mut logged = false;
        let mut host = filter(|model, callback| {
            if let Callback::Log { .. } = callback {
                assert_eq!(model.get_header_map_value(REQUEST, b":path"), Ok(b"/".to_vec()));
                assert_eq!(model.get_header_map_value(RESPONSE, b":status"), Ok(b"200".to_vec()));
                assert_eq!(model.get_header_map_value(RESPONSE_TRAILERS, b"u"), Ok(b"1".to_vec()));
                // Envoy keeps all but the request's trailers.
                let trailers = model.get_header_map_value(REQUEST_TRAILERS, b"t");
                assert_eq!(refused(trailers), Status::NOT_FOUND);
                assert_eq!(model.get_header_map_pairs(REQUEST_TRAILERS), Ok(Vec::new()));
                let written = model.add_header_map_value(REQUEST, b"x", b"");
                assert_eq!(refused(written), Status::BAD_ARGUMENT);
                logged = true;
            }
            None
        });
        host.request(full());
        drop(host);
        assert!(logged);
    }

    fn the_maps_of_an_answer_are_read_only_and_there_while_it_is_delivered() {
        let mut answered = false;
        let mut host = filter(|model, callback| {
            match callback {
                Callback::Configure { .. } => {
                    model.http_call(b"known", &call_headers(), b"", b"", 0).unwrap();
                    return Some(1);
                }
                Callback::HttpCallResponse { headers: 1, trailers: 1, .. } => {
                    assert_eq!(maps(model), (vec![6, 7], vec![]));
                    assert_eq!(model.get_header_map_value(7, b"t"), Ok(b"1".to_vec()));
                    answered = true;
                }
                _ => {}
            }
            None
        });
        host.answer(4, headers(&[(":status", "200")]), b"", Some(headers(&[("t", "1")])));
        drop(host);
        assert!(answered);
    }
}
