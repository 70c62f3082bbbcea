//! Each kind of step, and each field of a file, does what it says.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod filter;

use std::{fs, path::Path};

use filter::{Filters, differences, played, played_under};
use proxy_host_model::Profile;
use proxy_scenario::{Scenario, play};

/// Plays a file with these orders and fields; all must be as it expects.
#[track_caller]
fn passes(orders: &str, fields: &str) -> Vec<String> {
    let report = played(&format!("why = 'a test'\nconfiguration = '''\n{orders}'''\n{fields}"));
    assert_eq!(differences(&report), Vec::<String>::new(), "{}", report.record);
    report.steps.into_iter().map(|step| step.text).collect()
}

#[test]
fn a_stream_step_by_step() {
    let said = passes(
        "request_body: pause\nresponse_headers: add seen 1",
        r#"
        [[step]]
        open = "a"
        line = "POST /up"
        expect.state = "continued"

        [[step]]
        send = "a"
        body = ["one ", "two "]
        expect = { state = "paused", record = ["request_body(2, 4, 0)", "request_body(2, 8, 0)"] }

        [[step]]
        abandon = "a"

        [[step]]
        open = "b"
        line = "GET /"
        end = true

        [[step]]
        respond = "b"
        status = 201
        headers = { x = "1" }
        expect.record = ["response_headers(3, 2, 0)"]

        [[step]]
        respond = "b"
        body = "part"
        metadata = 2
        expect.record = ["response_metadata(3, 2)", "response_body(3, 4, 0)"]

        [[step]]
        respond = "b"
        trailers = { t = "1" }
        expect.record = ["response_trailers(3, 1)"]

        [[step]]
        finish = "b"
        expect = { upstream = {}, response = { add = { seen = "1" } } }
        "#,
    );
    let expected = [
        "start -> accepted",
        "a: POST /up -> continued",
        "a: 8 bytes -> paused",
        "a: the client goes away",
        "b: GET / -> continued",
        "b: the upstream sends headers -> continued",
        "b: the upstream sends 2 pairs of metadata, 4 bytes -> continued",
        "b: the upstream sends trailers -> continued",
        "b: the end -> upstream, 201",
    ];
    assert_eq!(said, expected);
}

#[test]
fn a_whole_request_has_all_its_parts() {
    passes(
        "",
        r#"
        [every]
        authority = "every.test"
        scheme = "http"
        headers = { x-every = "1" }
        response = { status = 203 }
        properties = { "xds.route_name" = "r" }

        [[step]]
        request = 'GET /\x41?\\'
        headers = [["a", '\xff'], [":authority", "own.test"], ["a", "2"]]
        without = ["x-every", ":scheme"]
        body = ["1", "2"]
        trailers = { t = "x" }
        expect.upstream = {}
        expect.record = ["request_headers(2, 5, 0)", "request_body(2, 1, 0)", "request_body(2, 1, 0)",
            "request_trailers(2, 1)"]
        "#,
    );
    let orders = "request_headers: property request.path; property request.host; \
                  property request.scheme; property xds.route_name; property n; property b; \
                  property x.y; property x.z w";
    passes(
        orders,
        r#"
        properties = { n = 258, b = true, 'x.z\x20w' = '\x00' }

        [every]
        authority = "every.test"
        properties = { "xds.route_name" = "r" }

        [[step]]
        request = "GET /p"
        properties = { 'x.y' = "deep" }
        expect.upstream = {}
        expect.logs = ['info: /p', 'info: every.test', 'info: https', 'info: r',
            'info: \x02\x01\x00', 'info: \x01', 'info: deep', 'info: \x00']
        "#,
    );
}

#[test]
fn time_passes_and_jumps() {
    passes(
        "configure: tick 100\ntick: time",
        r#"
        now = 5.5
        [[step]]
        advance = "250ms"
        expect.logs = ["info: 5600000000", "info: 5700000000"]
        [[step]]
        clock = "-2s"
        [[step]]
        advance = "50ms"
        expect.logs = ["info: 3800000000"]
        [[step]]
        clock = "+1h"
        [[step]]
        advance = "100ms"
        expect.logs = ["info: 3603900000000"]
        [[step]]
        clock = 7
        [[step]]
        clock_step = "1ms"
        [[step]]
        advance = "250ms"
        expect.logs = ["info: 7100000000", "info: 7201000000"]
        "#,
    );
}

