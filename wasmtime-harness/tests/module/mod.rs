//! The module under test.

use std::{path::Path, sync::LazyLock};

use wasmtime_harness::Module;

/// The module that `cargo xtask wasm` makes.
pub(crate) fn get() -> &'static Module {
    &MODULE
}

static MODULE: LazyLock<Module> = LazyLock::new(|| {
    Module::load(Path::new(PATH))
        .unwrap_or_else(|error| panic!("{error}\nbuild the module first: cargo xtask wasm"))
});

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/jwt_gate.wasm");
