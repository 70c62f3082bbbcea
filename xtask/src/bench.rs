//! `cargo xtask bench`: what a decision costs natively.

use std::process::ExitCode;

use anyhow::Result;

use crate::shell;

/// Runs the core's benchmarks; further arguments go to criterion.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let mut cargo = shell::cargo();
    cargo.args(["bench", "--package", "jwt-gate-core", "--bench", "decide", "--"]).args(arguments);
    shell::run(&mut cargo)?;
    Ok(ExitCode::SUCCESS)
}
