//! `cargo xtask bench`: what JWT Gate costs, in proxies and by itself.

use std::{
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, ExitCode, Stdio},
};

use anyhow::{Context, Result};

use crate::{
    agent, setup,
    shell::{self, Group},
    wasm, workspace,
};

/// Runs the benchmark, a package of its own, or after `core` the benchmarks of the core.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    if let [first, rest @ ..] = arguments
        && first == "core"
    {
        return core(rest);
    }
    let is_quick = arguments.iter().any(|argument| argument == "--quick");
    let named = |part: &str| arguments.iter().any(|argument| argument == part);
    let wants = |part: &str| named(part) || !PARTS.into_iter().any(named);
    let mut cargo = shell::cargo();
    cargo.args(["run", "--quiet", "--package", "bench", "--"]).args(arguments);
    if wants("proxies") || wants("growth") {
        println!("Building the filter ...");
        wasm::build()?;
        wasm::build_simd()?;
    }
    if wants("proxies") {
        let haproxy = if is_quick { HaProxy::IfThere } else { HaProxy::Installed };
        // Whether it works, any agent shows; figures are those of the one that users run. Its build
        // takes long, so that it is left to them.
        let agent = match is_quick {
            true => workspace::target().join("debug").join(agent::AGENT),
            false => workspace::root().join("target").join(agent::AGENT),
        };
        set_up_proxies(&mut cargo, haproxy, agent.is_file().then_some(&agent))?;
    }
    if wants("growth") {
        // Built by itself: beside other packages it would choose other features for wasmtime.
        shell::run(shell::cargo().args(["build", "--quiet", "--package", "wasmtime-harness"]))?;
        set_up_growth(&mut cargo, &workspace::target().join("debug/wasmtime-harness"));
    }
    if wants("stages") {
        println!("Building the stages ...");
        let mut build = shell::cargo();
        build.args(["build", "--quiet", "--package", "bench-stages", "--bin", STAGES]);
        let (build, profile) = match is_quick {
            true => (&mut build, "debug"),
            false => (build.arg("--release"), "release"),
        };
        shell::run(build)?;
        let runner = workspace::target().join(profile).join(STAGES);
        set_up_stages(&mut cargo, &runner, is_quick)?;
    }
    // Replaces this process, so that Ctrl-C and a kill reach the one that owns the proxies.
    let error = cargo.exec();
    Err(error).with_context(|| format!("cannot start {}", shell::describe(&cargo)))
}

/// What the benchmark has; all of it where nothing is named.
const PARTS: [&str; 3] = ["proxies", "growth", "stages"];

/// The program that runs the stages natively.
pub(crate) const STAGES: &str = "bench-stages";

/// Whether a machine without HAProxy gets one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum HaProxy {
    /// It is compared where it is installed.
    IfThere,
    /// It is installed, if that is possible.
    Installed,
}

/// Tells the comparison where the proxies are, which are installed.
///
/// # Errors
///
/// There is no Envoy.
pub(crate) fn set_up_proxies(
    bench: &mut Command,
    haproxy: HaProxy,
    agent: Option<&Path>,
) -> Result<()> {
    bench.env("ENVOY_BIN", setup::envoy()?);
    let found = match haproxy {
        HaProxy::IfThere => shell::which("haproxy"),
        HaProxy::Installed => setup::haproxy()
            // Envoy is what it is about; without HAProxy there is less to compare.
            .inspect_err(|error| eprintln!("bench: without HAProxy: {error:#}"))
            .ok(),
    };
    match found {
        Some(binary) => bench.env("HAPROXY_BIN", binary),
        None => bench.env_remove("HAPROXY_BIN"),
    };
    match agent {
        Some(binary) => bench.env("JWT_GATE_AGENT", binary),
        None => bench.env_remove("JWT_GATE_AGENT"),
    };
    Ok(())
}

/// Tells the growth where the harness is.
pub(crate) fn set_up_growth(bench: &mut Command, harness: &Path) {
    bench.env("HARNESS_BIN", harness);
}

/// Builds the stages as modules, and tells their measurement where those are, and what runs them;
/// an engine that is not there is left out.
///
/// Whether they work, the module for every proxy shows in less time.
///
/// # Errors
///
/// They do not build.
pub(crate) fn set_up_stages(bench: &mut Command, native: &Path, is_quick: bool) -> Result<()> {
    wasm::build_stages()?;
    bench.env("STAGES_BIN", native).env("STAGES_MODULE", workspace::stages());
    if !is_quick {
        wasm::build_simd_stages()?;
        bench.env("STAGES_SIMD_MODULE", workspace::simd_stages());
    }
    for (variable, engine) in [("NODE_BIN", setup::node()), ("WASMTIME_PYTHON", setup::wasmtime())]
    {
        match engine {
            Ok(program) => bench.env(variable, program),
            Err(error) => {
                eprintln!("bench: without one engine: {error:#}");
                bench.env_remove(variable)
            }
        };
    }
    Ok(())
}

/// Runs the core's benchmarks and prints a line for each: least, middle and greatest estimate.
/// Further arguments go to criterion.
fn core(arguments: &[String]) -> Result<ExitCode> {
    shell::end_all_when_interrupted()?;
    let mut cargo = shell::cargo();
    cargo.args(["bench", "--package", "bench-stages", "--bench", "decide", "--"]).args(arguments);
    let mut group = Group::start(cargo.stderr(Stdio::piped()))?;
    let progress = group.child().stderr.take().context("the program has no standard error")?;
    for line in BufReader::new(progress).lines() {
        let line = line?;
        // Criterion's progress would stand between the figures, which go to standard output.
        if !line.starts_with("Benchmarking ") {
            eprintln!("{line}");
        }
    }
    let is_done = group.child().wait()?.success();
    Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
