//! VMs whose log lines go to the agent's log at once.

use std::mem;

use proxy_host_model::{Callback, Guest, LogLevel, LogLine, Model, Trap};
use wasmtime_harness::Vm;

/// Such a VM.
#[derive(Debug)]
pub(crate) struct Logged {
    vm: Vm,
    /// Lines that are kept and not shown, while a configuration is tried.
    kept: Option<Vec<LogLine>>,
}

impl Logged {
    /// A VM whose lines are kept until [`Logged::take_lines`].
    pub(crate) fn keeping(vm: Vm) -> Self {
        Self { vm, kept: Some(Vec::new()) }
    }

    /// The lines that were kept; those that follow are shown.
    pub(crate) fn take_lines(&mut self) -> Vec<LogLine> {
        mem::take(&mut self.kept).unwrap_or_default()
    }
}

impl Guest for Logged {
    fn model<R>(&mut self, visit: impl FnOnce(&mut Model) -> R) -> R {
        self.vm.model(visit)
    }

    fn call(&mut self, callback: Callback) -> Result<Option<u32>, Trap> {
        let answer = self.vm.call(callback);
        let (lines, _) = self.vm.model(Model::drain);
        match &mut self.kept {
            Some(kept) => kept.extend(lines),
            None => lines.iter().for_each(show),
        }
        if let Err(trap) = &answer {
            tracing::error!(target: "module", "the filter's VM ended: {trap}");
        }
        answer
    }
}

/// Shows a line of the filter's.
pub(crate) fn show(line: &LogLine) {
    let text = &line.text;
    match line.level {
        LogLevel::Trace => tracing::trace!(target: "module", "{text}"),
        LogLevel::Debug => tracing::debug!(target: "module", "{text}"),
        LogLevel::Info => tracing::info!(target: "module", "{text}"),
        LogLevel::Warn => tracing::warn!(target: "module", "{text}"),
        LogLevel::Error | LogLevel::Critical => tracing::error!(target: "module", "{text}"),
    }
}
