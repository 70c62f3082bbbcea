//! `cargo xtask test`: everything that CI runs.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Instant,
};

use anyhow::{Context, Result, bail};

use crate::{
    bench, compose, demo, examples, fuzz, lint, scenarios,
    setup::{self, BindgenRunner},
    shell,
    tally::{self, Tally},
    wasm, workspace,
};

/// One stage, by the name that selects it.
struct Stage {
    name: &'static str,
    about: &'static str,
    run: fn(&mut Tools) -> Result<Tally>,
}

/// In the order in which they run: what fails fast and often comes first. The stages that need the
/// module build it themselves, so that each can be run alone.
const STAGES: &[Stage] = &[
    Stage { name: "fmt", about: "the sources are formatted, the lock file is complete", run: fmt },
    Stage { name: "clippy", about: "no lint complains, on the machine and as wasm", run: clippy },
    Stage {
        name: "xtask",
        about: "tests of these commands, the demonstration and the benchmark",
        run: xtask,
    },
    Stage { name: "wasm", about: "the module builds and tells no path", run: module },
    Stage {
        name: "native",
        about: "tests of core, filter and host model; scenarios natively",
        run: native,
    },
    Stage { name: "docs", about: "the documentation builds without a warning", run: docs },
    Stage {
        name: "wasi",
        about: "tests of the core and of rsa-verify as wasm32-wasip1 in Node",
        run: wasi,
    },
    Stage {
        name: "simd",
        about: "rsa-verify with relaxed SIMD in Node, fused and not; the scenarios with that module",
        run: simd,
    },
    Stage {
        name: "lint-envoy",
        about: "no shipped Envoy configuration has a way around the filter",
        run: lint_envoy,
    },
    Stage {
        name: "fuzz",
        about: "fuzz targets replay their seeds and run for some seconds",
        run: fuzz::smoke,
    },
    Stage {
        name: "wasmtime",
        about: "the harness, its examples, and the scenarios against the module under wasmtime",
        run: wasmtime,
    },
    Stage {
        name: "agent",
        about: "the agent that lets HAProxy ask the module, by the protocol alone",
        run: agent,
    },
    Stage {
        name: "envoy",
        about: "scenarios, examples, live keys and the probe of host calls in a real Envoy",
        run: envoy,
    },
    Stage { name: "demo", about: "every line of the demonstration is as expected", run: demo_once },
    Stage {
        name: "bench",
        about: "the benchmark runs: every set-up guards its service and answers as it should",
        run: bench_quick,
    },
    Stage { name: "node", about: "tests of the core as wasm32-unknown-unknown in Node", run: node },
];

/// Stages that run only when they are named: a machine may lack what they need.
const ON_REQUEST: &[Stage] = &[Stage {
    name: "compose",
    about: "only when named: envoy/compose.yaml answers as it says, in Docker or Podman",
    run: compose::stage,
}];

