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
    /// Counts a call, lets it fail if a fault says so, and records how it ended.
    fn host_call<T>(
        &mut self,
        name: &'static str,
        arguments: &[&dyn Argument],
        body: impl FnOnce(&mut Self) -> Result<T, Status>,
    ) -> Result<T, Refusal> {
        // Envoy ends the VM: before it is started there is no context to speak for.
        if self.loading && name != "proxy_log" {
            return Err(Refusal::Trap(format!(
                "{name} called while the module was loading: only proxy_log and WASI are allowed"
            )));
        }
        let number = self.calls_made;
        self.calls_made = self.calls_made.saturating_add(1);
        let fault = self.fault.as_ref();
        let result = match fault.filter(|fault| fault.calls.contains(&number)) {
            Some(fault) => Err(fault.status),
            None => body(self),
        };
        let status = result.as_ref().err().copied().unwrap_or(Status::OK);
        let arguments = self.trace_arguments.then(|| arguments::shown(arguments));
        self.write_call(Call { name, arguments, status });
        result.map_err(Refusal::Status)
    }
}
