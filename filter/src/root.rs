//! One configuration of the filter.

use std::rc::Rc;

use jwt_gate_core::{Compiled, ConfigErrors, Document};
use proxy_wasm::{
    traits::{Context, HttpContext, RootContext},
    types::ContextType,
};

use crate::{
    abi::{self, LogLevel},
    gate::{self, Gate},
    host_error::HostError,
    stream::Stream,
    text::one_line,
};

/// The root context: compiles the policy document and hands the result to each request.
///
/// A configuration update makes a new one in the same VM; requests that began under the old one end
/// under it.
pub(crate) struct Root {
    gate: Rc<Gate>,
}

impl Root {
    /// A root context without configuration, which denies everything.
    pub(crate) fn new() -> Self {
        Self { gate: Rc::new(Gate::closed()) }
    }
}

impl Context for Root {}

impl RootContext for Root {
    fn on_configure(&mut self, plugin_configuration_size: usize) -> bool {
        match configure(plugin_configuration_size) {
            Ok(gate) => {
                self.gate = Rc::new(gate);
                true
            }
            Err(refusal) => {
                // Not every host stops at `false`, and what went before may allow what the operator
                // just tried to forbid.
                self.gate = Rc::new(Gate::closed());
                refusal.log();
                false
            }
        }
    }

    fn get_type(&self) -> Option<ContextType> {
        Some(ContextType::HttpContext)
    }

    fn create_http_context(&self, _context_id: u32) -> Option<Box<dyn HttpContext>> {
        Some(Box::new(Stream::new(Rc::clone(&self.gate))))
    }
}

fn configure(size: usize) -> Result<Gate, Refusal> {
    let document = abi::plugin_configuration(size).map_err(Refusal::Host)?;
    let document = Document::parse(&document).map_err(Refusal::Document)?;
    let compiled = jwt_gate_core::compile(&document).map_err(Refusal::Document)?;
    log_summary(&compiled);
    Ok(Gate::new(compiled))
}

/// Why a configuration is not taken.
enum Refusal {
    /// The operator's document is no good.
    Document(ConfigErrors),
    /// The host did not hand it over.
    Host(HostError),
}

impl Refusal {
    fn log(&self) {
        match self {
            Self::Document(errors) => gate::log_problems("policy", errors),
            Self::Host(error) => {
                abi::log(LogLevel::Error, &format!("jwt-gate: policy: {error}"));
            }
        }
        abi::log(
            LogLevel::Error,
            "jwt-gate: policy refused; until there is a good one, every request gets 503",
        );
    }
}

fn log_summary(compiled: &Compiled) {
    for warning in &compiled.warnings {
        let line = format!("jwt-gate: policy: {warning}");
        abi::log(LogLevel::Warn, &one_line(&line));
    }
    let (issuers, rules) = compiled.policy.size();
    let keys = compiled.keys.len();
    abi::log(
        LogLevel::Info,
        &format!("jwt-gate: policy in force: issuers={issuers} rules={rules} keys={keys}"),
    );
}
