//! Records that are kept beside scenarios.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use proxy_host_model::Profile;

use crate::{
    report::{Difference, Report},
    scenario::Scenario,
};

/// Where the record of a scenario is kept: `NAME.record` beside `NAME.toml`, and
/// `NAME.PROFILE.record` for a profile whose record is another one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Golden {
    own: PathBuf,
    /// The record that all profiles of the scenario have that have none of their own.
    common: Option<PathBuf>,
}

impl Golden {
    /// The place of the record of a scenario under a profile.
    #[must_use]
    pub fn new(scenario: &Scenario, profile: Profile) -> Self {
        // A host that the scenario does not name was not thought of when the record was kept.
        let meant = scenario.profiles.contains(&profile);
        Self {
            own: scenario.file.with_extension(format!("{}.record", profile.name)),
            common: meant.then(|| scenario.file.with_extension("record")),
        }
    }

    /// In what the record differs from the one that is kept, if one is kept and it does.
    ///
    /// # Errors
    ///
    /// The file cannot be read.
    pub fn compare(&self, report: &Report) -> Result<Option<Difference>, String> {
        let Some((path, kept)) = self.kept()? else {
            return Ok(None);
        };
        let name = path.file_name().unwrap_or_default().display().to_string();
        let difference = || Difference::new(name, &kept, &report.record);
        Ok((kept != report.record).then(difference))
    }

    /// Keeps the record: in the common file if there is none, or if `first` says that this is the
    /// first profile that the scenario is played under; else apart, where it differs from that.
    ///
    /// # Errors
    ///
    /// A file cannot be read or written.
    pub fn bless(&self, report: &Report, first: bool) -> Result<(), String> {
        let Some(common) = &self.common else {
            return write(&self.own, &report.record);
        };
        let kept = read(common)?;
        if first || kept.is_none() {
            write(common, &report.record)?;
        } else if kept.as_deref() != Some(&report.record) {
            return write(&self.own, &report.record);
        }
        match fs::remove_file(&self.own) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(told(&self.own, &error)),
            _ => Ok(()),
        }
    }

    fn kept(&self) -> Result<Option<(&Path, String)>, String> {
        for path in [Some(&self.own), self.common.as_ref()].into_iter().flatten() {
            if let Some(kept) = read(path)? {
                return Ok(Some((path, kept)));
            }
        }
        Ok(None)
    }
}

fn read(path: &Path) -> Result<Option<String>, String> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(told(path, &error)),
    }
}

fn write(path: &Path, record: &str) -> Result<(), String> {
    fs::write(path, record).map_err(|error| told(path, &error))
}

fn told(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}