#[test]
fn services_answer_and_steps_do() {
    let orders = "request_headers: call s body; pause\nhttp_call_response: show; resume";
    let said = passes(
        orders,
        r#"
        clusters = ["t"]
        [[service]]
        cluster = "s"
        answers = [
            { body = "first", after = "20ms" },
            { status = 404, headers = { x = "1" }, body = "second" },
            { failure = "connect" },
            { reset = true },
            { times = 0 },
        ]
        [[step]]
        request = "GET /"
        expect.paused = true
        [[step]]
        advance = "20ms"
        expect.logs = ["shown first"]
        [[step]]
        request = "GET /"
        wait = "0s"
        expect = { upstream = {}, logs = ["shown second"] }
        [[step]]
        request = "GET /"
        wait = "5ms"
        expect = { upstream = {}, logs = ["remote connection failure"] }
        [[step]]
        request = "GET /"
        wait = "5ms"
        expect = { upstream = {}, record = ["http_call_response(1, 16, 0, 0, 0)"] }
        [[step]]
        request = "GET /"
        wait = "900ms"
        expect.paused = true
        "#,
    );
    assert_eq!(said[3], "GET / -> upstream, 200");
    let waiting = |cluster: &str| {
        format!(
            "why = 'a'\nclusters = ['s', 't']\nconfiguration = '''\n{orders}'''\n\
             [[step]]\nopen = 'a'\nline = 'GET /'\nend = true\nexpect.state = 'paused'\n\
             [[step]]\nanswer = '{cluster}'\nstatus = 200\nbody = 'by hand'\n\
             expect.logs = ['shown by hand']\n\
             [[step]]\nfinish = 'a'\nexpect.upstream = {{}}"
        )
    };
    assert_eq!(differences(&played(&waiting("s"))), Vec::<String>::new());
    let wrong = differences(&played(&waiting("t")));
    assert_eq!(wrong[0], "answer: found s, expected a call to \"t\" that waits");
}

#[test]
fn grpc_answers_come_from_services_and_steps() {
    passes(
        "request_headers: grpc svc Say\ngrpc_receive: show\ngrpc_close: status",
        r#"
        clusters = ["up"]
        [[step]]
        open = "a"
        line = "GET /"
        [[step]]
        grpc = "svc/Say"
        initial = { a = "1" }
        expect.record = ["grpc_receive_initial_metadata(1, 6, 1)"]
        [[step]]
        grpc = "svc/Say"
        message = 'hi\x00'
        expect.record = ["grpc_receive(1, 6, 3)"]
        [[step]]
        grpc = "svc/Say"
        trailing = {}
        expect.record = ["grpc_receive_trailing_metadata(1, 6, 0)"]
        [[step]]
        grpc = "svc/Say"
        status = 14
        status_message = "gone"
        expect.logs = ["info: 14 gone"]
        [[step]]
        abandon = "a"
        "#,
    );
    passes(
        "request_headers: grpc svc Say\ngrpc_receive: show",
        r#"
        clusters = ["up"]
        [[grpc_service]]
        method = "svc/Say"
        answers = [{ events = [{ message = "hello", after = "5ms" }, { status = 0, after = "6ms" }] }]
        [[step]]
        request = "GET /"
        wait = "10ms"
        expect = { upstream = {}, record = ["grpc_receive(1, 6, 5)", "shown hello", "grpc_close(1, 6, 0)"] }
        "#,
    );
    let report = played("why = 'a'\n[[step]]\ngrpc = 'a/B'\nstatus = 0\nexpect.logs = []");
    assert_eq!(
        differences(&report),
        ["grpc: found none, expected an open gRPC call or stream of \"a/B\""]
    );
}

#[test]
fn foreign_functions_call_and_are_called() {
    passes(
        "request_headers: foreign sum 1; foreign bad 1; foreign gone 1\nforeign_function: show",
        r#"
        foreign = [{ name = "sum", answer = "3" }, { name = "bad", status = "PARSE_FAILURE" }]
        [[step]]
        request = "GET /"
        expect = { upstream = {}, logs = ["info: 3", "bad 1: PARSE_FAILURE", "gone 1: NOT_FOUND"] }
        [[step]]
        foreign_call = 7
        argument = "told"
        expect = { record = ["foreign_function(1, 7, 4)"], logs = ["shown told"] }
        "#,
    );
}

#[test]
fn faults_come_and_go() {
    passes(
        "request_headers: log a; log b; share k v",
        r#"
        fleet = { workers = 2 }
        [[fault]]
        function = "proxy_log"
        call = 1
        status = "INTERNAL_FAILURE"
        [[step]]
        request = "GET /"
        expect = { upstream = {}, record = ['"b") -> INTERNAL_FAILURE', '"log b: INTERNAL_FAILURE") -> OK'] }
        [[step]]
        heal = true
        [[step]]
        fault = { function = "proxy_set_shared_data", status = 77 }
        vm = 1
        [[step]]
        request = "GET /"
        expect = { upstream = {}, not_logged = ["77"] }
        [[step]]
        request = "GET /"
        worker = 1
        expect = { upstream = {}, logs = ["share k v: status 77"] }
        [[step]]
        heal = true
        vm = 1
        [[step]]
        fault = { function = "proxy_log", trap = "the end" }
        [[step]]
        request = "GET /"
        worker = 1
        expect.trapped = "the end"
        "#,
    );
}

