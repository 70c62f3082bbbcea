//! VMs whose log lines are shown at once, and whose fuel is counted by request.

use std::collections::BTreeMap;

use proxy_host_model::{Callback, Guest, LogLevel, Model, Spawn, Trap};
use wasmtime_harness::{Spawner, Vm};

use super::log;

/// Makes such VMs.
pub(crate) struct Watcher {
    pub(crate) spawner: Spawner,
    /// The lowest level that is shown.
    pub(crate) level: LogLevel,
}

impl Spawn for Watcher {
    type Guest = Watched;

    fn spawn(&mut self, model: Model) -> Result<Watched, String> {
        let label = model.label().map_or_else(|| "filter".to_owned(), str::to_owned);
        let vm = self.spawner.spawn(model)?;
        Ok(Watched { vm, label, level: self.level, fuel: BTreeMap::new() })
    }
}

/// Such a VM.
pub(crate) struct Watched {
    vm: Vm,
    /// What stands before its log lines.
    label: String,
    level: LogLevel,
    /// Units of fuel by context.
    fuel: BTreeMap<u32, u64>,
}

impl Watched {
    /// The units of fuel that a context has used up, which is forgotten then.
    pub(crate) fn take_fuel(&mut self, context: u32) -> u64 {
        self.fuel.remove(&context).unwrap_or_default()
    }
}

impl Guest for Watched {
    fn model<R>(&mut self, visit: impl FnOnce(&mut Model) -> R) -> R {
        self.vm.model(visit)
    }

    fn call(&mut self, callback: Callback) -> Result<Option<u32>, Trap> {
        let before = self.vm.fuel_used();
        let answer = self.vm.call(callback);
        let used = self.vm.fuel_used().saturating_sub(before);
        let sum = self.fuel.entry(callback.context()).or_default();
        *sum = sum.saturating_add(used);
        let (logs, _) = self.vm.model(Model::drain);
        for line in logs.iter().filter(|line| line.level >= self.level) {
            log::line(format_args!("[{}] {line}", self.label));
        }
        if let Err(trap) = &answer {
            log::line(format_args!("[{}] the filter ended: {trap}", self.label));
        }
        answer
    }
}
