//! One Envoy process, from its start to its certain end.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};

use crate::Clock;
use crate::admin::Admin;
use crate::places::{checkout, envoy_binary};

/// Compiling the module for V8 takes a second or two; a busy machine takes longer.
const START: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);
const LOG: &str = "envoy.log";
/// How much of the log a failing test shows.
const TAIL: usize = 60;

/// A folder of its own for each test, `target/e2e/<test>/`, emptied at the start and kept at the
/// end, so that a failure can be looked into.
#[derive(Clone, Debug)]
pub struct Place {
    folder: PathBuf,
}

impl Place {
    /// Makes the folder anew.
    ///
    /// # Errors
    ///
    /// The file system refused.
    pub fn new(test: &str) -> Result<Self> {
        let all = checkout().join("target/e2e");
        fs::create_dir_all(&all).with_context(|| format!("making {}", all.display()))?;
        wait_for_other_runs(&all)?;
        let folder = all.join(test);
        if folder.exists() {
            fs::remove_dir_all(&folder)
                .with_context(|| format!("emptying {}", folder.display()))?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("making {}", folder.display()))?;
        Ok(Self { folder: folder.canonicalize()? })
    }

    /// The path of a file in the folder.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file in one step (a rename), as Envoy asks for files that it watches.
    ///
    /// # Errors
    ///
    /// The file system refused.
    pub fn write(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.path(name);
        let fresh = self.path(&format!(".{name}.new"));
        fs::write(&fresh, text).with_context(|| format!("writing {}", fresh.display()))?;
        fs::rename(&fresh, &path).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    /// Reads a file; what is not there yet is empty.
    #[must_use]
    pub fn read(&self, name: &str) -> String {
        // Logs can hold any byte that a client sent.
        fs::read(self.path(name))
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default()
    }
}

/// Two runs on one checkout would empty each other's folders: the second waits until the first has
/// ended. The lock goes with the process.
fn wait_for_other_runs(folder: &Path) -> Result<()> {
    static LOCK: Mutex<Option<File>> = Mutex::new(None);
    let mut held = LOCK.lock().map_err(|_| anyhow!("another test panicked at the lock"))?;
    if held.is_none() {
        let path = folder.join("lock");
        let file = File::create(&path).with_context(|| format!("making {}", path.display()))?;
        file.lock().with_context(|| format!("waiting for {}", path.display()))?;
        *held = Some(file);
    }
    Ok(())
}

/// A running Envoy; it is killed when this value goes.
pub struct Envoy {
    child: Child,
    place: Place,
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
        let child = command
            .arg("--admin-address-path")
            .arg(&admin_file)
            .args(["--concurrency", &workers.to_string(), "--file-flush-interval-msec", "10"])
            .spawn()
            .context("running setpriv (Debian: util-linux)")?;
        let mut envoy =
            Self { child, place: place.clone(), admin: Admin { port: 0 }, ports: BTreeMap::new() };
        let deadline = Instant::now() + START;
        loop {
            if let Some(status) = envoy.child.try_wait()? {
                bail!("Envoy ended with {status}:\n{}", envoy.log_tail());
            }
            if envoy.admin.port == 0 {
                let address = fs::read_to_string(&admin_file).unwrap_or_default();
                let port = address.rsplit_once(':').and_then(|(_, port)| port.trim().parse().ok());
                envoy.admin.port = port.unwrap_or(0);
            } else if envoy.admin.is_ready() {
                envoy.ports = envoy.admin.listeners()?;
                return Ok(envoy);
            }
            if Instant::now() > deadline {
                bail!("Envoy was not ready after {START:?}:\n{}", envoy.log_tail());
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Lets Envoy judge a bootstrap file (`--mode validate`, which configures the filters too) and
    /// returns whether it was taken, and the log.
    ///
    /// # Errors
    ///
    /// Envoy could not be run.
    pub fn validate(place: &Place, bootstrap: &str) -> Result<(bool, String)> {
        let status = command(place, bootstrap)?.args(["--mode", "validate"]).status()?;
        Ok((status.success(), place.read(LOG)))
    }

    /// The number of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        // setpriv becomes Envoy, so that this is Envoy's own.
        self.child.id()
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
        self.place.read(LOG)
    }

    /// Where the log ends now.
    ///
    /// # Errors
    ///
    /// The file system refused.
    pub fn log_mark(&self) -> Result<u64> {
        Ok(fs::metadata(self.place.path(LOG))?.len())
    }

    /// The lines of the log behind a mark.
    ///
    /// # Errors
    ///
    /// The file system refused.
    pub fn log_since(&self, mark: u64) -> Result<Vec<String>> {
        let mut file = File::open(self.place.path(LOG))?;
        file.seek(SeekFrom::Start(mark))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).lines().map(str::to_owned).collect())
    }

    /// Waits until `look` gives a value.
    ///
    /// # Errors
    ///
    /// It never did; `what` and the end of the log are part of the message.
    pub fn wait_for<T>(&self, what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(value) = look() {
                return Ok(value);
            }
            if Instant::now() > deadline {
                return Err(anyhow!("waited {PATIENCE:?} for {what}:\n{}", self.log_tail()));
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<_> = log.lines().collect();
        let from = lines.len().saturating_sub(TAIL);
        format!("{}\n(all of it: {})", lines[from..].join("\n"), self.place.path(LOG).display())
    }
}

impl Drop for Envoy {
    fn drop(&mut self) {
        // Killed, not asked: draining would take minutes. Both fail only when it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            eprintln!("--- the end of Envoy's log ---\n{}", self.log_tail());
        }
    }
}

/// Envoy with its log going to the place's folder.
fn command(place: &Place, bootstrap: &str) -> Result<Command> {
    let log = File::create(place.path(LOG))?;
    // Should the tests be killed, nobody is left to end Envoy: the kernel does, through setpriv of
    // util-linux.
    let mut command = Command::new("setpriv");
    command
        .args(["--pdeathsig", "KILL", "--"])
        .arg(envoy_binary()?)
        .arg("--config-path")
        .arg(place.path(bootstrap))
        // Shared memory would tie Envoys that run side by side to each other.
        .arg("--disable-hot-restart")
        .current_dir(Path::new(&checkout()))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    Ok(command)
}
