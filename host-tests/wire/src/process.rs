//! One program under test, from its start to its certain end.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::{Place, checkout};

const PATIENCE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(20);
/// How much of the log a failing test shows.
const TAIL: usize = 60;

/// A running program, started in the root of the checkout, whose output goes into a file of a
/// [`Place`]; it is killed when this value goes.
pub struct Process {
    child: Child,
    name: &'static str,
    place: Place,
    log: String,
}

impl Process {
    /// Prepares a program to be started, in a way that lets it outlive nobody: should the tests be
    /// killed, the kernel ends it.
    #[must_use]
    pub fn command(binary: &Path) -> Command {
        // setpriv (Debian: util-linux) becomes the program.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(binary);
        command
    }

    /// Starts what [`Process::command`] has prepared; `name` is for people, `log` is the file.
    ///
    /// # Errors
    ///
    /// It could not be started.
    pub fn start(
        mut command: Command,
        name: &'static str,
        place: &Place,
        log: &str,
    ) -> Result<Self> {
        let file = File::create(place.path(log))?;
        let child = command
            .current_dir(checkout())
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .context("running setpriv (Debian: util-linux)")?;
        Ok(Self { child, name, place: place.clone(), log: log.to_owned() })
    }

    /// Waits until `ready` gives a value, at most so long.
    ///
    /// # Errors
    ///
    /// The program ended or did not get ready; the end of its log is part of the message.
    pub fn ready<T>(
        &mut self,
        patience: Duration,
        mut ready: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status}:\n{}", self.name, self.log_tail());
            }
            if let Some(value) = ready()? {
                return Ok(value);
            }
            if Instant::now() > deadline {
                bail!("{} was not ready after {patience:?}:\n{}", self.name, self.log_tail());
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// The number of the process.
    #[must_use]
    pub fn id(&self) -> u32 {
        // setpriv becomes the program, so that this is the program's own.
        self.child.id()
    }

    /// Sends a signal by its name, as `HUP`.
    ///
    /// # Errors
    ///
    /// The program has ended.
    pub fn signal(&self, name: &str) -> Result<()> {
        // The shell's own `kill`: the program of that name is not on every machine.
        let line = format!("kill -{name} {}", self.id());
        let status = Command::new("sh").args(["-c", &line]).status().context("running sh")?;
        ensure!(status.success(), "{line}: {status}");
        Ok(())
    }

    /// Waits until the program has ended by itself, and gives its exit code.
    ///
    /// # Errors
    ///
    /// It did not, or a signal ended it.
    pub fn ended(&mut self) -> Result<i32> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return code(status)
                    .with_context(|| format!("{}:\n{}", self.name, self.log_tail()));
            }
            ensure!(
                Instant::now() < deadline,
                "{} still ran after {PATIENCE:?}:\n{}",
                self.name,
                self.log_tail()
            );
            std::thread::sleep(PAUSE);
        }
    }

    /// All that the program has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        self.place.read(&self.log)
    }

    /// Where the log ends now.
    ///
    /// # Errors
    ///
    /// The file system refused.
    pub fn log_mark(&self) -> Result<u64> {
        Ok(fs::metadata(self.place.path(&self.log))?.len())
    }

    /// The lines of the log behind a mark.
    ///
    /// # Errors
    ///
    /// The file system refused.
    pub fn log_since(&self, mark: u64) -> Result<Vec<String>> {
        let mut file = File::open(self.place.path(&self.log))?;
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
        let path = self.place.path(&self.log);
        format!("{}\n(all of it: {})", lines[from..].join("\n"), path.display())
    }
}

fn code(status: ExitStatus) -> Result<i32> {
    status.code().with_context(|| format!("ended by signal {:?}", status.signal()))
}

impl Drop for Process {
    fn drop(&mut self) {
        // Killed, not asked: draining can take minutes. Both fail only when it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
        if std::thread::panicking() {
            eprintln!("--- the end of the log of {} ---\n{}", self.name, self.log_tail());
        }
    }
}
