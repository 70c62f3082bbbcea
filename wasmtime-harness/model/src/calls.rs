//! The host functions: bytes and numbers in, bytes and numbers out.
//!
//! Each is named as in the ABI without `proxy_`. A binding does nothing but move memory.

mod callouts;
mod data;
mod general;
mod http;
mod metrics;
mod properties;
mod shared;

use crate::{
    arguments::{self, Argument},
    model::Model,
    status::{Refusal, Status},
    trace::Call,
};

/// The host functions of ABI 0.2.1, by their full names.
pub const HOST_FUNCTIONS: [&str; 39] = [
    "proxy_log",
    "proxy_get_log_level",
    "proxy_get_status",
    "proxy_get_property",
    "proxy_set_property",
    "proxy_send_local_response",
    "proxy_continue_stream",
    "proxy_close_stream",
    "proxy_get_shared_data",
    "proxy_set_shared_data",
    "proxy_register_shared_queue",
    "proxy_resolve_shared_queue",
    "proxy_enqueue_shared_queue",
    "proxy_dequeue_shared_queue",
    "proxy_get_header_map_value",
    "proxy_add_header_map_value",
    "proxy_replace_header_map_value",
    "proxy_remove_header_map_value",
    "proxy_get_header_map_pairs",
    "proxy_set_header_map_pairs",
    "proxy_get_header_map_size",
    "proxy_get_buffer_status",
    "proxy_get_buffer_bytes",
    "proxy_set_buffer_bytes",
    "proxy_http_call",
    "proxy_grpc_call",
    "proxy_grpc_stream",
    "proxy_grpc_send",
    "proxy_grpc_cancel",
    "proxy_grpc_close",
    "proxy_set_tick_period_milliseconds",
    "proxy_get_current_time_nanoseconds",
    "proxy_define_metric",
    "proxy_increment_metric",
    "proxy_record_metric",
    "proxy_get_metric",
    "proxy_set_effective_context",
    "proxy_done",
    "proxy_call_foreign_function",
];

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
        self.write_call(Call { name, arguments, status });
        result
    }
}
