//! The host functions: bytes and numbers in, bytes and numbers out.
//!
//! Each is named as in the ABI without `proxy_`. A binding does nothing but move memory.

mod callouts;
mod data;
mod general;
mod http;

use crate::{
    arguments::{self, Argument},
    model::Model,
    status::{Refusal, Status},
    trace::Call,
};

impl Model {
    /// Makes a call that ends in a status and nothing worse; see [`Model::denied_call`].
    fn host_call<T>(
        &mut self,
        name: &'static str,
        arguments: &[&dyn Argument],
        body: impl FnOnce(&mut Self) -> Result<T, Status>,
    ) -> Result<T, Refusal> {
        self.denied_call(name, arguments, |model| body(model).map_err(Refusal::Status))
    }

    /// Lets a call fail if a fault or the profile says so, and records how it ended. The body may
    /// end the VM, as some hosts do where others answer a status.
    fn denied_call<T>(
        &mut self,
        name: &'static str,
        arguments: &[&dyn Argument],
        body: impl FnOnce(&mut Self) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        // Envoy ends the VM: before it is started there is no context to speak for.
        if self.loading && name != "proxy_log" {
            return Err(Refusal::Trap(format!(
                "{name} called while the module was loading: only proxy_log and WASI are allowed"
            )));
        }
        let result = match self.faults.call(name).or_else(|| self.profile.call(name)) {
            Some(refusal) => Err(refusal),
            None => body(self),
        };
        let status = match &result {
            Ok(_) => Status::OK,
            Err(Refusal::Status(status)) => *status,
            // The trap tells it better than a status could.
            Err(Refusal::Trap(_)) => return result,
        };
        let arguments = self.trace_arguments.then(|| arguments::shown(arguments));
        self.trace.push(Call { name, arguments, status });
        result
    }
}
