//! `cargo xtask lint-envoy`: ways around the filter that an Envoy configuration can hold.
//!
//! The filter sees one route; Envoy may then serve another. Any change of a request header makes
//! Envoy pick the route again, unseen by the filter: a header that a client sent and a public route
//! matches on lends the public verdict to the route that is picked once the header is gone. This
//! command finds such routes, and the settings that switch the check off. It also looks at the way
//! by which fetched keys come: whoever can put in keys of his own needs no other way around.

use std::{
    collections::BTreeSet,
    fmt, fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::workspace;

mod gate;
mod keys;
mod manager;
mod node;
mod routes;
#[cfg(test)]
mod tests;
mod tls;

use node::Node;

/// How bad a finding is; only errors make the command fail.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Level {
    /// The check can be passed by, or does not run.
    Error,
    /// A defence is missing that another one stands in for.
    Warning,
    /// True and perhaps meant so; worth knowing.
    Note,
}

impl fmt::Display for Level {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        })
    }
}

/// One thing found in a configuration.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Finding {
    file: String,
    /// Where in the file, such as `static_resources.listeners[0]`.
    path: String,
    level: Level,
    message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, path, level, message } = self;
        match path.as_str() {
            "" => write!(out, "{file}: {level}: {message}"),
            _ => write!(out, "{file}: {level}: {path}: {message}"),
        }
    }
}

/// All findings, each once: two filters of one listener share their routes.
#[derive(Default)]
struct Report {
    findings: BTreeSet<Finding>,
}

impl Report {
    fn add(&mut self, level: Level, node: &Node<'_>, message: impl Into<String>) {
        self.findings.insert(Finding {
            file: node.file().to_owned(),
            path: node.path().to_owned(),
            level,
            message: message.into(),
        });
    }

    fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }
}

/// One parsed file.
struct Document {
    file: String,
    value: Value,
}

/// Checks the files named, prints what was found, and fails when an error is among it.
pub(crate) fn run(files: &[String]) -> Result<ExitCode> {
    if files.is_empty() {
        bail!("found no FILE, expected one or more Envoy configurations in YAML or JSON");
    }
    let files: Vec<PathBuf> = files.iter().map(PathBuf::from).collect();
    let report = check(&files)?;
    for finding in &report.findings {
        println!("{finding}");
    }
    println!(
        "lint-envoy: {} files, {} errors, {} warnings, {} notes",
        files.len(),
        report.count(Level::Error),
        report.count(Level::Warning),
        report.count(Level::Note)
    );
    Ok(match report.count(Level::Error) {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

/// Prints what is found in one file and gives whether that is nothing worse than a note.
///
/// # Errors
///
/// The file could not be read or is no YAML.
pub(crate) fn is_clean(file: &Path) -> Result<bool> {
    let report = check(&[file.to_path_buf()])?;
    report.findings.iter().for_each(|finding| println!("{finding}"));
    Ok(report.findings.iter().all(|finding| finding.level == Level::Note))
}

/// Reads and checks files; a route table or a filter that one names may be in another.
fn check(files: &[PathBuf]) -> Result<Report> {
    let documents = files.iter().map(|file| read(file)).collect::<Result<Vec<_>>>()?;
    Ok(lint(&documents))
}

fn read(file: &Path) -> Result<Document> {
    let name = file.strip_prefix(workspace::root()).unwrap_or(file).display().to_string();
    let text = fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
    let value = serde_saphyr::from_str(&text).map_err(|error| {
        anyhow::anyhow!("{name}: found no YAML, expected an Envoy configuration: {error}")
    })?;
    Ok(Document { file: name, value })
}

/// Checks documents that belong together.
fn lint(documents: &[Document]) -> Report {
    let mut report = Report::default();
    let roots: Vec<Node<'_>> =
        documents.iter().map(|document| Node::root(&document.file, &document.value)).collect();
    for root in &roots {
        let mut gates = 0;
        root.walk(&mut |node| {
            if let Some(manager) = node.typed("HttpConnectionManager") {
                gates += manager::check(&manager, &roots, &mut report);
            }
            // A service outside of any chain, which fetches keys for the filters.
            if let Some(config) = node.typed("WasmService").and_then(|node| node.get("config")) {
                let read = |policy: &Node<'_>| keys::check(&config, policy, &roots, &mut report);
                gates += usize::from(gate::with_policy(&config, read).is_some());
            }
            true
        });
        if gates == 0 {
            report.add(
                Level::Note,
                root,
                "found no HTTP connection manager with a JWT Gate filter: nothing was checked",
            );
        }
    }
    report
}
