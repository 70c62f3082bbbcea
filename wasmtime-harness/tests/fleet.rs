//! Several VMs of one module: what they share, and what becomes of one that ends.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test stops at what it did not expect"
)]

mod filter;

use std::time::Duration;

use proxy_host_model::{Fate, Fault, Fleet, Model, OnTrap, Place, Plan, Recorded, Spawn, World};
use wasmtime_harness::{Limits, Spawner};

use filter::{get, module};

/// Counts seconds in shared data, which all its VMs do: reads the number at one tick and writes it
/// at the next, so that others come in between. `CAS` is the condition under which it writes; when
/// that is not met it reads and writes again.
const COUNTS_TICKS: &str = r#"
    (import "env" "proxy_set_tick_period_milliseconds" (func $tick (param i32) (result i32)))
    (import "env" "proxy_get_shared_data" (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_set_shared_data" (func $set (param i32 i32 i32 i32 i32) (result i32)))
    (data (i32.const 64) "ticks")
    (global $value (mut i32) (i32.const 0))
    (global $cas (mut i32) (i32.const 0))
    (global $holds (mut i32) (i32.const 0))
    (func $read (result i32) (local $status i32)
        (local.set $status (call $get (i32.const 64) (i32.const 5)
            (i32.const 0) (i32.const 4) (i32.const 8)))
        (if (i32.eqz (local.get $status)) (then
            (global.set $value (i32.load (i32.load (i32.const 0))))
            (global.set $cas (i32.load (i32.const 8)))))
        (local.get $status))
    (func $write (param $value i32) (param $cas i32) (result i32)
        (i32.store (i32.const 16) (local.get $value))
        (call $set (i32.const 64) (i32.const 5) (i32.const 16) (i32.const 4) (local.get $cas)))
    (func (export "proxy_on_configure") (param i32 i32) (result i32)
        (if (i32.eq (call $read) (i32.const 1))
            (then (drop (call $write (i32.const 0) (i32.const 0)))))
        (i32.eqz (call $tick (i32.const 1000))))
    (func (export "proxy_on_tick") (param i32)
        (if (global.get $holds)
            (then
                (global.set $holds (i32.const 0))
                (loop $again
                    (if (call $write (i32.add (global.get $value) (i32.const 1)) CAS)
                        (then (drop (call $read)) (br $again)))))
            (else
                (drop (call $read))
                (global.set $holds (i32.const 1)))))"#;

/// Passes requests that have no `x-trap`, with a mark; the others end the VM.
const TRAPS: &str = r#"
    (import "env" "proxy_get_header_map_value" (func $get (param i32 i32 i32 i32 i32) (result i32)))
    (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
    (data (i32.const 64) "x-trapx-seen")
    (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
        (if (i32.eqz (call $get (i32.const 0) (i32.const 64) (i32.const 6)
                (i32.const 0) (i32.const 4)))
            (then unreachable))
        (call $add (i32.const 0) (i32.const 70) (i32.const 6) (i32.const 64) (i32.const 1)))"#;

fn plan(on_trap: OnTrap) -> Plan {
    Plan { workers: 2, main: true, canary: true, on_trap, seed: 1 }
}

fn fleet(body: &str, plan: Plan) -> Fleet<Recorded<Spawner>> {
    let spawner = Spawner { module: module(body), limits: Limits::default() };
    let mut fleet = Fleet::new(Recorded(spawner), plan, Model::default()).expect("it loads");
    assert!(fleet.start(b"", b"").accepted);
    fleet
}

fn ticks(world: &mut World) -> u32 {
    let (value, _) = world.shared.get(b"vm", b"ticks").expect("it is counted");
    u32::from_le_bytes(value.try_into().expect("four bytes"))
}

fn ten_seconds(cas: &str) -> (u32, String) {
    let mut fleet = fleet(&COUNTS_TICKS.replace("CAS", cas), plan(OnTrap::AsHost));
    fleet.advance(Duration::from_secs(10));
    fleet.world(|world| (ticks(world), world.record.clone()))
}

#[test]
fn two_workers_and_the_main_thread_lose_no_update_that_is_conditional() {
    let (ticks, record) = ten_seconds("(global.get $cas)");
    assert_eq!(ticks, 15, "five from each of three VMs, none from the canary");
    let mismatches = record.matches("-> CAS_MISMATCH").count();
    assert_eq!(mismatches, 10, "the main thread comes first and each worker has to write again");
    assert_eq!(ten_seconds("(global.get $cas)").1, record);
}

#[test]
fn updates_that_are_not_conditional_are_lost() {
    assert_eq!(ten_seconds("(i32.const 0)").0, 5);
}

#[test]
fn a_module_that_traps_is_loaded_anew_with_a_memory_of_its_own() {
    let trap = || {
        let mut request = get();
        request.headers.add(b"x-trap", b"1");
        request
    };
    let mut fleet = fleet(TRAPS, plan(OnTrap::RELOAD));
    fleet.advance(Duration::from_secs(2));
    let size = |fleet: &mut Fleet<Recorded<Spawner>>| {
        let host = fleet.host(Place::Worker(0)).expect("there are two");
        host.guest().guest().memory()[..8].to_vec()
    };
    let fresh = size(&mut fleet);
    let outcome = fleet.request(0, trap());
    assert_eq!(outcome.fate, Fate::Trapped);
    assert!(outcome.trap.expect("it has trapped").to_string().contains("unreachable"));
    assert_ne!(size(&mut fleet), fresh, "the header's address is there");
    assert_eq!(outcome.reply.expect("the proxy's").details, b"wasm_fail_stream");

    let outcome = fleet.request(0, trap());
    assert_eq!(outcome.fate, Fate::Trapped, "the new VM has seen it too");
    assert_eq!(fleet.reloads().len(), 1);
    let outcome = fleet.request(0, get());
    assert_eq!(outcome.reply.expect("too early for a third VM").status, 503);
    fleet.advance(Duration::from_secs(2));
    let outcome = fleet.request(0, get());
    assert_eq!(outcome.request_headers.first("x-seen"), Some(&b"x"[..]));
    assert!(fleet.request(1, get()).request_headers.has("x-seen"));
}

#[test]
fn limits_are_those_of_each_vm() {
    let mut spawner = Spawner::from(module(TRAPS));
    spawner.spawn(Model::default()).expect("it loads");
    spawner.limits = Limits { memory: 1, ..Limits::default() };
    let error = Fleet::new(spawner, plan(OnTrap::AsHost), Model::default()).expect_err("too small");
    assert!(error.contains("memory"), "{error}");
}

#[test]
fn a_fault_of_one_vm_is_not_one_of_another_and_one_of_the_template_is_one_of_new_vms() {
    let mut fleet = fleet(TRAPS, plan(OnTrap::RELOAD));
    fleet.advance(Duration::from_secs(2));
    let host = fleet.host(Place::Worker(1)).expect("there are two");
    host.model(|model| model.inject(Fault::trap_at(0, "power cut")));
    assert_eq!(fleet.request(1, get()).fate, Fate::Trapped);
    assert_eq!(fleet.request(0, get()).fate, Fate::Continued);
    assert_eq!(fleet.request(1, get()).fate, Fate::Continued, "a new VM without it");

    fleet.template().inject(Fault::trap_at(0, "again"));
    assert_eq!(fleet.request(1, get()).fate, Fate::Continued, "it runs already");
    let host = fleet.host(Place::Worker(1)).expect("there are two");
    host.model(|model| model.inject(Fault::trap_at(0, "power cut")));
    assert_eq!(fleet.request(1, get()).fate, Fate::Trapped);
    fleet.advance(Duration::from_secs(2));
    let trap = fleet.request(1, get()).trap.expect("the new VM has the fault");
    assert!(trap.to_string().contains("again"), "{trap}");
}
