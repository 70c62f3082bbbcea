//! The HAProxy that serves every policy of the scenarios, and the agent of the one that is tried.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Mutex;

use anyhow::{Context, Result, anyhow};
use e2e_wire::{Clock, Place, Reply, Upstream, free_ports, http1, http2};
use haproxy_e2e::{Agent, HaProxy, Options, Outcome};
use scenario_corpus::{Exchange, Scenario, SeenConfiguration};

use crate::config::{self, Ports};
use crate::services::Server;
use crate::{Finding, Part, observe};

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
        && count(b":authority") + count(b"host") <= 1
        && match protocol {
            Protocol::Http1 => true,
            Protocol::Http2 => count(b"host") == 0 && http2::expressible(&exchange.headers),
        }
}

/// One HAProxy with two ports for each policy, and one agent at a time.
pub(crate) struct Lane {
    place: Place,
    haproxy: HaProxy,
    clock: Clock,
    policies: BTreeMap<Vec<u8>, usize>,
    ports: Vec<Ports>,
    agent: Mutex<Option<Agent>>,
    _upstream: Upstream,
}

impl Lane {
    pub(crate) fn start(scenarios: &[Scenario]) -> Result<Self> {
        let place = Place::new(config::PLACE)?;
        let upstream = Upstream::start()?;
        let clock = Clock::new(&place, scenarios.first().context("no scenario")?.now)?;
        let mut policies = BTreeMap::new();
        for scenario in scenarios.iter().filter(|scenario| scenario.refused.is_none()) {
            let next = policies.len();
            policies.entry(scenario.policy.json.clone()).or_insert(next);
        }
        let free = free_ports(2 * policies.len())?;
        let ports: Vec<_> =
            (free.chunks_exact(2)).map(|pair| Ports { http1: pair[0], http2: pair[1] }).collect();
        config::write(&place, upstream.port(), &ports)?;
        let first = ports.first().context("no policy")?.http1;
        let haproxy = HaProxy::start(&place, "haproxy.cfg", first)?;
        let agent = Mutex::new(None);
        Ok(Self { place, haproxy, clock, policies, ports, agent, _upstream: upstream })
    }

    /// Sends the requests of a scenario and compares what became of them.
    pub(crate) fn play(&self, scenario: &Scenario, protocol: Protocol) -> Result<Vec<Finding>> {
        self.clock.set(scenario.now)?;
        let index = *self.policies.get(&scenario.policy.json).context("no such policy")?;
        let mut running = self.agent.lock().map_err(|_| anyhow!("an earlier trial panicked"))?;
        // What one scenario leaves behind is none of another's: known tokens, counters.
        *running = None;
        let servers: Vec<(&String, Server)> = (scenario.services.iter())
            .map(|(cluster, service)| Ok((cluster, Server::start(service)?)))
            .collect::<Result<_>>()?;
        let agent = running.insert(self.agent(index, scenario, &servers)?);
        let ports = self.ports[index];
        let mut findings = Vec::new();
        let mut sent = 0;
        for (i, exchange) in scenario.exchanges.iter().enumerate() {
            if !sayable(exchange, protocol) {
                // What the library cannot say over HTTP/2 goes out over HTTP/1.1 as bytes; what
                // those cannot say either has to be listed.
                if matches!(protocol, Protocol::Http1) {
                    let differences = vec!["HTTP/1.1 cannot say such a request".to_owned()];
                    findings.push(Finding::new(Part::Request(i, protocol), differences));
                }
                continue;
            }
            sent += 1;
            let marks = (agent.process().log_mark()?, self.haproxy.process().log_mark()?);
            let reply = match protocol {
                Protocol::Http1 => http1::send(ports.http1, &exchange.headers),
                Protocol::Http2 => http2::send(ports.http2, &exchange.headers),
            };
            let outcome = Outcome::wait(self.haproxy.process(), marks.1).ok();
            // HAProxy reads the request line by itself: what the agent and the upstream see may be
            // another path than the bytes that were sent, and was judged as it is.
            let is_as_sent = reply.as_ref().ok().and_then(Reply::received).is_none_or(|received| {
                let path = exchange.headers.iter().find(|(name, _)| name == b":path");
                path.is_some_and(|(_, path)| *path == received.path.into_bytes())
            });
            let seen = observe::seen(
                &exchange.headers,
                reply,
                outcome.as_ref(),
                &agent.process().log_since(marks.0)?,
                &self.haproxy.process().log_since(marks.1)?,
            );
            let differences = exchange.differences(&seen, observe::HOST_HEADERS);
            // HAProxy has no routes that say anything to a filter.
            let excess = match scenario.route_metadata {
                None if is_as_sent => exchange.excess(&seen),
                _ => Vec::new(),
            };
            findings.push(Finding { part: Part::Request(i, protocol), differences, excess });
        }
        if sent == scenario.exchanges.len() {
            let counters = match scenario.counters.is_empty() {
                true => BTreeMap::new(),
                false => counters(agent)?,
            };
            let differences = scenario.counter_differences(&counters);
            findings.push(Finding::new(Part::Counters(protocol), differences));
        }
        Ok(findings)
    }

    /// Lets the agent judge the scenario's policy and compares what it said.
    pub(crate) fn check(&self, scenario: &Scenario) -> Result<Vec<Finding>> {
        let file = "checked.json";
        // Bytes that are no text are a part of what is tried.
        std::fs::write(self.place.path(file), &scenario.policy.json)?;
        let (accepted, said) = Agent::check(&self.place, file)?;
        let lines: Vec<_> = said.lines().map(str::to_owned).collect();
        let texts = observe::filter_lines(&lines).into_iter();
        let texts = texts.filter_map(|text| Some(text.strip_prefix("policy: ")?.to_owned()));
        // Of a policy that is taken, only warnings are told; of one that is not, both in one list.
        let is_warning =
            |text: &String| accepted || scenario.warned.iter().any(|w| text.starts_with(w));
        let (warnings, problems) = texts.partition(is_warning);
        let seen =
            SeenConfiguration { accepted, problems: Some(problems), warnings: Some(warnings) };
        let differences = scenario.configuration_differences(&seen);
        Ok(vec![Finding::new(Part::Configuration, differences)])
    }

    fn agent(
        &self,
        index: usize,
        scenario: &Scenario,
        servers: &[(&String, Server)],
    ) -> Result<Agent> {
        let mut more = vec!["--log-level".to_owned(), "debug".to_owned()];
        for (cluster, server) in servers {
            let cluster = format!("{cluster}=http://127.0.0.1:{}", server.port());
            more.extend(["--cluster".to_owned(), cluster]);
        }
        let more: Vec<&str> = more.iter().map(String::as_str).collect();
        let file = format!("policy-{index}.json");
        std::fs::write(self.place.path(&file), &scenario.policy.json)?;
        let listen = format!("unix:{}", config::socket(index));
        let options = Options {
            policy: &file,
            listen: &listen,
            clock: Some(&self.clock),
            module: None,
            more: &more,
        };
        Agent::start_as(&self.place, options)
    }
}

/// The filter's counters under the names that it gave them.
fn counters(agent: &Agent) -> Result<BTreeMap<String, u64>> {
    let text = http1::get(agent.health(), "/metrics")?.text();
    let line = |line: &str| {
        // `jwt_gate_…{name="NAME"} VALUE`
        let (name, value) = line.split_once("{name=\"")?.1.split_once("\"} ")?;
        Some((name.to_owned(), value.parse().ok()?))
    };
    Ok(text.lines().filter_map(line).collect())
}
