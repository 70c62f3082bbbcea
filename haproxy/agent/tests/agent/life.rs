//! Requests, traps, limits, and the end.

use std::{
    fs,
    net::TcpStream,
    os::unix::net::UnixStream,
    thread,
    time::{Duration, Instant},
};

use crate::{
    client::{Value, hello, notify, number, strings, text},
    program::Agent,
};

#[test]
fn a_connection_begins_with_what_was_agreed() {
    let agent = Agent::start(&[]);
    let hello_of = |size, capabilities| {
        let mut client = agent.silent();
        client.send(&hello("1.0, 2.0", size, capabilities, false));
        let hello = client.read().unwrap().pairs();
        assert_eq!(text(&hello, "version"), "2.0");
        (number(&hello, "max-frame-size"), text(&hello, "capabilities"))
    };
    assert_eq!(hello_of(16_380, "pipelining,async"), (16_380, "pipelining".to_owned()));
    assert_eq!(hello_of(4_092, ""), (4_092, String::new()));
    assert_eq!(hello_of(1_000_000, "async"), (16_380, String::new()), "not more than its own");

    let mut check = agent.silent();
    check.send(&hello("2.0", 16_380, "", true));
    assert_eq!(check.read().unwrap().kind, 101);
    assert!(check.has_ended(), "a health check is over then");
}

#[test]
fn each_verdict_says_what_haproxy_is_to_do() {
    let agent = Agent::start(&[]);
    let mut client = agent.connect();
    let allowed = client.ask(1, "/a");
    assert_eq!(text(&allowed, "verdict"), "allow");
    assert_eq!(number(&allowed, "ops"), 0);
    assert_eq!(allowed.len(), 2, "{allowed:?}");

    let denied = client.ask(2, "/d");
    assert_eq!(text(&denied, "verdict"), "deny");
    assert_eq!(number(&denied, "status"), 403);
    assert_eq!(text(&denied, "reason"), "test.denied");
    assert_eq!(text(&denied, "body"), "no");
    assert_eq!(text(&denied, "type"), "text/plain");

    for (path, reason) in [
        ("/n", "agent.changes"),
        ("/r", "agent.response"),
        ("/h", "agent.answer_too_long"),
        ("/t", "agent.trap"),
    ] {
        let failed = client.ask(3, path);
        assert_eq!(text(&failed, "verdict"), "error", "{path}");
        assert_eq!(number(&failed, "status"), 503, "{path}");
        assert_eq!(text(&failed, "reason"), reason);
        assert_eq!(failed.len(), 3, "{failed:?}");
    }
    assert_eq!(client.verdict(4, "/a"), "allow", "the connection is as good as ever");
    assert!(agent.log().contains("found a control character in the new value of x-long"));
}

#[test]
fn answers_come_when_they_are_there_and_not_in_turn() {
    let agent = Agent::start(&[]);
    let mut client = agent.connect();
    let mut asked = Vec::new();
    for stream in 0..100 {
        asked.extend(notify(stream, if stream % 2 == 0 { "/p" } else { "/a" }, &[]));
    }
    let start = Instant::now();
    client.send(&asked);
    let answers: Vec<u64> = (0..100)
        .map(|_| {
            let ack = client.read().unwrap();
            assert_eq!(text(&ack.variables(), "verdict"), "allow");
            ack.stream
        })
        .collect();
    let (at_once, held) = answers.split_at(50);
    assert!(at_once.iter().all(|stream| stream % 2 == 1), "{answers:?}");
    assert!(held.iter().all(|stream| stream % 2 == 0), "{answers:?}");
    assert!(start.elapsed() < Duration::from_secs(5), "they are held side by side");
}

#[test]
fn a_trap_costs_its_own_request_alone() {
    let agent = Agent::start(&[]);
    let (mut client, mut other) = (agent.connect(), agent.connect());
    for stream in 0..20 {
        client.send(&notify(stream, "/p", &[]));
        other.send(&notify(stream, "/p", &[]));
    }
    client.send(&notify(99, "/t", &[]));
    let first = client.read().unwrap();
    assert_eq!((first.stream, text(&first.variables(), "reason")), (99, "agent.trap".to_owned()));
    for connection in [&mut client, &mut other] {
        let mut streams: Vec<u64> = (0..20)
            .map(|_| {
                let ack = connection.read().unwrap();
                assert_eq!(text(&ack.variables(), "verdict"), "allow");
                ack.stream
            })
            .collect();
        streams.sort_unstable();
        assert_eq!(streams, (0..20).collect::<Vec<_>>());
    }
    assert!(agent.metric("jwt_gate_agent_vm_replacements_total") >= 1.0);
    let log = agent.wait_for("the filter's VM ended");
    assert!(log.contains("unreachable"), "{log}");
}

