//! What is said about files that are wrong.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect"
)]

use std::{fs, path::Path};

use proxy_scenario::Scenario;

/// The problems of a text, one a line, without the name of the file.
fn problems(text: &str) -> String {
    let error = Scenario::parse(Path::new("x.toml"), text).expect_err(text).to_string();
    let lines = error.lines().map(|line| line.strip_prefix("x.toml:").unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// The problems of a step, given that the rest of its file is right.
fn step(fields: &str) -> String {
    problems(&format!("why = 'a'\n[[step]]\n{fields}"))
}

const OK: &str = "why = 'a'\n[start]\naccepted = true\n";

/// The problems of what stands at the top of a file, given that the rest is right.
fn top(fields: &str) -> String {
    problems(&format!("{fields}\n{OK}"))
}

/// The problems of tables, given that the rest of their file is right.
fn after_start(tables: &str) -> String {
    problems(&format!("why = 'a'\nstart = {{ accepted = true }}\n{tables}"))
}

#[test]
fn all_problems_of_a_file_are_told_in_order_with_their_places() {
    let text = "\
configration = 'x'
profiles = ['envoy-1.4', 'ngx_wasm']

[[step]]
request = 'GET /'
expect = { reply = { stats = 401 } }

[[step]]
advance = '5'
";
    let expected = "\
1:1: why: found nothing, expected a sentence that says why this scenario exists
1:1: configration: unknown field; did you mean `configuration`?
2:13: profiles[0]: found \"envoy-1.4\"; did you mean `envoy-1.40`?
6:22: step[0].expect.reply.stats: unknown field; did you mean `status`?
9:11: step[1].advance: found \"5\", expected a duration such as \"1.5s\", \"50ms\", \"2m\" or \"1h\"";
    assert_eq!(problems(text), expected);
}

#[test]
fn the_file_itself() {
    let missing = Scenario::load(Path::new("no/such.toml")).unwrap_err().to_string();
    assert!(missing.starts_with("no/such.toml: cannot be read: "), "{missing}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.toml");
    fs::write(&file, b"why = '\xFF'").unwrap();
    let not_text = Scenario::load(&file).unwrap_err().to_string();
    assert!(
        not_text.ends_with("a.toml: cannot be read: stream did not contain valid UTF-8"),
        "{not_text}"
    );
    let both = problems("why = a\nnow = = 5");
    let expected = "1:7: string values must be quoted, expected literal string\n\
                    2:7: extra `=`, expected nothing";
    assert!(both.starts_with(expected), "{both}");
    assert_eq!(problems("why = 'a'\nwhy = 'b'"), "2:1: duplicate key");
}

#[test]
fn what_stands_at_the_top() {
    for (fields, expected) in [
        ("why = ' '\n[start]", "1:7: why: found \" \", expected a sentence"),
        ("why = 5\n[start]", "1:7: why: found 5, expected text"),
        (
            "why = 'a'",
            "1:1: found no expectation, expected at least one: an `expect` or a `check` in a \
             [[step]], [start], or `secrets`",
        ),
        (
            "why = 'a'\n[[step]]\nrequest = 'GET /'\nexpect = 'anything'",
            "1:1: found no expectation, expected at least one: an `expect` or a `check` in a \
             [[step]], [start], or `secrets`",
        ),
    ] {
        assert_eq!(problems(fields), expected, "{fields}");
    }
    for (fields, expected) in [
        (
            "now = 'noon'",
            "1:7: now: found \"noon\", expected seconds since the Unix epoch, such as 1_700_000_000",
        ),
        (
            "now = -1",
            "1:7: now: found -1, expected seconds since the Unix epoch, such as 1_700_000_000",
        ),
        ("profiles = []", "1:12: profiles: found an empty list, expected at least one profile"),
        (
            "profiles = ['nginx']",
            "1:13: profiles[0]: found \"nginx\", expected one of `envoy-1.40`, `ngx_wasm`, `spec-strict`, `hostile`",
        ),
        (
            "log_level = 'warning'",
            "1:13: log_level: found \"warning\", expected one of `trace`, `debug`, `info`, `warn`, `error`, \
             `critical`",
        ),
        ("seed = -1", "1:8: seed: found -1, expected a number, 0 or more"),
        ("secrets = 'x'", "1:11: secrets: found \"x\", expected a list of texts"),
        (
            "configuration = 5",
            "1:17: configuration: found 5, expected text, or a table that becomes JSON",
        ),
        (
            "configuration = { a = 2020-01-01 }",
            "1:23: configuration.a: found the time 2020-01-01, expected something that JSON has",
        ),
        (
            "configuration = ''\nconfiguration_file = 'x'",
            "2:22: configuration_file: found `configuration` beside it, expected one of them",
        ),
        (
            "fleet = { workers = 65 }",
            "1:21: fleet.workers: found 65, expected a number of workers from 1 to 64",
        ),
        (
            "fleet = { workers = 'two' }",
            "1:21: fleet.workers: found \"two\", expected a number of workers from 1 to 64",
        ),
        ("fleet = { main = 1 }", "1:18: fleet.main: found 1, expected true or false"),
        (
            "fleet = { on_trap = 'fail_close' }",
            "1:21: fleet.on_trap: found \"fail_close\"; did you mean `fail_closed`?",
        ),
        (
            "fleet = { on_trap = { reload = 1 } }",
            "1:32: fleet.on_trap.reload: found 1, expected a duration such as \"1.5s\", \"50ms\", \"2m\" or \"1h\"",
        ),
        (
            "limits = { memory = '2MB' }",
            "1:21: limits.memory: found \"2MB\", expected a size such as \"64KiB\", \"2MiB\", \"1GiB\" or \"500B\"",
        ),
        (
            "limits = { fuel = 'much' }",
            "1:19: limits.fuel: found \"much\", expected units of fuel, such as 1_000_000",
        ),
        (
            "properties = { 'a.b' = [1] }",
            "1:24: properties.\"a.b\": found a list, expected text, a number, true or false",
        ),
        (
            "every = { authorty = 'x' }",
            "1:11: every.authorty: unknown field; did you mean `authority`?",
        ),
        ("zzz = 1", "1:1: zzz: unknown field; a scenario has LIST"),
    ] {
        let found = top(fields);
        let found = match found.split_once("a scenario has `") {
            Some((before, _)) => format!("{before}a scenario has LIST"),
            None => found,
        };
        assert_eq!(found, expected, "{fields}");
    }
    let missing = top("configuration_file = 'no/such.json'");
    assert!(
        missing.starts_with("1:22: configuration_file: cannot read no/such.json: "),
        "{missing}"
    );
}

#[test]
fn services_functions_and_faults() {
    for (fields, expected) in [
        (
            "[[service]]\nanswers = [{}]",
            "3:1: service[0].cluster: found nothing, expected the name of a cluster",
        ),
        (
            "[[service]]\ncluster = 'c'",
            "3:1: service[0].answers: found nothing, expected what it answers, such as [{ status = 200 }]",
        ),
        (
            "[[service]]\ncluster = 'c'\nanswers = [{ reset = true, status = 200 }]",
            "5:12: service[0].answers[0]: found several of a response, `reset` and `failure`, expected one",
        ),
        (
            "[[service]]\ncluster = 'c'\nanswers = [{ failure = 'conect' }]",
            "5:24: service[0].answers[0].failure: found \"conect\"; did you mean `connect`?",
        ),
        (
            "[[service]]\ncluster = 'c'\nanswers = [{ status = 'ok' }]",
            "5:23: service[0].answers[0].status: found \"ok\", expected an HTTP status such as 200",
        ),
        (
            "service = [{ cluster = 'c', answers = {} }, { cluster = 'c', answers = {} }]",
            "3:45: service[1]: found a second one of this name, expected one",
        ),
        (
            "[[grpc_service]]\nmethod = 'm'\nanswers = [{ events = [{}] }]",
            "4:10: grpc_service[0].method: found \"m\", expected a method such as \
             \"package.Service/Method\"\n5:24: grpc_service[0].answers[0].events[0]: expected \
             exactly one of `initial`, `message`, `trailing`, `status`",
        ),
        (
            "[[foreign]]\nname = 'f'",
            "3:1: foreign[0]: found none of `answer` and `status`, expected one",
        ),
        (
            "[[foreign]]\nname = 'f'\nanswer = ''\nstatus = 1",
            "3:1: foreign[0]: found both of `answer` and `status`, expected one",
        ),
        (
            "[[fault]]\nstatus = 'NOT_FUND'",
            "4:10: fault[0].status: found \"NOT_FUND\"; did you mean `NOT_FOUND`?",
        ),
        (
            "[[fault]]\nfunction = 'proxy_lgo'\nstatus = 1",
            "4:12: fault[0].function: found \"proxy_lgo\"; did you mean `proxy_log`?",
        ),
        (
            "[[fault]]\ncall = 1",
            "3:1: fault[0]: expected exactly one of `status`, `trap` and `allocator`",
        ),
        (
            "[[fault]]\nstatus = 1\ncall = 1\nfrom = 2",
            "3:1: fault[0]: found both of `call` and `from`, expected one",
        ),
        (
            "[[fault]]\nstatus = 1\nbeyond = 1",
            "3:1: fault[0]: found `beyond` without `allocator = true`",
        ),
        (
            "[[fault]]\nallocator = true\nfunction = 'proxy_log'",
            "3:1: fault[0]: found `function` with `allocator`, expected one of them",
        ),
        (
            "[[fault]]\nallocator = false",
            "4:13: fault[0].allocator: found false, expected true, or no such field",
        ),
    ] {
        assert_eq!(after_start(fields), expected, "{fields}");
    }
}

#[test]
fn steps() {
    const KINDS: &str = "`request`, `open`, `send`, `respond`, `finish`, `abandon`, `connect`, \
                         `data`, `close`, `disconnect`, `advance`, `clock`, `clock_step`, \
                         `configure`, `configure_file`, `answer`, `grpc`, `foreign_call`, `fault`, \
                         `heal`, `check`";
    assert_eq!(step("why = 'x'"), format!("2:1: step[0]: expected exactly one of {KINDS}"));
    assert_eq!(
        step("advance = '1s'\nheal = true"),
        format!("2:1: step[0]: found `advance`, `heal`, expected exactly one of {KINDS}")
    );
    for (fields, expected) in [
        (
            "request = {}\nexpect = { reply = 401 }",
            "3:11: step[0].request: found a table, expected text",
        ),
        ("requests = 'GET /'", "2:1: step[0]: unknown field `requests`; did you mean `request`?"),
        (
            "request = 'GET /'",
            "2:1: step[0].expect: found nothing, expected what comes of the request, such as \
             { reply = 401 }, { upstream = {} } or \"anything\"",
        ),
        (
            "request = 'GET /'\nexpect = 'nothing'",
            "4:10: step[0].expect: found \"nothing\"; did you mean `anything`?",
        ),
        (
            "request = 'GET'\nexpect = { reply = 401 }",
            "3:11: step[0].request: found \"GET\", expected a method and a path, such as \"GET /\"",
        ),
        (
            "request = 'GET /'\nadvanced = '1s'\nexpect = { reply = 401 }",
            "4:1: step[0].advanced: unknown field; a step with `request` has `body`, `expect`, \
             `headers`, `properties`, `request`, `response`, `trailers`, `wait`, `why`, `without`, `worker`",
        ),
        (
            "request = 'GET /'\nheaders = ['a']\nexpect = { reply = 401 }",
            "4:12: step[0].headers[0]: found \"a\", expected a pair such as [\"name\", \"value\"]",
        ),
        (
            "request = 'GET /'\nheaders = { a = '\\n' }\nexpect = { reply = 401 }",
            "4:17: step[0].headers.a: found the escape `\\n`, expected `\\xHH` for a byte or `\\\\` \
             for a backslash (in a literal string, '…')",
        ),
        (
            "request = 'GET /'\nworker = 1\nexpect = { reply = 401 }",
            "2:1: step[0]: found worker 1, expected one of the 1, from 0",
        ),
        (
            "request = 'GET /'\nexpect = { reply = 401, paused = true }",
            "4:10: step[0].expect: found several of `reply`, `upstream`, `paused`, `reset` and \
             `trapped`, expected one",
        ),
        (
            "request = 'GET /'\nexpect = { logs = [] }",
            "4:10: step[0].expect: found none of `reply`, `upstream`, `paused`, `reset` and \
             `trapped`, expected one",
        ),
        (
            "request = 'GET /'\nexpect = { reply = 'no' }",
            "4:20: step[0].expect.reply: found \"no\", expected a status such as 401, or a table \
             such as { status = 401 }",
        ),
        (
            "request = 'GET /'\nexpect = { paused = true, response = { has = {} } }",
            "4:38: step[0].expect.response: found a response, expected none: nothing gets to the \
             client",
        ),
        (
            "request = 'GET /'\nexpect = { reply = 401, calls = { proxy_logs = 1 } }",
            "4:48: step[0].expect.calls.proxy_logs: found \"proxy_logs\"; did you mean `proxy_log`?",
        ),
        (
            "request = 'GET /'\nexpect = { reply = 401, state = 'paused' }",
            "4:25: step[0].expect.state: unknown field; `expect` here has `calls`, `logs`, \
             `not_logged`, `paused`, `published`, `record`, `reply`, `reset`, `response`, \
             `trapped`, `upstream`",
        ),
        (
            "finish = 'a'\nexpect = { reply = 401 }",
            "2:1: step[0]: found \"a\", which is not open here",
        ),
        (
            "open = 'a'\nline = 'GET /'\nexpect = { state = 'paused' }",
            "2:1: step[0]: the stream \"a\" never ends, expected a step with `finish` or `abandon`",
        ),
        (
            "open = 'a'\nline = 'GET /'\nexpect = { state = 'pause' }\n[[step]]\nabandon = 'a'",
            "5:20: step[0].expect.state: found \"pause\"; did you mean `paused`?",
        ),
        (
            "open = 'a'",
            "2:1: step[0].line: found nothing, expected a method and a path, such as \"GET /\"",
        ),
        (
            "send = 'a'",
            "2:1: step[0]: found nothing to send, expected one or more of `body`, `trailers`, `metadata` and `end`",
        ),
        (
            "send = 'a'\nend = true\ntrailers = {}",
            "2:1: step[0]: found `end` with `trailers`, expected one of them: trailers are the end",
        ),
        (
            "data = 'c'\nbytes = ''",
            "2:1: step[0].side: found nothing, expected `downstream` or `upstream`",
        ),
        (
            "advance = 5",
            "3:11: step[0].advance: found 5, expected a duration such as \"1.5s\", \"50ms\", \"2m\" or \"1h\"",
        ),
        (
            "advance = '-5s'",
            "3:11: step[0].advance: found \"-5s\", expected a duration such as \"1.5s\", \"50ms\", \"2m\" or \"1h\"",
        ),
        (
            "clock = '5s'",
            "3:9: step[0].clock: found \"5s\", expected a jump such as \"+1h\" or \"-2s\", or a time in seconds since the Unix epoch",
        ),
        (
            "configure = 5",
            "3:13: step[0].configure: found 5, expected text, or a table that becomes JSON",
        ),
        ("answer = 'c'\nvm = 'mian'", "4:6: step[0].vm: found \"mian\"; did you mean `main`?"),
        (
            "grpc = 's/m'",
            "2:1: step[0]: expected exactly one of `initial`, `message`, `trailing`, `status`",
        ),
        ("heal = false", "3:8: step[0].heal: found false, expected true, or no such field"),
        (
            "request = 'GET /'\nexpect = { reply = {} }",
            "4:20: step[0].expect.reply: found no field, expected at least one, such as `status`",
        ),
        ("check = {}", "3:9: step[0].check: found nothing to check, expected at least one field"),
        (
            "check = { metrics = { a = -1 } }",
            "3:27: step[0].check.metrics.a: found -1, expected a number, 0 or more",
        ),
        ("check = { metrics = 1 }", "3:21: step[0].check.metrics: found 1, expected a table"),
    ] {
        assert_eq!(step(fields), expected, "{fields}");
    }
}

#[test]
fn streams_and_connections_are_told_apart() {
    let text = "why = 'a'\n[[step]]\nconnect = 'alpha'\n[[step]]\nfinish = 'alpha'\n\
                expect = { reply = 401 }\n[[step]]\nsend = 'alhpa'\nend = true\n\
                [[step]]\nconnect = 'alpha'\n[[step]]\ndisconnect = 'alpha'\nexpect = { held = '' }";
    let expected = "\
4:1: step[1]: found the connection \"alpha\", expected a stream
7:1: step[2]: found \"alhpa\", which is not open here; did you mean \"alpha\"?
10:1: step[3]: found the name \"alpha\" of a connection that is open";
    assert_eq!(problems(text), expected);
}
