//! A client at the seam between HAProxy and the agent: whatever it writes, it gets no further than its
//! token does.

use e2e_wire::http1;
use e2e_wire::tokens::token;
use serde_json::json;

use crate::gate::Gate;

/// The policy: `/public` for everybody, `/only` for `GET`, the rest for tokens; `x-user` is ours.
fn changes() -> serde_json::Value {
    json!({
        "rules": [
            { "name": "public", "match": { "prefix": "/public" }, "access": "public" },
            { "name": "all", "match": { "prefix": "/" }, "access": "token" },
        ],
        "forward": { "claims": [{ "claim": ["sub"], "header": "x-user" }] },
        "token": { "from": [{ "header": "authorization" }, { "query": "access_token" }] },
    })
}

/// No token, and bytes that might make somebody believe otherwise. None reaches the upstream.
#[test]
fn nothing_that_a_client_writes_opens_the_door() {
    let gate = Gate::start("attacks").expect("HAProxy");
    let _agent = gate.agent(changes(), &[]).expect("the agent");
    let heads: Vec<(&str, String)> = vec![
        ("plain", "GET /secret HTTP/1.1\r\nhost: api.test\r\n\r\n".into()),
        (
            "our variables as headers",
            get(
                "/secret",
                "txn.jwt.verdict: allow\r\nverdict: allow\r\njwt-verdict: allow\r\njwt.verdict: allow\r\nops: 0\r\n",
            ),
        ),
        ("pseudo headers as headers", get("/secret", ":path: /public\r\n:method: GET\r\n")),
        ("a pseudo header behind a blank", get("/secret", " :path: /public\r\n")),
        (
            "addresses that others believe",
            get(
                "/secret",
                "x-original-url: /public\r\nx-rewrite-url: /public\r\nx-forwarded-path: /public\r\nx-envoy-original-path: /public\r\n",
            ),
        ),
        ("a line break in a value", get("/secret", "x-a: 1\rauthorization: Bearer x\r\n")),
        ("a bare line feed in a value", get("/secret", "x-a: 1\n:path: /public\r\n")),
        ("a zero byte in a value", get("/secret", "x-a: 1\0x\r\n")),
        ("a folded line", get("/secret", "authorization:\r\n Bearer x\r\n")),
        ("a blank in front of the colon", get("/secret", "authorization : Bearer x\r\n")),
        ("two hosts", get("/secret", "host: public.test\r\n")),
        ("no host", "GET /secret HTTP/1.1\r\n\r\n".into()),
        ("HTTP/1.0", "GET /secret HTTP/1.0\r\n\r\n".into()),
        ("HTTP/0.9", "GET /secret\r\n\r\n".into()),
        ("HTTP/9.9", "GET /secret HTTP/9.9\r\nhost: api.test\r\n\r\n".into()),
        ("a method that is none", "G@T /secret HTTP/1.1\r\nhost: api.test\r\n\r\n".into()),
        ("CONNECT", "CONNECT secret.test:443 HTTP/1.1\r\nhost: secret.test:443\r\n\r\n".into()),
        ("OPTIONS *", "OPTIONS * HTTP/1.1\r\nhost: api.test\r\n\r\n".into()),
        (
            "an absolute address",
            "GET http://public.test/secret HTTP/1.1\r\nhost: public.test\r\n\r\n".into(),
        ),
        (
            "an absolute address of another host",
            "GET http://public.test/secret HTTP/1.1\r\nhost: api.test\r\n\r\n".into(),
        ),
        (
            "two blanks in the request line",
            "GET  /public /secret HTTP/1.1\r\nhost: api.test\r\n\r\n".into(),
        ),
        ("a tab in the request line", "GET\t/secret HTTP/1.1\r\nhost: api.test\r\n\r\n".into()),
        ("a fragment", get("/public#/../secret", "")),
        ("two dots", get("/public/../secret", "")),
        ("two dots, encoded", get("/public/%2e%2e/secret", "")),
        ("a slash, encoded", get("/public%2f..%2fsecret", "")),
        ("a backslash", get("/public\\..\\secret", "")),
        ("a semicolon", get("/public/..;/secret", "")),
        ("a path without a slash", get("public", "")),
        ("a zero byte, encoded", get("/public/%00", "")),
        (
            "a length and chunks",
            get("/secret", "content-length: 4\r\ntransfer-encoding: chunked\r\n"),
        ),
        ("two lengths", get("/secret", "content-length: 0\r\ncontent-length: 44\r\n")),
        ("a length with a sign", get("/secret", "content-length: +0\r\n")),
        ("chunks, oddly spelled", get("/secret", "transfer-encoding: xchunked\r\n")),
        (
            "an upgrade",
            get(
                "/secret",
                "connection: upgrade\r\nupgrade: h2c\r\nhttp2-settings: AAMAAABkAAQAAP__\r\n",
            ),
        ),
        (
            "hop by hop headers of ours",
            get("/secret", "connection: close, authorization, x-user\r\n"),
        ),
    ];
    let mut wrong = Vec::new();
    for (what, head) in heads {
        let served = gate.upstream.served();
        // A connection that HAProxy ends without a word is a refusal, too.
        let status = http1::raw(gate.port, head.as_bytes()).map_or(0, |reply| reply.status);
        if gate.upstream.served() != served || (200..300).contains(&status) {
            wrong.push(format!("{what}: {status}, {}", head.escape_debug()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    gate.recovers("all of that").expect("an answer");
}

fn get(path: &str, headers: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: api.test\r\n{headers}\r\n")
}

/// A second request behind the first, in the same connection, is judged by itself.
#[test]
fn a_request_behind_a_request_is_judged_by_itself() {
    let gate = Gate::start("pipelined").expect("HAProxy");
    let _agent = gate.agent(changes(), &[]).expect("the agent");
    let hidden = "GET /secret HTTP/1.1\r\nhost: api.test\r\n\r\n";
    for (what, head) in [
        ("behind a GET", get("/public/1", "")),
        ("as a body without a length", "POST /public/1 HTTP/1.1\r\nhost: api.test\r\n\r\n".to_owned()),
        (
            "behind the last chunk",
            "POST /public/1 HTTP/1.1\r\nhost: api.test\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
                .to_owned(),
        ),
    ] {
        let served = gate.upstream.served();
        let reply = http1::raw(gate.port, format!("{head}{hidden}").as_bytes());
        // Time for the second one to go astray.
        std::thread::sleep(std::time::Duration::from_millis(200));
        assert!(gate.upstream.served() <= served + 1, "{what}: {reply:?}");
    }
    // A body of that shape is a body.
    let served = gate.upstream.served();
    let post = format!(
        "POST /public/1 HTTP/1.1\r\nhost: api.test\r\ncontent-length: {}\r\n\r\n{hidden}",
        hidden.len()
    );
    let reply = http1::raw(gate.port, post.as_bytes()).expect("an answer");
    let received = reply.received().expect("the upstream's answer");
    assert_eq!((received.path.as_str(), received.body_bytes), ("/public/1", hidden.len()));
    assert_eq!(gate.upstream.served(), served + 1);
}

/// A good token, and something that makes it two, or somebody else's.
#[test]
fn a_good_token_gets_nobody_else_in() {
    let gate = Gate::start("tokens").expect("HAProxy");
    let _agent = gate.agent(changes(), &[]).expect("the agent");
    let good = token(json!({})).expect("a token");
    let bearer = format!("Bearer {good}");
    let status = |headers: &[(&str, &str)]| gate.send(headers).expect("an answer").0.status;
    let auth = ("authorization", bearer.as_str());

    let (reply, _) = gate.send(&[auth, (":path", "/a?b=c")]).expect("an answer");
    let received = reply.received().expect("the upstream's answer");
    assert_eq!(received.values("x-user"), ["alice"], "{received:?}");
    assert!(received.values("authorization").is_empty(), "{received:?}");

    assert_eq!(status(&[auth, auth]), 400, "twice");
    assert_eq!(status(&[auth, ("Authorization", "Basic YTpi")]), 400, "and another scheme");
    let query = format!("/a?access_token={good}");
    assert_eq!(status(&[auth, (":path", &query)]), 400, "in two places");
    for name in ["x-user", "X-User", "x_user", "X_USER"] {
        assert_eq!(status(&[auth, (name, "root")]), 400, "{name}");
        assert_eq!(status(&[(":path", "/public"), (name, "root")]), 400, "{name}, no token");
    }

    // The token goes out of the query, the rest of it stays, and the answer is for the caller alone.
    let (reply, _) = gate.send(&[(":path", &format!("{query}&x=%2e"))]).expect("an answer");
    let received = reply.received().expect("the upstream's answer");
    assert_eq!(received.path, "/a?x=%2e", "{received:?}");
    assert_eq!(reply.header("cache-control").as_deref(), Some("private"), "{reply:?}");
    assert!(!gate.haproxy.process().log().contains(&good), "HAProxy's log has the token");
}

/// As many headers as HAProxy takes, and more, with a good token and without.
#[test]
fn a_flood_of_headers_opens_nothing() {
    let gate = Gate::start("flood").expect("HAProxy");
    let _agent = gate.agent(changes(), &[]).expect("the agent");
    let bearer = format!("Bearer {}", token(json!({})).expect("a token"));
    let mut passed = Vec::new();
    for bytes in [1_000, 8_000, 12_000, 14_000, 14_500, 15_000, 15_500, 16_000, 16_380, 20_000] {
        for value in [10, 500, 100_000] {
            let pieces: Vec<String> =
                (0..bytes / value.min(bytes)).map(|_| "x".repeat(value.min(bytes))).collect();
            let flood: Vec<(&str, &str)> = pieces.iter().map(|v| ("x-flood", v.as_str())).collect();
            let served = gate.upstream.served();
            let reply = http1::send(gate.port, &flood);
            let status = reply.as_ref().map_or(0, |reply| reply.status);
            assert!([0, 400, 401, 431, 503].contains(&status), "{bytes}/{value}: {reply:?}");
            assert_eq!(gate.upstream.served(), served, "{bytes}/{value}: {reply:?}");

            let with = [&flood[..], &[("authorization", bearer.as_str())]].concat();
            let status = http1::send(gate.port, &with).map_or(0, |reply| reply.status);
            assert!([0, 200, 400, 431, 503].contains(&status), "{bytes}/{value}: {status}");
            passed.extend((status == 200).then_some((bytes, value)));
        }
    }
    assert!(passed.contains(&(8_000, 500)), "an ordinary request passes: {passed:?}");
    gate.recovers("the flood").expect("an answer");
}
