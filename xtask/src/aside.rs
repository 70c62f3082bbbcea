//! Stages that run beside the others, in a program of their own.
//!
//! They build in target folders of their own, so that they wait for no lock of cargo's, and are
//! nice: they take what the others leave while those link, wait for a proxy, or run one test.

use std::{
    env, fs,
    path::PathBuf,
    sync::mpsc::{self, Receiver},
    thread,
};

use anyhow::{Context, Result};

use crate::{
    shell::{self, Group},
    tally::{self, Tally},
    workspace,
};

/// Stages that are running, or wait for the one before.
#[derive(Default)]
pub(crate) struct Aside {
    stages: Vec<(&'static str, Receiver<Result<()>>)>,
}

impl Aside {
    /// Starts the first of the stages; each next one starts when the one before has ended.
    pub(crate) fn start(names: &[&'static str]) -> Self {
        let (ends, stages): (Vec<_>, Vec<_>) = names
            .iter()
            .map(|&name| {
                let (done, end) = mpsc::channel();
                ((name, done), (name, end))
            })
            .unzip();
        thread::spawn(move || {
            for (name, done) in ends {
                // Nobody waits any more when the others were interrupted.
                let _ = done.send(run(name));
            }
        });
        Self { stages }
    }

    /// Waits for a stage, prints what it printed and gives what it counted; `None` when it is not
    /// one of those that run aside.
    ///
    /// # Errors
    ///
    /// It could not be started, or did not come to its end.
    pub(crate) fn finish(&self, name: &str) -> Option<Result<Tally>> {
        let (_, end) = self.stages.iter().find(|(stage, _)| *stage == name)?;
        Some(end.recv().context("the stage was lost").and_then(|ended| {
            ended?;
            let log = log(name);
            let text = fs::read(&log).with_context(|| format!("cannot read {}", log.display()))?;
            let text = String::from_utf8_lossy(&text);
            println!("{}", text.trim());
            // The last line of a run.
            text.trim()
                .lines()
                .last()
                .and_then(tally::result)
                .with_context(|| format!("{} has no result as its last line", log.display()))
        }))
    }
}

/// Runs one stage to its end, whatever that is: its last line says it.
fn run(name: &str) -> Result<()> {
    let log = log(name);
    fs::create_dir_all(workspace::tools())
        .with_context(|| format!("cannot make {}", workspace::tools().display()))?;
    let file = fs::File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    let this = env::current_exe().context("cannot find this program")?;
    let mut command = match shell::which("nice") {
        Some(nice) => {
            let mut command = shell::command(nice);
            command.args(["-n", "15"]).arg(this);
            command
        }
        None => shell::command(this),
    };
    command.args(["test", name]).stdout(file.try_clone()?).stderr(file);
    Group::start(&mut command)?.child().wait()?;
    Ok(())
}

fn log(name: &str) -> PathBuf {
    workspace::tools().join(format!("stage-{name}.log"))
}
