//! What is wrong with a document, in the operator's terms.

use std::{error::Error, fmt};

/// One problem: where, what was found, what was expected.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The path into the document, such as `issuers[0].keys.pem`; empty for the document itself.
    pub path: String,
    /// What stands there.
    pub found: String,
    /// What would be right.
    pub expected: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "policy" } else { &self.path };
        write!(f, "{path}: found {}, expected {}", self.found, self.expected)
    }
}

/// Everything that is wrong with a document; never empty.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfigErrors(Vec<Problem>);

impl ConfigErrors {
    pub(crate) fn new(problems: Vec<Problem>) -> Self {
        Self(problems)
    }

    pub(crate) fn one(found: String, expected: &str) -> Self {
        Self(vec![Problem { path: String::new(), found, expected: expected.to_owned() }])
    }

    /// The problems, in the order of the document's sections.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.0
    }
}

/// One problem a line.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.0.iter().enumerate() {
            write!(f, "{}{problem}", if place == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl Error for ConfigErrors {}

/// Where problems are collected.
#[derive(Default)]
pub(crate) struct Problems {
    pub(crate) errors: Vec<Problem>,
    pub(crate) warnings: Vec<Problem>,
}

impl Problems {
    pub(crate) fn error(
        &mut self,
        path: &str,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) {
        self.errors.push(Problem {
            path: path.to_owned(),
            found: found.into(),
            expected: expected.into(),
        });
    }

    pub(crate) fn warn(
        &mut self,
        path: &str,
        found: impl Into<String>,
        expected: impl Into<String>,
    ) {
        self.warnings.push(Problem {
            path: path.to_owned(),
            found: found.into(),
            expected: expected.into(),
        });
    }
}
