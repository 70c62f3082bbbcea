//! Calls from the filter to other servers.

use std::time::Duration;

use serde_json::Value;

use crate::{
    filters::asking,
    server::Server,
    upstreams::{Upstream, closed_port},
};

/// What a request finds out about its call.
fn ask(url: &str) -> Value {
    let server = Server::start(asking().path, &["--cluster", &format!("auth={url}")]);
    let mut echo = server.get("/", &[]).json();
    echo["headers"].take()
}

#[test]
fn a_call_goes_out_and_its_answer_comes_back() {
    let auth = Upstream::start(
        "HTTP/1.1 202 Accepted\r\ncontent-length: 4\r\nconnection: close\r\n\r\nsure",
        Duration::ZERO,
    );
    let headers = ask(&auth.url());
    assert_eq!(headers["x-auth"], "202");
    assert_eq!(headers["x-auth-body"], "sure");
    let request = auth.request();
    assert!(request.starts_with("POST /ask HTTP/1.1\r\n"), "{request}");
    for part in ["host: auth.test\r\n", "x-question: 1\r\n", "content-length: 8\r\n", "question"] {
        assert!(request.contains(part), "{request}");
    }
}

#[test]
fn a_server_that_is_not_there_is_a_503_in_envoys_words() {
    let headers = ask(&format!("http://{}", closed_port()));
    assert_eq!(headers["x-auth"], "503");
    let words = headers["x-auth-body"].as_str().unwrap();
    assert!(words.starts_with("upstream connect error or disconnect/reset"), "{words}");
}

#[test]
fn a_server_that_closes_without_an_answer_is_a_503() {
    let auth = Upstream::start("", Duration::ZERO);
    assert_eq!(ask(&auth.url())["x-auth"], "503");
}

#[test]
fn an_answer_that_breaks_off_is_a_reset() {
    let auth = Upstream::start(
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\nhalf",
        Duration::ZERO,
    );
    assert_eq!(ask(&auth.url())["x-auth"], "reset");
}

#[test]
fn a_call_that_takes_too_long_is_a_504() {
    let auth = Upstream::start("HTTP/1.1 200 OK\r\n\r\n", Duration::from_secs(60));
    assert_eq!(ask(&auth.url())["x-auth"], "504");
}
