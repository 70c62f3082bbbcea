//! `cargo xtask test`: everything that CI runs.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    time::Instant,
};

use anyhow::{Context, Result, bail};

use crate::{
    aside::Aside,
    bench, compose, examples, fuzz, lint,
    programs::Programs,
    scenarios,
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
        about: "tests of the core, p256-verify and rsa-verify as wasm32-wasip1 in Node",
        run: wasi,
    },
    Stage {
        name: "lint-envoy",
        about: "no shipped Envoy configuration has a way around the filter",
        run: lint_envoy,
    },
    Stage {
        name: "envoy",
        about: "scenarios, examples, live keys and the probe of host calls in a real Envoy",
        run: envoy,
    },
    Stage {
        name: "haproxy",
        about: "scenarios, failures and examples through a real HAProxy and the agent",
        run: haproxy,
    },
    Stage {
        name: "demo",
        about: "every line of the demonstration is as expected, in Envoy and in HAProxy",
        run: demo_once,
    },
    Stage { name: "node", about: "tests of the core as wasm32-unknown-unknown in Node", run: node },
    Stage {
        name: "simd",
        about: "rsa-verify with relaxed SIMD in Node, fused and not, and in wasmtime; the module with it builds",
        run: simd,
    },
    Stage {
        name: "fuzz",
        about: "fuzz targets replay their seeds and run for some seconds",
        run: fuzz::smoke,
    },
    Stage {
        name: "wasmtime",
        about: "the harness, its examples, HAProxy's agent; the scenarios under wasmtime, with both modules",
        run: wasmtime,
    },
    Stage {
        name: "bench",
        about: "the benchmark runs: every set-up guards its service and answers as it should",
        run: bench_quick,
    },
];

/// Those of [`STAGES`] that run beside the others when all run: each builds in folders of its own.
/// They come late in the list, when there is least left to do beside them.
const ASIDE: &[&str] = &["simd", "fuzz"];

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
    let mut aside = Aside::default();
    if names.is_empty() {
        tools.programs = Programs::of_the_workspace();
        // Two programs cannot install packages at once. What is missing is told by the stages.
        let _ = (setup::node(), fuzz::compiler(), setup::wasmtime());
        aside = Aside::start(ASIDE);
    }
    if stages.iter().any(|stage| stage.name == "node") {
        // Takes minutes, beside the other stages. A failure to start it is told by the stage.
        tools.bindgen = Some(BindgenRunner::start());
    }
    let mut total = Tally::default();
    let mut lines = Vec::new();
    for stage in stages {
        println!("\n==> {}: {}", stage.name, stage.about);
        let (start, used) = (Instant::now(), processor_seconds());
        // A stage that cannot run is a failure, and the others go on: one run shows them all.
        let tally = aside.finish(stage.name).unwrap_or_else(|| (stage.run)(&mut tools));
        let tally = tally.unwrap_or_else(|error| {
            println!("{}: {error:#}", stage.name);
            Tally::one(false)
        });
        total += tally;
        let mark = if tally.failed == 0 { "ok" } else { "FAILED" };
        let mut took = format!("in {:.1} s", start.elapsed().as_secs_f64());
        if let (Some(before), Some(after)) = (used, processor_seconds()) {
            took += &format!(", {:.1} s of processors", after - before);
        }
        lines.push(format!("{:<10} {mark:<6} {tally} {took}", stage.name));
        println!("<== {}: {tally} {took}", stage.name);
    }
    if names.is_empty() {
        // A package that no stage names.
        for program in tools.programs.left_out() {
            println!(
                "{}: found no stage that runs it, expected one, by `Programs::test`: counted as \
                 a failure",
                program.display()
            );
            total += Tally::one(false);
        }
    }
    println!("\n{}\n\n{total}", lines.join("\n"));
    Ok(if total.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The processor time of all programs that were started and have ended, in seconds: what a stage
/// costs, however busy the machine is. Only Linux tells it.
fn processor_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program is in brackets and may hold blanks.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    // Those of the children that were waited for, in user and in system mode (proc(5): the fields
    // 16 and 17), in hundredths of a second on every machine that Rust knows.
    let ticks = |at: usize| fields.get(at)?.parse::<u32>().ok();
    Some(f64::from(ticks(13)? + ticks(14)?) / 100.0)
}

