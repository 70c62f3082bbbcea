//! What scenarios cost.

use std::{cell::RefCell, rc::Rc};

use proxy_host_model::{Callback, Guest, Model, Spawn, Trap};
use wasmtime_harness::{Spawner, Vm};

use super::fuel::Cost;

/// Makes VMs whose fuel is added up.
pub(super) struct Metered {
    spawner: Spawner,
    meter: Rc<RefCell<Cost>>,
}

/// A VM whose fuel is added up.
pub(super) struct MeteredVm {
    vm: Vm,
    meter: Rc<RefCell<Cost>>,
}

impl Metered {
    pub(super) fn new(spawner: Spawner) -> Self {
        Self { spawner, meter: Rc::default() }
    }

    /// Where the sums are.
    pub(super) fn meter(&self) -> Rc<RefCell<Cost>> {
        Rc::clone(&self.meter)
    }
}

impl Spawn for Metered {
    type Guest = MeteredVm;

    fn spawn(&mut self, model: Model) -> Result<MeteredVm, String> {
        let vm = self.spawner.spawn(model)?;
        let mut meter = self.meter.borrow_mut();
        meter.start = meter.start.saturating_add(vm.fuel_used());
        drop(meter);
        Ok(MeteredVm { vm, meter: Rc::clone(&self.meter) })
    }
}

impl Guest for MeteredVm {
    fn model<R>(&mut self, visit: impl FnOnce(&mut Model) -> R) -> R {
        self.vm.model(visit)
    }

    fn call(&mut self, callback: Callback) -> Result<Option<u32>, Trap> {
        let before = self.vm.fuel_used();
        let answer = self.vm.call(callback);
        let used = self.vm.fuel_used().saturating_sub(before);
        let mut meter = self.meter.borrow_mut();
        let sum = match callback {
            Callback::VmStart { .. } | Callback::Configure { .. } => &mut meter.start,
            _ => &mut meter.steps,
        };
        *sum = sum.saturating_add(used);
        answer
    }
}
