//! The reference configuration in front of an upstream that counts.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e_wire::{Place, Reply, Upstream, http1, tokens};
use haproxy_e2e::shipped::Shipped;
use haproxy_e2e::{Agent, HaProxy, Options, Outcome};
use serde_json::{Value, json};

const FILES: [&str; 3] = ["haproxy.cfg", "spoe.conf", "jwt-gate.lua"];
/// What the reference configuration writes.
const API: u16 = 8080;
const UPSTREAM: u16 = 8000;
const SOCKET: &str = "unix@/run/jwt-gate/agent.sock";

/// How long the reference configuration lets a client wait for the verdict.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(2);
/// HAProxy looks after an agent each second.
const RECOVERY: Duration = Duration::from_secs(15);

/// A HAProxy as it is shipped, asking whoever listens on the agent's port.
pub(crate) struct Gate {
    pub(crate) haproxy: HaProxy,
    pub(crate) place: Place,
    pub(crate) port: u16,
    pub(crate) agent_port: u16,
    pub(crate) upstream: Upstream,
}

impl Gate {
    pub(crate) fn start(name: &str) -> Result<Self> {
        let place = Place::new(&format!("haproxy-{name}"))?;
        let upstream = Upstream::start()?;
        let [agent_port] = e2e_wire::free_ports(1)?[..] else {
            anyhow::bail!("found no free port");
        };
        let shipped = Shipped::read("haproxy", &FILES)?
            .redirect(UPSTREAM, upstream.port())?
            .with("haproxy.cfg", SOCKET, &format!("127.0.0.1:{agent_port}"))?
            .with("haproxy.cfg", "/etc/haproxy/", "haproxy/")?;
        let port = shipped.port(API)?;
        let haproxy = shipped.start(&place, "haproxy.cfg", API)?;
        Ok(Self { haproxy, place, port, agent_port, upstream })
    }

    /// Starts an agent with the policy of [`tokens`], changed so.
    pub(crate) fn agent(&self, changes: Value, more: &[&str]) -> Result<Agent> {
        self.policy(changes)?;
        let listen = format!("127.0.0.1:{}", self.agent_port);
        let options =
            Options { policy: "policy.json", listen: &listen, clock: None, module: None, more };
        let agent = Agent::start_as(&self.place, options)?;
        self.recovers("the first start")?;
        Ok(agent)
    }

    /// Writes the agent's policy.
    pub(crate) fn policy(&self, changes: Value) -> Result<()> {
        let mut rules = json!({ "rules": [
            { "name": "public", "match": { "prefix": "/public" }, "access": "public" },
            { "name": "all", "match": { "prefix": "/" }, "access": "token" },
        ] });
        for (name, value) in changes.as_object().context("changes are an object")? {
            rules[name] = value.clone();
        }
        self.place.write("policy.json", &tokens::policy(rules)?.to_string())?;
        Ok(())
    }

    /// Sends a request; the reply with the line about it in the access log.
    pub(crate) fn send(&self, headers: &[(&str, &str)]) -> Result<(Reply, Outcome)> {
        let mark = self.haproxy.process().log_mark()?;
        let reply = http1::send(self.port, headers)?;
        Ok((reply, Outcome::wait(self.haproxy.process(), mark)?))
    }

    /// Sends a request for what everybody may have, and expects 503 without the upstream being asked.
    pub(crate) fn refuses(&self, what: &str) -> Result<(Duration, Outcome)> {
        let served = self.upstream.served();
        let start = Instant::now();
        let (reply, outcome) = self.send(&[(":path", "/public")])?;
        let took = start.elapsed();
        ensure!(reply.status == 503, "{what}: {reply:?} {outcome:?}");
        ensure!(self.upstream.served() == served, "{what}: the upstream was asked");
        ensure!(reply.text() == r#"{"status":503}"#, "{what}: {reply:?}");
        ensure!(reply.header("cache-control").as_deref() == Some("no-store"), "{what}: {reply:?}");
        Ok((took, outcome))
    }

    /// Waits until such a request passes again.
    pub(crate) fn recovers(&self, after: &str) -> Result<()> {
        let deadline = Instant::now() + RECOVERY;
        loop {
            let (reply, outcome) = self.send(&[(":path", "/public")])?;
            if reply.status == 200 {
                return Ok(());
            }
            ensure!(Instant::now() < deadline, "not well after {after}: {reply:?} {outcome:?}");
            std::thread::sleep(Duration::from_millis(100));
        }
    }
}
