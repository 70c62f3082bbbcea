//! The module under test.

#![allow(dead_code, reason = "each test uses what it needs")]

use std::{fs, path::Path, sync::LazyLock};

use wasmtime_harness::Module;

/// The module that `cargo xtask wasm` makes.
pub(crate) fn get() -> &'static Module {
    &MODULE
}

/// The bytes of its file.
pub(crate) fn bytes() -> Vec<u8> {
    fs::read(PATH).unwrap_or_else(|error| panic!("{PATH}: {error}\n{HINT}"))
}

static MODULE: LazyLock<Module> = LazyLock::new(|| {
    Module::load(Path::new(PATH)).unwrap_or_else(|error| panic!("{error}\n{HINT}"))
});

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/jwt_gate.wasm");
const HINT: &str = "build the module first: cargo xtask wasm";
