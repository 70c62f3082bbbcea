//! What came of playing a scenario.

use std::{fmt, path::PathBuf};

use similar::TextDiff;

/// Lines of context around a change in the diff of two long texts.
const CONTEXT: usize = 3;

/// What came of playing a scenario once.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Report {
    /// The scenario's file.
    pub file: PathBuf,
    /// Why the scenario exists.
    pub why: String,
    /// The name of the profile that it was played under.
    pub profile: &'static str,
    /// What came of the start and of each step that was played, in order.
    pub steps: Vec<StepReport>,
    /// All that passed between the proxy and the filter, as a
    /// [`Recorder`](proxy_host_model::Recorder) writes it.
    pub record: String,
}

/// What came of one step.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StepReport {
    /// The line of the file on which the step begins; `None` for the start.
    pub line: Option<usize>,
    /// What the step shows; may be empty.
    pub why: String,
    /// What happened and what came of it, in one line.
    pub text: String,
    /// In what it differs from what was expected; empty if in nothing.
    pub differences: Vec<Difference>,
    /// The record of this step: the end of it in [`Report::record`], in bytes.
    pub record_end: usize,
}

/// Something that was expected, and something else that was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// What differs, such as `reply.status`.
    pub what: String,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
}

impl Report {
    /// Whether everything came as expected.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.steps.iter().all(|step| step.differences.is_empty())
    }

    /// Requests and other steps with the part of the record that belongs to each.
    pub fn recorded(&self) -> impl Iterator<Item = (&StepReport, &str)> {
        let mut begin = 0;
        self.steps.iter().map(move |step| {
            let part = self.record.get(begin..step.record_end).unwrap_or_default();
            begin = step.record_end;
            (step, part)
        })
    }
}

impl Difference {
    /// Something that differs.
    #[must_use]
    pub fn new(
        what: impl Into<String>,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        Self { what: what.into(), expected: expected.to_string(), found: found.to_string() }
    }

    /// What was expected and what was found line by line, for two texts of several lines: the lines
    /// that differ with some around them, each after `-` (expected), `+` (found) or a blank.
    #[must_use]
    pub fn lines(&self) -> Option<String> {
        if !self.expected.contains('\n') && !self.found.contains('\n') {
            return None;
        }
        let diff = TextDiff::from_lines(&self.expected, &self.found);
        let mut diff = diff.unified_diff();
        Some(diff.context_radius(CONTEXT).missing_newline_hint(false).to_string())
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.lines() {
            Some(lines) => write!(f, "{}:\n{}", self.what, lines.trim_end()),
            None => write!(f, "{}: found {}, expected {}", self.what, self.found, self.expected),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_stand_in_one_line_and_long_ones_as_a_diff() {
        let short = Difference::new("reply.status", 401, 200);
        assert_eq!(short.to_string(), "reply.status: found 200, expected 401");
        let long = Difference::new("record", "a\nb\nc\n", "a\nx\nc\n");
        assert_eq!(long.to_string(), "record:\n@@ -1,3 +1,3 @@\n a\n-b\n+x\n c");
    }
}
