//! Requests that no well-behaved client sends. The SDK's own getters would panic on several of
//! them, and a panic ends the filter of that worker.

use envoy_e2e::config::{Listener, Policy};
use envoy_e2e::http1;
use envoy_e2e::tokens::{policy, token};
use serde_json::json;

use crate::{Gate, reason};

type Header = (Vec<u8>, Vec<u8>);

fn header(name: &str, value: impl AsRef<[u8]>) -> Header {
    (name.as_bytes().to_vec(), value.as_ref().to_vec())
}

fn gate(test: &str) -> Gate {
    let document = policy(json!({
        "token": { "from": [{ "header": "authorization" }, { "cookie": "app.at" }, { "query": "t" }] },
        "forward": { "claims": [{ "claim": ["sub"], "header": "x-user" }] },
    }));
    let document = Policy::Struct(document.expect("a policy"));
    // Far beyond Envoy's own limit of 100, and the ABI's of 1,024 pairs.
    let many = json!({ "max_headers_count": 5000 });
    let listener = Listener::new("gate", document)
        .manager("common_http_protocol_options", many)
        .manager("max_request_headers_kb", json!(8000));
    Gate::start(test, &[listener])
}

#[test]
fn bytes_that_are_no_utf8_deny_and_the_worker_lives_on() {
    let gate = gate("bytes");
    let port = gate.envoy.port("gate");
    let good = format!("Bearer {}", token(json!({})).expect("a token"));
    let with_odd = |at: usize| {
        let mut value = good.clone().into_bytes();
        value.insert(at, 0xff);
        value
    };
    let odd: Vec<Vec<Header>> = vec![
        vec![header("authorization", b"\xff\xfe")],
        vec![header("authorization", b"Bearer \xff\xfe")],
        vec![header("authorization", with_odd(3))],
        vec![header("authorization", with_odd(7))],
        vec![header("authorization", with_odd(good.len()))],
        vec![header("cookie", b"app.at=\xff\xfe")],
        vec![header("cookie", b"\xff=\xfe; app.at")],
        vec![header(":path", b"/\xff\xfe")],
        vec![header(":path", b"/?t=\xff")],
        vec![header(":authority", b"\xff\xfe")],
        vec![header(":method", b"G\xff")],
        vec![header("content-type", b"application/grpc\xff")],
        vec![header("authorization", b"Bearer \x80"), header("authorization", b"\x80")],
        vec![header("authorization", [b'.'; 60_000])],
        vec![header("authorization", [b"Bearer ".as_slice(), &[b'e'; 1_000_000]].concat())],
    ];
    for headers in odd {
        let shown: Vec<_> = (headers.iter())
            .map(|(name, value)| {
                let value = &value[..value.len().min(40)];
                format!("{}: {}", name.escape_ascii(), value.escape_ascii())
            })
            .collect();
        let reply = http1::send(port, &headers).expect("an answer");
        assert!((400..500).contains(&reply.status), "{shown:?}: {} {}", reply.status, reply.text());
        assert!(reply.received().is_none(), "{shown:?} went on");
    }
    assert_eq!(gate.upstream.served(), 0, "none of them may reach the upstream");

    // One worker serves them all: had it lost its filter, each of these would get 503.
    for _ in 0..50 {
        let reply = http1::send(port, &[("authorization", &good)]).expect("an answer");
        assert_eq!(reply.received().expect("it went on").values("x-user"), ["alice"]);
        assert_eq!(http1::get(port, "/").expect("an answer").status, 401);
    }
    assert_eq!(gate.upstream.served(), 50);
    let reloads = gate.envoy.stats("vm_reload").expect("counters");
    assert!(!reloads.is_empty(), "no counter of reloads: the test looks in the wrong place");
    assert!(reloads.values().all(|count| *count == 0), "the filter crashed: {reloads:?}");
}

