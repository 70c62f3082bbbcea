//! The programs of the probe in a real Envoy: each call, callback and message is as its record says.
//!
//! The records are what the harness's profile `envoy-1.40` is held against, in a test of the
//! harness that needs no Envoy. `BLESS=1` writes them anew.

mod bootstrap;
mod client;
mod lane;
mod upstream;
mod wire;

use std::fs;
use std::sync::Arc;

use anyhow::{Context, Result, anyhow, ensure};
use libtest_mimic::{Arguments, Failed, Trial};
use probe_corpus::{Program, Record};

use crate::lane::Lane;

fn main() -> Result<()> {
    let mut arguments = Arguments::from_args();
    // One after the other: the upstream answers as the program says that is running.
    arguments.test_threads = Some(1);
    let programs = probe_corpus::load().map_err(|error| anyhow!(error))?;
    ensure!(!programs.is_empty(), "found no program of the probe");
    // Those alone that will be played: each costs Envoy a compilation.
    let programs: Vec<Program> = (programs.into_iter())
        .filter(|program| match &arguments.filter {
            Some(filter) if arguments.exact => program.name == *filter,
            Some(filter) => program.name.contains(filter),
            None => true,
        })
        .collect();
    let bless = std::env::var_os("BLESS").is_some();
    let conclusion = if arguments.list {
        libtest_mimic::run(&arguments, programs.iter().map(|p| trial(p, bless, None)).collect())
    } else {
        let lane = Arc::new(Lane::start(&programs)?);
        // Ends Envoy when the last trial has let go of it.
        let trials = programs.iter().map(|p| trial(p, bless, Some(Arc::clone(&lane)))).collect();
        drop(lane);
        libtest_mimic::run(&arguments, trials)
    };
    conclusion.exit()
}

fn trial(program: &Program, bless: bool, lane: Option<Arc<Lane>>) -> Trial {
    let program = program.clone();
    Trial::test(program.name.clone(), move || {
        let lane = lane.ok_or("listing runs nothing")?;
        if bless {
            let record = lane.play(&program, None)?;
            return Ok(fs::write(program.record(), record.to_string())?);
        }
        let path = program.record();
        let text = fs::read_to_string(&path)
            .with_context(|| format!("reading {}: BLESS=1 writes it", path.display()))?;
        let expected: Record = text.parse()?;
        let found = lane.play(&program, Some(&expected))?;
        let differences = probe_corpus::differences(&expected, &found);
        if differences.is_empty() {
            return Ok(());
        }
        Err(Failed::from(format!("{}\n{}", program.why, differences.join("\n"))))
    })
}
