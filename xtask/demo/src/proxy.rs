//! The proxy that is shown.

use std::fmt;

use anyhow::{Context, Result};
use envoy_e2e::{Envoy, Place, http1, shipped::Shipped};
use haproxy_e2e::{Agent, HaProxy, Outcome};

use crate::{cases::Case, issuer::Tokens, table::Came};

/// The listener in Envoy's example that the filter guards.
const LISTENER: &str = "gate";
/// Begins a line of Envoy's access log, to tell it from Envoy's own log in the same file.
const MARK: &str = "access: ";
/// What Envoy's access log says of a request that went on.
const VIA_UPSTREAM: &str = "via_upstream";
/// What stands for it here, whichever proxy it is.
pub(crate) const ALLOWED: &str = "allowed";

/// The ports that HAProxy's example writes: the API's and the agent's.
const API: u16 = 8080;
const AGENT: u16 = 9000;

/// Which proxy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Envoy,
    HaProxy,
}

impl Kind {
    /// The folder of the example that is run.
    pub(crate) fn example(self) -> &'static str {
        match self {
            Self::Envoy => "envoy/examples/hamsters",
            Self::HaProxy => "haproxy/examples/oauth",
        }
    }

    /// The file in which the access log ends up.
    pub(crate) fn log(self) -> &'static str {
        match self {
            Self::Envoy => "envoy.log",
            Self::HaProxy => "haproxy.cfg.log",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Envoy => "Envoy",
            Self::HaProxy => "HAProxy",
        })
    }
}

/// A running proxy; it ends with this value.
pub(crate) enum Proxy {
    /// How many requests it has seen.
    Envoy(Envoy, usize),
    /// The agent goes last.
    HaProxy { proxy: HaProxy, port: u16, _agent: Agent },
}

impl Proxy {
    /// Starts the shipped example with the demonstration's own issuer in front of its issuers.
    ///
    /// # Errors
    ///
    /// It did not start; the message has the end of its log.
    pub(crate) fn start(kind: Kind, tokens: &Tokens) -> Result<Self> {
        let place = Place::new("demo")?;
        match kind {
            Kind::Envoy => {
                let issuers = "                    issuers:\n";
                let envoy = Shipped::read(&format!("{}/envoy.yaml", kind.example()))?
                    .with(issuers, &format!("{issuers}{}", tokens.issuer_yaml(20)))?
                    .with(
                        "inline_string: \"%REQ(:METHOD)%",
                        &format!("inline_string: \"{MARK}%REQ(:METHOD)%"),
                    )?
                    .start(&place)?;
                Ok(Self::Envoy(envoy, 0))
            }
            Kind::HaProxy => {
                let files = ["haproxy.cfg", "policy.yaml"];
                let shipped = haproxy_e2e::shipped::Shipped::read(kind.example(), &files)?.with(
                    "policy.yaml",
                    "issuers:\n",
                    &format!("issuers:\n{}", tokens.issuer_yaml(0)),
                )?;
                shipped.write(&place)?;
                // First, so that HAProxy finds it at once.
                let agent = Agent::start(&place, "policy.yaml", shipped.port(AGENT)?)?;
                let proxy = shipped.start(&place, "haproxy.cfg", API)?;
                Ok(Self::HaProxy { proxy, port: shipped.port(API)?, _agent: agent })
            }
        }
    }

    /// The port of the guarded API.
    pub(crate) fn port(&self) -> u16 {
        match self {
            Self::Envoy(envoy, _) => envoy.port(LISTENER),
            Self::HaProxy { port, .. } => *port,
        }
    }

    /// Sends one request and waits for the line about it in the access log.
    ///
    /// # Errors
    ///
    /// No answer or no line came.
    pub(crate) fn send(&mut self, case: &Case) -> Result<Came> {
        let port = self.port();
        let send = || {
            http1::send(port, &case.headers).with_context(|| format!("in the case `{}`", case.sent))
        };
        match self {
            Self::Envoy(envoy, seen) => {
                let reply = send()?;
                let line = envoy.wait_for("a line in the access log", || {
                    let log = envoy.log();
                    log.lines()
                        .filter_map(|line| line.strip_prefix(MARK))
                        .nth(*seen)
                        .map(str::to_owned)
                })?;
                *seen += 1;
                let details = match details(&line)? {
                    VIA_UPSTREAM => ALLOWED,
                    other => other,
                };
                Ok(Came { reply, details: details.to_owned() })
            }
            Self::HaProxy { proxy, .. } => {
                let mark = proxy.process().log_mark()?;
                let reply = send()?;
                let outcome = Outcome::wait(proxy.process(), mark)?;
                let details = match (outcome.verdict.as_deref(), outcome.reason) {
                    (Some("allow"), _) => ALLOWED.to_owned(),
                    (_, reason) => format!("jwt_gate.{}", reason.unwrap_or_default()),
                };
                Ok(Came { reply, details })
            }
        }
    }
}

/// The response-code details in a line: method, path, status, details, subject. A path holds no
/// blank.
fn details(line: &str) -> Result<&str> {
    let found = line.split(' ').nth(3);
    found.with_context(|| format!("access log: found `{line}`, expected five words"))
}
