//! Time, ticks and the log.

use std::time::Duration;

use proxy_host_model::{Callback, Clock, LogLevel, Status};

use crate::guest::{filter, get, in_request, refused};

tests! {
    fn time_stands_still_or_steps_in_a_callback() {
        in_request(|model| {
            model.clock = Clock::at_nanos(1000);
            assert_eq!(model.get_current_time_nanoseconds(), Ok(1000));
            assert_eq!(model.get_current_time_nanoseconds(), Ok(1000));
            model.clock.step_by(Duration::from_nanos(5));
            assert_eq!(model.get_current_time_nanoseconds(), Ok(1000));
            assert_eq!(model.get_current_time_nanoseconds(), Ok(1005));
            model.clock.set_nanos(7);
            assert_eq!(model.get_current_time_nanoseconds(), Ok(7), "backwards");
        });
    }

    fn ticks_come_to_the_root_of_whoever_asks() {
        let mut ticked = Vec::new();
        let mut host = filter(|model, callback| {
            match callback {
                Callback::RequestHeaders { .. } => {
                    model.set_tick_period_milliseconds(10).unwrap();
                }
                Callback::Tick { context } => {
                    ticked.push(context);
                    if ticked.len() == 3 {
                        model.set_tick_period_milliseconds(0).unwrap();
                    }
                }
                _ => {}
            }
            None
        });
        host.advance(Duration::from_secs(1));
        host.request(get());
        host.advance(Duration::from_millis(25));
        host.advance(Duration::from_secs(1));
        drop(host);
        assert_eq!(ticked, [1, 1, 1]);
    }

    fn lines_are_logged_with_their_level() {
        let mut host = filter(|model, callback| {
            if let Callback::RequestHeaders { .. } = callback {
                for level in 0..=5 {
                    model.log(level, b"x").unwrap();
                }
                model.log(2, b"bytes \xff").unwrap();
                for level in [6, u32::MAX] {
                    assert_eq!(refused(model.log(level, b"x")), Status::BAD_ARGUMENT);
                }
                assert_eq!(model.get_log_level(), Ok(LogLevel::Info.number()));
            }
            None
        });
        let logs: Vec<String> = host.request(get()).logs.iter().map(ToString::to_string).collect();
        let levels = ["trace: x", "debug: x", "info: x", "warn: x", "error: x", "critical: x"];
        assert_eq!(logs[..6], levels, "those below the level too");
        assert_eq!(logs[6..], ["info: bytes \u{fffd}"]);
    }
}
