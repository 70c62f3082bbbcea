//! The compose file, for those who have a container engine: `cargo xtask test compose`.
//!
//! It is not among the stages of a plain `cargo xtask test`: it needs an engine, an image and the
//! two ports that the file publishes.

use std::{
    io::{Read, Write},
    net::TcpStream,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{shell, tally::Tally, test::Tools};

/// How long the containers may take to answer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where the file publishes the guarded API.
const API: u16 = 8080;
/// Where the file publishes the counters.
const METRICS: u16 = 9902;

/// Brings the containers up, sends what the comment in the file says, and brings them down.
pub(crate) fn stage(tools: &mut Tools) -> Result<Tally> {
    tools.need_module()?;
    let running = Running::up()?;
    let start = Instant::now();
    while exchange(API, "GET", "/api/hamsters").is_err() {
        if start.elapsed() > PATIENCE {
            bail!("port {API} of 127.0.0.1 did not answer for {} s", PATIENCE.as_secs());
        }
        thread::sleep(Duration::from_millis(200));
    }
    let mut tally = Tally::default();
    for (port, method, path, expected) in [
        (API, "GET", "/api/hamsters", "HTTP/1.1 200 "),
        (API, "DELETE", "/api/hamsters/turbo", "HTTP/1.1 401 "),
        (API, "DELETE", "/api/hamsters/turbo", "www-authenticate: Bearer realm=\"api\"\r\n"),
        (METRICS, "GET", "/stats/prometheus", "\njwt_gate_denied{"),
    ] {
        let reply = exchange(port, method, path)?;
        let is_there = reply.contains(expected);
        if !is_there {
            println!("{method} {path}: found no {expected:?}, expected it in: {reply}");
        }
        tally += Tally::one(is_there);
    }
    drop(running);
    Ok(tally)
}

/// The containers of the compose file; they are removed when this value goes.
struct Running;

impl Running {
    fn up() -> Result<Self> {
        let mut up = compose()?;
        // First, so that half a start is taken down as well.
        let running = Self;
        shell::run(up.args(["up", "-d"]))?;
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let down = compose().and_then(|mut down| shell::run(down.arg("down")));
        if let Err(error) = down {
            println!("the containers may still be running: {error:#}");
        }
    }
}

/// Docker's compose where it is there, else Podman's.
fn compose() -> Result<Command> {
    let mut command = if shell::read(shell::command("docker").args(["compose", "version"])).is_ok()
    {
        let mut docker = shell::command("docker");
        docker.arg("compose");
        docker
    } else if shell::which("podman-compose").is_some() {
        shell::command("podman-compose")
    } else {
        bail!("found neither `docker compose` nor `podman-compose`, expected one of them");
    };
    command.args(["-f", "envoy/compose.yaml"]);
    Ok(command)
}

/// Sends a request without a token and reads the reply to its end.
fn exchange(port: u16, method: &str, path: &str) -> Result<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: api.test\r\nconnection: close\r\n\r\n")?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    if reply.is_empty() {
        bail!("port {port} of 127.0.0.1 closed the connection without an answer");
    }
    Ok(String::from_utf8_lossy(&reply).into_owned())
}
