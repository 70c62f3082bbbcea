//! gRPC callers get a gRPC status: over HTTP 200, with the status in the headers.

use envoy_e2e::config::{Listener, Policy};
use envoy_e2e::tokens::{policy, token};
use envoy_e2e::{http1, http2};
use serde_json::json;

use crate::{Gate, reason};

#[test]
fn a_denial_is_a_grpc_status() {
    let document = policy(json!({ "rules": [
        { "name": "all", "match": { "prefix": "/" }, "require": { "scopes": { "all": ["call"] } } },
    ] }));
    let document = Policy::Struct(document.expect("a policy"));
    let gate = Gate::start("grpc", &[Listener::new("gate", document)]);
    let port = gate.envoy.port("gate");

    let no_scope = format!("Bearer {}", token(json!({})).expect("a token"));
    let good = format!("Bearer {}", token(json!({ "scope": "call" })).expect("a token"));
    let twice = format!("{good},{good}");
    let cases = [
        (None, "16", "jwt_gate.token_missing"),
        (Some("Bearer a.b.c"), "16", "jwt_gate.token_malformed"),
        (Some(no_scope.as_str()), "7", "jwt_gate.scope_insufficient"),
        (Some(twice.as_str()), "3", "jwt_gate.token_ambiguous"),
    ];
    for content_type in ["application/grpc", "application/grpc+proto"] {
        for (authorization, status, details) in cases {
            let mut headers = vec![
                (":method", "POST"),
                (":path", "/hamsters.Adoption/List"),
                ("content-type", content_type),
                ("te", "trailers"),
            ];
            headers.extend(authorization.map(|value| ("authorization", value)));
            let reply = http2::send(port, &headers).expect("an answer");
            assert_eq!(reply.status, 200, "{details}: {reply:?}");
            assert_eq!(reply.header("grpc-status").as_deref(), Some(status), "{reply:?}");
            assert_eq!(reply.header("content-type").as_deref(), Some("application/grpc"));
            assert_eq!(reason(&reply), details);
            assert!(reply.header("www-authenticate").is_some(), "{reply:?}");
            assert!(reply.received().is_none(), "it went on: {reply:?}");
        }
    }
    assert_eq!(gate.upstream.served(), 0);

    let headers = [
        (":method", "POST"),
        (":path", "/hamsters.Adoption/List"),
        ("content-type", "application/grpc"),
        ("authorization", &good),
    ];
    assert!(http2::send(port, &headers).expect("an answer").received().is_some());
}

/// Envoy answers a gRPC reply to a caller that is none with HTTP 200: such a caller would take a
/// denial for success.
#[test]
fn what_only_looks_like_grpc_gets_an_http_status() {
    let document = Policy::Struct(policy(json!({})).expect("a policy"));
    let gate = Gate::start("grpc-alike", &[Listener::new("gate", document)]);
    let port = gate.envoy.port("gate");
    for content_type in [
        "application/grpc-web",
        "application/grpc-web+proto",
        "application/grpcx",
        "Application/GRPC",
        "text/plain, application/grpc",
        "application/grpc; charset=utf-8",
        " application/grpc",
    ] {
        let headers = [(":method", "POST"), (":path", "/"), ("content-type", content_type)];
        let both = [http1::send(port, &headers), http2::send(port, &headers)];
        for reply in both.map(|reply| reply.expect("an answer")) {
            let grpc = reply.header("grpc-status");
            assert!(
                reply.status == 401 || grpc.as_deref() == Some("16"),
                "{content_type:?} looks like success: {reply:?}"
            );
            assert!(reply.received().is_none(), "{content_type:?} went on: {reply:?}");
        }
    }
}
