//! Each expectation, once met and once not.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod filter;

use filter::{differences, played};

/// Plays orders and steps with what is expected in the place of `EXPECT`: the first time all must
/// be met, the second time exactly these differences be found.
fn holds(orders: &str, steps: &str, met: &str, not_met: &str, found: &[&str]) {
    let text = |expect: &str| {
        let steps = steps.replace("EXPECT", expect);
        format!("why = 'a test'\nclusters = ['s']\nconfiguration = '''\n{orders}'''\n{steps}")
    };
    assert_eq!(differences(&played(&text(met))), Vec::<String>::new(), "{met}");
    assert_eq!(differences(&played(&text(not_met))), found, "{not_met}");
}

/// The same for a request and its `expect`.
fn request(orders: &str, met: &str, not_met: &str, found: &[&str]) {
    let step = "[[step]]\nrequest = 'POST /'\nheaders = { a = '1', b = ['2', '3'] }\n\
                body = 'sent'\ntrailers = { t = '1' }\n\
                response = { headers = { r = '1' }, body = 'answered', trailers = { u = '1' } }\n\
                expect = EXPECT";
    holds(orders, step, met, not_met, found);
}

const REPLY: &str = "request_headers: reply 401 a \"b\"";

#[test]
fn a_reply() {
    request(
        REPLY,
        "{ reply = 401 }",
        "{ reply = 403 }",
        &["reply.status: found 401, expected 403"],
    );
    request(
        REPLY,
        "{ reply = { status = 401 } }",
        "{ upstream = {} }",
        &["the request: found reply 401, expected that it goes on to the upstream"],
    );
    request(
        "",
        "{ upstream = {} }",
        "{ reply = 401 }",
        &["the request: found upstream, 200, expected a reply with 401"],
    );
    request(
        REPLY,
        "{ reply = { headers = { x-r = '1' } } }",
        "{ reply = { headers = { x-r = '2', y = '1' } } }",
        &[
            "reply.x-r: found \"1\", expected \"2\"",
            "reply.y: found no such header, expected \"1\"",
        ],
    );
    request(
        REPLY,
        "{ reply = { has = { X-R = '1' } } }",
        "{ reply = { has = { x-r = ['1', '1'] } } }",
        &["reply.x-r: found \"1\", expected \"1\", \"1\""],
    );
    request(
        REPLY,
        "{ reply = { lacks = ['x-s'] } }",
        "{ reply = { lacks = ['x-r'] } }",
        &["reply.x-r: found \"1\", expected no such header"],
    );
    request(
        REPLY,
        "{ reply = { body = 'a \"b\"' } }",
        "{ reply = { body = '' } }",
        &[r#"reply.body: found "a \"b\"", expected """#],
    );
    request(
        REPLY,
        "{ reply = { body_has = ['a', 'b'] } }",
        "{ reply = { body_has = 'c' } }",
        &[r#"reply.body_has: found "a \"b\"", expected "c" in it"#],
    );
    request(
        REPLY,
        "{ reply = { grpc_status = -1 } }",
        "{ reply = { grpc_status = 7 } }",
        &["reply.grpc_status: found -1, expected 7"],
    );
    request(
        REPLY,
        "{ reply = { details = 'why' } }",
        "{ reply = { details = 'who' } }",
        &["reply.details: found \"why\", expected \"who\""],
    );
}

#[test]
fn the_request_as_it_goes_on() {
    const CHANGE: &str =
        "request_headers: add b 4; set a 5; remove t; set x 6\nrequest_body: body got";
    request(
        CHANGE,
        "{ upstream = { add = { b = '4' }, set = { a = '5', x = '6' }, body = 'got' } }",
        "{ upstream = {} }",
        &[
            "upstream.a: found \"5\", expected \"1\"",
            "upstream.b: found \"2\", \"3\", \"4\", expected \"2\", \"3\"",
            "upstream.x: found \"6\", expected no such header",
            "upstream.body: found \"got\", expected \"sent\"",
        ],
    );
    request(
        "request_headers: remove a; remove b",
        "{ upstream = { removed = ['a', 'b'] } }",
        "{ upstream = { removed = ['a', 'c'] } }",
        &[
            "upstream.removed.c: found that it was not, expected that the header was sent",
            "upstream.b: found no such header, expected \"2\", \"3\"",
        ],
    );
    request(
        "",
        "{ upstream = { body_has = 'en' } }",
        "{ upstream = { body_has = 'x' } }",
        &["upstream.body_has: found \"sent\", expected \"x\" in it"],
    );
    request(
        "request_trailers: add v 1",
        "{ upstream = { trailers = { t = '1', v = '1' } } }",
        "{ upstream = {} }",
        &["upstream.trailers.v: found \"1\", expected no such header"],
    );
    request(
        "request_headers: publish sub alice",
        "{ upstream = {}, published = { sub = 'alice' } }",
        "{ upstream = {} }",
        &["published.sub: found \"alice\", expected nothing"],
    );
}

#[test]
fn what_the_client_gets() {
    request(
        "response_headers: set r 2; add s 1\nresponse_body: body x\nresponse_trailers: remove u",
        "{ upstream = {}, response = { set = { r = '2' }, add = { s = '1' }, body = 'x', trailers = {} } }",
        "{ upstream = {} }",
        &[
            "response.r: found \"2\", expected \"1\"",
            "response.s: found \"1\", expected no such header",
            "response.body: found \"x\", expected \"answered\"",
            "response.trailers.u: found no such header, expected \"1\"",
        ],
    );
    request(
        "response_headers: set :status 204; remove r",
        "{ upstream = {}, response = { status = 204, removed = ['r'] } }",
        "{ upstream = {}, response = { removed = ['r'] } }",
        &["response.:status: found \"204\", expected \"200\""],
    );
    request(
        &format!("{REPLY}\nresponse_headers: add z 1"),
        "{ reply = 401, response = { status = 401, has = { z = '1' }, lacks = ['r'], body_has = 'b' } }",
        "{ reply = 401, response = { status = 400, has = { z = '2' }, lacks = ['z'], body = '' } }",
        &[
            "response.:status: found \"401\", expected \"400\"",
            "response.z: found \"1\", expected \"2\"",
            "response.z: found \"1\", expected no such header",
            r#"response.body: found "a \"b\"", expected """#,
        ],
    );
}

#[test]
fn other_ends() {
    let nothing = "found upstream, 200, expected";
    for (orders, met, expected) in [
        ("request_headers: pause", "{ paused = true }", "that the filter holds it"),
        ("request_headers: close", "{ reset = true }", "that the stream is closed"),
        ("request_headers: trap too bad", "{ trapped = 'bad' }", "a trap with \"bad\""),
    ] {
        let text = format!("the request: {nothing} {expected}");
        request("", "{ upstream = {} }", met, &[&text]);
        let report = played(&format!(
            "why = 'a'\nconfiguration = '{orders}'\n[[step]]\nrequest = 'GET /'\nexpect = {met}"
        ));
        assert_eq!(differences(&report), Vec::<String>::new(), "{met}");
    }
    request(
        "request_headers: trap too bad",
        "{ trapped = 'too bad' }",
        "{ trapped = 'worse' }",
        &["trapped: found too bad, expected \"worse\" in the message"],
    );
}

#[test]
fn logs() {
    const TWO: &str = "request_headers: log one; warn two";
    request(
        TWO,
        "{ upstream = {}, logs = ['one', 'warn: two'] }",
        "{ upstream = {}, logs = ['two', 'one'] }",
        &["logs[1]: found \"info: one\", \"warn: two\", \
           expected a line with \"one\" after the line with \"two\""],
    );
    request(
        "",
        "{ upstream = {}, logs = [] }",
        "{ upstream = {}, logs = ['x'] }",
        &["logs[0]: found no line at all, expected a line with \"x\""],
    );
    request(
        TWO,
        "{ upstream = {}, not_logged = ['three'] }",
        "{ upstream = {}, not_logged = ['wo'], logs = [] }",
        &[
            "logs: found \"info: one\", \"warn: two\", expected no line",
            "not_logged: found \"warn: two\", expected no line with \"wo\"",
        ],
    );
}

#[test]
fn calls_and_the_record() {
    request(
        "request_headers: log a; log b",
        "{ upstream = {}, calls = { proxy_log = 2, proxy_done = 0 } }",
        "{ upstream = {}, calls = { proxy_log = 1 } }",
        &["calls.proxy_log: found 2, expected 1"],
    );
    let report = played(
        "why = 'a'\nconfiguration = 'request_headers: log a'\n[[step]]\nrequest = 'GET /'\n\
         expect = { upstream = {}, record = ['request_headers', 'proxy_log(2, \"a\") -> OK', '= 0'] }",
    );
    assert_eq!(differences(&report), Vec::<String>::new());
    let report = played(
        "why = 'a'\n[[step]]\nrequest = 'GET /'\nexpect = { upstream = {}, record = ['proxy_log'] }",
    );
    let found = differences(&report).concat();
    assert!(found.starts_with("record[0]: found \"proxy_on_context_create("), "{found}");
}

#[test]
fn open_streams_and_connections() {
    holds(
        "request_headers: pause",
        "[[step]]\nopen = 'a'\nline = 'GET /'\nend = true\nexpect = { state = 'EXPECT' }\n\
         [[step]]\nabandon = 'a'",
        "paused",
        "continued",
        &["state: found paused, expected continued"],
    );
    let connection = "[[step]]\nconnect = 'c'\n\
        [[step]]\ndata = 'c'\nside = 'downstream'\nbytes = 'in'\n\
        [[step]]\ndata = 'c'\nside = 'upstream'\nbytes = 'out'\n\
        [[step]]\ndisconnect = 'c'\nexpect = EXPECT";
    holds(
        "downstream_data: body IN",
        connection,
        "{ to_upstream = 'IN', to_downstream = 'out', held = '', closed_by_filter = false }",
        "{ to_upstream = 'in', to_downstream = '', held = 'in', closed_by_filter = true }",
        &[
            "to_upstream: found \"IN\", expected \"in\"",
            "to_downstream: found \"out\", expected \"\"",
            "held: found \"\", expected \"in\"",
            "closed_by_filter: found false, expected true",
        ],
    );
    holds(
        "new_connection: publish a b",
        connection,
        "{ to_upstream = 'in', published = { a = 'b' } }",
        "{ to_upstream = 'in', published = {} }",
        &["published.a: found \"b\", expected nothing"],
    );
}

#[test]
fn configurations() {
    holds(
        "configure: warn no; refuse",
        "[start]\naccepted = EXPECT",
        "false",
        "true",
        &["the configuration: found refused; it logged \"warn: no\", expected accepted"],
    );
    holds(
        "",
        "[[step]]\nconfigure = 'configure: refuse'\nexpect = { accepted = EXPECT }",
        "false",
        "true",
        &["the configuration: found refused, expected accepted"],
    );
    holds(
        "configure: log hi",
        "[start]\nlogs = ['EXPECT']",
        "info: hi",
        "lo",
        &["logs[0]: found \"info: hi\", expected a line with \"lo\""],
    );
    let report =
        played("why = 'a'\nconfiguration = 'configure: trap no'\n[start]\naccepted = true");
    let found = differences(&report);
    assert_eq!(found, ["the configuration: found refused, a trap: no, expected accepted"]);
}

#[test]
fn checks() {
    let check = "[[step]]\nrequest = 'GET /'\nexpect = 'anything'\n[[step]]\ncheck = { EXPECT }";
    holds(
        "request_headers: count n 3; sample h 1; sample h 2",
        check,
        "metrics = { n = 3, h = [1, 2] }, no_metrics = ['m']",
        "metrics = { n = 4, h = 1, m = 0 }, no_metrics = ['n']",
        &[
            "metrics.h: found [1, 2], expected 1",
            "metrics.m: found no such metric, expected 0",
            "metrics.n: found 3, expected 4",
            "metrics.n: found 3, expected no such metric",
        ],
    );
    holds(
        "request_headers: share k v",
        check,
        "shared_data = { k = 'v' }, no_shared_data = ['l']",
        "shared_data = { k = 'w', l = '' }, no_shared_data = ['k']",
        &[
            "shared_data.k: found \"v\", expected \"w\"",
            "shared_data.l: found no such key, expected \"\"",
            "shared_data.k: found \"v\", expected no such key",
        ],
    );
    holds(
        "request_headers: log a",
        check,
        "calls = { proxy_log = 1 }, record = ['proxy_on_configure', 'proxy_log']",
        "calls = { proxy_log = 2 }",
        &["calls.proxy_log: found 1, expected 2"],
    );
    holds(
        "request_headers: call s body; pause",
        check,
        "waiting = [{ cluster = 's', has = { ':path' = '/p' }, lacks = ['x'], body = 'body', timeout = 1000 }]",
        "waiting = [{ cluster = 's', has = { ':path' = '/q' }, lacks = [':method'], body = '', timeout = 1 }]",
        &[
            "waiting[0].:path: found \"/p\", expected \"/q\"",
            "waiting[0].:method: found \"POST\", expected no such header",
            "waiting[0].body: found \"body\", expected \"\"",
            "waiting[0].timeout: found 1000, expected 1",
        ],
    );
    holds(
        "request_headers: call s body; pause",
        check,
        "waiting = ['s']",
        "waiting = []",
        &["waiting: found s, expected no call"],
    );
}

#[test]
fn secrets_stay_secret() {
    for (orders, found) in [
        ("log it is s3cret", "the log line \"info: it is s3cret\""),
        (
            "reply 400 s3cret",
            "proxy_send_local_response(400, \"why\", \"s3cret\", {x-r: 1}, -1) -> OK",
        ),
        ("count s3cret 1", "proxy_define_metric(0, \"s3cret\") -> OK"),
        (
            "call s s3cret",
            "proxy_http_call(\"s\", {:method: POST; :path: /p; :authority: s}, \"s3cret\", {}, 1000) -> OK",
        ),
    ] {
        let found =
            format!("secrets[0]: found {found}, expected that the filter keeps it to itself");
        let step = "[[step]]\nrequest = 'GET /'\nexpect = 'anything'";
        let orders = format!("request_headers: {orders}");
        let head = |secret: &str| format!("why = 'a'\nclusters = ['s']\nsecrets = ['{secret}']\n");
        let text = |secret| format!("{}configuration = '{orders}'\n{step}\n", head(secret));
        assert_eq!(differences(&played(&text("other"))), Vec::<String>::new());
        assert_eq!(differences(&played(&text("s3cret"))), [found]);
    }
}
