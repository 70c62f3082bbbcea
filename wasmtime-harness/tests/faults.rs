//! Every host call fails in turn: the release module.

#![allow(clippy::expect_used, clippy::panic, reason = "a test stops at what it did not expect")]

#[path = "../../host-tests/tests/faults/cases.rs"]
mod cases;
#[path = "module/mod.rs"]
mod module;
#[path = "../../host-tests/tests/faults/sweep.rs"]
mod sweep;
#[path = "../../host-tests/tests/faults/tests.rs"]
mod tests;

use proxy_host_model::{Host, Model};
use wasmtime_harness::Vm;

struct ModuleLane;

impl sweep::Lane for ModuleLane {
    type Guest = Vm;

    fn run<R: Send>(&self, model: Model, test: impl FnOnce(Host<Vm>) -> R + Send) -> R {
        test(module::get().host(model).expect("the module initialises"))
    }
}

tests::fault_tests!(ModuleLane);
