//! `cargo xtask demo`: builds and fetches what the demonstration needs, then becomes it.

use std::{os::unix::process::CommandExt, process::ExitCode};

use anyhow::{Context, Result};

use crate::{setup, shell, wasm};

/// Runs the demonstration, a package of its own.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    setup::rust_targets()?;
    println!("Building the filter ...");
    wasm::build()?;
    let mut cargo = shell::cargo();
    cargo.args(["run", "--quiet", "--package", "demo", "--"]).args(arguments);
    if arguments.iter().any(|argument| argument == "--haproxy") {
        cargo.env("HAPROXY_BIN", setup::haproxy()?).env("JWT_GATE_AGENT", setup::agent()?);
    } else {
        cargo.env("ENVOY_BIN", setup::envoy()?);
    }
    // Replaces this process, so that Ctrl-C and a kill reach the one that owns the proxy.
    let error = cargo.exec();
    Err(error).with_context(|| format!("cannot start {}", shell::describe(&cargo)))
}
