//! JWT Gate behind HAProxy: the agent, and the lines of the reference configuration that ask it.

use std::fs;

use anyhow::{Context, Result, ensure};
use envoy_e2e::{Place, checkout};
use haproxy_e2e::{Agent, Options};

use crate::envoy;

/// The configuration that users start from: what is measured is what it says.
const REFERENCE: &str = "haproxy/haproxy.cfg";
const POLICY: &str = "policy.json";
const SOCKET: &str = "agent.sock";

/// Starts the agent that `JWT_GATE_AGENT` names, with one thread, the policy of the other set-ups and
/// the module with relaxed SIMD, on a Unix socket in `place`.
///
/// # Errors
///
/// It did not get ready; the message holds its log.
pub(crate) fn start(place: &Place) -> Result<Agent> {
    place.write(POLICY, &envoy::policy("module", false)?.to_string())?;
    let listen = format!("unix:{}", place.path(SOCKET).display());
    let module = checkout().join("target/jwt_gate.simd.wasm");
    let options =
        Options { policy: POLICY, listen: &listen, clock: None, module: Some(&module), more: &[] };
    Agent::start_as(place, options)
}

/// What HAProxy's section `global` needs to ask the agent.
pub(crate) fn global() -> String {
    format!("  lua-load-per-thread {}\n", checkout().join("haproxy/jwt-gate.lua").display())
}

/// A frontend on a port that asks the agent in `place`, and the backend that leads to it.
///
/// # Errors
///
/// The reference configuration is not what it was.
pub(crate) fn sections(place: &Place, port: u16) -> Result<String> {
    let text = fs::read_to_string(checkout().join(REFERENCE))
        .with_context(|| format!("cannot read {REFERENCE}"))?;
    let frontend = section(&text, "frontend api")?;
    let frontend = replaced(&frontend, "127.0.0.1:8080", &format!("127.0.0.1:{port}"))?;
    let spoe = checkout().join("haproxy/spoe.conf").display().to_string();
    let frontend = replaced(&frontend, "/etc/haproxy/spoe.conf", &spoe)?;
    let backend = section(&text, "backend jwt-gate-agents")?;
    let socket = place.path(SOCKET).display().to_string();
    let backend = replaced(&backend, "/run/jwt-gate/agent.sock", &socket)?;
    Ok(format!("\n{frontend}\n{backend}"))
}

/// A section with its title. No set-up logs its requests, so that its log's format is left out.
fn section(text: &str, title: &str) -> Result<String> {
    let mut lines = text.lines().skip_while(|line| *line != title);
    let title = lines.next().with_context(|| format!("{REFERENCE}: found no `{title}`"))?;
    let body = lines
        .take_while(|line| line.is_empty() || line.starts_with(' '))
        .filter(|line| !line.trim_start().starts_with("log-format "));
    Ok([title].into_iter().chain(body).map(|line| format!("{line}\n")).collect())
}

fn replaced(text: &str, written: &str, ours: &str) -> Result<String> {
    ensure!(text.contains(written), "{REFERENCE}: found no `{written}` to replace");
    Ok(text.replace(written, ours))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_those_of_the_reference_on_our_port_and_socket() {
        let place = Place::new("bench-agent-sections").unwrap();
        let text = sections(&place, 4711).unwrap();
        assert!(text.contains("\nfrontend api\n    bind 127.0.0.1:4711\n"), "{text}");
        assert!(text.contains("filter spoe engine jwt-gate config"), "{text}");
        assert!(text.contains("unless { var(txn.jwt.verdict) -m str allow }"), "{text}");
        assert!(text.contains(&format!("unix@{}", place.path(SOCKET).display())), "{text}");
        // The service is where the other set-ups have it.
        assert!(text.contains("    default_backend upstream\n"), "{text}");
        assert!(!text.contains("backend upstream\n    server"), "{text}");
        for absent in ["/etc/", "/run/", "log-format"] {
            assert!(!text.contains(absent), "{absent}: {text}");
        }
    }

    #[test]
    fn another_reference_is_told() {
        assert!(section("frontend b\n", "frontend api").is_err());
        assert!(replaced("bind :80\n", "127.0.0.1:8080", "").is_err());
    }
}
