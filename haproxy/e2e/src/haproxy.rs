//! One HAProxy process on a configuration file.

use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use e2e_wire::{Place, Process, checkout};

/// Reading its configuration takes milliseconds; a busy machine takes longer.
const START: Duration = Duration::from_secs(20);
const LOG: &str = "haproxy.log";

/// A running HAProxy; it is killed when this value goes.
pub struct HaProxy {
    process: Process,
}

impl HaProxy {
    /// Starts HAProxy on a file in `place` and waits until it listens on `port`.
    ///
    /// What it writes to standard output (`log stdout`) is in its log.
    ///
    /// # Errors
    ///
    /// It ended or did not get ready; the end of its log is part of the message.
    pub fn start(place: &Place, file: &str, port: u16) -> Result<Self> {
        Self::start_logging(place, file, port, LOG)
    }

    /// As [`HaProxy::start`], with its log in a file of another name: for a second one in a place.
    ///
    /// # Errors
    ///
    /// As [`HaProxy::start`].
    pub fn start_logging(place: &Place, file: &str, port: u16, log: &str) -> Result<Self> {
        let mut command = Process::command(&haproxy_binary()?);
        // `-db` keeps it in the foreground, as one process.
        command.arg("-db").arg("-f").arg(place.path(file));
        let mut process = Process::start(command, "HAProxy", place, log)?;
        process.ready(START, || Ok(TcpStream::connect(("127.0.0.1", port)).ok()))?;
        Ok(Self { process })
    }

    /// Lets HAProxy judge a file (`-c`) and returns whether it was taken, and what was said.
    ///
    /// # Errors
    ///
    /// HAProxy could not be run.
    pub fn validate(place: &Place, file: &str) -> Result<(bool, String)> {
        let output = Command::new(haproxy_binary()?)
            .arg("-c")
            .arg("-f")
            .arg(place.path(file))
            .current_dir(checkout())
            .stdin(Stdio::null())
            .output()
            .context("running haproxy")?;
        let said = [output.stdout, output.stderr].concat();
        Ok((output.status.success(), String::from_utf8_lossy(&said).into_owned()))
    }

    /// The process, with its log.
    #[must_use]
    pub fn process(&self) -> &Process {
        &self.process
    }
}

/// The HAProxy binary: what `HAPROXY_BIN` names, or the one on the search path.
///
/// # Errors
///
/// Names the command that installs HAProxy when it is absent.
pub fn haproxy_binary() -> Result<PathBuf> {
    if let Some(path) = std::env::var_os("HAPROXY_BIN").map(PathBuf::from) {
        if !path.is_file() {
            bail!("HAPROXY_BIN names {}, which is not a file", path.display());
        }
        return Ok(path);
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders)
        // Debian puts it where only root looks.
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join("haproxy"))
        .find(|path| path.is_file());
    found.context("no HAProxy: install it with `cargo xtask setup haproxy`, or set HAPROXY_BIN")
}
