//! Every host call fails in turn: the filter's native code.

#![allow(clippy::expect_used, clippy::panic, reason = "a test stops at what it did not expect")]

#[path = "faults/cases.rs"]
mod cases;
#[path = "faults/held.rs"]
mod held;
#[path = "faults/sweep.rs"]
mod sweep;
#[path = "faults/tests.rs"]
mod tests;

use host_tests::native::{self, Native};
use proxy_host_model::{Host, Model};

struct NativeLane;

impl sweep::Lane for NativeLane {
    type Guest = Native;

    fn run<R: Send>(&self, model: Model, test: impl FnOnce(Host<Native>) -> R + Send) -> R {
        native::run(model, test)
    }
}

tests::fault_tests!(NativeLane);
