//! Streams that a host treats otherwise than Envoy does: what nobody judged does not go on.

#![allow(clippy::expect_used, clippy::panic, reason = "a test stops at what it did not expect")]

use host_tests::native::{self, Native};
use proxy_host_model::{
    Callback, Clock, Effect, Fate, Fault, Guest as _, Headers, Host, Model, Request, Status,
};
use scenario_corpus::{load, named_policy};

const CONTINUE: u32 = 0;
const PAUSE: u32 = 1;
const HOLD_ALL: u32 = 4;

/// The first root context, and a stream that the host does not announce.
const ROOT: u32 = 1;
const STREAM: u32 = 77;

fn model() -> Model {
    let mut model = Model::default();
    model.clock = Clock::at_secs(1_700_000_000);
    model
}

fn started(test: impl FnOnce(Host<Native>) + Send) {
    native::run(model(), |mut host| {
        let policy = named_policy("plain").expect("a policy of the corpus");
        assert!(host.start(b"", &policy.json).accepted);
        test(host);
    });
}

/// The token of `token/accepted` in the query, where the policy `sources` looks for it too.
fn with_token_in_query() -> Request {
    let cases = load().expect("the corpus");
    let case = cases.into_iter().find(|case| case.name() == "token/accepted").expect("it is there");
    let headers = case.mint(0).expect("a token").exchanges.remove(0).headers;
    let bearer = headers.iter().find(|(name, _)| name == b"authorization").expect("a bearer");
    let token = bearer.1.strip_prefix(b"Bearer ").expect("a token");
    let target = [b"/?access_token=", token].concat();
    Request::from_iter([
        (b":method".as_slice(), b"GET".as_slice()),
        (b":path", target.as_slice()),
        (b":authority", b"api.test"),
    ])
}

fn headers(context: u32) -> Callback {
    Callback::RequestHeaders { context, headers: 4, end_of_stream: false }
}

fn body(context: u32) -> Callback {
    Callback::RequestBody { context, size: 1, end_of_stream: true }
}

fn call(host: &mut Host<Native>, callback: Callback) -> u32 {
    host.guest().call(callback).expect("no trap").expect("an answer")
}

#[test]
fn a_request_of_no_known_stream_is_held() {
    started(|mut host| {
        assert_eq!(call(&mut host, headers(STREAM)), PAUSE);
        assert_eq!(call(&mut host, body(STREAM)), PAUSE);
        call(&mut host, Callback::Delete { context: STREAM });
    });
}

#[test]
fn a_stream_under_no_known_root_is_held() {
    started(|mut host| {
        call(&mut host, Callback::ContextCreate { context: STREAM, parent: 76 });
        assert_eq!(call(&mut host, headers(STREAM)), PAUSE);
    });
}

#[test]
fn a_body_before_the_headers_is_held() {
    started(|mut host| {
        call(&mut host, Callback::ContextCreate { context: STREAM, parent: ROOT });
        assert_eq!(call(&mut host, body(STREAM)), PAUSE);
        let trailers = Callback::RequestTrailers { context: STREAM, trailers: 1 };
        assert_eq!(call(&mut host, trailers), PAUSE);
    });
}

/// There is no callback for the body of a response.
#[test]
fn a_response_that_is_neither_marked_nor_replaced_is_held_whole() {
    native::run(model(), |mut host| {
        let policy = named_policy("sources").expect("a policy of the corpus");
        assert!(host.start(b"", &policy.json).accepted);
        host.model(|model| model.settings.body_passes_paused_headers = true);
        let stream = host.open_whole(with_token_in_query());
        assert_eq!(host.fate(&stream), Fate::Continued);
        for call in ["proxy_add_header_map_value", "proxy_send_local_response"] {
            let fault = Fault::on(0..u64::MAX, Effect::Status(Status::INTERNAL_FAILURE)).of(call);
            host.model(|model| model.add_fault(fault));
        }
        let headers = Headers::from_iter([(":status", "200")]);
        assert_eq!(host.respond_headers(&stream, headers, false), Some(HOLD_ALL));
        host.respond_body(&stream, b"for one alone", true);
        let outcome = host.finish(stream);
        assert_eq!(outcome.response, None);
        assert!(outcome.response_body.is_empty());
    });
}

/// Nothing is kept of a request that passed.
#[test]
fn what_follows_a_request_that_passed_goes_on() {
    started(|mut host| {
        let response =
            Callback::ResponseHeaders { context: STREAM, headers: 1, end_of_stream: true };
        for callback in [body(STREAM), response] {
            assert_eq!(call(&mut host, callback), CONTINUE);
        }
        call(&mut host, Callback::Delete { context: STREAM });
    });
}
