//! What is wrong with a scenario file.

use std::{fmt, path::PathBuf};

/// Why a scenario cannot be played: everything that is wrong with its file, in order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Error {
    /// The file.
    pub file: PathBuf,
    /// The problems; at least one.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong with a scenario file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Problem {
    /// The line and the column where it is, counted from 1; `None` for the file as a whole.
    pub place: Option<(usize, usize)>,
    /// The field, such as `step[2].expect.reply`; empty for the file as a whole.
    pub field: String,
    /// What was found there and what was expected.
    pub text: String,
}

impl Error {
    /// A problem with the file as a whole.
    pub(crate) fn whole(file: impl Into<PathBuf>, text: impl fmt::Display) -> Self {
        let problem = Problem { place: None, field: String::new(), text: text.to_string() };
        Self { file: file.into(), problems: vec![problem] }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}:", self.file.display())?;
            if let Some((line, column)) = problem.place {
                write!(f, "{line}:{column}:")?;
            }
            if !problem.field.is_empty() {
                write!(f, " {}:", problem.field)?;
            }
            write!(f, " {}", problem.text)?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {}
