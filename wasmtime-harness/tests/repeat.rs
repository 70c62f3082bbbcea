//! Whatever happens to a proxy, a module does the same the next time: to the last byte of the record
//! and of its memory, and to the last unit of fuel.

#![allow(clippy::expect_used, reason = "a test stops at what it did not expect")]

mod filter;
#[path = "../model/tests/steps/mod.rs"]
mod steps;

use proxy_host_model::{Fleet, Profile, Recorded};
use wasmtime_harness::{Module, Spawner};

use filter::module;
use steps::{fleet, play, steps};

/// Logs the time, random bytes and all headers of each request, counts ticks in shared data, and
/// calls out at each of them.
const BUSY: &str = r#"
    (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
    (import "env" "proxy_get_current_time_nanoseconds" (func $now (param i32) (result i32)))
    (import "env" "proxy_get_header_map_pairs" (func $pairs (param i32 i32 i32) (result i32)))
    (import "env" "proxy_get_shared_data" (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_set_tick_period_milliseconds" (func $ticks (param i32) (result i32)))
    (import "env" "proxy_http_call" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "clock_time_get" (func $clock (param i32 i64 i32) (result i32)))
    (data (i32.const 64) "k")
    (data (i32.const 128) "\03\00\00\00\07\00\00\00\03\00\00\00\05\00\00\00\01\00\00\00\0a\00\00\00\01\00\00\00:method\00GET\00:path\00/\00:authority\00k\00")
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
        (drop (call $ticks (i32.const 100)))
        (i32.const 1))
    (func (export "proxy_on_tick") (param i32)
        ;; the value is at the address in 32, its CAS in 40
        (if (i32.eqz (call $get (i32.const 64) (i32.const 1) (i32.const 32) (i32.const 36) (i32.const 40)))
            (then (i32.store (i32.const 44) (i32.add (i32.load (i32.load (i32.const 32))) (i32.const 1))))
            (else (i32.store (i32.const 44) (i32.const 1))))
        (drop (call $set (i32.const 64) (i32.const 1) (i32.const 44) (i32.const 4) (i32.load (i32.const 40))))
        (drop (call $call (i32.const 64) (i32.const 1) (i32.const 128) (i32.const 61)
            (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 200) (i32.const 48))))
    (func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)
        (drop (call $pairs (i32.const 6) (i32.const 32) (i32.const 36)))
        (drop (call $log (i32.const 2) (i32.load (i32.const 32)) (i32.load (i32.const 36)))))
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (drop (call $now (i32.const 0)))
        (drop (call $clock (i32.const 0) (i64.const 0) (i32.const 8)))
        (drop (call $random (i32.const 16) (i32.const 16)))
        (drop (call $log (i32.const 2) (i32.const 0) (i32.const 32)))
        (drop (call $pairs (i32.const 0) (i32.const 32) (i32.const 36)))
        (drop (call $log (i32.const 2) (i32.load (i32.const 32)) (i32.load (i32.const 36))))
        (i32.and (i32.load8_u (i32.const 16)) (i32.const 1)))"#;

/// The record of the steps, and what each VM used up and kept.
fn run(module: &Module, profile: Profile, seed: u64) -> (String, Vec<(u64, Vec<u8>)>) {
    let spawner = Spawner::from(module.clone());
    let mut fleet: Fleet<Recorded<Spawner>> = fleet(spawner, profile, seed);
    let seen = play(&mut fleet, &steps(seed, 60));
    let places = fleet.places().into_iter();
    let left = places.filter_map(|place| {
        let vm = fleet.host(place)?.guest().guest();
        Some((vm.fuel_used(), vm.memory().to_vec()))
    });
    (seen, left.collect())
}

#[test]
fn the_same_steps_leave_the_same_record_fuel_and_memory() {
    let module = module(BUSY);
    let mut records = Vec::new();
    for profile in Profile::ALL {
        for seed in 0..4 {
            let first = run(&module, profile, seed);
            assert_eq!(first.1.len(), 3, "main and two workers");
            assert!(first == run(&module, profile, seed), "{}, seed {seed}", profile.name);
            records.push(first.0);
        }
    }
    let all = records.concat();
    for part in ["proxy_on_request_headers", "proxy_on_http_call_response", "= trap: ", "  info: "]
    {
        assert!(all.contains(part), "no step led to {part:?}");
    }
    records.sort();
    records.dedup();
    assert_eq!(records.len(), 16, "other seeds and profiles, other records");
}

#[test]
fn a_module_that_is_compiled_twice_does_the_same() {
    let [first, second] = [module(BUSY), module(BUSY)];
    let seed = 11;
    assert!(run(&first, Profile::ENVOY_1_40, seed) == run(&second, Profile::ENVOY_1_40, seed));
}
