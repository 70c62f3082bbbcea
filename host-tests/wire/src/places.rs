//! Where the checkout and the module are.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

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
