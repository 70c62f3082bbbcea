//! Holds the documentation against the code, so that neither can change without the other.
//!
//! - every policy in `README.md`, `docs/policy.md` and `docs/providers` compiles, in both forms of a
//!   document;
//! - the fields that `docs/policy.md` lists are those that the reader knows, with their values and
//!   defaults, and each stands in an example;
//! - its tables of path matching, ambiguous paths, access and reasons say what the core does, and those
//!   of fetched keys when it asks for what;
//! - the log lines, causes and alerts in `docs/operations.md` are those of the gate;
//! - the clusters for keys in `docs/providers` verify the server, and what is seen there exists;
//! - links, anchors, paths of files and the project's commands exist.

// It reads files of the checkout, which a wasm test runner does not hand over; and a page does not
// read differently there.
#![cfg(not(target_family = "wasm"))]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test helpers outside of test functions; clippy.toml excuses the functions alone"
)]

mod fetched;
mod fields;
mod forms;
mod links;
mod markdown;
mod operations;
mod policies;
mod providers;
mod tables;
