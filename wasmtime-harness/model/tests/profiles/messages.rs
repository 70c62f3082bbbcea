//! Headers, bodies and replies.

use proxy_host_model::{
    Callback, Fate, Headers, Model, Outcome, Profile, Request, Status, decode_pairs, encode_pairs,
};

use crate::{
    ENVOY, HOSTILE, NGX, SPEC, in_headers_of, in_request, is_trap, refused,
    script::{self, PLUGIN_CONFIGURATION, REQUEST_HEADERS, RESPONSE_HEADERS, get},
};

const REQUEST_TRAILERS: u32 = 1;
const REQUEST_BODY: u32 = 0;
const UNHEARD_OF: Status = Status(77);

/// A request through a filter that does this in each callback.
fn run(
    profile: Profile,
    request: Request,
    mut visit: impl FnMut(&mut Model, Callback) -> u32,
) -> Outcome {
    let mut host = script::host(|model: &mut Model, callback| match callback {
        Callback::VmStart { .. } | Callback::Configure { .. } => Ok(Some(1)),
        callback => Ok(Some(visit(model, callback))),
    });
    host.model(|model| model.profile = profile);
    host.start(b"", b"");
    host.request(request)
}

/// The names of the callbacks of a request.
fn callbacks(profile: Profile, request: Request) -> Vec<(&'static str, Vec<u32>)> {
    let mut seen = Vec::new();
    run(profile, request, |_, callback| {
        seen.push((callback.export(), callback.arguments().split_off(1)));
        0
    });
    seen
}

/// The reply that a filter gives in the headers callback, and what the call answered.
fn reply(
    profile: Profile,
    status: u32,
    headers: &[(&str, &str)],
) -> (Result<(), proxy_host_model::Refusal>, Outcome) {
    let pairs = encode_pairs(&headers.iter().copied().collect());
    let mut answer = Ok(());
    let outcome = run(profile, get(), |model, callback| {
        if !matches!(callback, Callback::RequestHeaders { .. }) {
            return 0;
        }
        answer = model.send_local_response(status, b"", b"no", &pairs, -1);
        1
    });
    (answer, outcome)
}

#[test]
fn a_host_may_answer_by_itself_and_the_filter_hears_nothing() {
    let twice =
        || Request::from_iter([(":method", "GET"), ("authorization", "a"), ("authorization", "b")]);
    let mut heard = 0;
    let nginx = run(NGX, twice(), |_, callback| {
        heard += u32::from(!matches!(callback, Callback::ContextCreate { parent: 0, .. }));
        0
    });
    assert_eq!((nginx.fate, heard), (Fate::Replied, 0));
    assert_eq!(
        nginx.response.and_then(|r| r.first(":status").map(<[u8]>::to_vec)),
        Some(b"400".to_vec())
    );
    let envoy = run(ENVOY, twice(), |_, _| 0);
    assert_eq!(envoy.request_headers.first("authorization"), Some(&b"a,b"[..]));
    assert_eq!(run(SPEC, twice(), |_, _| 0).request_headers.all(b"authorization").count(), 2);
}

#[test]
fn callbacks_come_in_the_order_and_with_the_end_of_each_host() {
    let ends = |profile| {
        let seen = callbacks(profile, get());
        let end = seen.iter().find(|(name, _)| *name == "proxy_on_request_headers");
        let order: Vec<&str> =
            seen[seen.len() - 3..].iter().map(|(name, _)| &name["proxy_on_".len()..]).collect();
        (end.map(|(_, arguments)| arguments[1]), order.join(" "))
    };
    assert_eq!(ends(ENVOY), (Some(1), "log done delete".to_owned()));
    assert_eq!(ends(SPEC), (Some(1), "done log delete".to_owned()));
    assert_eq!(ends(NGX), (Some(0), "done log delete".to_owned()));
    assert_eq!(ends(HOSTILE), (Some(0), "done log delete".to_owned()));
}

#[test]
fn nginx_counts_no_pseudo_headers() {
    let counted = |profile| {
        let request = Request::from_iter([(":method", "GET"), (":path", "/"), ("x", "1")]);
        callbacks(profile, request)[2].1[0]
    };
    assert_eq!(counted(ENVOY), 3);
    assert_eq!(counted(NGX), 1);
}

