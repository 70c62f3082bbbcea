//! Services that answer HTTP calls: at once, late, never, twice, with a reset, a 503 or a 504.

#![allow(
    clippy::unwrap_used,
    reason = "a test; clippy does not see that its helpers are part of it"
)]

mod script;

use std::time::Duration;

use proxy_host_model::{
    Answered, Callback, Fate, Fleet, Guest, Headers, Host, Model, Plan, Profile, Recorded, Refusal,
    Service, ServiceAnswer, Status, encode_pairs,
};

use script::{PAUSE, Scripts, get, host, status};

const MS: Duration = Duration::from_millis(1);

fn call(model: &mut Model, cluster: &str, timeout: u32) -> Result<u32, Refusal> {
    let headers = [(":method", "GET"), (":path", "/k"), (":authority", "a.test")];
    let pairs = encode_pairs(&Headers::from_iter(headers));
    model.http_call(cluster.as_bytes(), &pairs, b"", b"", timeout)
}

/// One line of what a filter is told of an answer, with the time in milliseconds.
fn told(model: &mut Model, token: u32, headers: u32, body: u32) -> String {
    // Tokens of HTTP calls are 4, 8, 12 and so on: the lines number the calls.
    let call = token / 4;
    let at = model.clock.read_monotonic() / 1_000_000;
    if headers == 0 {
        let (code, message) = model.get_status().unwrap();
        return format!("{at} ms: {call}: reset, {code} {}", message.escape_ascii());
    }
    let code = model.get_header_map_value(6, b":status").unwrap();
    let found = model.get_buffer_bytes(4, 0, u32::MAX).unwrap();
    assert_eq!(found.len(), usize::try_from(body).unwrap());
    format!("{at} ms: {call}: {} {}", code.escape_ascii(), found.escape_ascii())
}

/// Calls `cluster` with these time limits, one call each, when it is configured, and logs the
/// answers.
fn calling(service: Service, timeouts: &'static [u32]) -> Host<impl Guest> {
    let mut host = host(move |model: &mut Model, callback| {
        match callback {
            Callback::Configure { .. } => {
                for timeout in timeouts {
                    call(model, "keys", *timeout).unwrap();
                }
            }
            Callback::HttpCallResponse { context, token, headers, body, .. } => {
                assert_eq!(context, 1, "the root");
                let line = told(model, token, headers, body);
                model.log(2, line.as_bytes()).unwrap();
            }
            _ => {}
        }
        Ok(Some(1))
    });
    host.model(|model| model.callouts.services.insert("keys".to_owned(), service));
    assert!(host.start(b"", b"").accepted);
    host
}

/// What the filter is told within ten seconds.
fn answers(service: impl Into<Service>, timeouts: &'static [u32]) -> Vec<String> {
    heard(&mut calling(service.into(), timeouts))
}

fn heard<G: Guest>(host: &mut Host<G>) -> Vec<String> {
    host.advance(Duration::from_secs(10));
    lines(host)
}

fn lines<G: Guest>(host: &mut Host<G>) -> Vec<String> {
    host.request(get()).logs.iter().map(|line| line.text.clone()).collect()
}

fn ok(body: &str) -> ServiceAnswer {
    ServiceAnswer::response(Headers::from_iter([(":status", "200")]), body.as_bytes())
}

#[test]
fn an_answer_at_once_waits_for_the_host_all_the_same() {
    let mut host = calling(ok("keys").into(), &[100]);
    assert_eq!(lines(&mut host), Vec::<String>::new(), "not in the callback that called");
    host.advance(Duration::ZERO);
    assert_eq!(lines(&mut host), ["0 ms: 1: 200 keys"]);
    assert_eq!(heard(&mut host), Vec::<String>::new());
}

#[test]
fn an_answer_comes_when_it_is_due() {
    let mut host = calling(ok("keys").after(50 * MS).into(), &[100]);
    host.advance(49 * MS);
    assert_eq!(lines(&mut host), Vec::<String>::new());
    host.advance(MS);
    assert_eq!(lines(&mut host), ["50 ms: 1: 200 keys"]);
}

