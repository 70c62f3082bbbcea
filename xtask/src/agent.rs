//! `cargo xtask agent`: the agent for HAProxy, as it runs in production.

use std::{fs, time::Instant};

use anyhow::{Context, Result};

use crate::{shell, workspace};

/// The program, and the package that it is in.
pub(crate) const AGENT: &str = "jwt-gate-agent";
/// The profile of Cargo's that it is built with, which is also a folder.
const PROFILE: &str = "agent";

/// Builds the agent, puts it at `target/jwt-gate-agent` and prints how long it took.
///
/// # Errors
///
/// The build failed, or its result cannot be copied.
pub(crate) fn build() -> Result<()> {
    let start = Instant::now();
    shell::run(shell::cargo().args(["build", "--profile", PROFILE, "--package", AGENT]))?;
    let built = workspace::target().join(PROFILE).join(AGENT);
    let path = workspace::root().join("target").join(AGENT);
    // Under another name first: an agent that runs keeps its file, and a script finds a whole one.
    let fresh = path.with_extension("new");
    fs::copy(&built, &fresh).with_context(|| format!("cannot copy {}", built.display()))?;
    fs::rename(&fresh, &path).with_context(|| format!("cannot write {}", path.display()))?;
    println!("target/{AGENT}: built in {} s", start.elapsed().as_secs());
    Ok(())
}
