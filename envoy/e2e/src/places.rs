//! Where the Envoy binary is.

use std::path::PathBuf;

use anyhow::{Result, bail};
use e2e_wire::checkout;

/// The Envoy binary: what `ENVOY_BIN` names, or the one that `cargo xtask setup` installs.
///
/// # Errors
///
/// Names the command that installs Envoy when it is absent.
pub fn envoy_binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("ENVOY_BIN").map(PathBuf::from) {
        if !path.is_file() {
            bail!("ENVOY_BIN names {}, which is not a file", path.display());
        }
        return Ok(path);
    }
    let lib = checkout().join("target/tools/venv/lib");
    // The binary itself: the `envoy` in the venv's bin/ is a Python script that starts it, and
    // ending that script would leave Envoy running.
    for python in std::fs::read_dir(&lib).into_iter().flatten().flatten() {
        let binary = python.path().join("site-packages/envoy/_bin/envoy");
        if binary.is_file() {
            return Ok(binary);
        }
    }
    bail!("no Envoy under {}: install it with `cargo xtask setup`, or set ENVOY_BIN", lib.display())
}
