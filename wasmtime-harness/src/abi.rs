//! The 39 host functions as imports of a module: memory in, model, memory out.

mod callouts;
mod data;
mod general;
mod http;

use wasmtime::Linker;

use crate::vm::State;

/// Defines all functions of ABI 0.2.1, and two for Emscripten.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    general::link(linker)?;
    http::link(linker)?;
    data::link(linker)?;
    callouts::link(linker)?;
    emscripten(linker)
}

/// What proxy-wasm-cpp-host has for modules of Emscripten beside the ABI.
fn emscripten(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap("env", "pthread_equal", |a: u32, b: u32| u32::from(a == b))?;
    linker.func_wrap("env", "emscripten_notify_memory_growth", |_: u32| {})?;
    Ok(())
}
