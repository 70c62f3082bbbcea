//! Where the checkout, the module and the Envoy binary are.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// The root of the checkout.
#[must_use]
pub fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The module under test: `target/jwt_gate.wasm`, or what `JWT_GATE_WASM` names.
///
/// # Errors
///
/// Names the command that builds the module when it is absent.
pub fn module() -> Result<PathBuf> {
    let path = std::env::var_os("JWT_GATE_WASM")
        .map_or_else(|| checkout().join("target/jwt_gate.wasm"), PathBuf::from);
    path.canonicalize().with_context(|| {
        format!("no filter module at {}: build it with `cargo xtask wasm`", path.display())
    })
}

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
