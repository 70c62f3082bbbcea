//! Every host call fails in turn, or ends the VM, and every limit is reached: the release module.

#![allow(clippy::expect_used, clippy::panic, reason = "a test stops at what it did not expect")]

#[path = "../../host-tests/tests/faults/cases.rs"]
mod cases;
#[path = "faults/ends.rs"]
mod ends;
#[path = "../../host-tests/tests/faults/held.rs"]
mod held;
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

/// One test for each way in which the VM ends, over all cases.
macro_rules! ends {
    ($($way:ident),*) => {
        mod ending {
            $(
                #[test]
                fn $way() {
                    for case in crate::every_case() {
                        crate::ends::$way(&case);
                    }
                }
            )*
        }
    };
}

ends!(fuel, memory, traps, traps_while_configuring);

fn every_case() -> [cases::Case; 11] {
    [
        cases::cookie(),
        cases::denied(),
        cases::forward(),
        cases::host_checks(),
        cases::host_refuses(),
        cases::metrics(),
        cases::query(),
        cases::report(),
        cases::route_metadata(),
        cases::spoofed_on_public(),
        cases::token(),
    ]
}