#[test]
fn a_request_has_limits_of_fuel_memory_and_time() {
    let agent = Agent::start(&["--fuel", "1000000", "--memory", "4", "--hold", "700"]);
    let mut client = agent.connect();
    assert_eq!(text(&client.ask(1, "/l"), "reason"), "agent.trap");
    agent.wait_for("all fuel consumed");
    assert_eq!(client.verdict(2, "/m"), "allow", "it got no more and went on");
    let start = Instant::now();
    client.send(&notify(3, "/s", &[]));
    assert_eq!(client.verdict(4, "/a"), "allow", "others do not wait for it");
    let late = client.read().unwrap();
    assert_eq!((late.stream, text(&late.variables(), "reason")), (3, "agent.timeout".to_owned()));
    assert!(start.elapsed() >= Duration::from_millis(700));
    assert_eq!(agent.metric("jwt_gate_agent_waiting_requests"), 0.0);
}

#[test]
fn a_client_that_goes_away_takes_its_requests_along() {
    let agent = Agent::start(&[]);
    let mut gone = agent.connect();
    for stream in 0..10 {
        gone.send(&notify(stream, "/s", &[]));
    }
    assert_eq!(gone.verdict(99, "/a"), "allow");
    assert_eq!(agent.metric("jwt_gate_agent_waiting_requests"), 10.0);
    drop(gone);
    let start = Instant::now();
    while agent.metric("jwt_gate_agent_waiting_requests") > 0.0 {
        assert!(start.elapsed() < Duration::from_secs(10));
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(agent.connect().verdict(1, "/a"), "allow");
}

#[test]
fn the_end_waits_for_what_is_under_way() {
    let mut agent = Agent::start(&[]);
    let (mut busy, mut idle) = (agent.connect(), agent.connect());
    busy.send(&notify(1, "/p", &[]));
    assert_eq!(busy.verdict(2, "/a"), "allow", "it is under way");
    agent.signal("TERM");
    let answer = busy.read().unwrap();
    assert_eq!((answer.kind, text(&answer.variables(), "verdict")), (103, "allow".to_owned()));
    for connection in [&mut busy, &mut idle] {
        let end = connection.read().unwrap();
        assert_eq!((end.kind, number(&end.pairs(), "status-code")), (102, 0));
        assert!(connection.has_ended());
    }
    assert_eq!(agent.exit_code(), Some(0));
    assert!(TcpStream::connect(agent.address).is_err());
}

#[test]
fn the_end_does_not_wait_for_ever() {
    let mut agent = Agent::start(&["--grace", "300"]);
    let mut stuck = agent.connect();
    stuck.send(&notify(1, "/s", &[]));
    assert_eq!(stuck.verdict(2, "/a"), "allow");
    agent.signal("INT");
    assert_eq!(agent.exit_code(), Some(0));
    assert!(agent.log().contains("connections are cut off"));
}

#[test]
fn a_socket_in_the_file_system_is_taken_over_and_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("agent.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let address = format!("unix:{}", path.display());
    let mut agent = Agent::start(&["--listen", &address, "--socket-mode", "600"]);
    UnixStream::connect(&path).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    agent.signal("TERM");
    assert_eq!(agent.exit_code(), Some(0));
    assert!(!path.exists());
}

#[test]
fn health_and_metrics_are_told_over_http() {
    let agent = Agent::start(&[]);
    assert!(agent.health("/healthz").starts_with("HTTP/1.1 200 OK"));
    assert!(agent.health("/").starts_with("HTTP/1.1 404"));
    let mut client = agent.connect();
    for (stream, path) in [(1, "/a"), (2, "/a"), (3, "/d"), (4, "/t")] {
        client.ask(stream, path);
    }
    let requests = |verdict: &str| {
        agent.metric(&format!("jwt_gate_agent_requests_total{{verdict=\"{verdict}\"}}"))
    };
    assert_eq!(["allow", "deny", "error"].map(requests), [2.0, 1.0, 1.0]);
    assert_eq!(agent.metric("jwt_gate_agent_request_duration_seconds_count"), 4.0);
    let longest = "jwt_gate_agent_request_duration_seconds_bucket{le=\"+Inf\"}";
    assert_eq!(agent.metric(longest), 4.0);
    assert!(agent.metric("jwt_gate_agent_request_duration_seconds_sum") > 0.0);
}

#[test]
fn headers_are_told_as_haproxy_itself_tells_them() {
    let agent = Agent::start(&["--max-frame-size", "40000"]);
    let mut client = agent.silent();
    // The frames that the reader of these tests takes are shorter; what is asked is not.
    client.send(&hello("2.0", 16_380, "pipelining", false));
    assert_eq!(number(&client.read().unwrap().pairs(), "max-frame-size"), 16_380);
    let long = "x".repeat(15_000);
    client.send(&notify(1, "/a", &[("x-sent", &long)]));
    let allowed = client.read().unwrap().variables();
    assert_eq!(text(&allowed, "verdict"), "allow");
    assert_eq!(strings(&allowed, "add"), [""; 0]);
    assert!(!allowed.values().any(|value| matches!(value, Value::Binary(_))));
}
