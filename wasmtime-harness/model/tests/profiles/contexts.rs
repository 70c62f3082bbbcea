//! Contexts and time.

use proxy_host_model::{Callback, Fate, Headers, Model, Profile, Random, Refusal, Status};

use crate::{
    ENVOY, HOSTILE, NGX, SPEC, in_request, in_root, is_trap, refused,
    script::{get, host},
};

#[test]
fn ids_are_counted_or_random_and_follow_the_seed() {
    let ids = |profile, seed| {
        let mut ids = Vec::new();
        let mut host = host(|_: &mut Model, callback| {
            if let Callback::ContextCreate { context, parent } = callback {
                ids.push((context, parent));
            }
            Ok(Some(1))
        });
        host.model(|model| (model.profile, model.random) = (profile, Random::seeded(seed)));
        host.start(b"", b"");
        host.request(get());
        host.request(get());
        drop(host);
        ids
    };
    assert_eq!(ids(Profile::ENVOY_1_40, 0), [(1, 0), (2, 1), (3, 1)]);
    let random = ids(Profile::HOSTILE, 0);
    let [(root, 0), (first, parent), (second, _)] = random[..] else {
        panic!("a root and two streams, found {random:?}");
    };
    assert_eq!(parent, root);
    assert!([root, first, second].iter().all(|id| *id > 3), "{random:?}");
    assert_eq!(ids(Profile::HOSTILE, 0), random);
    assert_ne!(ids(Profile::HOSTILE, 1), random);
}

#[test]
fn effective_contexts_are_followed_or_ignored() {
    for (profile, answer) in [
        (ENVOY, refused(Status::BAD_ARGUMENT)),
        (SPEC, refused(Status::BAD_ARGUMENT)),
        (NGX, Ok(())),
    ] {
        let found = in_request(profile, |model| model.set_effective_context(12345));
        assert_eq!(found, answer, "{}", profile.name);
    }
}

#[test]
fn an_answer_speaks_for_its_caller_where_the_filter_has_no_say() {
    let fate = |profile| {
        let mut host = host(|model: &mut Model, callback| match callback {
            Callback::RequestHeaders { .. } => {
                let headers =
                    b"\x03\0\0\0\x07\0\0\0\x03\0\0\0\x05\0\0\0\x01\0\0\0\x0a\0\0\0\x01\0\0\0\
                    :method\0GET\0:path\0/\0:authority\0a\0";
                model.http_call(b"cluster", headers, b"", b"", 0).unwrap();
                Ok(Some(1))
            }
            Callback::HttpCallResponse { .. } => {
                // Not a word about the stream that this is for.
                let _ = model.continue_stream(0);
                Ok(Some(0))
            }
            _ => Ok(Some(1)),
        });
        host.model(|model| {
            model.profile = profile;
            model.settings.clusters.insert("cluster".to_owned());
        });
        host.start(b"", b"");
        let stream = host.open(get());
        let token = host.model(|model| model.callouts.http[0].token);
        host.answer(token, Headers::from_iter([(":status", "200")]), b"", None);
        let fate = host.fate(&stream);
        host.finish(stream);
        fate
    };
    assert_eq!(fate(ENVOY), Fate::Paused);
    assert_eq!(fate(NGX), Fate::Continued);
}

#[test]
fn time_flows_stands_or_goes_back_within_a_callback_alone() {
    let second = std::time::Duration::from_secs(1);
    let readings = |profile| {
        let mut readings = Vec::new();
        let mut host = host(|model: &mut Model, callback| {
            if matches!(callback, Callback::RequestHeaders { .. }) {
                for _ in 0..3 {
                    readings.push(model.get_current_time_nanoseconds().unwrap() / 1_000_000_000);
                }
            }
            Ok(Some(1))
        });
        host.model(|model| {
            model.profile = profile;
            model.clock.set_nanos(100_000_000_000);
            model.clock.step_by(second);
        });
        host.start(b"", b"");
        host.request(get());
        host.request(get());
        drop(host);
        readings
    };
    assert_eq!(readings(ENVOY), [100, 101, 102, 103, 104, 105]);
    assert_eq!(readings(SPEC), [100, 100, 100, 103, 103, 103]);
    // It is 100, 101, 102 by then: one second less at the second reading, two at the third.
    assert_eq!(readings(HOSTILE), [100, 100, 100, 103, 103, 103]);
    let still = Profile { time: HOSTILE.time, ..ENVOY };
    let back = in_request(still, |model| {
        let mut read = || model.get_current_time_nanoseconds().unwrap();
        let first = read();
        [first, read() + 1_000_000_000, read() + 2_000_000_000].map(|time| time - first)
    });
    assert_eq!(back, [0, 0, 0], "the clock stands, and each reading is a second less");
}

#[test]
fn ticks_are_asked_for_once_and_by_a_root_in_nginx() {
    let twice = |model: &mut Model| {
        let first = model.set_tick_period_milliseconds(10);
        let stopped = model.set_tick_period_milliseconds(0);
        let again = model.set_tick_period_milliseconds(10);
        [first, stopped, again, model.set_tick_period_milliseconds(20)]
    };
    assert_eq!(in_root(ENVOY, twice), [Ok(()), Ok(()), Ok(()), Ok(())]);
    let [first, stopped, again, other] = in_root(NGX, twice);
    assert_eq!([first, stopped, again], [Ok(()), Ok(()), Ok(())]);
    assert!(is_trap(&other, "second time"), "{other:?}");
    let in_stream = in_request(NGX, |model| model.set_tick_period_milliseconds(10));
    assert!(is_trap(&in_stream, "request"), "{in_stream:?}");
    assert_eq!(in_request(ENVOY, |model| model.set_tick_period_milliseconds(10)), Ok(()));
}

#[test]
fn a_function_that_does_not_work_says_so_by_the_profile() {
    assert_eq!(in_root(ENVOY, |model| model.get_log_level()), Ok(2));
    let nginx = in_root(NGX, |model| model.get_log_level());
    assert!(is_trap(&nginx, "proxy_get_log_level is not implemented"), "{nginx:?}");
    let hostile = in_root(HOSTILE, |model| model.define_metric(0, b"n"));
    assert_eq!(hostile, Err(Refusal::Status(Status::INTERNAL_FAILURE)));
}

#[test]
fn foreign_functions_exist_by_the_profile_and_the_scenario() {
    let call = |profile, name: &'static [u8]| {
        in_request(profile, move |model| {
            for known in [&b"verify_signature"[..], b"resolve_lua", b"mine"] {
                model.foreign.insert(known.to_vec(), Ok(b"done".to_vec()).into());
            }
            model.call_foreign_function(name, b"")
        })
    };
    let done = || Ok(b"done".to_vec());
    let missing = || refused(Status::NOT_FOUND);
    assert_eq!(call(ENVOY, b"verify_signature"), done());
    assert_eq!(call(ENVOY, b"mine"), done());
    assert_eq!(call(ENVOY, b"resolve_lua"), missing());
    assert_eq!(call(ENVOY, b"other"), missing());
    assert_eq!(call(SPEC, b"resolve_lua"), done());
    assert_eq!(call(SPEC, b"other"), missing());
    assert_eq!(call(NGX, b"resolve_lua"), done());
    for name in [&b"verify_signature"[..], b"mine", b"other"] {
        let found = call(NGX, name);
        assert!(is_trap(&found, "no foreign function"), "{found:?}");
    }
}
