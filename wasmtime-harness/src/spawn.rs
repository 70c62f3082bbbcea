//! VMs for a fleet.

use proxy_host_model::{Model, Spawn};

use crate::{
    module::{Limits, Module},
    vm::Vm,
};

/// Makes VMs with one module, each within limits of its own.
#[derive(Clone, Debug)]
pub struct Spawner {
    /// The module.
    pub module: Module,
    /// What each VM may use up.
    pub limits: Limits,
}

impl From<Module> for Spawner {
    /// With the limits of a [`Module::host`].
    fn from(module: Module) -> Self {
        Self { module, limits: Limits::default() }
    }
}

impl Spawn for Spawner {
    type Guest = Vm;

    fn spawn(&mut self, model: Model) -> Result<Vm, String> {
        self.module.vm(model, self.limits).map_err(|error| error.to_string())
    }
}
