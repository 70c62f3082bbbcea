//! The Envoy that is shown policies which it must refuse, or take with a warning.

use std::cell::Cell;
use std::sync::Mutex;

use anyhow::{Context, Result, anyhow};
use envoy_e2e::config::{self, Listener, Policy};
use envoy_e2e::{Envoy, Place, Upstream, tokens};
use scenario_corpus::{Scenario, SeenConfiguration};
use serde_json::json;

use crate::lane::Form;
use crate::{Finding, Part, observe};

const FILE: &str = "listeners.yaml";
const PROBLEM: &str = "policy: ";

/// One Envoy that reads its listeners from a watched file.
pub(crate) struct Refusals {
    envoy: Envoy,
    place: Place,
    _upstream: Upstream,
    version: Mutex<Cell<u32>>,
}

impl Refusals {
    pub(crate) fn start() -> Result<Self> {
        let place = Place::new("refusals")?;
        let upstream = Upstream::start()?;
        let file = place.write(FILE, &config::listener_file("0", &[])?)?;
        // As long as one policy is in force, Envoy keeps the compiled module for the next.
        let good = Listener::new("good", Policy::Struct(tokens::policy(json!({}))?));
        let bootstrap = config::watching(config::bootstrap(upstream.port(), &[good])?, &file);
        place.write("envoy.json", &bootstrap.to_string())?;
        let envoy = Envoy::start(&place, "envoy.json")?;
        Ok(Self { envoy, place, _upstream: upstream, version: Mutex::default() })
    }

    /// Offers the scenario's policy as an update and compares what Envoy and the filter said.
    pub(crate) fn offer(&self, scenario: &Scenario, form: Form) -> Result<Vec<Finding>> {
        let version = self.version.lock().map_err(|_| anyhow!("an earlier trial panicked"))?;
        version.set(version.get() + 1);
        let name = format!("candidate-{}", version.get());
        let listener = Listener::new(&name, form.of(&scenario.policy)?);

        let mark = self.envoy.log_mark()?;
        let (taken, refused) = self.updates()?;
        let text = config::listener_file(&version.get().to_string(), &[listener])?;
        self.place.write(FILE, &text)?;
        let accepted = self.envoy.wait_for("the update", || {
            let (now_taken, now_refused) = self.updates().ok()?;
            let decided = now_taken > taken || now_refused > refused;
            decided.then_some(now_taken > taken)
        })?;

        let log = self.envoy.log_since(mark)?;
        let of_level = |level: &str| -> Vec<String> {
            let lines: Vec<_> = log.iter().filter(|line| line.contains(level)).cloned().collect();
            let mut texts = Vec::new();
            for text in observe::filter_lines(&lines) {
                // A policy that is taken is compiled in a trial VM, in the main thread and in each
                // worker, and each of them says the same.
                if let Some(text) = text.strip_prefix(PROBLEM).map(str::to_owned)
                    && !(accepted && texts.contains(&text))
                {
                    texts.push(text);
                }
            }
            texts
        };
        let warnings = of_level("[warning]").into_iter();
        let seen = SeenConfiguration {
            accepted,
            problems: Some(of_level("[error]")),
            warnings: Some(warnings.filter(|text| !text.starts_with("in force")).collect()),
        };
        let differences = scenario.configuration_differences(&seen);
        Ok(vec![Finding { part: Part::Configuration, differences }])
    }

    /// How many updates were taken, and how many refused.
    fn updates(&self) -> Result<(u64, u64)> {
        let stats = self.envoy.stats("listener_manager.lds.update_")?;
        let get = |name: &str| {
            let name = format!("listener_manager.lds.{name}");
            stats.get(&name).copied().with_context(|| format!("no counter {name}"))
        };
        Ok((get("update_success")?, get("update_rejected")?))
    }
}
