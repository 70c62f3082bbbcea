//! The 39 host functions as imports of a module: memory in, model, memory out.

mod callouts;
mod data;
mod general;
mod http;

use wasmtime::Linker;

use crate::vm::State;

/// Defines all functions of ABI 0.2.1.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    general::link(linker)?;
    http::link(linker)?;
    data::link(linker)?;
    callouts::link(linker)
}
