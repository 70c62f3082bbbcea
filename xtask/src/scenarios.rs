//! `cargo xtask scenarios`: our scenarios as the harness's runner reads them.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::Result;

use crate::{shell, workspace};

/// Writes every scenario, tokens minted, to `target/scenarios`.
///
/// # Errors
///
/// A scenario cannot be minted, or the folder cannot be written.
pub(crate) fn run() -> Result<()> {
    let program = "export-scenarios";
    let mut cargo = shell::cargo();
    cargo.args(["build", "--quiet", "--package", "scenario-corpus", "--bin", program]);
    shell::run(&mut cargo)?;
    let program = workspace::target().join("debug").join(program);
    shell::run(&mut export(&program, &workspace::module(), &folder()))
}

/// The command line that writes every scenario, tokens minted, for a module into a folder.
pub(crate) fn export(program: &Path, module: &Path, folder: &Path) -> Command {
    let mut command = shell::command(program);
    command.arg(folder).arg(module);
    command
}

/// Where they go.
pub(crate) fn folder() -> PathBuf {
    workspace::root().join("target/scenarios")
}
