//! `cargo xtask bench`: what a decision costs natively.

use std::{
    io::{BufRead, BufReader},
    process::{ExitCode, Stdio},
};

use anyhow::{Context, Result};

use crate::shell::{self, Group};

/// Runs the core's benchmarks and prints a line for each: least, middle and greatest estimate.
/// Further arguments go to criterion.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    shell::end_all_when_interrupted()?;
    let mut cargo = shell::cargo();
    cargo.args(["bench", "--package", "jwt-gate-core", "--bench", "decide", "--"]).args(arguments);
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
