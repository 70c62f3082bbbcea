//! What is compared: each way to guard the service, and that it does guard it.

use std::path::Path;

use anyhow::{Context, Result, bail, ensure};
use envoy_e2e::Envoy;
use serde_json::json;

use crate::{
    client::Client,
    cpu::Thread,
    envoy,
    haproxy::HaProxy,
    tokens::{Pool, SCOPE, SIGNERS, Signer},
    upstream,
    workload::Workload,
};

/// HAProxy without a line about tokens.
pub(crate) const HAPROXY_BARE: &str = "haproxy";
/// HAProxy's own lines.
pub(crate) const HAPROXY_NATIVE: &str = "haproxy-native";
/// HAProxy that asks JWT Gate's agent.
pub(crate) const HAPROXY_GATE: &str = "haproxy-gate";
/// A path that every proxy refuses by itself, with 401 and without the upstream: what forged tokens
/// cost is compared with it, and not with a request that goes on.
pub(crate) const REFUSED: &str = "/refused";
/// What everybody else asks for.
const SERVED: &str = "/orders/7";
/// Connections of a client; enough to keep a worker busy.
const CONNECTIONS: usize = 8;

/// One way to serve the requests of one algorithm.
pub(crate) struct SetUp {
    pub(crate) name: &'static str,
    /// The set-up of the same proxy that lets everything pass.
    pub(crate) bare: &'static str,
    /// The threads that serve.
    pub(crate) threads: Vec<Thread>,
    pub(crate) client: Client,
}

impl SetUp {
    /// Whether it refuses anything.
    pub(crate) fn guards(&self) -> bool {
        self.name != self.bare
    }

    /// The path that is asked for in a workload.
    pub(crate) fn path(&self, workload: Workload) -> &'static str {
        if workload == Workload::Forged && !self.guards() { REFUSED } else { SERVED }
    }
}

/// What a set-up is, in words.
pub(crate) fn about(name: &str) -> &'static str {
    let own = [
        (HAPROXY_BARE, "HAProxy without a check"),
        (HAPROXY_NATIVE, "HAProxy's jwt_verify and conditions"),
        (HAPROXY_GATE, "HAProxy with JWT Gate's agent"),
    ];
    let all = envoy::LISTENERS.into_iter().chain(own);
    all.into_iter().find(|(known, _)| *known == name).map_or("", |(_, about)| about)
}

/// The proxies that run.
pub(crate) struct Proxies {
    upstream: u16,
    envoy: Envoy,
    haproxy: Option<HaProxy>,
}

impl Proxies {
    /// Starts Envoy, HAProxy where there is one, and its agent if that is there too.
    ///
    /// # Errors
    ///
    /// One did not start.
    pub(crate) fn start(haproxy: Option<&Path>, has_agent: bool) -> Result<Self> {
        let upstream = upstream::start()?;
        let envoy = envoy::start("bench-envoy", upstream)?;
        let haproxy = haproxy
            .map(|binary| HaProxy::start(binary, "bench-haproxy", upstream, has_agent))
            .transpose()?;
        Ok(Self { upstream, envoy, haproxy })
    }

    /// The port of the upstream.
    pub(crate) fn upstream(&self) -> u16 {
        self.upstream
    }

