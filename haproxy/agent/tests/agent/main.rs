//! The agent as HAProxy meets it: a running program, and a client that says what a test wants, byte for
//! byte.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect"
)]

mod broken;
mod client;
mod gate;
mod life;
mod program;