#[test]
fn trailers_come_with_their_number() {
    let mut seen = None;
    let mut host = host(|model: &mut Model, callback| {
        match callback {
            Callback::Configure { .. } => drop(call(model, "keys", 0).unwrap()),
            Callback::HttpCallResponse { headers, body, trailers, .. } => {
                let value = model.get_header_map_value(7, b"x-sum").unwrap();
                seen = Some((headers, body, trailers, value));
            }
            _ => {}
        }
        Ok(Some(1))
    });
    let headers = Headers::from_iter([(":status", "200"), ("a", "b")]);
    let trailers = Some(Headers::from_iter([("x-sum", "1")]));
    let what = Answered::Response { headers, body: b"abc".to_vec(), trailers };
    let answer = ServiceAnswer { after: Duration::ZERO, times: 1, what };
    host.model(|model| model.callouts.services.insert("keys".to_owned(), answer.into()));
    host.start(b"", b"");
    host.advance(Duration::ZERO);
    drop(host);
    assert_eq!(seen, Some((2, 3, 1, b"1".to_vec())));
}

#[test]
fn without_an_answer_the_time_limit_ends_the_call() {
    let limit = ["100 ms: 1: 504 upstream request timeout"];
    assert_eq!(answers(ServiceAnswer::never(), &[100]), limit);
    assert_eq!(answers(Service::default(), &[100]), limit, "a service without answers");
    assert_eq!(answers(ServiceAnswer::never(), &[0]), Vec::<String>::new(), "no limit");
}

#[test]
fn a_late_answer_is_dropped_except_by_a_hostile_host() {
    let late = || ok("keys").after(150 * MS);
    let limit = "100 ms: 1: 504 upstream request timeout";
    assert_eq!(answers(late(), &[100]), [limit]);
    let mut host = calling(late().into(), &[100]);
    host.model(|model| model.profile.late_answers = Profile::HOSTILE.late_answers);
    assert_eq!(heard(&mut host), [limit, "150 ms: 1: 200 keys"]);
}

#[test]
fn an_answer_at_the_very_end_of_the_time_still_counts() {
    assert_eq!(answers(ok("keys").after(100 * MS), &[100]), ["100 ms: 1: 200 keys"]);
}

#[test]
fn the_second_answer_is_dropped_except_by_a_hostile_host() {
    let once = "5 ms: 1: 200 keys";
    let twice = || ok("keys").after(5 * MS).times(2);
    assert_eq!(answers(twice(), &[100]), [once]);
    let mut host = calling(twice().into(), &[100]);
    host.model(|model| model.profile.late_answers = Profile::HOSTILE.late_answers);
    assert_eq!(heard(&mut host), [once, once], "and no end of its time");
}

#[test]
fn a_reset_has_no_headers_and_a_status() {
    let reset = ServiceAnswer::reset().after(MS);
    assert_eq!(answers(reset, &[100]), ["1 ms: 1: reset, 11 reset"]);
}

#[test]
fn what_envoy_answers_itself_looks_like_a_response() {
    let early = "503 upstream connect error or disconnect/reset before headers. reset reason: ";
    let cases = [
        (ServiceAnswer::connect_failure(), format!("{early}remote connection failure"), 98),
        (ServiceAnswer::connection_termination(), format!("{early}connection termination"), 95),
        (ServiceAnswer::no_healthy_upstream(), "503 no healthy upstream".to_owned(), 19),
        (ServiceAnswer::timeout(), "504 upstream request timeout".to_owned(), 24),
    ];
    for (answer, text, length) in cases {
        let Answered::Response { headers, trailers: None, .. } = &answer.what else {
            panic!("a response without trailers, found {answer:?}");
        };
        assert_eq!(headers.len(), 3, "Envoy 1.40 gives three");
        assert_eq!(headers.first("content-length"), Some(length.to_string().as_bytes()));
        assert_eq!(headers.first("content-type"), Some(&b"text/plain"[..]));
        assert_eq!(answers(answer, &[100]), [format!("0 ms: 1: {text}")]);
    }
}

