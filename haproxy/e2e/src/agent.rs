//! One agent process.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};
use e2e_wire::{Clock, Place, Process, checkout, module};

/// Compiling the module takes seconds in an unoptimised build, and longer on a busy machine.
const START: Duration = Duration::from_secs(120);
const LOG: &str = "agent.log";

/// A running agent; it is killed when this value goes.
pub struct Agent {
    process: Process,
    health: u16,
}

/// How an agent is started.
#[derive(Clone, Copy, Debug)]
pub struct Options<'a> {
    /// The file of the policy, in the test's folder.
    pub policy: &'a str,
    /// Where it listens, as its `--listen` says.
    pub listen: &'a str,
    /// A wall clock that the test sets; without one it has the machine's.
    pub clock: Option<&'a Clock>,
    /// The module that it runs; without one it is `target/jwt_gate.wasm`.
    pub module: Option<&'a Path>,
    /// Further arguments.
    pub more: &'a [&'a str],
}

impl Agent {
    /// Starts an agent with one thread on a policy in `place`, on a port of 127.0.0.1, and waits until
    /// it serves.
    ///
    /// # Errors
    ///
    /// As [`Agent::start_as`].
    pub fn start(place: &Place, policy: &str, port: u16) -> Result<Self> {
        let listen = format!("127.0.0.1:{port}");
        Self::start_as(
            place,
            Options { policy, listen: &listen, clock: None, module: None, more: &[] },
        )
    }

    /// Starts an agent with one thread and waits until it serves.
    ///
    /// # Errors
    ///
    /// It ended or did not get ready; the end of its log is part of the message.
    pub fn start_as(place: &Place, options: Options<'_>) -> Result<Self> {
        let module = options.module.map_or_else(cached_module, |module| Ok(module.to_owned()))?;
        let mut command = Process::command(&agent_binary()?);
        command
            .arg("--module")
            .arg(module)
            .arg("--cache")
            .arg("--policy")
            .arg(place.path(options.policy))
            .args(["--listen", options.listen, "--threads", "1", "--health", "127.0.0.1:0"])
            .args(options.more);
        if let Some(clock) = options.clock {
            clock.give_to(&mut command);
        }
        let mut process = Process::start(command, "the agent", place, LOG)?;
        let log = place.clone();
        let health = process.ready(START, || {
            let log = log.read(LOG);
            let Some(at) = log.lines().find_map(|line| line.strip_prefix("health on http://"))
            else {
                return Ok(None);
            };
            let is_ready = log.lines().any(|line| line.contains(" ready"));
            let port = at.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
            Ok(port.filter(|_| is_ready))
        })?;
        Ok(Self { process, health })
    }

    /// Lets the agent judge a policy (`--check`) and returns whether it was taken, and what was said.
    ///
    /// # Errors
    ///
    /// The agent could not be run.
    pub fn check(place: &Place, policy: &str) -> Result<(bool, String)> {
        let output = Command::new(agent_binary()?)
            .arg("--module")
            .arg(cached_module()?)
            .arg("--cache")
            .arg("--policy")
            .arg(place.path(policy))
            .arg("--check")
            .current_dir(checkout())
            .stdin(Stdio::null())
            .output()
            .context("running the agent")?;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
    }

    /// The process, with its log.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The process, to wait for its end.
    pub fn process_mut(&mut self) -> &mut Process {
        &mut self.process
    }

    /// The port of `/healthz` and `/metrics`.
    #[must_use]
    pub fn health(&self) -> u16 {
        self.health
    }
}

/// The module in a folder where the agent may keep what it has compiled: once for all tests.
fn cached_module() -> Result<PathBuf> {
    let folder = checkout().join("target/e2e-module");
    let copy = folder.join("jwt_gate.wasm");
    let bytes = std::fs::read(module()?).context("reading the module")?;
    if std::fs::read(&copy).is_ok_and(|found| found == bytes) {
        return Ok(copy);
    }
    std::fs::create_dir_all(&folder)?;
    // In one step: another test may be about to read it.
    let fresh = folder.join(format!("jwt_gate.{}.new", std::process::id()));
    std::fs::write(&fresh, bytes)?;
    std::fs::rename(&fresh, &copy)?;
    Ok(copy)
}

/// The agent's binary: what `JWT_GATE_AGENT` names, or that of a debug build.
///
/// # Errors
///
/// Names the command that builds it when it is absent.
pub fn agent_binary() -> Result<PathBuf> {
    let path = std::env::var_os("JWT_GATE_AGENT")
        .map_or_else(|| checkout().join("target/debug/jwt-gate-agent"), PathBuf::from);
    path.canonicalize().with_context(|| {
        format!("no agent at {}: build it with `cargo build -p jwt-gate-agent`", path.display())
    })
}