/// A header that is nobody's business may hold any byte, and goes on as it came.
#[test]
fn odd_bytes_elsewhere_go_on_untouched() {
    let gate = gate("bytes-elsewhere");
    let good = format!("Bearer {}", token(json!({})).expect("a token"));
    let odd = b"caf\xe9 \xff\xfe \t \x80";
    let headers = [header("authorization", &good), header("x-odd", odd)];
    let reply = http1::send(gate.envoy.port("gate"), &headers).expect("an answer");
    let received = reply.received().expect("it went on");
    let arrived = received.header_bytes().into_iter().find(|(name, _)| name == "x-odd");
    assert_eq!(arrived.expect("the header").1, odd);
}

/// The ABI hands at most 1,024 pairs from the filter to the host; what the filter reads must not
/// end there either, or an identity could hide behind a thousand other headers.
#[test]
fn nothing_hides_behind_many_headers() {
    let gate = gate("bytes-many");
    let port = gate.envoy.port("gate");
    let good = header("authorization", format!("Bearer {}", token(json!({})).expect("a token")));
    let crowd = || (0..3000).map(|i| header(&format!("x-{i}"), "1")).collect::<Vec<_>>();

    let mut late_token = crowd();
    late_token.push(good.clone());
    let reply = http1::send(port, &late_token).expect("an answer");
    let received = reply.received().unwrap_or_else(|| panic!("it should go on: {reply:?}"));
    assert_eq!(received.values("x-user"), ["alice"]);
    assert_eq!(received.values("authorization"), [""; 0]);
    assert_eq!(received.values("x-2999"), ["1"]);

    let mut late_spoof = vec![good.clone()];
    late_spoof.extend(crowd());
    late_spoof.push(header("x-user", "root"));
    let reply = http1::send(port, &late_spoof).expect("an answer");
    assert_eq!((reply.status, reason(&reply)), (400, "jwt_gate.header_spoofed".to_owned()));

    let mut late_second = vec![good.clone()];
    late_second.extend(crowd());
    late_second.push(header("cookie", "app.at=a.b.c"));
    let reply = http1::send(port, &late_second).expect("an answer");
    assert_eq!((reply.status, reason(&reply)), (400, "jwt_gate.token_ambiguous".to_owned()));
}

/// The body of a denied request stays here, and that of an allowed one arrives.
#[test]
fn the_body_goes_where_the_headers_went() {
    let gate = gate("bytes-body");
    let port = gate.envoy.port("gate");
    let good = format!("Bearer {}", token(json!({})).expect("a token"));
    let body = "hamster".repeat(20_000);
    let length = body.len().to_string();

    let post = [(":method", "POST"), ("content-length", &length)];
    let reply = http1::send_with_body(port, &post, body.as_bytes()).expect("an answer");
    assert_eq!((reply.status, gate.upstream.served()), (401, 0));

    let post = [(":method", "POST"), ("content-length", &length), ("authorization", &good)];
    let reply = http1::send_with_body(port, &post, body.as_bytes()).expect("an answer");
    let received = reply.received().expect("it went on");
    assert_eq!((received.body_bytes, gate.upstream.served()), (body.len(), 1));
}

/// Headers that a client names in `connection` are for this hop alone, and proxies take them off
/// before the next: so a client could have an identity header taken off that the gate has set.
#[test]
fn no_header_of_ours_goes_by_the_clients_connection_header() {
    let gate = gate("bytes-connection");
    let port = gate.envoy.port("gate");
    let good = format!("Bearer {}", token(json!({})).expect("a token"));
    for named in ["x-user", "close, x-user", "te, x-user", "keep-alive, X-User, te"] {
        let headers = [("authorization", good.as_str()), ("connection", named), ("te", "trailers")];
        let reply = http1::send(port, &headers).expect("an answer");
        let received = reply.received().unwrap_or_else(|| panic!("{named}: {reply:?}"));
        assert_eq!(received.values("x-user"), ["alice"], "{named}");
        assert_eq!(received.values("authorization"), [""; 0], "{named}");

        // Nor is the token there for some and not for others: without it, nobody is let in.
        let spoof = [("x-user", "root"), ("connection", named), ("te", "trailers")];
        let reply = http1::send(port, &spoof).expect("an answer");
        assert!((400..500).contains(&reply.status), "{named}: {reply:?}");
    }
}
