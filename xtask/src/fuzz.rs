//! The fuzz targets: seeds replayed, then a few seconds of fuzzing each.
//!
//! They need neither nightly Rust nor cargo-fuzz: coverage comes from a compiler pass that stable
//! Rust has, and the address sanitizer, which it has not, would find nothing in safe code.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{
    rustc, setup, shell,
    tally::{self, Tally},
    test::Tools,
    workspace,
};

/// How long each target runs beyond its seeds, in seconds.
const SECONDS: u32 = 5;

/// How many lines of a failed target's log are shown.
const TAIL: usize = 40;

/// What cargo-fuzz passes, without the sanitizer.
const FLAGS: &str = "--cfg fuzzing -Ccodegen-units=1 -Cdebug-assertions -Coverflow-checks \
    -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// The manifest of the fuzz targets, a workspace of its own.
pub(crate) fn manifest() -> PathBuf {
    workspace::root().join("filter/core/fuzz/Cargo.toml")
}

/// Builds all targets, replays each one's seeds and fuzzes it for some seconds.
pub(crate) fn smoke(_: &mut Tools) -> Result<Tally> {
    compiler()?;
    let host = rustc::fact("host")?;
    let folder = workspace::target().join("fuzz");
    shell::run(
        shell::cargo()
            .args(["build", "--release", "--bins", "--manifest-path"])
            .arg(manifest())
            // Naming the target keeps the flags away from build scripts, which lack libFuzzer.
            .args(["--target", &host, "--target-dir"])
            .arg(&folder)
            .env("RUSTFLAGS", FLAGS),
    )?;
    let mut tally = Tally::default();
    for target in targets()? {
        let binary = folder.join(&host).join("release").join(&target);
        tally += Tally::one(passes(&binary, &target, &folder)?);
    }
    Ok(tally)
}

/// Installs what libFuzzer itself is written in, where that is missing.
///
/// # Errors
///
/// It could not be installed.
pub(crate) fn compiler() -> Result<()> {
    match shell::which("c++") {
        Some(_) => Ok(()),
        None => setup::debian_packages(&["g++"], "A C++ compiler"),
    }
}

/// Runs one target and shows the end of its log when it found something.
fn passes(binary: &Path, target: &str, folder: &Path) -> Result<bool> {
    let corpus = folder.join("corpus").join(target);
    let artifacts = folder.join("artifacts");
    let seeds = workspace::root().join("filter/core/fuzz/seeds").join(target);
    for made in [&corpus, &artifacts] {
        fs::create_dir_all(made).with_context(|| format!("cannot make {}", made.display()))?;
    }
    if !fs::read_dir(&seeds).is_ok_and(|mut seeds| seeds.next().is_some()) {
        bail!("found no seeds in {}, expected one file or more", seeds.display());
    }
    let log = folder.join(format!("{target}.log"));
    let mut fuzzer = shell::command(binary);
    fuzzer
        .args(["-verbosity=0", "-timeout=10", "-rss_limit_mb=1024", "-max_len=16384"])
        .arg(format!("-max_total_time={SECONDS}"))
        .arg(format!("-artifact_prefix={}/{target}-", artifacts.display()));
    if env::var_os("CI").is_some() {
        // A change is not to be refused for what chance finds in older code; developers' runs,
        // each with its own seed, are where that is found.
        fuzzer.arg("-seed=1");
    }
    // New inputs go to the first folder; all inputs are run before a new one is made.
    fuzzer.arg(&corpus).arg(&seeds).stderr(fs::File::create(&log)?);
    let tally = tally::check(&mut fuzzer)?;
    if tally.failed > 0 {
        let text = fs::read(&log)?;
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        println!("{}", lines[lines.len().saturating_sub(TAIL)..].join("\n"));
    }
    Ok(tally.failed == 0)
}

/// The names of the targets: the binaries of the manifest.
fn targets() -> Result<Vec<String>> {
    let text = fs::read_to_string(manifest())
        .with_context(|| format!("cannot read {}", manifest().display()))?;
    let names: Vec<String> = text
        .split("[[bin]]")
        .skip(1)
        .filter_map(|bin| bin.split('"').nth(1).map(str::to_owned))
        .collect();
    if names.is_empty() {
        bail!("{}: found no [[bin]], expected the fuzz targets", manifest().display());
    }
    Ok(names)
}