/// Runs the stages named, or all of [`STAGES`], and ends with the line `N passed, N failed`.
pub(crate) fn run(names: &[String]) -> Result<ExitCode> {
    let known = || STAGES.iter().chain(ON_REQUEST);
    if names.iter().any(|name| name == "--list") {
        for stage in known() {
            println!("{:<10} {}", stage.name, stage.about);
        }
        return Ok(ExitCode::SUCCESS);
    }
    if let Some(unknown) = names.iter().find(|name| !known().any(|stage| stage.name == **name)) {
        let known: Vec<&str> = known().map(|stage| stage.name).collect();
        bail!("found stage `{unknown}`, expected some of: {}", known.join(", "));
    }
    let stages: Vec<&Stage> = match names {
        [] => STAGES.iter().collect(),
        _ => known().filter(|stage| names.iter().any(|name| name == stage.name)).collect(),
    };

    shell::end_all_when_interrupted()?;
    setup::rust_targets()?;
    let mut tools = Tools::default();
    if stages.iter().any(|stage| stage.name == "node") {
        // Takes minutes, beside the other stages. A failure to start it is told by the stage.
        tools.bindgen = Some(BindgenRunner::start());
    }
    let mut total = Tally::default();
    let mut lines = Vec::new();
    for stage in stages {
        println!("\n==> {}: {}", stage.name, stage.about);
        let start = Instant::now();
        // A stage that cannot run is a failure, and the others go on: one run shows them all.
        let tally = (stage.run)(&mut tools).unwrap_or_else(|error| {
            println!("{}: {error:#}", stage.name);
            Tally::one(false)
        });
        total += tally;
        let mark = if tally.failed == 0 { "ok" } else { "FAILED" };
        let seconds = start.elapsed().as_secs_f64();
        lines.push(format!("{:<10} {mark:<6} {tally} in {seconds:.1} s", stage.name));
        println!("<== {}: {tally} in {seconds:.1} s", stage.name);
    }
    println!("\n{}\n\n{total}", lines.join("\n"));
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What stages share: each tool is prepared once, when the first stage asks for it.
#[derive(Default)]
pub(crate) struct Tools {
    module: Option<Result<(), String>>,
    bindgen: Option<Result<BindgenRunner>>,
}

impl Tools {
    /// The module, built from the sources as they are: a stale one would pass for a broken one.
    pub(crate) fn need_module(&mut self) -> Result<()> {
        let built = self.module.get_or_insert_with(|| {
            let built = wasm::build().map_err(|error| format!("{error:#}"));
            if built.is_err() {
                let _ = fs::remove_file(workspace::module());
            }
            built
        });
        match built {
            Ok(()) => Ok(()),
            Err(error) => bail!("the module was not built: {error}"),
        }
    }
}

fn fmt(_: &mut Tools) -> Result<Tally> {
    let mut tally = tally::check(shell::cargo().args(["fmt", "--all", "--check"]))?;
    let manifest = fuzz::manifest();
    tally +=
        tally::check(shell::cargo().args(["fmt", "--check", "--manifest-path"]).arg(manifest))?;
    // Cargo has completed the lock file by now; where nothing was edited, that is a difference.
    if env::var_os("CI").is_some() {
        let lock = ["diff", "--exit-code", "--", "Cargo.lock"];
        tally += tally::check(shell::command("git").args(lock))?;
    }
    Ok(tally)
}

fn clippy(_: &mut Tools) -> Result<Tally> {
    let mut tally = tally::check(shell::cargo().args([
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    // Code that only the module has is not seen by the line above.
    tally += tally::check(shell::cargo().args([
        "clippy",
        "--quiet",
        "--package",
        "jwt-gate",
        "--package",
        "jwt-gate-core",
        "--package",
        "rsa-verify",
        "--target",
        "wasm32-wasip1",
        "--",
        "-D",
        "warnings",
    ]))?;
    Ok(tally)
}

fn xtask(_: &mut Tools) -> Result<Tally> {
    tally::tests(cargo_test().args([
        "--package",
        "xtask",
        "--package",
        "demo",
        "--package",
        "bench",
    ]))
}

fn module(tools: &mut Tools) -> Result<Tally> {
    tools.need_module()?;
    Ok(Tally::one(true))
}

fn native(tools: &mut Tools) -> Result<Tally> {
    tools.need_module()?;
    tally::tests(&mut cargo_test())
}

fn docs(_: &mut Tools) -> Result<Tally> {
    tally::check(
        shell::cargo()
            .args(["doc", "--quiet", "--no-deps", "--workspace"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

fn wasi(_: &mut Tools) -> Result<Tally> {
    setup::node()?;
    tally::tests(cargo_test().args([
        "--package",
        "jwt-gate-core",
        "--package",
        "rsa-verify",
        "--target",
        "wasm32-wasip1",
        "--lib",
        "--tests",
    ]))
}

fn simd(_: &mut Tools) -> Result<Tally> {
    setup::node()?;
    let tests = || {
        let mut cargo = cargo_test();
        cargo
            .args(["--package", "rsa-verify", "--target", "wasm32-wasip1", "--target-dir"])
            .arg(workspace::simd_target())
            .arg("--config")
            .arg(format!("target.wasm32-wasip1.rustflags=[\"{}\"]", wasm::SIMD));
        cargo
    };
    let mut tally = tally::tests(tests().args(["--lib", "--tests"]))?;
    // A machine on which a relaxed multiply-add rounds twice, as this engine can be told to be one.
    if cfg!(target_arch = "x86_64") {
        tally += tally::tests(
            tests()
                .args(["--test", "keys", "--test", "oracle", "--", "key", "exponent", "variant"])
                .env("RSA_VERIFY_UNFUSED", "1")
                // Tests run in the folder of their package.
                .env(
                    "CARGO_TARGET_WASM32_WASIP1_RUNNER",
                    "node --no-warnings --no-enable-fma3 ../../xtask/wasi-run.mjs",
                ),
        )?;
    }
    wasm::build_simd()?;
    let folder = workspace::root().join("target/scenarios-simd");
    scenarios::export_for(&workspace::simd_module(), &folder)?;
    tally += tally::tests(
        shell::cargo()
            .args(["run", "--quiet", "--package", "wasmtime-harness", "--", "run"])
            .arg(folder),
    )?;
    Ok(tally)
}

fn node(tools: &mut Tools) -> Result<Tally> {
    setup::node()?;
    let runner = tools.bindgen.take().context("the test runner was not started")??.finish()?;
    tally::tests(
        cargo_test()
            .args(["--package", "jwt-gate-core", "--target", "wasm32-unknown-unknown"])
            .args(["--lib", "--tests"])
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner),
    )
}

fn wasmtime(tools: &mut Tools) -> Result<Tally> {
    tools.need_module()?;
    examples::build()?;
    // The examples by themselves: beside the harness they would choose other features for it.
    let packages = examples::names()?;
    let packages = packages.iter().flat_map(|name| ["--package", name]);
    let mut tally = tally::tests(cargo_test().args(packages))?;
    tally += tally::tests(cargo_test().args(["--package", "wasmtime-harness"]))?;
    // As a person would run them, the examples' scenarios and ours.
    scenarios::export()?;
    let mut run = shell::cargo();
    run.args(["run", "--quiet", "--package", "wasmtime-harness", "--", "run", "--twice"])
        .args(["--junit", "target/harness-junit.xml"])
        .args(examples::scenarios()?)
        .arg(scenarios::folder());
    tally += tally::tests(&mut run)?;
    Ok(tally)
}

fn agent(tools: &mut Tools) -> Result<Tally> {
    tools.need_module()?;
    tally::tests(cargo_test().args(["--package", "jwt-gate-agent"]))
}

fn envoy(tools: &mut Tools) -> Result<Tally> {
    tools.need_module()?;
    examples::build()?;
    let envoy = setup::envoy()?;
    setup::provider()?;
    tally::tests(cargo_test().args(["--package", "envoy-e2e"]).env("ENVOY_BIN", envoy))
}

fn demo_once(tools: &mut Tools) -> Result<Tally> {
    tools.need_module()?;
    tally::check(demo::command()?.arg("--once"))
}

fn bench_quick(tools: &mut Tools) -> Result<Tally> {
    tools.need_module()?;
    tally::check(bench::command(bench::HaProxy::IfThere)?.arg("--quick"))
}

fn lint_envoy(_: &mut Tools) -> Result<Tally> {
    let mut tally = Tally::default();
    for file in shipped_configurations(&workspace::root().join("envoy"))? {
        tally += Tally::one(lint::is_clean(&file)?);
    }
    if tally == Tally::default() {
        bail!("found no YAML file under envoy/, expected the shipped configurations");
    }
    Ok(tally)
}

/// The Envoy configurations that users are told to start from; those of the tests bend rules.
fn shipped_configurations(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in
        fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?
    {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() && name != "e2e" {
            files.extend(shipped_configurations(&path)?);
        } else if path.extension().is_some_and(|end| end == "yaml") && name != "compose.yaml" {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// `cargo test` that goes on after a failed test program.
fn cargo_test() -> Command {
    let mut cargo = shell::cargo();
    cargo.args(["test", "--no-fail-fast"]);
    cargo
}
