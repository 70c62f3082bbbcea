//! Two HAProxys on the same requests: the text's own lines, and ours with the agent.

use std::path::Path;

use anyhow::{Context, Result};
use e2e_wire::{Place, Reply, Upstream, checkout, http1};
use haproxy_e2e::compare::{Row, Verdict, hold};
use haproxy_e2e::shipped::Shipped;
use haproxy_e2e::{Agent, HaProxy, Outcome};
use scenario_corpus::{Key, rows};

/// The ports that the examples write: ours, the text's, and the agent.
const OURS: u16 = 8080;
const THEIRS: u16 = 8090;
const AGENT: u16 = 9000;
/// The stand-in for an API.
const API: u16 = 8081;

/// An example and the text that it follows, both running.
pub(crate) struct Pair {
    name: &'static str,
    ours: HaProxy,
    ours_port: u16,
    _agent: Agent,
    theirs: HaProxy,
    theirs_port: u16,
}

impl Pair {
    /// Starts `haproxy/examples/NAME` with the tests' key in place of the one written there; `key_file`
    /// is how the text's lines name the file of the public key.
    pub(crate) fn start(name: &'static str, key_file: &str) -> Result<Self> {
        let place = Place::new(&format!("seed-{name}"))?;
        let pem = Key::load("rsa-1").map_err(anyhow::Error::msg)?.public_pem();
        let shipped = example(name)?
            .with("original.cfg", key_file, &public_key(name, &pem)?)?
            .with_key("policy.yaml", &pem)?;
        shipped.write(&place)?;
        let agent = Agent::start(&place, "policy.yaml", shipped.port(AGENT)?)?;
        let ours = shipped.start(&place, "haproxy.cfg", OURS)?;
        let theirs = shipped.start(&place, "original.cfg", THEIRS)?;
        let (ours_port, theirs_port) = (shipped.port(OURS)?, shipped.port(THEIRS)?);
        Ok(Self { name, ours, ours_port, _agent: agent, theirs, theirs_port })
    }

    /// Sends each request of `seeds/NAME.toml` to both and holds the table in the README.
    pub(crate) fn compare(&self) -> Result<()> {
        let file = format!("haproxy/e2e/seeds/{}.toml", self.name);
        let mut table = Vec::new();
        for row in rows(&checkout().join(&file))? {
            let theirs = http1::send(self.theirs_port, &row.headers)
                .with_context(|| format!("theirs: {}", row.what))?;
            let mark = self.ours.process().log_mark()?;
            let ours = http1::send(self.ours_port, &row.headers)
                .with_context(|| format!("ours: {}", row.what))?;
            let outcome = Outcome::wait(self.ours.process(), mark)?;
            let reason = outcome.reason.unwrap_or_default();
            let (theirs, ours) =
                (Verdict::new(&theirs, &message(&theirs)), Verdict::new(&ours, &reason));
            table.push(Row { request: row.what, theirs, ours, differs: row.differs });
        }
        hold(&format!("haproxy/examples/{}/README.md", self.name), &table)
            .with_context(|| format!("theirs: {}", self.theirs.process().log()))
    }
}

/// Writes the public key, and gives its path from the root of the checkout, where HAProxy runs: one
/// token is signed with that name, so it is the same on every machine.
fn public_key(name: &str, pem: &str) -> Result<String> {
    let folder = "target/e2e/keys";
    std::fs::create_dir_all(checkout().join(folder))?;
    let path = format!("{folder}/{name}.pem");
    // In one step: another test may be about to read it.
    let fresh = checkout().join(format!("{path}.{:?}", std::thread::current().id()));
    std::fs::write(&fresh, pem)?;
    std::fs::rename(&fresh, checkout().join(&path))?;
    Ok(path)
}

/// The files of an example, moved to free ports.
pub(crate) fn example(name: &str) -> Result<Shipped> {
    let folder = format!("haproxy/examples/{name}");
    let files = ["haproxy.cfg", "spoe.conf", "policy.yaml", "original.cfg"];
    let there = |file: &&str| Path::new(&checkout()).join(&folder).join(file).exists();
    let files: Vec<_> = files.into_iter().filter(there).collect();
    Shipped::read(&folder, &files)
}

/// What a refusal of HAProxy's says, if it is more than HAProxy's own page.
fn message(reply: &Reply) -> String {
    let text = reply.text();
    if reply.status == 200 || text.starts_with("<html>") { String::new() } else { text }
}

/// What the text's own lines answer to one of the requests, with the line that has this in it taken
/// out, if one is named.
pub(crate) fn article(name: &str, what: &str, without: Option<&str>) -> Result<u16> {
    let place = Place::new(&format!("article-{name}"))?;
    let upstream = Upstream::start()?;
    let row = rows(&checkout().join(format!("haproxy/e2e/seeds/{name}.toml")))?
        .into_iter()
        .find(|row| row.what == what)
        .with_context(|| format!("no request {what:?}"))?;
    let key = public_key(name, &Key::load("rsa-1").map_err(anyhow::Error::msg)?.public_pem())?;
    let shipped = Shipped::read(&format!("haproxy/examples/{name}"), &["original.cfg"])?
        .with("original.cfg", "/etc/haproxy/pubkey.pem", &key)?
        .redirect(API, upstream.port())?;
    let text: Vec<_> = (shipped.text("original.cfg")?.lines())
        .filter(|line| without.is_none_or(|part| !line.contains(part)))
        .collect();
    place.write("original.cfg", &format!("{}\n", text.join("\n")))?;
    let port = shipped.port(THEIRS)?;
    let _haproxy = HaProxy::start(&place, "original.cfg", port)?;
    Ok(http1::send(port, &row.headers)?.status)
}
