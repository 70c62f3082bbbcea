//! Filters that end, and fronts that do not start.

use std::{
    fs,
    net::TcpListener,
    thread,
    time::{Duration, Instant},
};

use crate::{
    filters::{filter, holding, passing, trapping},
    server::{Server, refused},
};

const TRAP: [(&str, &str); 1] = [("x-trap", "1")];

#[test]
fn a_filter_that_ended_stays_away_if_it_fails_closed() {
    let server = Server::start(trapping().path, &[]);
    assert_eq!(server.get("/", &[]).json()["headers"]["x-from-filter"], "yes");
    let trapped = server.get("/trap", &TRAP);
    assert_eq!((trapped.status(), trapped.body()), (503, ""));
    assert_eq!(server.get("/after", &[]).status(), 503);
    let log = server.wait_for("GET /after 503, ");
    assert!(log.contains("[filter] the filter ended: proxy_on_request_headers: "), "{log}");
    assert!(log.contains("unreachable"), "{log}");
    assert!(log.contains("GET /trap 503, the filter ended, "), "{log}");
}

#[test]
fn requests_pass_a_filter_that_ended_if_it_fails_open() {
    let server = Server::start(trapping().path, &["--on-trap", "fail-open"]);
    assert_eq!(server.get("/trap", &TRAP).status(), 503);
    let response = server.get("/after", &[]).json();
    assert_eq!(response["path"], "/after");
    assert_eq!(response["headers"].get("x-from-filter"), None);
    server.wait_for("GET /after 200, passed, not seen by the filter, ");
}

#[test]
fn a_filter_that_ended_is_loaded_anew_after_a_while() {
    let server = Server::start(trapping().path, &["--on-trap", "fail-reload"]);
    // The wait is counted from the last time that the filter was loaded.
    thread::sleep(Duration::from_millis(1600));
    assert_eq!(server.get("/", &TRAP).status(), 503);
    assert_eq!(server.get("/", &[]).status(), 200);
    assert_eq!(server.get("/", &TRAP).status(), 503);
    assert_eq!(server.get("/", &[]).status(), 503, "the last time is less than a second ago");
    let start = Instant::now();
    while server.get("/", &[]).status() == 503 {
        assert!(start.elapsed() < Duration::from_secs(20), "it is not loaded anew");
        thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(server.get("/", &[]).json()["headers"]["x-from-filter"], "yes");
}

#[test]
fn a_trap_in_the_response_is_a_503() {
    let filter = filter(
        r#"(func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32)
            unreachable)"#,
    );
    let server = Server::start(filter.path, &[]);
    assert_eq!(server.get("/", &[]).status(), 503);
    server.wait_for("GET / 503, the filter ended, ");
}

#[test]
fn a_filter_that_loops_for_ever_runs_out_of_fuel() {
    let filter = filter(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (loop $again (br $again))
            (i32.const 0))"#,
    );
    let server = Server::start(filter.path, &["--fuel", "1000000"]);
    assert_eq!(server.get("/", &[]).status(), 503);
    server.wait_for("all fuel consumed");
}

#[test]
fn a_reset_closes_the_connection() {
    let filter = filter(
        r#"(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
            (drop (call $close (i32.const 0)))
            (i32.const 1))"#,
    );
    let server = Server::start(filter.path, &[]);
    assert_eq!(server.get("/", &[]).0, "");
    server.wait_for("GET / -, reset by the filter, ");
}

#[test]
fn what_http_cannot_carry_is_said_and_not_sent() {
    let broken = filter(
        "(func (export \"proxy_on_response_headers\") (param i32 i32 i32) (result i32)
            (drop (call $add (i32.const 2) @x-bad@ @a\r\nset-cookie: b@))
            (i32.const 0))",
    );
    let server = Server::start(broken.path, &[]);
    let response = server.get("/", &[]);
    assert_eq!(response.status(), 500);
    assert!(!response.0.contains("set-cookie"), "{response:?}");
    server.wait_for("found x-bad \"a\\r\\nset-cookie: b\", which HTTP/1 cannot carry");
}

#[test]
fn a_signal_ends_it_in_order() {
    for name in ["TERM", "INT"] {
        let server = Server::start(holding().path, &[]);
        let mut client = server.connect();
        client.write("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n");
        thread::sleep(Duration::from_millis(200));
        server.signal(name);
        // The request that is held gets no answer, and the filter is told of its end.
        assert_eq!(client.read().0, "");
        server.wait_for("[filter] info: the end");
        assert_eq!(server.exit_code(), Some(0));
    }
}

#[test]
fn what_keeps_it_from_starting_is_said() {
    let error = |path: &std::path::Path, arguments: &[&str]| {
        let output = refused(path, arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(output.stdout.is_empty());
        String::from_utf8(output.stderr).unwrap()
    };
    let passing = passing();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let message = error(&passing.path, &["--listen", &address]);
    assert!(message.starts_with(&format!("cannot listen on {address}: ")), "{message}");

    let refusing = filter(
        r#"(func (export "proxy_on_configure") (param i32 i32) (result i32)
            (drop (call $log (i32.const 4) @no such key@))
            (i32.const 0))"#,
    );
    let message = error(&refusing.path, &[]);
    let expected = "[filter] error: no such key\nthe filter refused its configuration\n";
    assert!(message.ends_with(expected), "{message}");

    let ending =
        filter(r#"(func (export "proxy_on_configure") (param i32 i32) (result i32) unreachable)"#);
    let message = error(&ending.path, &[]);
    assert!(message.ends_with("\nthe filter ended while it was configured\n"), "{message}");

    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text.wasm");
    fs::write(&text, "no module").unwrap();
    let message = error(&text, &[]);
    assert!(message.contains("text.wasm: cannot compile the module"), "{message}");

    let message = error(&passing.path, &["--upstream", "https://a.test"]);
    assert!(message.contains("TLS is not spoken here"), "{message}");
    let message = error(&passing.path, &["--profile", "apache"]);
    assert!(message.contains("found \"apache\", expected one of envoy-1.40, "), "{message}");
    let message = error(&passing.path, &["--cluster", "http://a.test"]);
    assert!(message.contains("found \"http://a.test\", expected a name, `=`"), "{message}");
}