#[test]
fn a_fleet_shares_and_survives() {
    passes(
        "request_headers: share k v; count n 1\nrequest_body: trap boom",
        r#"
        vm_id = "mine"
        fleet = { workers = 2, main = true, canary = true, on_trap = { reload = "10s" } }
        [[step]]
        request = "GET /"
        worker = 1
        expect.upstream = {}
        [[step]]
        check = { shared_data = { k = "v" }, metrics = { n = 1 } }
        [[step]]
        request = "POST /"
        worker = 1
        body = "x"
        expect.trapped = "boom"
        [[step]]
        request = "GET /"
        worker = 0
        expect.upstream = {}
        [[step]]
        request = "GET /"
        worker = 1
        expect.reply = 503
        [[step]]
        advance = "20s"
        [[step]]
        request = "GET /"
        worker = 1
        expect.upstream = {}
        [[step]]
        check = { metrics = { n = 4 }, record = ["canary: proxy_on_configure", "main: proxy_on_configure", "worker 1: proxy_on_request_body"] }
        [[step]]
        configure = "configure: warn no; refuse"
        expect = { accepted = false, logs = ["no"] }
        [[step]]
        configure = "request_headers: reply 418"
        expect.accepted = true
        [[step]]
        request = "GET /"
        expect.reply = 418
        "#,
    );
}

#[test]
fn on_trap_says_what_becomes_of_later_requests() {
    for (on_trap, then) in [
        ("fail_closed", "{ reply = { status = 503, body = '' } }"),
        ("fail_open", "{ upstream = {} }"),
        ("fail_reload", "{ trapped = 'boom' }"),
    ] {
        passes(
            "request_headers: trap boom",
            &format!(
                "fleet = {{ on_trap = '{on_trap}' }}\n\
                 [[step]]\nrequest = 'GET /'\nexpect.trapped = 'boom'\n\
                 [[step]]\nadvance = '5s'\n\
                 [[step]]\nrequest = 'GET /'\nexpect = {then}"
            ),
        );
    }
}

#[test]
fn files_are_found_from_the_folder_of_the_scenario() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("first.txt", "request_headers: reply 401");
    write("next.txt", "request_headers: reply 403");
    write("vm.txt", "x");
    write(
        "a.toml",
        "why = 'a'\nconfiguration_file = 'first.txt'\nvm_configuration_file = 'vm.txt'\n\
         module = 'm.wasm'\n[start]\nrecord = ['vm_start(1, 1)']\n\
         [[step]]\nrequest = 'GET /'\nexpect.reply = 401\n\
         [[step]]\nconfigure_file = 'next.txt'\n\
         [[step]]\nrequest = 'GET /'\nexpect.reply = 403",
    );
    let scenario = Scenario::load(&folder.path().join("a.toml")).unwrap();
    assert_eq!(scenario.module.as_deref(), Some(folder.path().join("m.wasm").as_path()));
    let report = play(&scenario, Profile::ENVOY_1_40, Filters).unwrap();
    assert_eq!(differences(&report), Vec::<String>::new());
}

#[test]
fn a_table_becomes_json() {
    let text = "why = 'a'\n[configuration]\nb = [1, 2.5, true]\na = { t = \"x\\\"\" }\n[start]\n";
    let scenario = Scenario::parse(Path::new("a.toml"), text).unwrap();
    let json = String::from_utf8(scenario.configuration).unwrap();
    assert_eq!(json, r#"{"a":{"t":"x\""},"b":[1,2.5,true]}"#);
}

#[test]
fn the_profile_and_the_names_reach_the_filter() {
    let text = "why = 'a'\nname = 'n'\nroot_id = 'r'\nvm_id = 'v'\nseed = 7\n\
        configuration = '''\n\
        request_headers: property plugin_name; property plugin_root_id; property plugin_vm_id'''\n\
        [[step]]\nrequest = 'GET /'\nexpect = { upstream = {}, logs = ['info: n', 'info: r', 'info: v'] }";
    let report = played(text);
    assert_eq!(differences(&report), Vec::<String>::new());
    assert_eq!(report.profile, "envoy-1.40");
    let other = played_under(text, Profile::HOSTILE);
    assert_eq!(other.profile, "hostile");
    assert_ne!(other.record, report.record);
    let reseeded = played_under(&text.replace("seed = 7", "seed = 8"), Profile::HOSTILE);
    assert_ne!(other.record, reseeded.record, "ids follow the seed");
    assert_eq!(played_under(text, Profile::HOSTILE), other, "and nothing else");
}
