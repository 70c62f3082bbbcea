//! Running other programs.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsStr,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// A program that is started in the root of the checkout.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace::root());
    command
}

/// The cargo that started this command, so that both are of the pinned toolchain.
pub(crate) fn cargo() -> Command {
    command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Runs a program to its end, its output going where ours goes.
///
/// # Errors
///
/// The program could not be started, or it ended with another status than 0.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command
        .stdin(Stdio::null())
        .status()
        .with_context(|| format!("cannot start {}", describe(command)))?;
    if !status.success() {
        bail!("{} ended with {status}, expected exit status 0", describe(command));
    }
    Ok(())
}

/// Runs a program to its end and gives what it wrote to standard output, without blanks around it.
///
/// # Errors
///
/// The program could not be started, or it ended with another status than 0; then the message ends
/// with what it wrote to standard error.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot start {}", describe(command)))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        bail!(
            "{} ended with {}, expected exit status 0: {}",
            describe(command),
            output.status,
            complaint.trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A program and all that it starts, in a process group of its own, which ends with this value.
pub(crate) struct Group {
    child: Child,
}

/// The process groups that are running: what an interrupt has to end.
static RUNNING: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

impl Group {
    /// Starts the program.
    ///
    /// # Errors
    ///
    /// It could not be started.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", describe(command)))?;
        running().insert(child.id());
        Ok(Self { child })
    }

    /// The program itself.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// The number by which [`end`] knows the group.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // The number of a group that has ended may belong to somebody else by now.
        if matches!(self.child.try_wait(), Ok(None)) {
            end(self.child.id());
            let _ = self.child.wait();
        }
        running().remove(&self.child.id());
    }
}

/// Ends every process of a group.
pub(crate) fn end(group: u32) {
    // The shell's own `kill`: the program of that name is not on every machine.
    let line =
        format!("kill -TERM -{group} 2>/dev/null; sleep 0.2; kill -KILL -{group} 2>/dev/null");
    let _ = Command::new("sh").args(["-c", &line]).stdin(Stdio::null()).status();
}

/// Makes Ctrl-C and a polite kill end what was started, too.
///
/// # Errors
///
/// The handler could not be set.
pub(crate) fn end_all_when_interrupted() -> Result<()> {
    ctrlc::set_handler(|| {
        let groups: Vec<u32> = running().iter().copied().collect();
        groups.into_iter().for_each(end);
        std::process::exit(130);
    })
    .context("cannot handle interrupts")
}

fn running() -> MutexGuard<'static, BTreeSet<u32>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Finds a program on the search path, as a shell would.
pub(crate) fn which(program: &str) -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders).map(|folder| folder.join(program)).find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// The command line, for messages.
pub(crate) fn describe(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let mut text = name.to_string_lossy().into_owned();
    for argument in command.get_args() {
        text.push(' ');
        text.push_str(&argument.to_string_lossy());
    }
    format!("`{text}`")
}
