//! Clients that are slow, go away, or break the rules.

use std::{thread, time::Duration};

use crate::{
    filters::{holding, passing},
    server::Server,
};

#[test]
fn bytes_that_are_no_request_are_refused() {
    let server = Server::start(passing().path, &[]);
    for (request, status) in [
        ("\u{1}\u{2}\u{3}\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a.test\r\nbad header\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a.test\r\nHost: b.test\r\n\r\n", 400),
        ("CONNECT a.test:443 HTTP/1.1\r\nHost: a.test:443\r\n\r\n", 501),
        (
            "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\
             Connection: close\r\n\r\nxyz\r\n",
            400,
        ),
    ] {
        let request = request.replacen("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1);
        assert_eq!(server.send(&request).status(), status, "{request:?}");
    }
    server.wait_for("GET / 400, refused: found no Host header, expected one");
    assert_eq!(server.get("/", &[]).status(), 200);
}

#[test]
fn headers_and_bodies_have_a_limit() {
    let server = Server::start(passing().path, &[]);
    assert_eq!(server.get("/", &[("x-big", &"a".repeat(50_000))]).status(), 200);
    assert_eq!(server.get("/", &[("x-big", &"a".repeat(70_000))]).status(), 431);
    let many: Vec<(String, &str)> = (0..150).map(|number| (format!("x-{number}"), "1")).collect();
    let many: Vec<(&str, &str)> =
        many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
    assert_eq!(server.get("/", &many).status(), 431);
    let body = "a".repeat(16 * 1024 * 1024);
    let response = server.request("POST", "/most", &[], &body);
    assert_eq!(response.json()["body"].as_str().unwrap().len(), body.len());
    assert_eq!(server.request("POST", "/more", &[], &format!("{body}a")).status(), 413);
    server.wait_for("POST /more 413, refused: the body is too large, ");
}

#[test]
fn a_client_may_be_slow_but_not_too_slow() {
    let server = Server::start(passing().path, &["--client-timeout", "1"]);
    let mut slow = server.connect();
    for part in [
        "POST / HTTP/1.1\r\nHost: a",
        ".test\r\nConnection: close\r\nContent-",
        "Length: 3\r\n\r\n",
        "a",
        "b",
        "c",
    ] {
        slow.write(part);
        thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(slow.read().json()["body"], "abc");

    let mut silent = server.connect();
    silent.write("POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\na");
    assert_eq!(silent.read().status(), 408);
    server.wait_for("POST / 408, refused: the client was silent for too long, ");

    let mut headless = server.connect();
    headless.write("GET / HTTP/1.1\r\nHo");
    assert_eq!(headless.read().0, "");
}

#[test]
fn a_client_that_goes_away_ends_its_request() {
    let server = Server::start(holding().path, &[]);
    let mut client = server.connect();
    client.write("GET /held HTTP/1.1\r\nHost: a.test\r\n\r\n");
    thread::sleep(Duration::from_millis(200));
    drop(client);
    let log = server.wait_for("GET /held -, the client went away, ");
    assert!(log.contains("[filter] info: the end\n"), "{log}");

    let mut half = server.connect();
    half.write("POST /half HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nab");
    thread::sleep(Duration::from_millis(200));
    drop(half);
    server.wait_for("POST /half -, the client went away, ");
}

#[test]
fn log_lines_below_the_level_are_not_shown() {
    let server = Server::start(holding().path, &["--log-level", "warn", "--client-timeout", "1"]);
    let mut client = server.connect();
    client.write("GET /held HTTP/1.1\r\nHost: a.test\r\n\r\n");
    thread::sleep(Duration::from_millis(200));
    drop(client);
    let log = server.wait_for("GET /held -, the client went away, ");
    assert!(!log.contains("the end"), "{log}");
}
