//! `cargo xtask scenarios`: our scenarios as the harness's runner reads them.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::{shell, workspace};

/// Writes every scenario, tokens minted, to `target/scenarios`.
///
/// # Errors
///
/// A scenario cannot be minted, or the folder cannot be written.
pub(crate) fn export() -> Result<()> {
    export_for(&workspace::module(), &folder())
}

/// Writes every scenario, tokens minted, for a module into a folder.
///
/// # Errors
///
/// As of [`export`].
pub(crate) fn export_for(module: &Path, folder: &Path) -> Result<()> {
    let mut cargo = shell::cargo();
    cargo
        .args(["run", "--quiet", "--package", "scenario-corpus", "--bin", "export-scenarios", "--"])
        .arg(folder)
        .arg(module);
    shell::run(&mut cargo)
}

/// Where they go.
pub(crate) fn folder() -> PathBuf {
    workspace::root().join("target/scenarios")
}
