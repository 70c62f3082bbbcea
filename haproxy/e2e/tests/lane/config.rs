//! One HAProxy for every policy, made of the reference configuration: its sections once for each.

use anyhow::{Context, Result, ensure};
use e2e_wire::{Place, checkout};

/// The folder of the lane.
pub(crate) const PLACE: &str = "haproxy-scenarios";

/// Where one policy is served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) http1: u16,
    pub(crate) http2: u16,
}

/// The path of a policy's agent, from the root of the checkout, where both run: an address of a Unix
/// socket has room for a hundred bytes.
pub(crate) fn socket(index: usize) -> String {
    format!("target/e2e/{PLACE}/agent-{index}.sock")
}

/// Writes `haproxy.cfg` with a frontend for each of the ports, each with an agent of its own.
pub(crate) fn write(place: &Place, upstream: u16, ports: &[Ports]) -> Result<()> {
    let read = |file: &str| {
        std::fs::read_to_string(checkout().join("haproxy").join(file))
            .with_context(|| format!("reading haproxy/{file}"))
    };
    let (reference, engine) = (read("haproxy.cfg")?, read("spoe.conf")?);
    place.write("jwt-gate.lua", &read("jwt-gate.lua")?)?;
    let sections = sections(&reference);
    let section = |name: &str| {
        let found = sections.iter().find(|s| s.starts_with(name));
        found.copied().with_context(|| format!("haproxy.cfg: found no section `{name}`"))
    };

    let mut text = String::new();
    text.push_str(&replaced(section("global")?, "/etc/haproxy/", &folder(place))?);
    // One thread: log lines in the order of the requests.
    text.push_str("    nbthread 1\n    maxconn 4000\n\n");
    text.push_str(section("defaults")?);
    let server = replaced(section("backend upstream")?, "127.0.0.1:8000", &local(upstream))?;
    text.push_str(&server);
    for (index, ports) in ports.iter().enumerate() {
        let spoe = format!("spoe-{index}.conf");
        let agents = format!("jwt-gate-agents-{index}");
        place.write(&spoe, &replaced(&engine, "jwt-gate-agents", &agents)?)?;

        let bind = format!("{}\n    bind {} proto h2", local(ports.http1), local(ports.http2));
        let frontend = replaced(section("frontend api")?, "frontend api", &named("api", index))?;
        let frontend = replaced(&frontend, "127.0.0.1:8080", &bind)?;
        let spoe = place.path(&spoe).display().to_string();
        text.push_str(&replaced(&frontend, "/etc/haproxy/spoe.conf", &spoe)?);

        let backend = replaced(section("backend jwt-gate-agents")?, "jwt-gate-agents", &agents)?;
        let backend = replaced(&backend, "/run/jwt-gate/agent.sock", &socket(index))?;
        // An agent is started for the first scenario of its policy, and not watched before.
        text.push_str(&replaced(&backend, " check inter 1s fall 2 rise 1", "")?);
    }
    place.write("haproxy.cfg", &text)?;
    Ok(())
}

fn named(what: &str, index: usize) -> String {
    format!("frontend {what}-{index}")
}

fn local(port: u16) -> String {
    format!("127.0.0.1:{port}")
}

fn folder(place: &Place) -> String {
    format!("{}/", place.path("").display().to_string().trim_end_matches('/'))
}

/// The sections of a configuration, each with the blank and comment lines behind it.
fn sections(text: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = Vec::new();
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if line.starts_with(|c: char| c.is_ascii_alphabetic()) {
            starts.push(at);
        }
        at += line.len();
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    starts.iter().zip(ends).map(|(start, end)| &text[*start..end]).collect()
}

fn replaced(text: &str, old: &str, new: &str) -> Result<String> {
    ensure!(text.contains(old), "found no {old:?} in:\n{text}");
    Ok(text.replace(old, new))
}
