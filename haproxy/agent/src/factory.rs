//! VMs of the filter, made to order.

use std::{
    collections::BTreeSet,
    hash::{BuildHasher as _, RandomState},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use proxy_host_model::{
    Host, LogLevel, LogLine, Model, Profile, Random, Shared, profile::TrapCosts,
};
use wasmtime_harness::{Limits, Module};

use crate::{
    engine::Engine,
    guest::{Logged, show},
};

/// HAProxy as a filter sees it: Envoy, but for what HAProxy does not do to a request.
const HAPROXY: Profile = Profile {
    name: "haproxy-agent",
    trap_costs: TrapCosts::Request,
    joined_headers: &[],
    joined_response_headers: &[],
    user_agent_name: None,
    ..Profile::ENVOY_1_40
};

/// How the line begins with which JWT Gate ends its list of problems: it says what becomes of requests
/// now, and here that is up to the agent.
const LAST_LINE: &str = "jwt-gate: policy refused";

/// What makes VMs of one module.
#[derive(Debug)]
pub(crate) struct Factory {
    module: Module,
    limits: Limits,
    /// The servers that the filter may call.
    clusters: BTreeSet<String>,
    shared: Arc<Mutex<Shared>>,
    made: AtomicU64,
}

impl Factory {
    /// Makes VMs of this module, within limits each.
    pub(crate) fn new(module: Module, limits: Limits, clusters: BTreeSet<String>) -> Self {
        Self { module, limits, clusters, shared: Arc::default(), made: AtomicU64::new(0) }
    }

    /// A VM that has taken a policy, and the lines that it logged meanwhile.
    ///
    /// # Errors
    ///
    /// Why it does not take it: the filter's own lines.
    pub(crate) fn try_policy(&self, policy: &[u8]) -> Result<(Engine, Vec<LogLine>), Vec<String>> {
        let vm = self.module.vm(self.model(), self.limits);
        let vm = vm.map_err(|error| vec![error.to_string()])?;
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let host = Host::new(Logged::keeping(vm));
        let (mut engine, startup) = Engine::start(number, host, Arc::clone(&self.shared), policy);
        let lines = engine.take_lines();
        if startup.accepted {
            return Ok((engine, lines));
        }
        let serious = lines
            .iter()
            .filter(|line| line.level >= LogLevel::Warn && !line.text.starts_with(LAST_LINE));
        let mut why: Vec<String> = serious.map(|line| line.text.clone()).collect();
        why.extend(startup.trap.map(|trap| format!("the filter's VM ended: {trap}")));
        if why.is_empty() {
            why.push("the filter refuses it and does not say why".to_owned());
        }
        Err(why)
    }

    /// A VM that has taken a policy, whose lines are logged.
    ///
    /// # Errors
    ///
    /// As for [`Factory::try_policy`].
    pub(crate) fn engine(&self, policy: &[u8]) -> Result<Engine, Vec<String>> {
        let (engine, lines) = self.try_policy(policy)?;
        lines.iter().for_each(show);
        Ok(engine)
    }

    fn model(&self) -> Model {
        let mut model = Model::default();
        model.profile = HAPROXY;
        model.settings.name = "jwt-gate".to_owned();
        model.settings.vm_id = "jwt-gate".to_owned();
        model.settings.clusters.clone_from(&self.clusters);
        // The standard library's maps are seeded by the operating system, each anew.
        model.random = Random::seeded(RandomState::new().hash_one(0));
        model
    }
}