/// What stages share: each tool is prepared once, when the first stage asks for it.
#[derive(Default)]
pub(crate) struct Tools {
    programs: Programs,
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
        "p256-verify",
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

fn xtask(tools: &mut Tools) -> Result<Tally> {
    let mut tally = tally::test(cargo_test().args(["--package", "xtask"]))?;
    tally += tools.programs.test(&["demo", "bench", "bench-stages"], |_| ())?;
    Ok(tally)
}

fn module(tools: &mut Tools) -> Result<Tally> {
    tools.need_module()?;
    Ok(Tally::one(true))
}

fn native(tools: &mut Tools) -> Result<Tally> {
    tools.need_module()?;
    tools.programs.test_defaults()
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
    tally::test(cargo_test().args([
        "--package",
        "jwt-gate-core",
        "--package",
        "p256-verify",
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
    let mut tally = tally::test(tests().args(["--lib", "--tests"]))?;
    // A machine on which a relaxed multiply-add rounds twice, as this engine can be told to be one.
    if cfg!(target_arch = "x86_64") {
        tally += tally::test(
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
    // The other engine: another compiler of the same instructions. Python is found by the search
    // path, since cargo takes a runner apart at blanks.
    let python = setup::wasmtime()?;
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = python.parent().map(Path::to_owned).into_iter().chain(env::split_paths(&path));
    tally += tally::test(
        tests()
            .args(["--lib", "--tests"])
            .env("PATH", env::join_paths(folders)?)
            .env("CARGO_TARGET_WASM32_WASIP1_RUNNER", "python ../../xtask/wasmtime-run.py"),
    )?;
    wasm::build_simd()?;
    Ok(tally + Tally::one(true))
}

fn node(tools: &mut Tools) -> Result<Tally> {
    setup::node()?;
    let runner = tools.bindgen.take().context("the test runner was not started")??.finish()?;
    tally::test(
        cargo_test()
            .args(["--package", "jwt-gate-core", "--target", "wasm32-unknown-unknown"])
            .args(["--lib", "--tests"])
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", runner),
    )
}

fn wasmtime(tools: &mut Tools) -> Result<Tally> {
    tools.need_module()?;
    wasm::build_simd()?;
    examples::build()?;
    // The examples by themselves: beside the harness they would choose other features for it.
    let packages = examples::names()?;
    let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
    let mut tally = tools.programs.test(&packages, |_| ())?;
    let others = ["wasmtime-harness", "probe-corpus", "jwt-gate-agent"];
    tally += tools.programs.test(&others, |_| ())?;
    // As a person would run them, the examples' scenarios and ours.
    let harness = tools.programs.binary("wasmtime-harness", "wasmtime-harness")?;
    let export = tools.programs.binary("scenario-corpus", "export-scenarios")?;
    let folder = scenarios::folder();
    shell::run(&mut scenarios::export(&export, &workspace::module(), &folder))?;
    let mut run = shell::command(&harness);
    run.args(["run", "--twice", "--junit", "target/harness-junit.xml"])
        .args(examples::scenarios()?)
        .arg(folder);
    tally += tally::test(&mut run)?;
    let folder = workspace::root().join("target/scenarios-simd");
    shell::run(&mut scenarios::export(&export, &workspace::simd_module(), &folder))?;
    // Beside them, what each of the two modules says of itself.
    let modules = workspace::root().join("host-tests/modules");
    tally += tally::test(shell::command(&harness).arg("run").args([folder, modules]))?;
    Ok(tally)
}

fn envoy(tools: &mut Tools) -> Result<Tally> {
    tools.need_module()?;
    examples::build()?;
    let envoy = setup::envoy()?;
    setup::provider()?;
    setup::tls_tools()?;
    tools.programs.test(&["envoy-e2e", "e2e-wire"], |program| {
        program.env("ENVOY_BIN", &envoy);
    })
}

fn haproxy(tools: &mut Tools) -> Result<Tally> {
    tools.need_module()?;
    let haproxy = setup::haproxy()?;
    setup::tls_tools()?;
    let agent = tools.programs.binary("jwt-gate-agent", "jwt-gate-agent")?;
    tools.programs.test(&["haproxy-e2e"], |program| {
        program.env("HAPROXY_BIN", &haproxy).env("JWT_GATE_AGENT", &agent);
    })
}

fn demo_once(tools: &mut Tools) -> Result<Tally> {
    tools.need_module()?;
    let demo = tools.programs.binary("demo", "demo")?;
    let agent = tools.programs.binary("jwt-gate-agent", "jwt-gate-agent")?;
    let mut tally =
        tally::check(shell::command(&demo).env("ENVOY_BIN", setup::envoy()?).arg("--once"))?;
    tally += tally::check(
        shell::command(&demo)
            .env("HAPROXY_BIN", setup::haproxy()?)
            .env("JWT_GATE_AGENT", agent)
            .args(["--haproxy", "--once"]),
    )?;
    Ok(tally)
}

fn bench_quick(tools: &mut Tools) -> Result<Tally> {
    tools.need_module()?;
    wasm::build_simd()?;
    let bench = tools.programs.binary("bench", "bench")?;
    let harness = tools.programs.binary("wasmtime-harness", "wasmtime-harness")?;
    let agent = tools.programs.binary("jwt-gate-agent", "jwt-gate-agent")?;
    let stages = tools.programs.binary("bench-stages", bench::STAGES)?;
    let mut bench = shell::command(bench);
    bench::set_up_proxies(&mut bench, bench::HaProxy::IfThere, Some(&agent))?;
    bench::set_up_growth(&mut bench, &harness);
    bench::set_up_stages(&mut bench, &stages, true)?;
    tally::check(bench.arg("--quick"))
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
