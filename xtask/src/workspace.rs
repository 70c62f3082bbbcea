//! Where things are in a checkout.

use std::{
    env,
    path::{Path, PathBuf},
};

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    // At compile time, so that the command works from any folder; a checkout that was moved is
    // compiled again, since cargo's fingerprint holds the path.
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_path_buf()
}

/// Cargo's target folder, which also keeps the tools and the logs.
pub(crate) fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(folder) => root().join(folder),
        None => root().join("target"),
    }
}

/// Where Cargo builds what is for relaxed SIMD.
pub(crate) fn simd_target() -> PathBuf {
    target().join("simd")
}

/// Where tools that are not the machine's own are installed.
pub(crate) fn tools() -> PathBuf {
    root().join("target/tools")
}

/// The finished filter module.
pub(crate) fn module() -> PathBuf {
    root().join("target/jwt_gate.wasm")
}

/// The stages of a decision as a module, for the benchmark.
pub(crate) fn stages() -> PathBuf {
    root().join("target/stages.wasm")
}

/// The same with relaxed SIMD.
pub(crate) fn simd_stages() -> PathBuf {
    root().join("target/stages.simd.wasm")
}

/// The filter module for proxies that know relaxed SIMD.
pub(crate) fn simd_module() -> PathBuf {
    root().join("target/jwt_gate.simd.wasm")
}
