//! `wasmtime-harness serve` as a person meets it: the real program on a free port.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect"
)]

mod callouts;
mod clients;
mod failures;
mod filters;
mod gate;
mod passing;
mod server;
mod upstreams;
