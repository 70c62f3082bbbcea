//! What the compiler tells of itself.

use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::shell;

/// The folder that the compiler and its libraries are in.
///
/// # Errors
///
/// There is no compiler.
pub(crate) fn sysroot() -> Result<PathBuf> {
    shell::read(shell::command("rustc").args(["--print", "sysroot"])).map(PathBuf::from)
}

/// What `rustc -vV` says of `host`, `commit-hash` or the like.
///
/// # Errors
///
/// There is no compiler, or it says nothing of that.
pub(crate) fn fact(name: &str) -> Result<String> {
    let version = shell::read(shell::command("rustc").arg("-vV"))?;
    let said = version.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    said.map(str::to_owned).with_context(|| format!("found no {name} in `rustc -vV`: {version}"))
}