#[test]
fn answers_follow_the_calls_and_the_last_one_stays() {
    let service = Service::new([ok("a"), ServiceAnswer::status(500).after(MS), ok("c")]);
    let mut host = calling(service, &[0, 0, 0, 0]);
    let expected = ["0 ms: 1: 200 a", "0 ms: 3: 200 c", "0 ms: 4: 200 c", "1 ms: 2: 500 "];
    assert_eq!(heard(&mut host), expected);
    assert_eq!(host.model(|model| model.callouts.services["keys"].calls), 4);
}

#[test]
fn what_is_due_at_one_time_comes_in_the_order_of_the_calls() {
    let service = Service::new([
        ok("first").after(5 * MS),
        ok("second").after(5 * MS),
        ServiceAnswer::never(),
        ok("fourth").after(4 * MS),
    ]);
    let expected = [
        "4 ms: 4: 200 fourth",
        "5 ms: 1: 200 first",
        "5 ms: 2: 200 second",
        "5 ms: 3: 504 upstream request timeout",
    ];
    assert_eq!(answers(service, &[0, 0, 5, 0]), expected);
}

#[test]
fn a_cluster_without_a_service_leaves_the_answer_to_the_test() {
    let mut host = host(|model: &mut Model, callback| {
        match callback {
            Callback::Configure { .. } => {
                assert_eq!(call(model, "unknown", 0), Err(status(Status::BAD_ARGUMENT)));
                call(model, "keys", 100).unwrap();
            }
            Callback::HttpCallResponse { token, headers, body, .. } => {
                let line = told(model, token, headers, body);
                model.log(2, line.as_bytes()).unwrap();
            }
            _ => {}
        }
        Ok(Some(1))
    });
    host.model(|model| model.settings.clusters.insert("keys".to_owned()));
    host.start(b"", b"");
    host.advance(99 * MS);
    host.answer(4, Headers::from_iter([(":status", "204")]), b"", None);
    assert_eq!(heard(&mut host), ["99 ms: 1: 204 "]);
}

#[test]
fn a_held_request_goes_on_with_the_answer_or_without_it() {
    let run = |answer: ServiceAnswer| {
        let mut waiting = None;
        let mut host = host(move |model: &mut Model, callback| match callback {
            Callback::RequestHeaders { context, .. } => {
                call(model, "auth", 100).unwrap();
                waiting = Some(context);
                Ok(Some(PAUSE))
            }
            Callback::HttpCallResponse { headers, .. } => {
                model.set_effective_context(waiting.unwrap()).unwrap();
                let good =
                    headers > 0 && model.get_header_map_value(6, b":status") == Ok(b"200".to_vec());
                if good {
                    model.continue_stream(0).unwrap();
                } else {
                    model.send_local_response(503, b"", b"", &[], -1).unwrap();
                }
                Ok(None)
            }
            _ => Ok(None),
        });
        host.model(|model| model.callouts.services.insert("auth".to_owned(), answer.into()));
        host.start(b"", b"");
        let stream = host.open(get());
        assert_eq!(host.fate(&stream), Fate::Paused);
        host.advance(Duration::from_secs(1));
        host.finish(stream).fate
    };
    assert_eq!(run(ServiceAnswer::status(200).after(MS)), Fate::Continued);
    for refused in [
        ServiceAnswer::status(403),
        ServiceAnswer::reset(),
        ServiceAnswer::connect_failure(),
        ServiceAnswer::never(),
        ServiceAnswer::status(200).after(101 * MS),
    ] {
        assert_eq!(run(refused.clone()), Fate::Replied, "{refused:?}");
    }
}

