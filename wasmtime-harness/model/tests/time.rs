//! Time that passes, the record of it, and functions that a test defines.

#![allow(
    clippy::unwrap_used,
    reason = "a test; clippy does not see that its helpers are part of it"
)]

mod script;

use std::time::Duration;

use proxy_host_model::{Callback, Clock, Guest, Headers, Host, Model, Recorder, encode_pairs};

use script::{CONTINUE, Script, get, host};

fn call_request() -> Vec<u8> {
    let headers = [(":method", "GET"), (":path", "/k"), (":authority", "a.test")];
    encode_pairs(&Headers::from_iter(headers))
}

/// Ticks each second and calls out, with a limit of 1500 ms, at its start.
fn ticking(model: &mut Model, callback: Callback) -> script::Answer {
    match callback {
        Callback::Configure { .. } => {
            model.set_tick_period_milliseconds(1000).unwrap();
            model.http_call(b"keys", &call_request(), b"", b"", 1500).unwrap();
            Ok(Some(1))
        }
        Callback::Tick { .. } => {
            let now = model.get_current_time_nanoseconds().unwrap();
            model.log(2, format!("tick at {now}").as_bytes()).unwrap();
            Ok(None)
        }
        Callback::HttpCallResponse { headers, .. } => {
            let code = model.get_header_map_value(6, b":status").unwrap();
            let text = format!("{headers} headers, {}", code.escape_ascii());
            model.log(2, text.as_bytes()).unwrap();
            Ok(None)
        }
        _ => Ok(Some(1)),
    }
}

fn started() -> Host<impl Guest> {
    let mut host = host(ticking);
    host.model(|model| {
        model.clock = Clock::at_nanos(0);
        model.settings.clusters.insert("keys".to_owned());
    });
    assert!(host.start(b"", b"").accepted);
    host
}

fn logs<G: Guest>(host: &mut Host<G>) -> Vec<String> {
    host.request(get()).logs.iter().map(|line| line.text.clone()).collect()
}

#[test]
fn ticks_and_time_limits_fall_due_in_order() {
    let mut host = started();
    host.advance(Duration::from_millis(999));
    assert_eq!(logs(&mut host), Vec::<String>::new());
    host.advance(Duration::from_millis(1));
    assert_eq!(logs(&mut host), ["tick at 1000000000"]);
    host.advance(Duration::from_millis(2500));
    let due = ["3 headers, 504", "tick at 2000000000", "tick at 3000000000"];
    assert_eq!(logs(&mut host), due);
    assert_eq!(host.model(|model| model.clock.nanos()), 3_500_000_000);
    host.advance(Duration::from_secs(1));
    assert_eq!(logs(&mut host), ["tick at 4000000000"], "the call has ended");
}

#[test]
fn a_wall_clock_that_jumps_moves_no_tick_and_no_time_limit() {
    let mut host = started();
    host.model(|model| model.clock.jump(3_600_000_000_000));
    host.advance(Duration::from_millis(999));
    assert_eq!(logs(&mut host), Vec::<String>::new(), "an hour by the wall clock is no time");
    host.advance(Duration::from_millis(1));
    assert_eq!(logs(&mut host), ["tick at 3601000000000"]);
    host.model(|model| model.clock.set_nanos(0));
    host.advance(Duration::from_millis(1000));
    assert_eq!(logs(&mut host), ["3 headers, 504", "tick at 1000000000"]);
}

#[test]
fn ticks_missed_while_a_callback_ran_are_not_made_up_for() {
    let mut host = started();
    // Each tick reads the clock once, which takes longer than two periods.
    host.model(|model| model.clock.step_by(Duration::from_millis(2500)));
    host.advance(Duration::from_secs(2));
    assert_eq!(logs(&mut host), ["tick at 1000000000", "3 headers, 504"]);
    assert_eq!(host.model(|model| model.clock.nanos()), 3_500_000_000);
    host.advance(Duration::from_millis(999));
    assert_eq!(logs(&mut host), Vec::<String>::new(), "a period from the end of the last one");
    host.advance(Duration::from_millis(1));
    assert_eq!(logs(&mut host), ["tick at 4500000000"]);
}

#[test]
fn no_ticks_without_a_period() {
    let mut ticks = 0;
    let mut host = host(|model: &mut Model, callback| {
        match callback {
            Callback::Configure { .. } => model.set_tick_period_milliseconds(10).unwrap(),
            Callback::Tick { .. } => {
                ticks += 1;
                model.set_tick_period_milliseconds(0).unwrap();
            }
            _ => {}
        }
        Ok(Some(1))
    });
    host.start(b"", b"");
    host.advance(Duration::from_secs(1));
    drop(host);
    assert_eq!(ticks, 1);
}

#[test]
fn a_record_is_readable_and_complete() {
    let script = |model: &mut Model, callback| match callback {
        Callback::RequestHeaders { .. } => {
            model.get_header_map_value(0, b"x-\xff").unwrap_err();
            model.set_header_map_pairs(0, &call_request()).unwrap();
            model.log(3, b"careful").unwrap();
            Ok(Some(CONTINUE))
        }
        _ => Ok(None),
    };
    let mut host = Host::new(Recorder::new(Script::new(script)));
    host.start(b"", b"");
    host.request(get());
    let record = host.guest().record();
    let lines: Vec<&str> = record.lines().collect();
    let expected = [
        "proxy_on_request_headers(2, 3, 1)",
        r#"  proxy_get_header_map_value(0, "x-\xff") -> NOT_FOUND"#,
        "  proxy_set_header_map_pairs(0, {:method: GET; :path: /k; :authority: a.test}) -> OK",
        r#"  proxy_log(3, "careful") -> OK"#,
        "  warn: careful",
        "  = 0",
    ];
    assert!(lines.windows(expected.len()).any(|part| part == expected), "{lines:#?}");
    assert_eq!(lines.last(), Some(&"  = not exported"));
}