#[test]
fn nginx_brings_a_body_at_once_and_trailers_never() {
    let request = || {
        let parts = ["ab", "c"].map(|part| part.as_bytes().to_vec());
        get().body(parts).trailers(Headers::from_iter([("t", "1")]))
    };
    let of = |profile| {
        let seen = callbacks(profile, request());
        let wanted = ["proxy_on_request_body", "proxy_on_request_trailers"];
        seen.into_iter().filter(|(name, _)| wanted.contains(name)).collect::<Vec<_>>()
    };
    assert_eq!(
        of(ENVOY),
        [
            ("proxy_on_request_body", vec![2, 0]),
            ("proxy_on_request_body", vec![1, 0]),
            ("proxy_on_request_trailers", vec![1]),
        ]
    );
    assert_eq!(of(NGX), [("proxy_on_request_body", vec![3, 1])]);
    for profile in [ENVOY, NGX] {
        let outcome = run(profile, request(), |_, _| 0);
        assert_eq!(outcome.request_body, b"abc", "{}", profile.name);
    }
}

#[test]
fn hosts_differ_in_maps_that_are_not_there() {
    let ask = |model: &mut Model| {
        (
            model.get_header_map_value(REQUEST_TRAILERS, b"t").map(|_| ()),
            model.get_header_map_pairs(REQUEST_TRAILERS),
            model.add_header_map_value(REQUEST_TRAILERS, b"t", b"1"),
        )
    };
    let bad = || refused(Status::BAD_ARGUMENT);
    assert_eq!(in_request(ENVOY, ask), (bad(), Ok(Vec::new()), bad()));
    assert_eq!(in_request(SPEC, ask), (bad(), refused(Status::BAD_ARGUMENT), bad()));
    let (value, pairs, write) = in_request(NGX, ask);
    assert_eq!((value, pairs), (refused(Status::NOT_FOUND), refused(Status::BAD_ARGUMENT)));
    assert!(is_trap(&write, "map 1 in this callback"), "{write:?}");
    let odd = || refused(UNHEARD_OF);
    assert_eq!(in_request(HOSTILE, ask), (odd(), refused(UNHEARD_OF), odd()));

    let in_log = |profile| {
        let mut found = Ok(());
        run(profile, get(), |model, callback| {
            if let Callback::Log { .. } = callback {
                found = model.get_header_map_value(REQUEST_TRAILERS, b"t").map(|_| ());
            }
            0
        });
        found
    };
    assert_eq!(in_log(ENVOY), refused(Status::NOT_FOUND));
    assert_eq!(in_log(SPEC), refused(Status::BAD_ARGUMENT));
}

#[test]
fn hosts_differ_in_headers_that_are_there_twice_or_not() {
    let request = || Request::from_iter([("x", "1"), ("x", "22")]);
    let ask = |model: &mut Model| {
        (
            model.get_header_map_value(REQUEST_HEADERS, b"X"),
            model.get_header_map_value(REQUEST_HEADERS, b"y").map(|_| ()),
        )
    };
    let first = || Ok(b"1".to_vec());
    for profile in [ENVOY, NGX, SPEC] {
        let found = in_headers_of(request(), profile, ask);
        assert_eq!(found, (first(), refused(Status::NOT_FOUND)), "{}", profile.name);
    }
    let found = in_headers_of(request(), HOSTILE, ask);
    assert_eq!(found, (Ok(b"22".to_vec()), refused(UNHEARD_OF)));

    let size = |model: &mut Model| model.get_header_map_size(REQUEST_HEADERS);
    assert_eq!(in_headers_of(request(), ENVOY, size), Ok(5), "names and values");
    assert_eq!(in_headers_of(request(), SPEC, size), Ok(4 + 2 * 8 + 5 + 4), "as serialised");
}

#[test]
fn nginx_lets_nobody_write_two_pseudo_headers_and_anybody_write_to_the_response() {
    let visit = |model: &mut Model, callback| {
        if let Callback::RequestHeaders { .. } = callback {
            model.replace_header_map_value(REQUEST_HEADERS, b":authority", b"evil").unwrap();
            model.remove_header_map_value(REQUEST_HEADERS, b":authority").unwrap();
            let all = encode_pairs(&Headers::from_iter([(":authority", "x"), (":path", "/new")]));
            model.set_header_map_pairs(REQUEST_HEADERS, &all).unwrap();
            let _ = model.add_header_map_value(RESPONSE_HEADERS, b"x-early", b"1");
        }
        0
    };
    let upstream = |outcome: &Outcome| {
        outcome.request_headers.first(":authority").map(|host| host.escape_ascii().to_string())
    };
    let early = |outcome: &Outcome| outcome.response.as_ref().is_some_and(|r| r.has("x-early"));
    let nginx = run(NGX, get(), visit);
    assert_eq!(upstream(&nginx).as_deref(), Some("localhost:80"));
    assert_eq!(nginx.request_headers.first(":path"), Some(&b"/new"[..]));
    assert!(early(&nginx));
    let envoy = run(ENVOY, get(), visit);
    assert_eq!(upstream(&envoy).as_deref(), Some("x"));
    assert!(!early(&envoy));
}

