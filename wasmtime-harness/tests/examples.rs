//! The example filters, which are not ours: their scenarios, and what holds whatever happens in
//! whichever order.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use proxy_host_model::{
    Fate, Fleet, FleetStream, Headers, Model, Outcome, Plan, Random, Recorded, Request, Service,
    ServiceAnswer,
};
use wasmtime_harness::{Module, Spawner};

/// How many requests the service lets a client make.
const LIMIT: usize = 5;
const CONFIGURATION: &[u8] = br#"{
    "service": { "cluster": "limits" }, "client_header": "x-api-key", "window_seconds": 3600
}"#;

/// What the examples show at least once, as it stands in a scenario.
const SHOWN: [&str; 32] = [
    "abandon =",
    "advance =",
    "allocator = true",
    "answer =",
    "canary = true",
    "check.calls",
    "check.metrics",
    "check.no_shared_data",
    "check.waiting",
    "clock =",
    "clock_step =",
    "configuration_file =",
    "configure =",
    "expect.trapped",
    "failure = \"connect\"",
    "failure = \"timeout\"",
    "fuel =",
    "heal = true",
    "main = true",
    "memory =",
    "on_trap = \"fail_closed\"",
    "on_trap = \"fail_open\"",
    "on_trap = { reload =",
    "open =",
    "profiles =",
    "reset = true",
    "respond =",
    "secrets =",
    "send =",
    "status = \"CAS_MISMATCH\"",
    "times = 0",
    "times = 2",
];

type RateLimit = Fleet<Recorded<Spawner>>;

/// The folders of the examples' scenarios.
fn folders() -> Vec<PathBuf> {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let examples = fs::read_dir(examples).expect("the examples").map(|entry| entry.expect("it"));
    examples.map(|entry| entry.path().join("scenarios")).filter(|path| path.is_dir()).collect()
}

/// The files of all scenarios of the examples.
fn scenarios() -> Vec<PathBuf> {
    let files = folders().into_iter().flat_map(|folder| fs::read_dir(folder).expect("scenarios"));
    let files = files.map(|entry| entry.expect("it").path());
    files.filter(|path| path.extension().is_some_and(|end| end == "toml")).collect()
}

fn module(name: &str) -> Module {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/examples");
    let path = folder.join(format!("{name}.wasm"));
    Module::load(&path)
        .unwrap_or_else(|error| panic!("{error}\nbuild the module first: cargo xtask examples"))
}

/// A number below `limit`, which is small.
fn below(random: &mut Random, limit: usize) -> usize {
    let mut byte = [0];
    random.fill(&mut byte);
    usize::from(byte[0]) % limit
}

/// Opens, finishes and abandons requests of one client on three workers in an order that follows the
/// seed. Gives how many got to the upstream and how many did not, and the record.
fn play(module: &Module, seed: u64) -> (usize, usize, String) {
    let mut model = Model::default();
    let headers = Headers::from_iter([(":status", "200")]);
    let body = format!(r#"{{"limit": {LIMIT}}}"#);
    let slow = ServiceAnswer {
        after: Duration::from_millis(20),
        ..ServiceAnswer::response(headers, body.as_bytes())
    };
    model.callouts.services.insert("limits".to_owned(), Service::from(slow));
    let plan = Plan { workers: 3, main: true, seed, ..Plan::default() };
    let mut fleet: RateLimit =
        Fleet::new(Recorded(module.clone().into()), plan, model).expect("it loads");
    assert!(fleet.start(b"", CONFIGURATION).accepted);

    let random = &mut Random::seeded(seed);
    let (mut passed, mut refused) = (0, 0);
    let mut count = |outcome: Outcome| match outcome.fate {
        Fate::Continued => passed += 1,
        Fate::Replied => {
            assert_eq!(outcome.reply.expect("a reply").status, 429);
            refused += 1;
        }
        // Nobody waited for it.
        Fate::Paused => {}
        other => panic!("seed {seed}: {other:?}"),
    };
    let mut open: Vec<FleetStream> = Vec::new();
    for _ in 0..60 {
        match below(random, 4) {
            0 | 1 => {
                let headers = [(":method", "GET"), (":path", "/"), ("x-api-key", "alice")];
                let worker = below(random, 3);
                open.push(fleet.open(worker, Request::from_iter(headers)));
            }
            2 => fleet.advance(Duration::from_millis(7)),
            _ if open.is_empty() => {}
            _ => {
                let stream = open.swap_remove(below(random, open.len()));
                count(match below(random, 4) {
                    0 => fleet.abandon(stream),
                    _ => fleet.finish(stream),
                });
            }
        }
    }
    fleet.advance(Duration::from_millis(20));
    for stream in open {
        count(fleet.finish(stream));
    }
    (passed, refused, fleet.world(|world| world.record.clone()))
}

#[test]
fn a_limit_holds_in_whichever_order_workers_run() {
    let module = module("rate_limit");
    let mut refusals = 0;
    for seed in 0..40 {
        let (passed, refused, record) = play(&module, seed);
        assert!(passed <= LIMIT, "seed {seed}: {passed} passed\n{record}");
        refusals += refused;
        if seed % 10 == 0 {
            assert_eq!(play(&module, seed).2, record, "seed {seed}: two runs differ");
        }
    }
    assert!(refusals > 100, "the limit was hardly ever reached: {refusals}");
}

#[test]
fn every_scenario_passes_twice_with_equal_records() {
    let files = scenarios();
    let played = files.iter().map(|file| {
        let scenario = proxy_scenario::Scenario::load(file).unwrap_or_else(|e| panic!("{e}"));
        scenario.profiles.len()
    });
    let expected = format!("{} passed, 0 failed", played.sum::<usize>());
    let output = Command::new(env!("CARGO_BIN_EXE_wasmtime-harness"))
        .args(["run", "--twice"])
        .args(folders())
        .env("NO_COLOR", "1")
        .output()
        .expect("it starts");
    let printed = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}{complained}");
    assert_eq!(printed.lines().last(), Some(&*expected));
}

#[test]
fn the_examples_show_what_the_harness_can_do() {
    let text: String =
        scenarios().iter().map(|file| fs::read_to_string(file).expect("readable")).collect();
    let missing: Vec<&str> = SHOWN.into_iter().filter(|part| !text.contains(part)).collect();
    assert!(missing.is_empty(), "no scenario has {missing:?}");
    let records = scenarios().iter().filter(|file| file.with_extension("record").exists()).count();
    assert!(records > 2, "{records} golden records");
}
