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

/// Runs the comparison with the proxies, a package of its own, or after `core` the benchmarks of
/// the core.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    if let [first, rest @ ..] = arguments
        && first == "core"
    {
        return core(rest);
    }
    println!("Building the filter ...");
    wasm::build()?;
    wasm::build_simd()?;
    let is_quick = arguments.iter().any(|argument| argument == "--quick");
    // Built by itself: beside other packages it would choose other features for wasmtime.
    shell::run(shell::cargo().args(["build", "--quiet", "--package", "wasmtime-harness"]))?;
    let harness = workspace::target().join("debug/wasmtime-harness");
    let mut cargo = shell::cargo();
    cargo.args(["run", "--quiet", "--package", "bench", "--"]).args(arguments);
    let haproxy = if is_quick { HaProxy::IfThere } else { HaProxy::Installed };
    // Whether it works, any agent shows; figures are those of the one that users run. Its build takes
    // long, so that it is left to them.
    let agent = match is_quick {
        true => workspace::target().join("debug").join(agent::AGENT),
        false => workspace::root().join("target").join(agent::AGENT),
    };
    set_up(&mut cargo, &harness, haproxy, agent.is_file().then_some(&agent))?;
    // Replaces this process, so that Ctrl-C and a kill reach the one that owns the proxies.
    let error = cargo.exec();
    Err(error).with_context(|| format!("cannot start {}", shell::describe(&cargo)))
}

/// Whether a machine without HAProxy gets one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum HaProxy {
    /// It is compared where it is installed.
    IfThere,
    /// It is installed, if that is possible.
    Installed,
}

/// Tells the comparison where the programs are that it runs, with the proxies installed.
pub(crate) fn set_up(
    bench: &mut Command,
    harness: &Path,
    haproxy: HaProxy,
    agent: Option<&Path>,
) -> Result<()> {
    bench.env("ENVOY_BIN", setup::envoy()?).env("HARNESS_BIN", harness);
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