#[test]
fn a_filter_of_nginx_sees_a_hundred_headers_and_no_more() {
    let many = || (0..150).map(|i| (format!("h{i}"), "")).collect::<Request>();
    let seen = |model: &mut Model| {
        decode_pairs(&model.get_header_map_pairs(REQUEST_HEADERS).unwrap()).len()
    };
    assert_eq!(in_headers_of(many(), ENVOY, seen), 150);
    assert_eq!(in_headers_of(many(), NGX, seen), 100);
}

#[test]
fn hosts_differ_in_what_they_read_of_a_buffer() {
    let read = |profile, start| {
        let mut found = None;
        run(profile, get().body([b"body".to_vec()]), |model, callback| {
            if let Callback::RequestBody { .. } = callback {
                found = Some(model.get_buffer_bytes(REQUEST_BODY, start, 2));
            }
            0
        });
        found.unwrap()
    };
    assert_eq!(read(ENVOY, 2), Ok(b"dy".to_vec()));
    assert_eq!(read(NGX, 2), Ok(b"bo".to_vec()), "it begins at the beginning");
    assert_eq!(read(ENVOY, 5), Ok(Vec::new()));
    assert_eq!(read(SPEC, 5), refused(Status::BAD_ARGUMENT));
    assert_eq!(read(SPEC, 4), Ok(Vec::new()), "nothing is left, and nothing is wrong");

    let absent = |model: &mut Model| model.get_buffer_bytes(REQUEST_BODY, 0, 1).map(|_| ());
    assert_eq!(in_request(ENVOY, absent), Ok(()), "it is there and empty");
    assert_eq!(in_request(SPEC, absent), refused(Status::NOT_FOUND));
    assert!(is_trap(&in_request(NGX, absent), "buffer 0"));
    let configuration = |model: &mut Model| model.get_buffer_bytes(PLUGIN_CONFIGURATION, 0, 99);
    assert_eq!(in_request(ENVOY, configuration), refused(Status::NOT_FOUND));
    assert_eq!(in_request(NGX, configuration), Ok(b"plugin".to_vec()));
}

#[test]
fn the_middle_of_a_buffer_is_replaced_where_the_specification_is_followed() {
    let splice = |profile| {
        let mut found = Ok(());
        let outcome = run(profile, get().body([b"body".to_vec()]), |model, callback| {
            if let Callback::RequestBody { .. } = callback {
                found = model.set_buffer_bytes(REQUEST_BODY, 1, 2, b"O");
            }
            0
        });
        (found, outcome.request_body)
    };
    assert_eq!(splice(ENVOY), (refused(Status::BAD_ARGUMENT), b"body".to_vec()));
    assert_eq!(splice(SPEC), (Ok(()), b"bOy".to_vec()));
}

#[test]
fn hosts_take_different_replies() {
    for (profile, status, taken) in [
        (ENVOY, 99, true),
        (NGX, 99, false),
        (NGX, 999, true),
        (HOSTILE, 600, false),
        (SPEC, 700, true),
    ] {
        let (answer, outcome) = reply(profile, status, &[]);
        let expected = if taken { Ok(()) } else { refused(Status::BAD_ARGUMENT) };
        assert_eq!(answer, expected, "{} {status}", profile.name);
        let fate = if taken { Fate::Replied } else { Fate::Paused };
        assert_eq!(outcome.fate, fate, "{} {status}", profile.name);
    }
    let split = [("www-authenticate", "Bearer\r\nset-cookie: z=1")];
    assert_eq!(reply(ENVOY, 401, &split).0, Ok(()));
    assert_eq!(reply(HOSTILE, 401, &split).0, refused(Status::BAD_ARGUMENT));
    let nginx = reply(NGX, 401, &split).1;
    let sent = nginx.response.unwrap();
    assert_eq!(sent.first("www-authenticate"), Some(&b"Bearer%0D%0Aset-cookie: z=1"[..]));
    assert_eq!(nginx.response_body, b"no\n");
}

#[test]
fn a_second_reply_is_ignored_or_ends_the_vm() {
    let twice = |model: &mut Model| {
        model.send_local_response(401, b"", b"", b"", -1).unwrap();
        model.send_local_response(403, b"", b"", b"", -1)
    };
    assert_eq!(in_request(ENVOY, twice), Ok(()));
    for profile in [NGX, HOSTILE] {
        let found = in_request(profile, twice);
        assert!(is_trap(&found, "a second reply"), "{found:?}");
    }
}
