//! `cargo xtask demo`: builds and fetches what the demonstration needs, then becomes it.

use std::{
    os::unix::process::CommandExt,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};

use crate::{setup, shell, wasm};

/// Runs the demonstration, a package of its own.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    setup::rust_targets()?;
    println!("Building the filter ...");
    wasm::build()?;
    let mut cargo = match arguments.iter().any(|argument| argument == "--haproxy") {
        true => haproxy_command()?,
        false => command()?,
    };
    cargo.args(arguments);
    // Replaces this process, so that Ctrl-C and a kill reach the one that owns the proxy.
    let error = cargo.exec();
    Err(error).with_context(|| format!("cannot start {}", shell::describe(&cargo)))
}

/// The command line of the demonstration in HAProxy, with HAProxy installed and the agent built; the
/// module has to be built. `--haproxy` is among the arguments to come.
pub(crate) fn haproxy_command() -> Result<Command> {
    let mut cargo = shell::cargo();
    cargo
        .args(["run", "--quiet", "--package", "demo", "--"])
        .env("HAPROXY_BIN", setup::haproxy()?)
        .env("JWT_GATE_AGENT", setup::agent()?);
    Ok(cargo)
}

/// The command line of the demonstration, with Envoy installed; the module has to be built.
pub(crate) fn command() -> Result<Command> {
    let mut cargo = shell::cargo();
    cargo.args(["run", "--quiet", "--package", "demo", "--"]).env("ENVOY_BIN", setup::envoy()?);
    Ok(cargo)
}
