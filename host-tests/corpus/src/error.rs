//! What is wrong with a scenario file.

use std::fmt;

/// A problem in a file of the corpus: which file, where in it, and what.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Error {
    file: String,
    field: String,
    problem: String,
}

impl Error {
    /// A problem with the file `file` as a whole.
    pub(crate) fn file(file: impl Into<String>, problem: impl fmt::Display) -> Self {
        Self::field(file, "", problem)
    }

    /// A problem with one field of a file.
    pub(crate) fn field(
        file: impl Into<String>,
        field: impl Into<String>,
        problem: impl fmt::Display,
    ) -> Self {
        Self { file: file.into(), field: field.into(), problem: problem.to_string() }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, field, problem } = self;
        if field.is_empty() {
            write!(f, "{file}: {problem}")
        } else {
            write!(f, "{file}: {field}: {problem}")
        }
    }
}

impl std::error::Error for Error {}
