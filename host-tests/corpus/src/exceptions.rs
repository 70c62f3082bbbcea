//! Known failures: scenarios that somebody cannot run, each with its reason.

use std::{collections::BTreeMap, fs, path::Path};

use serde::Deserialize;

use crate::{Error, Failure};

/// A list of scenarios that fail for a reason. They are run all the same, and one that passes is
/// a failure: a list that may rot hides the next bug.
#[derive(Clone, Debug)]
pub struct Exceptions {
    file: String,
    reasons: BTreeMap<String, String>,
}

impl Exceptions {
    /// Reads a file of `[[exception]]` tables with `scenario` and `reason`.
    ///
    /// `scenario` is the name of a scenario or the name under which one way of running it is
    /// judged.
    ///
    /// # Errors
    ///
    /// The file cannot be read or is not of that shape; an entry without a reason.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let file = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|e| Error::file(&file, e))?;
        Self::parse(file, &text)
    }

    fn parse(file: String, text: &str) -> Result<Self, Error> {
        let list: List = toml::from_str(text).map_err(|e| Error::file(&file, e))?;
        let mut reasons = BTreeMap::new();
        for Entry { scenario, reason } in list.exception {
            if reason.trim().is_empty() {
                return Err(Error::field(file, scenario, "an exception needs its reason"));
            }
            if reasons.insert(scenario.clone(), reason).is_some() {
                return Err(Error::field(file, scenario, "it is listed twice"));
            }
        }
        Ok(Self { file, reasons })
    }

    /// What a result means: the failure of a listed scenario is none, its success is one.
    ///
    /// No list excuses [`Failure::Excess`].
    ///
    /// # Errors
    ///
    /// The text to report.
    pub fn judge<E: Into<Failure>>(
        &self,
        scenario: &str,
        run: &str,
        result: Result<(), E>,
    ) -> Result<(), String> {
        let reason = self.reasons.get(run).or_else(|| self.reasons.get(scenario));
        match (reason, result.map_err(Into::into)) {
            (Some(reason), Ok(())) => Err(format!(
                "it passes, but {} lists it as failing ({reason}): take it off the list",
                self.file
            )),
            (Some(_), Err(Failure::Difference(_))) | (None, Ok(())) => Ok(()),
            (None, Err(Failure::Difference(text))) => Err(text),
            (_, Err(Failure::Excess(text))) => Err(format!(
                "{text}\nmore was allowed than the scenario allows: no list excuses it"
            )),
        }
    }

    /// The entries that name nothing of what there is: each is a mistake.
    pub fn unknown<'a>(&self, known: impl IntoIterator<Item = &'a str>) -> Vec<String> {
        let mut left: BTreeMap<&str, &str> =
            self.reasons.iter().map(|(name, reason)| (name.as_str(), reason.as_str())).collect();
        for name in known {
            left.remove(name);
        }
        left.into_keys()
            .map(|name| format!("{}: there is no scenario {name:?}", self.file))
            .collect()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default)]
    exception: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    scenario: String,
    reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_failure_is_fine_and_a_listed_success_is_not() {
        let list = r#"
            [[exception]]
            scenario = "a"
            reason = "because"
            [[exception]]
            scenario = "b [json]"
            reason = "because"
        "#;
        let exceptions = Exceptions::parse("list".to_owned(), list).unwrap();
        let failed = || Err("wrong".to_owned());
        assert!(exceptions.judge("a", "a [json]", failed()).is_ok());
        assert!(exceptions.judge("a", "a [json]", Ok::<_, String>(())).is_err());
        assert!(exceptions.judge("b", "b [json]", failed()).is_ok());
        assert!(exceptions.judge("b", "b [struct]", failed()).is_err());
        let passed = || Ok::<_, String>(());
        assert!(exceptions.judge("c", "c [json]", passed()).is_ok());
        let excess = || Err(Failure::Excess("too much".to_owned()));
        assert!(exceptions.judge("a", "a [json]", excess()).is_err());
        assert!(exceptions.judge("c", "c [json]", excess()).is_err());
        assert_eq!(exceptions.unknown(["a", "c"]).len(), 1);
    }

    #[test]
    fn an_exception_needs_a_reason() {
        for list in
            ["[[exception]]\nscenario = \"a\"", "[[exception]]\nscenario = \"a\"\nreason = \" \""]
        {
            assert!(Exceptions::parse("list".to_owned(), list).is_err(), "{list}");
        }
    }
}
