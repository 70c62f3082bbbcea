//! A wall clock that a test can set, for one program under test.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::Place;

/// The wall clock of a program that is started with it; it stands still until it is set.
///
/// So a scenario happens at its own time, to the nanosecond, and a token that others issued years
/// ago is judged as it was then.
#[derive(Debug)]
pub struct Clock {
    library: PathBuf,
    path: PathBuf,
    file: File,
}

impl Clock {
    /// Builds the library and sets the clock to `nanos` since the Unix epoch.
    ///
    /// # Errors
    ///
    /// There is no C compiler (Rust links with one), or the file system refused.
    pub fn new(place: &Place, nanos: u64) -> Result<Self> {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("clock.c");
        let library = place.path("clock.so");
        let status = Command::new("cc")
            .args(["-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o"])
            .arg(&library)
            .arg(&source)
            .status()
            .context("running cc, the C compiler that Rust links with")?;
        ensure!(status.success(), "cc could not build {}: {status}", source.display());
        let path = place.path("now");
        let file = File::create(&path).with_context(|| format!("making {}", path.display()))?;
        let clock = Self { library, path, file };
        clock.set(nanos)?;
        Ok(clock)
    }

    /// Sets the clock, in nanoseconds since the Unix epoch; the next reading shows it.
    ///
    /// # Errors
    ///
    /// The file system refused.
    pub fn set(&self, nanos: u64) -> Result<()> {
        self.file.write_all_at(&nanos.to_ne_bytes(), 0).context("setting the clock")
    }

    /// Gives the clock to a process that is about to start.
    pub fn give_to(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &self.library).env("TEST_CLOCK", &self.path);
    }
}
