//! The profile `envoy-1.40` held against a real Envoy, call by call.
//!
//! The programs of the probe are played here, and what comes of them has to be what their records
//! say, which a real Envoy has made and which the Envoy lane makes again. What is different is
//! listed with its reason in `exceptions.toml` beside the programs; one that is the same is taken off
//! that list, or this test fails.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::panic,
    reason = "a test, which clippy cannot tell: it has no harness"
)]

mod play;
mod wire;

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
};

use libtest_mimic::{Arguments, Failed, Trial};
use probe_corpus::{Program, Record, Section};
use scenario_corpus::Exceptions;
use wasmtime_harness::Module;

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/examples");
const EXCEPTIONS: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/examples/probe/programs/exceptions.toml");

static MODULE: LazyLock<Module> = LazyLock::new(|| {
    let path = PathBuf::from(EXAMPLES).join("probe.wasm");
    let hint = "build the probe first: cargo xtask examples";
    Module::load(&path).unwrap_or_else(|error| panic!("{error}\n{hint}"))
});

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::from_args();
    let programs = probe_corpus::load()?;
    let exceptions = Arc::new(Exceptions::load(Path::new(EXCEPTIONS))?);
    let mut known = Vec::new();
    for program in &programs {
        known.extend(record(program)?.sections.iter().map(|section| name(program, section)));
    }
    let unknown = exceptions.unknown(known.iter().map(String::as_str));
    if programs.is_empty() || !unknown.is_empty() {
        return Err(format!("{} programs\n{}", programs.len(), unknown.join("\n")).into());
    }
    let trials = programs.into_iter().map(|program| {
        let exceptions = Arc::clone(&exceptions);
        Trial::test(program.name.clone(), move || judge(&program, &exceptions))
    });
    libtest_mimic::run(&arguments, trials.collect()).exit()
}

/// The name under which a section can be listed as an exception.
fn name(program: &Program, section: &Section) -> String {
    format!("{}: {}", program.name, section.title)
}

fn record(program: &Program) -> Result<Record, String> {
    let path = program.record();
    let text = fs::read_to_string(&path).map_err(|error| {
        format!("{}: {error}; BLESS=1 cargo test -p envoy-e2e --test probe", path.display())
    })?;
    text.parse()
}

fn judge(program: &Program, exceptions: &Exceptions) -> Result<(), Failed> {
    let expected = record(program)?;
    let found = play::play(&MODULE, program)?;
    if play::play(&MODULE, program)? != found {
        return Err("two runs differ".into());
    }
    let mut wrong = Vec::new();
    for (i, expected) in expected.sections.iter().enumerate() {
        let one = |section: &Section| Record { sections: vec![section.clone()] };
        let nothing = Section::default();
        let found = found.sections.get(i).unwrap_or(&nothing);
        let differences = probe_corpus::differences(&one(expected), &one(found));
        let result = if differences.is_empty() { Ok(()) } else { Err(differences.join("\n")) };
        let name = name(program, expected);
        if let Err(text) = exceptions.judge(&name, &name, result) {
            wrong.push(format!("{name}\n{text}"));
        }
    }
    if found.sections.len() > expected.sections.len() {
        wrong.push(format!(
            "found {} sections more",
            found.sections.len() - expected.sections.len()
        ));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("{}\n{}", program.why, wrong.join("\n")).into())
}
