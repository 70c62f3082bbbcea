//! Where a test keeps its files, and ports for it.

use std::fs::{self, File};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use anyhow::{Context, Result, anyhow};

use crate::checkout;

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

/// So many different ports of 127.0.0.1 that nobody listens on, for a program that cannot choose one
/// by itself.
///
/// # Errors
///
/// No socket could be had.
pub fn free_ports(count: usize) -> Result<Vec<u16>> {
    // All are held until the last one is found, so that none comes twice.
    let held = (0..count)
        .map(|_| TcpListener::bind(("127.0.0.1", 0)))
        .collect::<std::io::Result<Vec<_>>>()
        .context("looking for free ports")?;
    held.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}
