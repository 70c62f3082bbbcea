//! The life of a filter as the host drives it, with a scripted guest in the filter's place.

mod script;

use proxy_host_model::{
    Callback, Fate, Fault, Headers, Model, Request, Status, Trap, encode_pairs,
};

use script::{
    CONTINUE, PAUSE, PLUGIN_CONFIGURATION, REQUEST_HEADERS, get, host, on_headers, status,
};

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
fn a_paused_request_goes_on_when_its_call_is_answered() {
    let mut token = None;
    let mut host = host(|model: &mut Model, callback| match callback {
        Callback::RequestHeaders { context, .. } => {
            let headers = [(":method", "GET"), (":path", "/k"), (":authority", "k")];
            let pairs = encode_pairs(&Headers::from_iter(headers));
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
