//! Servers behind the filter, and requests that go there.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use crate::{
    filters::{changing, passing},
    server::Server,
};

/// A server that gives each connection this answer, and keeps what it was sent.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    requests: Receiver<String>,
}

impl Upstream {
    /// Starts it; `wait` passes before each answer.
    pub(crate) fn start(answer: &'static str, wait: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, requests) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let sender = sender.clone();
                thread::spawn(move || {
                    let request = read_request(&mut stream);
                    let _ = sender.send(request);
                    thread::sleep(wait);
                    let _ = stream.write_all(answer.as_bytes());
                });
            }
        });
        Self { address, requests }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The next request that it was sent.
    pub(crate) fn request(&self) -> String {
        self.requests.recv_timeout(Duration::from_secs(20)).unwrap()
    }
}

/// Reads to the end of the headers, and of the body that they announce.
fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            let length = length.map_or(0, |length| length.parse().unwrap());
            let chunked = head.contains("transfer-encoding: chunked");
            if (chunked && body.ends_with("\r\n\r\n")) || (!chunked && body.len() >= length) {
                return text;
            }
        }
        match stream.read(&mut buffer) {
            Ok(size) if size > 0 => bytes.extend(&buffer[..size]),
            _ => return text,
        }
    }
}

/// A port that nobody listens on.
pub(crate) fn closed_port() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-up: 1\r\nconnection: close\r\n\
                     keep-alive: timeout=5\r\n\r\nhello";

#[test]
fn an_upstream_gets_the_request_as_the_filter_left_it() {
    let upstream = Upstream::start(HELLO, Duration::ZERO);
    let server = Server::start(changing().path, &["--upstream", &upstream.url()]);
    let headers = [("X-Secret", "s"), ("Keep-Alive", "1"), ("X-A", "1"), ("X-A", "2")];
    let response = server.request("POST", "/p?q=1", &headers, "body");
    let request = upstream.request();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let mut lines: Vec<&str> = head.lines().collect();
    assert_eq!(lines.remove(0), "POST /p?q=1 HTTP/1.1");
    lines.sort_unstable();
    assert_eq!(
        lines,
        [
            "connection: close",
            "content-length: 5",
            "host: a.test",
            "x-a: 1",
            "x-a: 2",
            "x-from-filter: yes"
        ]
    );
    assert_eq!(body, "body!");
    assert_eq!(response.status(), 200);
    assert_eq!(response.header("x-up"), Some("1"));
    assert_eq!(response.header("x-response"), Some("seen"));
    assert_eq!(response.header("keep-alive"), None);
    assert_eq!(response.header("transfer-encoding"), Some("chunked"));
    assert_eq!(response.body(), "5\r\nhello\r\n1\r\n?\r\n0\r\n\r\n");
}

#[test]
fn trailers_go_through_the_filter_both_ways() {
    let upstream = Upstream::start(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: x-end\r\n\r\n\
         2\r\nhi\r\n0\r\nx-end: 1\r\n\r\n",
        Duration::ZERO,
    );
    let server = Server::start(changing().path, &["--upstream", &upstream.url()]);
    let response = server.send(
        "POST / HTTP/1.1\r\nHost: a.test\r\nTE: trailers\r\nConnection: close, TE\r\n\
         Transfer-Encoding: chunked\r\nTrailer: x-t\r\n\r\n2\r\nab\r\n0\r\nx-t: 1\r\n\r\n",
    );
    let request = upstream.request();
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("trailer: x-t, x-trailer"), "{request}");
    // The end came with the trailers, so that the filter added nothing to the body.
    assert_eq!(body, "2\r\nab\r\n0\r\nx-t: 1\r\nx-trailer: seen\r\n\r\n");
    assert!(response.0.ends_with("2\r\nhi\r\n0\r\nx-end: 1\r\n\r\n"), "{response:?}");
}

#[test]
fn the_answer_to_head_has_the_length_and_no_body() {
    let upstream = Upstream::start(
        "HTTP/1.1 200 OK\r\ncontent-length: 12345\r\nconnection: close\r\n\r\n",
        Duration::ZERO,
    );
    let server = Server::start(passing().path, &["--upstream", &upstream.url()]);
    let response = server.request("HEAD", "/", &[], "");
    assert!(upstream.request().starts_with("HEAD / HTTP/1.1\r\n"));
    assert_eq!(response.header("content-length"), Some("12345"));
    assert_eq!(response.body(), "");
}

#[test]
fn an_upstream_that_is_not_there_is_a_503() {
    let url = format!("http://{}", closed_port());
    let server = Server::start(changing().path, &["--upstream", &url]);
    let response = server.get("/", &[]);
    assert_eq!(response.status(), 503);
    assert_eq!(response.header("x-response"), Some("seen"));
    let words = "upstream connect error or disconnect/reset before headers";
    assert!(response.0.contains(words), "{response:?}");
    server.wait_for("upstream: no connection: 127.0.0.1:");
    server.wait_for("GET / 503, passed, ");
}

#[test]
fn an_upstream_that_breaks_off_breaks_the_response_off() {
    let upstream = Upstream::start(
        "HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\nhalf",
        Duration::ZERO,
    );
    let server = Server::start(passing().path, &["--upstream", &upstream.url()]);
    let response = server.get("/", &[]);
    assert_eq!((response.status(), response.body()), (200, "half"));
    server.wait_for("GET / 200, the upstream broke off, ");
}

#[test]
fn a_response_goes_to_the_client_as_it_comes() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::start(passing().path, &["--upstream", &url]);
    let mut client = server.connect();
    client.write("GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
    let (mut stream, _) = listener.accept().unwrap();
    read_request(&mut stream);
    stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\none").unwrap();
    // The upstream waits until the client has the first half.
    let first = client.read_until("one");
    stream.write_all(b"two").unwrap();
    assert!(first.ends_with("\r\n\r\none"), "{first}");
    assert_eq!(client.read().0, "two");
}