    /// The set-ups for an algorithm, checked; what cannot take it is in the list of remarks.
    ///
    /// # Errors
    ///
    /// A set-up lets a bad request pass, or refuses a good one that it must take.
    pub(crate) fn set_ups(&self, pool: &mut Pool) -> Result<(Vec<SetUp>, Vec<String>)> {
        let signer = pool.signer();
        let mut set_ups = Vec::new();
        for (name, _) in envoy::LISTENERS {
            let thread = Thread::named(self.envoy.id(), envoy::WORKER)?;
            set_ups.push(open(name, envoy::BARE, vec![thread], self.envoy.port(name))?);
        }
        let mut remarks = Vec::new();
        if let Some(haproxy) = &self.haproxy {
            let threads = vec![Thread::main(haproxy.id())];
            set_ups.push(open(HAPROXY_BARE, HAPROXY_BARE, threads.clone(), haproxy.bare())?);
            let port = haproxy.guarded(signer).context("found no frontend")?;
            let mut native = open(HAPROXY_NATIVE, HAPROXY_BARE, threads.clone(), port)?;
            pool.grow(1)?;
            if native.client.ask("/", Some(pool.get(0)?))?.status == 200 {
                set_ups.push(native);
            } else {
                remarks.push(format!(
                    "{} refuses every token signed {}, and is left out there",
                    about(HAPROXY_NATIVE),
                    signer.name()
                ));
            }
            if let Some((agent, port)) = haproxy.gate() {
                // What the agent uses is a part of what its requests cost.
                let threads = [threads, Thread::all(agent)?].concat();
                set_ups.push(open(HAPROXY_GATE, HAPROXY_BARE, threads, port)?);
            }
        }
        for set_up in &mut set_ups {
            check(set_up, pool).with_context(|| {
                format!("{}, {}: it does not guard the service", about(set_up.name), signer.name())
            })?;
        }
        Ok((set_ups, remarks))
    }
}

fn open(name: &'static str, bare: &'static str, threads: Vec<Thread>, port: u16) -> Result<SetUp> {
    Ok(SetUp { name, bare, threads, client: Client::connect(port, CONNECTIONS)? })
}

/// A benchmark of a set-up that refuses everything, or nothing, would measure nothing.
fn check(set_up: &mut SetUp, pool: &mut Pool) -> Result<()> {
    pool.grow(2)?;
    let signer = pool.signer();
    let good = pool.get(0)?.to_owned();
    let shown = set_up.client.ask(upstream::SHOW, Some(&good))?;
    ensure!(shown.status == 200, "a good token: found status {}, expected 200", shown.status);
    let shown = String::from_utf8_lossy(&shown.body).to_ascii_lowercase();
    let user = format!("x-user: {}\r\n", pool.subject(0)).to_ascii_lowercase();
    ensure!(
        shown.contains(&user) == set_up.guards(),
        "the upstream's header x-user: found\n{shown}"
    );
    ensure!(
        shown.contains("authorization: ") != set_up.guards(),
        "the upstream's header authorization: found\n{shown}"
    );
    for Refused { what, token, statuses } in refused(signer, pool)? {
        let status = set_up.client.ask(SERVED, token.as_deref())?.status;
        let expected: &[u16] = if set_up.guards() { statuses } else { &[200] };
        if !expected.contains(&status) {
            bail!("{what}: found status {status}, expected one of {expected:?}");
        }
    }
    Ok(())
}

/// A request that no guard may let pass.
struct Refused {
    what: &'static str,
    token: Option<String>,
    /// The statuses that say so.
    statuses: &'static [u16],
}

fn refused(signer: Signer, pool: &Pool) -> Result<Vec<Refused>> {
    let mint = |changes| signer.mint("mallory", &changes);
    let other = SIGNERS.into_iter().find(|other| *other != signer).context("one signer alone")?;
    let good = pool.get(0)?;
    let (signed, _) = good.rsplit_once('.').context("no signature")?;
    let borrowed = other.mint("mallory", &json!({}))?;
    let (_, signature) = borrowed.rsplit_once('.').context("no signature")?;
    let refused = |what, token, statuses| Refused { what, token, statuses };
    let stranger = json!({ "iss": "https://stranger.test/" });
    let elsewhere = json!({ "aud": "https://else.test" });
    let longer = json!({ "scope": format!("{SCOPE}2") });
    Ok(vec![
        refused("no token", None, &[401]),
        refused("a forged token", Some(pool.forged(0)?), &[401]),
        refused("an expired token", Some(mint(json!({ "exp": 1_700_000_000 }))?), &[401]),
        refused("an unknown issuer", Some(mint(stranger)?), &[401]),
        // Envoy answers 403 to this one.
        refused("another audience", Some(mint(elsewhere)?), &[401, 403]),
        refused("a scope that only begins like it", Some(mint(longer)?), &[403]),
        refused("no signature", Some(format!("{signed}.")), &[401]),
        refused("the signature of another key", Some(format!("{signed}.{signature}")), &[401]),
    ])
}
