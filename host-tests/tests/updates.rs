//! A configuration update in the running VM: a new root context beside the old one.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use host_tests::native;
use proxy_host_model::{Clock, Fate, Guest, Host, Model, Request};
use scenario_corpus::{Form, load, named_policy};

/// The time of a scenario that names none.
const NOW_SECONDS: u64 = 1_700_000_000;

fn model() -> Model {
    let mut model = Model::default();
    model.clock = Clock::at_secs(NOW_SECONDS);
    model
}

fn policy(name: &str) -> Vec<u8> {
    named_policy(name).unwrap().json
}

/// A request for `path` with the good token of `token/accepted`.
fn request(path: &str) -> Request {
    let case = load().unwrap().into_iter().find(|case| case.name() == "token/accepted").unwrap();
    let exchange = case.mint(0).unwrap().exchanges.remove(0);
    exchange
        .headers
        .into_iter()
        .map(|(name, value)| if name == b":path" { (name, path.into()) } else { (name, value) })
        .collect()
}

fn status<G: Guest>(host: &mut Host<G>, path: &str) -> Option<u32> {
    let outcome = host.request(request(path));
    match outcome.fate {
        Fate::Continued => None,
        Fate::Replied => outcome.reply.map(|reply| reply.status),
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn a_good_update_takes_over() {
    native::run(model(), |mut host| {
        assert!(host.start(b"", &policy("accesses")).accepted);
        assert_eq!(status(&mut host, "/deny"), Some(403));
        assert_eq!(status(&mut host, "/elsewhere"), Some(403));

        assert!(host.reconfigure(&policy("plain")).accepted);
        assert_eq!(status(&mut host, "/deny"), None);
        assert_eq!(status(&mut host, "/elsewhere"), None);
    });
}

#[test]
fn a_bad_update_changes_nothing_for_the_old_one() {
    native::run(model(), |mut host| {
        assert!(host.start(b"", &policy("plain")).accepted);
        for document in [&b""[..], b"{", b"{}", b"\xff\xff"] {
            assert!(!host.reconfigure(document).accepted, "{document:?}");
            assert_eq!(status(&mut host, "/"), None);
        }
    });
}

#[test]
fn a_good_update_ends_the_time_without_one() {
    native::run(model(), |mut host| {
        assert!(!host.start(b"", b"{}").accepted);
        assert_eq!(status(&mut host, "/"), Some(503));

        let update = named_policy("plain").unwrap();
        assert!(host.reconfigure(update.bytes(Form::Struct)).accepted);
        assert_eq!(status(&mut host, "/"), None);
    });
}

#[test]
fn a_request_ends_under_the_configuration_it_began_with() {
    native::run(model(), |mut host| {
        assert!(host.start(b"", &policy("sources")).accepted);
        // Its token came in the query, so its answer is still to be marked as private.
        let bearer = request("/").headers.first("authorization").unwrap().to_vec();
        let token = bearer.strip_prefix(b"Bearer ").unwrap();
        let target = [b"/?access_token=", token].concat();
        let stream = host.open(Request::from_iter([
            (b":method".as_slice(), b"GET".as_slice()),
            (b":path", target.as_slice()),
            (b":authority", b"api.test"),
        ]));

        assert!(host.reconfigure(&policy("accesses")).accepted);
        let outcome = host.finish(stream);
        assert_eq!(outcome.fate, Fate::Continued);
        let response = outcome.response.unwrap();
        assert_eq!(response.first("cache-control"), Some(&b"private"[..]));
        assert_eq!(status(&mut host, "/deny"), Some(403));
    });
}
