//! One configuration of the filter.

use std::{mem, rc::Rc};

use jwt_gate_core::{ConfigErrors, Document};
use proxy_wasm::traits::{Context, RootContext};

use crate::{
    abi::{self, LogLevel},
    follower::{Follower, TICK},
    gate::{self, Gate},
    host_error::HostError,
    streams,
    text::one_line,
};

/// The root context: compiles the policy document and hands the result to each request.
///
/// A configuration update makes a new one in the same VM; requests that began under the old one end
/// under it.
pub(crate) struct Root {
    context: u32,
    /// `None` if no issuer's keys are fetched.
    follower: Option<Follower>,
    ticking: bool,
}

impl Root {
    /// A root context without configuration, which denies everything.
    pub(crate) fn new(context: u32) -> Self {
        streams::put_in_force(context, &Rc::new(Gate::closed()));
        Self { context, follower: None, ticking: false }
    }

    /// Takes over a configuration. Nothing is fetched before the first tick: Envoy tries each
    /// configuration in a VM of its own first, which would promise the others to fetch and end.
    fn configure(&mut self, size: usize) -> Result<Gate, Refusal> {
        let document = abi::plugin_configuration(size).map_err(Refusal::Host)?;
        let document = Document::parse(&document).map_err(Refusal::Document)?;
        let compiled = jwt_gate_core::compile(&document).map_err(Refusal::Document)?;
        for warning in &compiled.warnings {
            let line = format!("jwt-gate: policy: {warning}");
            abi::log(LogLevel::Warn, &one_line(&line));
        }
        let keys = compiled.keys.len();
        let gate = Gate::new(compiled, self.context);
        if gate.follows() && !self.ticking {
            // Without ticks there would never be keys, and a request that waits would do so for good.
            abi::set_tick_period(TICK).map_err(Refusal::Host)?;
            self.ticking = true;
        }
        log_summary(&gate, keys);
        Ok(gate)
    }

    fn put_in_force(&mut self, gate: Gate) {
        let gate = Rc::new(gate);
        streams::put_in_force(self.context, &gate);
        let follower = gate.follows().then(|| Follower::new(gate));
        // A host may configure a root twice; who waits under the configuration before must not do so
        // for ever.
        if let Some(before) = mem::replace(&mut self.follower, follower) {
            before.let_go();
        }
    }
}

impl Context for Root {
    fn on_http_call_response(
        &mut self,
        token: u32,
        num_headers: usize,
        body_size: usize,
        _num_trailers: usize,
    ) {
        if let Some(follower) = &mut self.follower {
            follower.answered(token, num_headers, body_size);
        }
    }
}

impl RootContext for Root {
    fn on_configure(&mut self, plugin_configuration_size: usize) -> bool {
        let configured = self.configure(plugin_configuration_size);
        let accepted = configured.is_ok();
        // Not every host stops at `false`, and what went before may allow what the operator just
        // tried to forbid.
        let gate = configured.unwrap_or_else(|refusal| {
            refusal.log();
            Gate::closed()
        });
        self.put_in_force(gate);
        accepted
    }

    fn on_tick(&mut self) {
        if let Some(follower) = &mut self.follower {
            follower.tick();
        }
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        streams::forget(self.context);
    }
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

fn log_summary(gate: &Gate, keys: usize) {
    let (issuers, rules) = gate.policy.size();
    let rsa = jwt_gate_core::rsa_variant();
    let mut line =
        format!("jwt-gate: policy in force: issuers={issuers} rules={rules} keys={keys} rsa={rsa}");
    if gate.follows() {
        line.push_str(&format!(" followed={}", gate.keys.sources().len()));
    }
    abi::log(LogLevel::Info, &line);
}
