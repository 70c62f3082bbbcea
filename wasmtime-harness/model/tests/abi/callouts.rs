//! HTTP calls to other services, and their answers.

use proxy_host_model::{Callback, Headers, Status, encode_pairs};

use crate::guest::{PAUSE, call_headers, filter, get, headers, in_request, refused};

const ANSWER: u32 = 4;

tests! {
    fn a_call_says_what_it_says_and_its_tokens_are_multiples_of_four() {
        let mut host = filter(|model, callback| {
            if let Callback::RequestHeaders { .. } = callback {
                let trailers = encode_pairs(&headers(&[("t", "1")]));
                let first = model.http_call(b"known", &call_headers(), b"body", &trailers, 0);
                assert_eq!(first, Ok(4));
                assert_eq!(model.http_call(b"known", &call_headers(), b"", b"", 250), Ok(8));
            }
            None
        });
        host.request(get());
        host.model(|model| {
            let [first, second] = model.callouts.http.as_slice() else {
                panic!("found {:?}", model.callouts.http);
            };
            assert_eq!((first.root, first.cluster.as_str()), (1, "known"), "of the root");
            assert_eq!(first.headers.first(":path"), Some(&b"/k"[..]));
            assert_eq!((&first.body[..], &first.trailers), (&b"body"[..], &headers(&[("t", "1")])));
            assert_eq!((first.timeout, first.deadline), (0, None));
            assert_eq!((second.timeout, second.deadline), (250, Some(250_000_000)));
        });
    }

    fn a_call_that_cannot_be_sent_is_refused() {
        in_request(|model| {
            let bad = Status::BAD_ARGUMENT;
            let mut to = |cluster: &[u8], headers: &[u8], timeout| {
                refused(model.http_call(cluster, headers, b"", b"", timeout))
            };
            assert_eq!(to(b"unknown", &call_headers(), 0), bad);
            assert_eq!(to(b"known\xff", &call_headers(), 0), bad);
            assert_eq!(to(b"known", &call_headers(), 1 << 31), bad, "it is negative in Envoy");
            assert_eq!(to(b"known", b"no pairs", 0), bad);
            for lacking in [":method", ":path", ":authority"] {
                let names = [":method", ":path", ":authority"];
                let some = names.into_iter().filter(|name| *name != lacking);
                let some: Headers = some.map(|name| (name, "x")).collect();
                assert_eq!(to(b"known", &encode_pairs(&some), 0), bad, "{lacking}");
            }
            assert!(model.callouts.http.is_empty());
        });
    }

    fn an_answer_comes_to_the_root_and_can_be_read_by_the_stream_that_waits() {
        let mut answered = false;
        let mut host = filter(|model, callback| match callback {
            Callback::RequestHeaders { .. } => {
                model.http_call(b"known", &call_headers(), b"", b"", 0).unwrap();
                Some(PAUSE)
            }
            Callback::HttpCallResponse { context, token, headers, body, trailers } => {
                assert_eq!((context, token, headers, body, trailers), (1, 4, 1, 4, 0));
                for context in [1, 2] {
                    model.set_effective_context(context).unwrap();
                    let status = model.get_header_map_value(6, b":status");
                    assert_eq!(status, Ok(b"200".to_vec()));
                    let trailer = model.get_header_map_value(7, b"t");
                    assert_eq!(refused(trailer), Status::BAD_ARGUMENT, "it has none");
                    assert_eq!(model.get_buffer_bytes(ANSWER, 1, 2), Ok(b"od".to_vec()));
                    assert_eq!(model.get_buffer_status(ANSWER), Ok((4, 0)));
                    let written = model.set_buffer_bytes(ANSWER, 0, 0, b"x");
                    assert_eq!(refused(written), Status::BAD_ARGUMENT);
                }
                model.continue_stream(0).unwrap();
                answered = true;
                None
            }
            Callback::ResponseHeaders { .. } => {
                assert_eq!(refused(model.get_buffer_status(ANSWER)), Status::NOT_FOUND);
                assert_eq!(refused(model.get_header_map_value(6, b"a")), Status::BAD_ARGUMENT);
                None
            }
            _ => None,
        });
        let stream = host.open(get());
        host.answer(4, headers(&[(":status", "200")]), b"body", None);
        assert!(host.finish(stream).continued());
        drop(host);
        assert!(answered);
    }

    /// The number stays when the message goes, as in Envoy.
    fn a_reset_has_no_headers_and_a_status() {
        let mut answers = 0;
        let mut host = filter(|model, callback| {
            match callback {
                Callback::Configure { .. } => {
                    assert_eq!(model.get_status(), Ok((0, Vec::new())));
                    model.http_call(b"known", &call_headers(), b"", b"", 0).unwrap();
                    return Some(1);
                }
                Callback::HttpCallResponse { headers, body, trailers, .. } => {
                    assert_eq!((headers, body, trailers), (0, 0, 0));
                    let broken = (Status::BROKEN_CONNECTION.0, b"reset".to_vec());
                    assert_eq!(model.get_status(), Ok(broken));
                    let header = model.get_header_map_value(6, b":status");
                    assert_eq!(refused(header), Status::BAD_ARGUMENT);
                    assert_eq!(refused(model.get_buffer_status(ANSWER)), Status::NOT_FOUND);
                    answers += 1;
                }
                Callback::RequestHeaders { .. } => {
                    let broken = Status::BROKEN_CONNECTION.0;
                    assert_eq!(model.get_status(), Ok((broken, Vec::new())));
                }
                _ => {}
            }
            None
        });
        host.answer(4, Headers::default(), b"", None);
        host.answer(4, Headers::default(), b"", None);
        host.answer(99, Headers::default(), b"", None);
        host.request(get());
        drop(host);
        assert_eq!(answers, 1, "a call is answered once");
    }
}
