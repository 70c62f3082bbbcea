//! The programs that stages run, compiled by as few commands of cargo as can be.
//!
//! Cargo chooses the features of a crate by the packages that one command names, and compiles the
//! crate once more for each choice. Stage by stage, that was half of the cryptography five times;
//! so a run of all stages compiles the whole workspace by one command, and the stages take their
//! programs from it. A stage that is run alone compiles only its own packages.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::{
    shell,
    tally::{self, Tally},
};

/// All packages but this one: its program is running, and is the linker of modules meanwhile.
const WHOLE: [&str; 3] = ["--workspace", "--exclude", "xtask"];

/// What has been compiled so far.
#[derive(Debug, Default)]
pub(crate) struct Programs {
    is_whole: bool,
    /// By the packages named; the error is a text, since each stage tells it anew.
    built: BTreeMap<Vec<String>, Result<Vec<Program>, String>>,
    packages: Option<Vec<Package>>,
    ran: BTreeSet<PathBuf>,
}

/// A package of the workspace.
#[derive(Clone, Debug)]
struct Package {
    name: String,
    manifest: PathBuf,
    is_default: bool,
    has_doctests: bool,
}

/// One program that cargo made.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Program {
    manifest: PathBuf,
    target: String,
    is_test: bool,
    path: PathBuf,
}

impl Programs {
    /// For a run of all stages.
    pub(crate) fn of_the_workspace() -> Self {
        Self { is_whole: true, ..Self::default() }
    }

    /// Runs all tests of packages, after `prepare` has seen each program's command line.
    ///
    /// # Errors
    ///
    /// They cannot be compiled, or a package is not there.
    pub(crate) fn test(
        &mut self,
        packages: &[&str],
        prepare: impl Fn(&mut Command),
    ) -> Result<Tally> {
        let chosen = self.find(packages)?;
        let mut commands = Vec::new();
        for program in self.build(packages)? {
            let is_chosen = chosen.iter().any(|package| package.manifest == program.manifest);
            if !program.is_test || !is_chosen {
                continue;
            }
            let folder = program.manifest.parent().context("a manifest has no folder")?;
            // As cargo runs them: in the folder of the package.
            let mut command = shell::command(&program.path);
            command.current_dir(folder).env("CARGO_MANIFEST_DIR", folder);
            prepare(&mut command);
            commands.push(command);
            self.ran.insert(program.path);
        }
        // In a run of all stages the examples in the documentation are tested all at once.
        let documented: Vec<&Package> =
            chosen.iter().filter(|package| package.has_doctests).collect();
        if !self.is_whole && !documented.is_empty() {
            let mut cargo = shell::cargo();
            cargo.args(["test", "--doc", "--no-fail-fast"]);
            cargo.args(documented.iter().flat_map(|package| ["--package", &package.name]));
            commands.push(cargo);
        }
        tally::tests(&mut commands)
    }

    /// Runs all tests of the packages that a plain `cargo test` takes.
    ///
    /// In a run of all stages it tests the examples in the documentation of every package as well.
    ///
    /// # Errors
    ///
    /// As of [`Programs::test`].
    pub(crate) fn test_defaults(&mut self) -> Result<Tally> {
        let defaults: Vec<String> = self
            .packages()?
            .iter()
            .filter(|package| package.is_default)
            .map(|package| package.name.clone())
            .collect();
        let defaults: Vec<&str> = defaults.iter().map(String::as_str).collect();
        let mut tally = self.test(&defaults, |_| ())?;
        if self.is_whole {
            let mut cargo = shell::cargo();
            cargo.args(["test", "--doc", "--no-fail-fast"]).args(WHOLE);
            tally += tally::test(&mut cargo)?;
        }
        Ok(tally)
    }

    /// The path of a program of a package.
    ///
    /// # Errors
    ///
    /// It cannot be compiled, or the package has no program of that name.
    pub(crate) fn binary(&mut self, package: &str, name: &str) -> Result<PathBuf> {
        let manifest = self.find(&[package])?.remove(0).manifest;
        self.build(&[package])?
            .into_iter()
            .find(|program| {
                !program.is_test && program.target == name && program.manifest == manifest
            })
            .map(|program| program.path)
            .with_context(|| format!("found no program `{name}` in the package {package}"))
    }

    /// The programs of tests that were compiled and that no stage has run.
    pub(crate) fn left_out(&self) -> Vec<&Path> {
        let built = self.built.values().flatten().flatten();
        let tests = built.filter(|program| program.is_test);
        tests.map(|program| &*program.path).filter(|path| !self.ran.contains(*path)).collect()
    }

    /// Compiles packages, or all of them, unless that is done.
    fn build(&mut self, packages: &[&str]) -> Result<Vec<Program>> {
        let named: Vec<String> = match self.is_whole {
            true => Vec::new(),
            false => packages.iter().map(|&package| package.to_owned()).collect(),
        };
        let built = self
            .built
            .entry(named)
            .or_insert_with_key(|named| compile(named).map_err(|error| format!("{error:#}")));
        match built {
            Ok(programs) => Ok(programs.clone()),
            Err(error) => bail!("{error}"),
        }
    }

