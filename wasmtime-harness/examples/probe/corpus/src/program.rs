//! A program and what happens around it.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use serde::Deserialize;

/// Names and values in order; a character is the byte of its number.
pub type Headers = Vec<(String, String)>;

/// One file of `programs/`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The file's name without its ending.
    #[serde(skip)]
    pub name: String,
    /// The file's path.
    #[serde(skip)]
    pub path: PathBuf,
    /// What is found out, in one sentence.
    pub why: String,
    /// The plugin configuration.
    #[serde(default = "configuration")]
    pub configuration: String,
    /// The orders of each callback, as the probe reads them.
    pub program: BTreeMap<String, Vec<serde_json::Value>>,
    /// What the cluster `service` answers to calls of the filter, in order.
    #[serde(default)]
    pub service: Vec<Service>,
    /// What happens after the start, in order: `then` in the file, so that nobody takes a program
    /// for a scenario of the harness, which has steps.
    #[serde(default, rename = "then")]
    pub step: Vec<Step>,
}

/// An answer of the cluster `service`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Service {
    /// A response.
    Answer(Response),
    /// The connection ends without one.
    Reset,
    /// None ever.
    Silence,
}

/// One thing that happens.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum Step {
    /// A client sends a request.
    Request(Box<Request>),
    /// So many milliseconds pass.
    Wait(u64),
}

/// A request of a client, and what the upstream would answer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    /// The method.
    #[serde(default = "get")]
    pub method: String,
    /// Path and query.
    #[serde(default = "slash")]
    pub path: String,
    /// The host, the same in every program.
    #[serde(default = "host")]
    pub host: String,
    /// The other headers.
    #[serde(default)]
    pub headers: Headers,
    /// The body in the parts in which it arrives; chunked when it is there.
    #[serde(default)]
    pub body: Vec<String>,
    /// The trailers.
    #[serde(default)]
    pub trailers: Headers,
    /// The client goes away when nothing happens any more, after so many milliseconds.
    #[serde(default)]
    pub patience: Option<u64>,
    /// What the upstream answers.
    #[serde(default)]
    pub response: Response,
}

/// A response of the upstream or of a service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Response {
    /// The status.
    #[serde(default = "ok")]
    pub status: u16,
    /// Headers.
    #[serde(default)]
    pub headers: Headers,
    /// The body in the parts in which it arrives; chunked when it is there.
    #[serde(default)]
    pub body: Vec<String>,
    /// The trailers.
    #[serde(default)]
    pub trailers: Headers,
}

impl Default for Response {
    fn default() -> Self {
        Self { status: ok(), headers: Vec::new(), body: Vec::new(), trailers: Vec::new() }
    }
}

impl Program {
    /// The VM configuration: what the probe reads.
    #[must_use]
    pub fn vm_configuration(&self) -> String {
        // Maps of texts always serialise.
        serde_json::to_string(&self.program).unwrap_or_default()
    }

    /// Where the record is.
    #[must_use]
    pub fn record(&self) -> PathBuf {
        self.path.with_extension("record")
    }
}

/// Reads all programs, in the order of their names.
///
/// # Errors
///
/// Names the file that cannot be read or is none.
pub fn load() -> Result<Vec<Program>, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../programs");
    let entries = fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut programs = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| format!("{}: {e}", folder.display()))?.path();
        let is_list = path.file_name().is_some_and(|name| name == "exceptions.toml");
        if path.extension().is_some_and(|end| end == "toml") && !is_list {
            programs.push(read(&path).map_err(|e| format!("{}: {e}", path.display()))?);
        }
    }
    programs.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(programs)
}

fn read(path: &Path) -> Result<Program, String> {
    let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
    let mut program: Program = toml::from_str(&text).map_err(|error| error.to_string())?;
    program.name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    program.path = path.to_owned();
    Ok(program)
}

fn configuration() -> String {
    "{}".to_owned()
}

fn get() -> String {
    "GET".to_owned()
}

fn slash() -> String {
    "/".to_owned()
}

fn host() -> String {
    "probe.test".to_owned()
}

fn ok() -> u16 {
    200
}
