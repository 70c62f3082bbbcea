//! Finding and reading the scenario files.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
};

use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    Error, Scenario,
    file::{ScenarioFile, TokenFile},
    scenario,
};

/// Whether a scenario may be run at another time than its own.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// What it shows depends on the exact time, or on a token that nobody can mint anew.
    Exact,
    /// The times in its tokens move with the clock.
    #[default]
    Shiftable,
}

/// A scenario file that was read and not yet minted.
#[derive(Clone, Debug)]
pub struct Case {
    name: String,
    file: ScenarioFile,
    shared: Arc<BTreeMap<String, TokenFile>>,
}

impl Case {
    /// The path below `scenarios/`, without `.toml`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the scenario may be run at another time than its own.
    pub fn clock(&self) -> Clock {
        self.file.clock
    }

    /// The scenario's own time, in seconds since the Unix epoch, rounded down.
    pub fn now(&self) -> i64 {
        scenario::seconds(&self.file)
    }

    /// The reason codes that its requests must show; cheap, since nothing is minted for it.
    ///
    /// # Errors
    ///
    /// The file has no requests that could be read.
    pub fn reasons(&self) -> Result<Vec<String>, Error> {
        let requests = scenario::requests(&self.file, &self.file_name())?;
        Ok(requests.into_iter().filter_map(|request| request.reason).collect())
    }

    /// Mints the tokens and fills in everything, with all times moved by `shift` seconds.
    ///
    /// # Errors
    ///
    /// Whatever is wrong with the file or with what it refers to; a shift of a scenario whose
    /// clock is [`Clock::Exact`].
    pub fn mint(&self, shift: i64) -> Result<Scenario, Error> {
        if shift != 0 && self.clock() == Clock::Exact {
            return Err(Error::field(
                self.file_name(),
                "clock",
                "the scenario is bound to its own time and cannot be moved",
            ));
        }
        scenario::mint(&self.name, &self.file_name(), &self.file, &self.shared, shift)
    }

    fn file_name(&self) -> String {
        format!("scenarios/{}.toml", self.name)
    }
}

/// The folder `host-tests`, which holds the scenarios, keys and vectors.
pub fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest).to_owned()
}

/// Reads every scenario file, in the order of the names.
///
/// # Errors
///
/// The first file that cannot be read, or is not of the format.
pub fn load() -> Result<Vec<Case>, Error> {
    let scenarios = root().join("scenarios");
    let shared = Arc::new(shared_tokens()?);
    let mut names = Vec::new();
    find(&scenarios, "", &mut names)?;
    names.sort();
    names
        .into_iter()
        .map(|name| {
            let file = read_toml(&scenarios, &format!("{name}.toml"))?;
            Ok(Case { name, file, shared: Arc::clone(&shared) })
        })
        .collect()
}

/// The tokens that every scenario can name.
pub(crate) fn shared_tokens() -> Result<BTreeMap<String, TokenFile>, Error> {
    read_toml(&root().join("scenarios"), "tokens.toml")
}

fn read_toml<T: DeserializeOwned>(folder: &Path, name: &str) -> Result<T, Error> {
    let shown = format!("scenarios/{name}");
    let text = fs::read_to_string(folder.join(name)).map_err(|e| Error::file(&shown, e))?;
    toml::from_str(&text).map_err(|e| Error::file(&shown, e))
}

fn find(folder: &Path, below: &str, names: &mut Vec<String>) -> Result<(), Error> {
    let error = |e: std::io::Error| Error::file(format!("scenarios/{below}"), e);
    for entry in fs::read_dir(folder).map_err(error)? {
        let entry = entry.map_err(error)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let is_folder = entry.file_type().map_err(error)?.is_dir();
        if is_folder {
            find(&entry.path(), &format!("{below}{name}/"), names)?;
        } else if let Some(stem) = name.strip_suffix(".toml") {
            let name = format!("{below}{stem}");
            if name != "tokens" {
                names.push(name);
            }
        }
    }
    Ok(())
}