    /// The packages of these names, in the same order.
    fn find(&mut self, names: &[&str]) -> Result<Vec<Package>> {
        let packages = self.packages()?;
        names
            .iter()
            .map(|name| {
                packages
                    .iter()
                    .find(|package| package.name == *name)
                    .cloned()
                    .with_context(|| format!("found no package `{name}` in the workspace"))
            })
            .collect()
    }

    fn packages(&mut self) -> Result<&[Package]> {
        if self.packages.is_none() {
            let mut cargo = shell::cargo();
            cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
            self.packages = Some(read_packages(&shell::read(&mut cargo)?)?);
        }
        Ok(self.packages.as_deref().unwrap_or_default())
    }
}

/// Compiles the tests and programs of packages, or of all when none is named.
fn compile(packages: &[String]) -> Result<Vec<Program>> {
    let mut cargo = shell::cargo();
    cargo.args(["build", "--bins", "--tests", "--message-format", "json-render-diagnostics"]);
    match packages {
        [] => cargo.args(WHOLE),
        named => cargo.args(named.iter().flat_map(|name| ["--package", name.as_str()])),
    };
    println!("{}", shell::describe(&cargo));
    let output = cargo
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", shell::describe(&cargo)))?;
    if !output.status.success() {
        bail!("{} ended with {}, expected exit status 0", shell::describe(&cargo), output.status);
    }
    read_programs(&String::from_utf8_lossy(&output.stdout))
}

/// Reads what cargo says that it made, one JSON object a line.
fn read_programs(messages: &str) -> Result<Vec<Program>> {
    let mut programs = Vec::new();
    for line in messages.lines() {
        let message: Value = serde_json::from_str(line)
            .with_context(|| format!("cargo: found `{line}`, expected a JSON object"))?;
        let Some(path) = message["executable"].as_str() else { continue };
        if message["target"]["kind"][0] == "custom-build" {
            continue;
        }
        programs.push(Program {
            manifest: text(&message["manifest_path"])?.into(),
            target: text(&message["target"]["name"])?,
            is_test: message["profile"]["test"] == true,
            path: path.into(),
        });
    }
    Ok(programs)
}

/// Reads `cargo metadata`.
fn read_packages(metadata: &str) -> Result<Vec<Package>> {
    let metadata: Value = serde_json::from_str(metadata).context("cargo metadata")?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let defaults = list(&metadata["workspace_default_members"]);
    let mut packages = Vec::new();
    for package in list(&metadata["packages"]) {
        packages.push(Package {
            name: text(&package["name"])?,
            manifest: Path::new(&text(&package["manifest_path"])?).to_owned(),
            is_default: defaults.contains(&package["id"]),
            has_doctests: list(&package["targets"]).iter().any(|target| target["doctest"] == true),
        });
    }
    if packages.is_empty() {
        bail!("cargo metadata: found no package, expected those of the workspace");
    }
    Ok(packages)
}

fn text(value: &Value) -> Result<String> {
    value
        .as_str()
        .map(str::to_owned)
        .with_context(|| format!("cargo: found {value}, expected a text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_tests_are_told_apart_and_build_scripts_left_out() {
        let message = |target: &str, kind: &str, test: bool, path: &str| {
            format!(
                r#"{{"reason":"compiler-artifact","manifest_path":"/w/a/Cargo.toml","target":{{"kind":["{kind}"],"name":"{target}"}},"profile":{{"test":{test}}},"executable":{path}}}"#
            )
        };
        let messages = [
            message("a", "lib", false, "null"),
            message("a", "lib", true, r#""/t/a-1""#),
            message("tool", "bin", false, r#""/t/tool""#),
            message("build-script-build", "custom-build", false, r#""/t/build""#),
            r#"{"reason":"build-finished","success":true}"#.to_owned(),
        ];
        let program = |target: &str, is_test, path: &str| Program {
            manifest: "/w/a/Cargo.toml".into(),
            target: target.into(),
            is_test,
            path: path.into(),
        };
        assert_eq!(
            read_programs(&messages.join("\n")).unwrap(),
            [program("a", true, "/t/a-1"), program("tool", false, "/t/tool")]
        );
        assert!(read_programs("warning: no JSON").is_err());
    }

    #[test]
    fn the_short_loop_is_known_and_leaves_wasmtime_out() {
        let mut programs = Programs::default();
        let packages = programs.packages().unwrap();
        let is_default =
            |name: &str| packages.iter().find(|package| package.name == name).unwrap().is_default;
        assert!(is_default("jwt-gate-core") && is_default("host-tests"));
        assert!(!is_default("wasmtime-harness") && !is_default("xtask"));
        let error = programs.find(&["no-such-package"]).unwrap_err().to_string();
        assert_eq!(error, "found no package `no-such-package` in the workspace");
    }
}