/// Calls again for each answer.
fn insatiable() -> Host<impl Guest> {
    let mut host = host(|model: &mut Model, callback| {
        match callback {
            Callback::Configure { .. } | Callback::HttpCallResponse { .. } => {
                call(model, "keys", 0).unwrap();
            }
            _ => {}
        }
        Ok(Some(1))
    });
    host.model(|model| model.callouts.services.insert("keys".to_owned(), ok("").into()));
    host.start(b"", b"");
    host
}

#[test]
fn calls_made_meanwhile_are_answered_too_though_not_for_ever() {
    let mut host = insatiable();
    host.advance(Duration::from_secs(1));
    let calls = host.model(|model| model.callouts.services["keys"].calls);
    assert_eq!(calls, 1001, "the first one, and one for each answer");
    assert_eq!(host.model(|model| model.clock.nanos()), 1_700_000_001_000_000_000);
    host.advance(Duration::ZERO);
    assert_eq!(host.model(|model| model.callouts.services["keys"].calls), 2001);
}

#[test]
fn a_root_that_is_gone_is_told_nothing() {
    for profile in Profile::ALL {
        let mut told = Vec::new();
        let mut host = host(|model: &mut Model, callback| {
            match callback {
                Callback::Configure { .. } => drop(call(model, "keys", 100).unwrap()),
                Callback::HttpCallResponse { context, .. } => told.push(context),
                _ => {}
            }
            Ok(Some(1))
        });
        host.model(|model| {
            model.profile = Profile { call_elsewhere: None, ..profile };
            model.callouts.services.insert("keys".to_owned(), ok("").after(MS).into());
        });
        let old = host.start(b"", b"").root;
        let new = host.reconfigure(b"").root;
        assert_ne!(old, new);
        host.advance(Duration::from_secs(1));
        drop(host);
        assert_eq!(told, [new], "{}", profile.name);
    }
}

#[test]
fn a_service_counts_the_calls_of_all_vms_but_the_canary() {
    let filter = |model: &mut Model, callback| {
        match callback {
            Callback::Configure { .. } => drop(call(model, "keys", 100).unwrap()),
            Callback::HttpCallResponse { token, headers, body, .. } => {
                let line = told(model, token, headers, body);
                model.log(2, line.as_bytes()).unwrap();
            }
            _ => {}
        }
        Ok(Some(1))
    };
    let mut model = Model::default();
    let service = Service::new([ServiceAnswer::status(503), ok("keys")]);
    model.callouts.services.insert("keys".to_owned(), service);
    let plan = Plan { workers: 2, main: true, canary: true, ..Plan::default() };
    let mut fleet = Fleet::new(Recorded(Scripts(filter)), plan, model).unwrap();
    assert!(fleet.start(b"", b"").accepted);
    fleet.advance(Duration::ZERO);
    assert_eq!(fleet.world(|world| world.services["keys"].calls), 3);
    let record = fleet.world(|world| world.record.clone());
    let logs: Vec<&str> = record.lines().filter_map(|line| line.strip_prefix("  info: ")).collect();
    assert_eq!(logs, ["0 ms: 1: 503 ", "0 ms: 1: 200 keys", "0 ms: 1: 200 keys"]);
}

#[test]
fn a_fault_keeps_a_call_from_the_service() {
    let mut host = host(|model: &mut Model, callback| {
        if let Callback::Configure { .. } = callback {
            let failed = call(model, "keys", 0);
            assert_eq!(failed, Err(status(Status::INTERNAL_FAILURE)));
        }
        Ok(Some(1))
    });
    host.model(|model| {
        model.callouts.services.insert("keys".to_owned(), ok("").into());
        model.inject(proxy_host_model::Fault::at(0, Status::INTERNAL_FAILURE));
    });
    assert!(host.start(b"", b"").accepted);
    assert_eq!(host.model(|model| model.callouts.services["keys"].calls), 0);
}
