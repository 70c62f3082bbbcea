//! One Envoy process, from its start to its certain end.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::admin::Admin;
use crate::places::envoy_binary;
use crate::{Clock, Place, Process, checkout};

/// Compiling the module for V8 takes a second or two; a busy machine takes longer.
const START: Duration = Duration::from_secs(60);
const LOG: &str = "envoy.log";

/// A running Envoy; it is killed when this value goes.
pub struct Envoy {
    process: Process,
    admin: Admin,
    ports: BTreeMap<String, u16>,
}

impl Envoy {
    /// Starts Envoy with one worker on a bootstrap file in `place` and waits until all its
    /// listeners serve.
    ///
    /// # Errors
    ///
    /// Envoy ended or did not get ready; the end of its log is part of the message.
    pub fn start(place: &Place, bootstrap: &str) -> Result<Self> {
        Self::start_with_workers(place, bootstrap, 1)
    }

    /// As [`Envoy::start`], with so many workers: as many event loops that each have a filter of
    /// their own.
    ///
    /// # Errors
    ///
    /// As [`Envoy::start`].
    pub fn start_with_workers(place: &Place, bootstrap: &str, workers: usize) -> Result<Self> {
        Self::launch(place, command(place, bootstrap)?, workers)
    }

    /// As [`Envoy::start`], with a wall clock that the test sets.
    ///
    /// # Errors
    ///
    /// As [`Envoy::start`].
    pub fn start_at(place: &Place, bootstrap: &str, clock: &Clock) -> Result<Self> {
        let mut command = command(place, bootstrap)?;
        clock.give_to(&mut command);
        Self::launch(place, command, 1)
    }

    fn launch(place: &Place, mut command: Command, workers: usize) -> Result<Self> {
        let admin_file = place.path("admin-address");
        command.arg("--admin-address-path").arg(&admin_file).args([
            "--concurrency",
            &workers.to_string(),
            "--file-flush-interval-msec",
            "10",
        ]);
        let mut process = Process::start(command, "Envoy", place, LOG)?;
        let (admin, ports) = process.ready(START, || {
            let address = fs::read_to_string(&admin_file).unwrap_or_default();
            let port = address.rsplit_once(':').and_then(|(_, port)| port.trim().parse().ok());
            let Some(admin) = port.map(|port| Admin { port }).filter(|admin| admin.is_ready())
            else {
                return Ok(None);
            };
            Ok(Some((admin, admin.listeners()?)))
        })?;
        Ok(Self { process, admin, ports })
    }

    /// Lets Envoy judge a bootstrap file (`--mode validate`, which configures the filters too) and
    /// returns whether it was taken, and the log.
    ///
    /// # Errors
    ///
    /// Envoy could not be run.
    pub fn validate(place: &Place, bootstrap: &str) -> Result<(bool, String)> {
        let log = File::create(place.path(LOG))?;
        let status = command(place, bootstrap)?
            .args(["--mode", "validate"])
            .current_dir(checkout())
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .status()?;
        Ok((status.success(), place.read(LOG)))
    }

    /// The number of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The port of a listener.
    ///
    /// # Panics
    ///
    /// There is no such listener; the message lists those that are there.
    #[must_use]
    pub fn port(&self, listener: &str) -> u16 {
        match self.ports.get(listener) {
            Some(port) => *port,
            None => panic!("no listener {listener}, there are {:?}", self.ports.keys()),
        }
    }

    /// The port of a listener as it is now, after an update.
    ///
    /// # Errors
    ///
    /// The admin interface did not answer, or there is no such listener.
    pub fn port_now(&self, listener: &str) -> Result<u16> {
        let ports = self.admin.listeners()?;
        ports.get(listener).copied().with_context(|| format!("no listener {listener}: {ports:?}"))
    }

    /// Counters and gauges whose name holds `part`.
    ///
    /// # Errors
    ///
    /// The admin interface did not answer.
    pub fn stats(&self, part: &str) -> Result<BTreeMap<String, u64>> {
        self.admin.stats(part)
    }

    /// One counter or gauge by its whole name; 0 when it is not there (yet).
    ///
    /// # Errors
    ///
    /// The admin interface did not answer.
    pub fn stat(&self, name: &str) -> Result<u64> {
        Ok(self.stats(name)?.get(name).copied().unwrap_or(0))
    }

    /// The text of `/stats/prometheus`.
    ///
    /// # Errors
    ///
    /// The admin interface did not answer.
    pub fn prometheus(&self) -> Result<String> {
        Ok(self.admin.get("/stats/prometheus")?.text())
    }

    /// Envoy's own log so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.process.log()
    }

    /// Where the log ends now.
    ///
    /// # Errors
    ///
    /// The file system refused.
    pub fn log_mark(&self) -> Result<u64> {
        self.process.log_mark()
    }

    /// The lines of the log behind a mark.
    ///
    /// # Errors
    ///
    /// The file system refused.
    pub fn log_since(&self, mark: u64) -> Result<Vec<String>> {
        self.process.log_since(mark)
    }

    /// Waits until `look` gives a value.
    ///
    /// # Errors
    ///
    /// It never did; `what` and the end of the log are part of the message.
    pub fn wait_for<T>(&self, what: &str, look: impl FnMut() -> Option<T>) -> Result<T> {
        self.process.wait_for(what, look)
    }
}

/// Envoy on a bootstrap file in the place's folder.
fn command(place: &Place, bootstrap: &str) -> Result<Command> {
    let mut command = Process::command(&envoy_binary()?);
    command
        .arg("--config-path")
        .arg(place.path(bootstrap))
        // Shared memory would tie Envoys that run side by side to each other.
        .arg("--disable-hot-restart");
    Ok(command)
}
