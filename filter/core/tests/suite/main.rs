//! Tests of the core from outside: decisions on whole requests, and the stages one by one.
//!
//! One program, so that it is linked once for each target. It runs on the machine, as wasm32-wasip1
//! and, apart from what needs files or randomness, as wasm32-unknown-unknown in Node, where
//! `wasm_bindgen_test` takes the place of `test`.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a panic is how a test fails"
)]

mod gate;
mod signer;
mod token;

mod awaiting;
mod real;
mod rejects;
mod rfc;
mod wycheproof;

#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
mod hosted;

#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
pub(crate) use core::prelude::v1::test;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
pub(crate) use wasm_bindgen_test::wasm_bindgen_test as test;
