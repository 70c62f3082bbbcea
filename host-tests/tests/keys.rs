//! Keys that are fetched: requests that wait for them, and how each wait ends.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test stops at what it did not expect"
)]

#[path = "keys/hosts.rs"]
mod hosts;
#[path = "keys/setting.rs"]
mod setting;
#[path = "keys/vms.rs"]
mod vms;
#[path = "keys/waits.rs"]
mod waits;
