//! Requests that pass, are changed, or are answered by the filter.

use std::{thread, time::Instant};

use serde_json::json;

use crate::{
    filters::{answering, changing, filter, passing, ticking},
    server::Server,
};

#[test]
fn an_echo_tells_what_an_upstream_would_have_seen() {
    let server = Server::start(passing().path, &[]);
    let response = server.request("POST", "/a?b", &[("X-A", "1"), ("Accept", "*/*")], "hello");
    assert_eq!(response.status(), 200);
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(
        response.json(),
        json!({
            "method": "POST",
            "scheme": "http",
            "authority": "a.test",
            "path": "/a?b",
            "headers": { "accept": "*/*", "content-length": "5", "x-a": "1" },
            "body": "hello",
            "trailers": null,
        })
    );
    let log = server.wait_for("POST /a?b 200, passed, ");
    assert!(log.ends_with(" ms\n"), "{log}");
    let head = server.request("HEAD", "/", &[], "");
    let length: usize = head.header("content-length").unwrap().parse().unwrap();
    assert!(length > 50 && head.body().is_empty(), "{head:?}");
}

#[test]
fn a_filter_changes_each_part() {
    let server = Server::start(changing().path, &[]);
    let response = server.request("POST", "/", &[("X-Secret", "1")], "hello");
    assert_eq!(response.header("x-response"), Some("seen"));
    assert!(response.body().ends_with("\r\n1\r\n?\r\n0\r\n\r\n"), "{response:?}");
    assert!(response.0.contains(r#""body":"hello!""#), "{response:?}");
    assert!(response.0.contains(r#""x-from-filter":"yes""#), "{response:?}");
    assert!(!response.0.contains("x-secret"), "{response:?}");
}

#[test]
fn a_filter_answers_itself() {
    let server = Server::start(answering().path, &[]);
    let response = server.get("/", &[]);
    assert_eq!((response.status(), response.body()), (403, "no"));
    server.wait_for("GET / 403, answered by the filter: no_way, ");
    let head = server.request("HEAD", "/", &[], "");
    assert_eq!((head.status(), head.header("content-length")), (403, Some("2")));
    assert_eq!(head.body(), "");
    // Before the body has come.
    let early = server
        .send("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\nConnection: close\r\n\r\n");
    assert_eq!(early.status(), 403);
}

#[test]
fn several_requests_share_a_connection() {
    let server = Server::start(passing().path, &[]);
    let mut client = server.connect();
    client.write("GET /1 HTTP/1.1\r\nHost: a.test\r\n\r\n");
    let first = client.read_until("}\n");
    client.write("GET /2 HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    let second = client.read();
    assert!(first.contains(r#""path":"/1""#), "{first}");
    assert_eq!(second.json()["path"], "/2");
}

#[test]
fn ticks_come_in_real_time() {
    let start = Instant::now();
    let server = Server::start(ticking().path, &[]);
    loop {
        let response = server.get("/", &[]).json();
        let ticks: u32 = response["headers"]["x-ticks"].as_str().unwrap().parse().unwrap();
        let most = start.elapsed().as_millis() / 50;
        assert!(u128::from(ticks) <= most, "{ticks} ticks, expected at most {most}");
        if ticks >= 3 {
            break;
        }
        assert!(start.elapsed().as_secs() < 20, "{ticks} ticks, expected three and more");
    }
}

#[test]
fn a_hundred_requests_at_once_are_all_answered() {
    let server = Server::start(changing().path, &["--workers", "3"]);
    thread::scope(|scope| {
        for number in 0..100 {
            let server = &server;
            scope.spawn(move || {
                let body = format!("body {number}");
                let response = server.request("POST", &format!("/{number}"), &[], &body);
                assert_eq!(response.status(), 200);
                assert!(response.0.contains(&format!(r#""path":"/{number}""#)));
                assert!(response.0.contains(&format!(r#""body":"{body}!""#)));
            });
        }
    });
    let log = server.wait_for("");
    assert!(!log.contains("ended"), "{log}");
}

#[test]
fn a_filter_sees_the_time_and_what_the_options_say() {
    // Adds the configuration, a property and whether it is after 2020 to the request.
    let options = filter(
        &r#"
        (global $size (mut i32) (i32.const 0))
        (func (export "proxy_on_configure") (param i32 i32) (result i32)
            (drop (call $get_buffer (i32.const 7) (i32.const 0) (local.get 1)
                (i32.const 0) (i32.const 4)))
            (memory.copy (i32.const 40000) (i32.load (i32.const 0)) (local.get 1))
            (global.set $size (local.get 1))
            (i32.const 1))
        (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $add (i32.const 0) @x-config@ (i32.const 40000) (global.get $size)))
            (drop (call $property @my.route@ (i32.const 0) (i32.const 4)))
            (drop (call $add (i32.const 0) @x-property@
                (i32.load (i32.const 0)) (i32.load (i32.const 4))))
            (drop (call $now (i32.const 8)))
            (if (i64.gt_u (i64.load (i32.const 8)) (i64.const 1577836800000000000)) (then
                (drop (call $add (i32.const 0) @x-now@ @true@))))
            (i32.const 0))"#
            .replace("my.route", "my\0route"),
    );
    let options = Server::start(
        options.path,
        &["--config-text", "the text", "--property", "my.route=public", "--property", "a.b=c"],
    );
    let headers = &options.get("/", &[]).json()["headers"];
    assert_eq!(headers["x-config"], "the text");
    assert_eq!(headers["x-property"], "public");
    assert_eq!(headers["x-now"], "true");
}
