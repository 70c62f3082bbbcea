//! What an operator must know about an import.

use std::fmt;

/// A remark on a line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Remark {
    /// The line, counted from 1; 0 for the whole file.
    pub line: usize,
    /// What kind of remark it is.
    pub kind: Kind,
    /// One sentence or two.
    pub text: String,
}

/// The kinds of remarks, the gravest first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// The policy is not whole without something that the file does not hold.
    Missing,
    /// The line was not carried over.
    NotCarried,
    /// The file says in so many words what is not safe, and so does the policy.
    Open,
    /// A weakness of the source that the policy does not have.
    Closed,
    /// The policy does something else.
    Changed,
    /// The line is not the gate's business and stays where it is.
    Stays,
}

impl Kind {
    /// A word for it, for people and scripts.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::NotCarried => "not carried over",
            Self::Open => "open",
            Self::Closed => "closed",
            Self::Changed => "changed",
            Self::Stays => "stays",
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.text)
    }
}

/// Where remarks are collected, each once.
#[derive(Debug, Default)]
pub(super) struct Remarks(Vec<Remark>);

impl Remarks {
    pub(super) fn add(&mut self, line: usize, kind: Kind, text: impl Into<String>) {
        let remark = Remark { line, kind, text: text.into() };
        if !self.0.contains(&remark) {
            self.0.push(remark);
        }
    }

    /// In the order of the lines, those on the whole file at the end.
    pub(super) fn sorted(mut self) -> Vec<Remark> {
        self.0.sort_by_key(|remark| (remark.line == 0, remark.line, remark.kind));
        self.0
    }
}
