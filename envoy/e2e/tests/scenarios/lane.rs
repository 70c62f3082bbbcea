//! The Envoy that serves every policy of the scenarios.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result};
use envoy_e2e::config::{self, Listener, Policy};
use envoy_e2e::{Clock, Envoy, Place, Upstream, http1, http2};
use scenario_corpus::{Exchange, PolicyDocument, Scenario};
use serde_json::{Value, json};

use crate::{Finding, Part, observe};

/// The form in which Envoy is given a policy.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Form {
    /// A `Struct` in a YAML file: what operators write. Numbers other than small integers become
    /// strings on the way.
    Yaml,
    /// A `Struct` with its types kept: what control planes send.
    Struct,
    /// A `StringValue` with JSON in it.
    Text,
}

impl Form {
    /// The forms that the document has; bytes that are no document have one at most.
    pub(crate) fn all(policy: &PolicyDocument) -> &'static [Self] {
        match (&policy.value, std::str::from_utf8(&policy.json)) {
            (Some(_), _) => &[Self::Yaml, Self::Struct, Self::Text],
            (None, Ok(_)) => &[Self::Text],
            (None, Err(_)) => &[],
        }
    }

    /// The document in this form.
    pub(crate) fn of(self, policy: &PolicyDocument) -> Result<Policy> {
        match self {
            Self::Yaml | Self::Struct => {
                Ok(Policy::Struct(policy.value.clone().context("the document is no object")?))
            }
            Self::Text => Ok(Policy::Text(String::from_utf8(policy.json.clone())?)),
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Yaml => "yaml",
            Self::Struct => "struct",
            Self::Text => "text",
        })
    }
}

/// The protocol of the client.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http1 => "http1",
            Self::Http2 => "http2",
        })
    }
}

/// Whether the protocol's client can send a request as it is written.
pub(crate) fn sayable(exchange: &Exchange, protocol: Protocol) -> bool {
    // Both clients make up what is missing, and send the first of several.
    let count = |name: &[u8]| exchange.headers.iter().filter(|(n, _)| n == name).count();
    count(b":method") == 1
        && count(b":path") == 1
        && count(b":authority") <= 1
        && match protocol {
            Protocol::Http1 => true,
            Protocol::Http2 => http2::expressible(&exchange.headers),
        }
}

/// One Envoy with a listener for each policy, form and route metadata.
pub(crate) struct Lane {
    envoy: Envoy,
    clock: Clock,
    listeners: BTreeMap<String, String>,
    _upstream: Upstream,
}

impl Lane {
    pub(crate) fn start(scenarios: &[Scenario]) -> Result<Self> {
        let place = Place::new("scenarios")?;
        let upstream = Upstream::start()?;
        let clock = Clock::new(&place, scenarios.first().context("no scenario")?.now)?;

        let mut listeners = BTreeMap::new();
        let (mut written, mut sent) = (Vec::new(), Vec::new());
        for scenario in scenarios.iter().filter(|scenario| scenario.refused.is_none()) {
            for form in Form::all(&scenario.policy) {
                let name = format!("{form}-{}", listeners.len());
                let key = key(scenario, *form);
                if listeners.contains_key(&key) {
                    continue;
                }
                let listener = listener(&name, scenario, *form)?;
                listeners.insert(key, name);
                match form {
                    Form::Yaml => written.push(listener),
                    Form::Struct | Form::Text => sent.push(listener),
                }
            }
        }
        // JSON is YAML, but Envoy reads numbers otherwise from a file of the one name and the other.
        let yaml = place.write("listeners.yaml", &config::listener_file("1", &written)?)?;
        let bootstrap = config::watching(config::bootstrap(upstream.port(), &sent)?, &yaml);
        place.write("envoy.json", &bootstrap.to_string())?;
        let envoy = Envoy::start_at(&place, "envoy.json", &clock)?;
        Ok(Self { envoy, clock, listeners, _upstream: upstream })
    }

    /// Sends the requests of a scenario and compares what became of them.
    pub(crate) fn play(
        &self,
        scenario: &Scenario,
        form: Form,
        protocol: Protocol,
    ) -> Result<Vec<Finding>> {
        self.clock.set(scenario.now)?;
        let name = self.listeners.get(&key(scenario, form)).context("no listener")?;
        let port = self.envoy.port(name);
        let before = self.counters(scenario)?;
        let mut findings = Vec::new();
        let mut sent = 0;
        for (i, exchange) in scenario.exchanges.iter().enumerate() {
            if !sayable(exchange, protocol) {
                // What the library cannot say over HTTP/2 goes out over HTTP/1.1 as bytes; what
                // those cannot say either has to be listed.
                if matches!(protocol, Protocol::Http1) {
                    let differences = vec!["HTTP/1.1 cannot say such a request".to_owned()];
                    findings.push(Finding { part: Part::Request(i, protocol), differences });
                }
                continue;
            }
            sent += 1;
            let mark = self.envoy.log_mark()?;
            let reply = match protocol {
                Protocol::Http1 => http1::send(port, &exchange.headers),
                Protocol::Http2 => http2::send(port, &exchange.headers),
            };
            let seen = observe::seen(&exchange.headers, reply, &self.envoy.log_since(mark)?);
            let differences = exchange.differences(&seen, observe::HOST_HEADERS);
            findings.push(Finding { part: Part::Request(i, protocol), differences });
        }
        if sent == scenario.exchanges.len() {
            let after = self.counters(scenario)?;
            let rise = |(name, value): (&String, &u64)| {
                (name.clone(), value - before.get(name).copied().unwrap_or(0))
            };
            let differences = scenario.counter_differences(&after.iter().map(rise).collect());
            findings.push(Finding { part: Part::Counters(protocol), differences });
        }
        Ok(findings)
    }

    /// The filter's counters under the names that it gave them; none if the scenario asks for none.
    fn counters(&self, scenario: &Scenario) -> Result<BTreeMap<String, u64>> {
        const PREFIX: &str = "wasmcustom.";
        if scenario.counters.is_empty() {
            return Ok(BTreeMap::new());
        }
        let stats = self.envoy.stats(PREFIX)?;
        Ok(stats
            .into_iter()
            .filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?.to_owned(), value)))
            .collect())
    }
}

/// What scenarios that can share a listener have in common.
fn key(scenario: &Scenario, form: Form) -> String {
    let document = String::from_utf8_lossy(&scenario.policy.json);
    format!("{form} {} {document}", json!(scenario.route_metadata))
}

fn listener(name: &str, scenario: &Scenario, form: Form) -> Result<Listener> {
    let listener = Listener::new(name, form.of(&scenario.policy)?)
        .show_filter_state(&filter_state_names(&scenario.policy));
    Ok(match &scenario.route_metadata {
        Some(metadata) => listener.route_metadata(&json!({ "jwt_gate": metadata })),
        None => listener,
    })
}

/// The names under which the policy publishes claims.
fn filter_state_names(policy: &PolicyDocument) -> Vec<String> {
    let claims = policy.value.as_ref().and_then(|value| value["forward"]["claims"].as_array());
    let name = |claim: &Value| claim["filter_state"].as_str().map(str::to_owned);
    claims.into_iter().flatten().filter_map(name).collect()
}
