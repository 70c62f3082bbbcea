//! Virtual time and seeded bytes as a module sees them.

#![allow(clippy::expect_used, reason = "a test stops at what it did not expect")]

mod filter;

use std::time::Duration;

use proxy_host_model::{Clock, Host, Profile, Random};
use wasmtime_harness::Vm;

use filter::{get, host, on_headers};

/// Reads the host call's clock, WASI's wall clock and WASI's monotonic clock, over and over: the
/// readings of one request are 64 bits each, from address 0.
fn clocks() -> Host<Vm> {
    let read = |[host, wall, monotonic]: [u32; 3]| {
        format!(
            "(drop (call $now (i32.const {host})))
             (drop (call $clock (i32.const 0) (i64.const 1) (i32.const {wall})))
             (drop (call $clock (i32.const 1) (i64.const 1) (i32.const {monotonic})))"
        )
    };
    on_headers(
        r#"(import "env" "proxy_get_current_time_nanoseconds" (func $now (param i32) (result i32)))
           (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))"#,
        &format!("{} {} (i32.const 0)", read([0, 8, 16]), read([24, 32, 40])),
    )
}

/// What one request reads: the host call, WASI's wall clock and the monotonic clock, twice.
fn readings(host: &mut Host<Vm>) -> [u64; 6] {
    assert!(host.request(get()).continued());
    let memory = host.guest().memory();
    let word = |number: usize| {
        let bytes = memory.chunks_exact(8).nth(number).and_then(<[u8]>::first_chunk);
        u64::from_le_bytes(*bytes.expect("memory is larger"))
    };
    [0, 1, 2, 3, 4, 5].map(word)
}

fn nanos(nanos: u64) -> Duration {
    Duration::from_nanos(nanos)
}

#[test]
fn the_clocks_of_host_and_wasi_agree_while_time_stands() {
    for profile in Profile::ALL {
        let mut host = clocks();
        host.model(|model| {
            model.profile = Profile { time: Profile::ENVOY_1_40.time, ..profile };
            model.clock = Clock::at_nanos(1_000);
        });
        assert_eq!(readings(&mut host), [1_000, 1_000, 0, 1_000, 1_000, 0], "{}", profile.name);
    }
}

#[test]
fn every_reading_takes_its_time_on_all_clocks() {
    let mut host = clocks();
    host.model(|model| {
        model.clock = Clock::at_nanos(1_000);
        model.clock.step_by(nanos(5));
    });
    assert_eq!(readings(&mut host), [1_000, 1_005, 10, 1_015, 1_020, 25]);
    assert_eq!(readings(&mut host), [1_030, 1_035, 40, 1_045, 1_050, 55]);
}

#[test]
fn the_wall_clock_goes_back_within_a_callback_and_the_monotonic_one_never() {
    let mut host = clocks();
    host.model(|model| {
        model.clock = Clock::at_nanos(1_000);
        model.clock.step_back_by(nanos(5));
    });
    assert_eq!(readings(&mut host), [1_000, 995, 0, 985, 980, 0]);
    host.model(|model| model.clock.jump(-900));
    assert_eq!(readings(&mut host), [70, 65, 0, 55, 50, 0]);
    host.model(|model| model.clock.jump(i64::MIN));
    assert_eq!(readings(&mut host), [0; 6], "the epoch is the end");
}

#[test]
fn a_jump_between_callbacks_leaves_the_monotonic_clock_alone() {
    let mut host = clocks();
    host.model(|model| model.clock = Clock::at_nanos(1_000));
    host.advance(nanos(10));
    assert_eq!(readings(&mut host), [1_010, 1_010, 10, 1_010, 1_010, 10]);
    host.model(|model| model.clock.jump(500));
    assert_eq!(readings(&mut host), [1_510, 1_510, 10, 1_510, 1_510, 10]);
    host.model(|model| model.clock.set_nanos(3));
    assert_eq!(readings(&mut host), [3, 3, 10, 3, 3, 10]);
}

#[test]
fn a_hostile_host_sets_the_wall_clock_back_for_both_who_ask() {
    let mut host = clocks();
    host.model(|model| {
        model.profile.time = Profile::HOSTILE.time;
        model.clock = Clock::at_nanos(10_000_000_000);
    });
    let second = 1_000_000_000;
    let expected = [10 * second, 9 * second, 0, 8 * second, 7 * second, 0];
    assert_eq!(readings(&mut host), expected);
}

#[test]
fn ticks_come_at_their_time_whatever_the_wall_clock_does() {
    let ticking = r#"(import "env" "proxy_set_tick_period_milliseconds" (func $ticks (param i32) (result i32)))
           (func (export "proxy_on_configure") (param i32 i32) (result i32)
            (i32.eqz (call $ticks (i32.const 10))))
           (func (export "proxy_on_tick") (param i32)
            (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1))))"#;
    let ticks = |host: &mut Host<Vm>| host.guest().memory()[0];
    for jump in [0, -3_600_000_000_000, 3_600_000_000_000] {
        let mut host = host(ticking);
        host.advance(Duration::from_millis(9));
        host.model(|model| model.clock.jump(jump));
        assert_eq!(ticks(&mut host), 0, "a jump is not the passing of time");
        host.advance(Duration::from_millis(1));
        assert_eq!(ticks(&mut host), 1);
        host.advance(Duration::from_millis(95));
        assert_eq!(ticks(&mut host), 10, "after a jump by {jump}");
    }
}

#[test]
fn random_bytes_follow_the_seed_of_the_vm() {
    let random = || {
        on_headers(
            r#"(import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))"#,
            "(call $random (i32.const 0) (i32.const 16))",
        )
    };
    let bytes = |seed: Option<u64>| {
        let mut host = random();
        if let Some(seed) = seed {
            host.model(|model| model.random = Random::seeded(seed));
        }
        let mut take = || {
            assert!(host.request(get()).continued());
            host.guest().memory()[..16].to_vec()
        };
        [take(), take()]
    };
    assert_eq!(bytes(None), bytes(Some(0)), "0 is the default");
    assert_eq!(bytes(Some(7)), bytes(Some(7)));
    let [first, second] = bytes(Some(7));
    assert_ne!(first, second, "the second call goes on");
    assert_ne!(bytes(Some(7)), bytes(Some(8)));
}
