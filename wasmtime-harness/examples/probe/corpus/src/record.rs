//! What came of a program, as text to compare.

use std::{
    fmt::{self, Write as _},
    str::FromStr,
};

/// How the probe's own lines begin.
const PROBE: &str = "probe: ";
/// How a line begins that tells of a new section.
const TITLE: &str = "== ";

/// What came of a program: a section for the start and one for each step.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Record {
    /// The sections in order.
    pub sections: Vec<Section>,
}

/// What came of the start or of one step.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Section {
    /// What it is about, such as `request 0`.
    pub title: String,
    /// The transcript, and then what went to the upstream and to the client.
    pub lines: Vec<String>,
}

impl Section {
    /// A section without lines.
    #[must_use]
    pub fn new(title: impl Into<String>) -> Self {
        Self { title: title.into(), lines: Vec::new() }
    }

    /// Adds a line that the filter logged at this level.
    pub fn log(&mut self, level: &str, text: &str) {
        self.lines.push(match text.strip_prefix(PROBE) {
            Some(line) => line.to_owned(),
            None => format!("{level}: {}", text.escape_debug()),
        });
    }

    /// Adds a message under a heading.
    pub fn message(&mut self, heading: &str, message: &Message) {
        self.lines.push(format!("-- {heading}"));
        self.lines.extend(message.lines());
    }

    /// How often a callback was called.
    #[must_use]
    pub fn calls_of(&self, callback: &str) -> usize {
        let begin = format!("> {callback}(");
        self.lines.iter().filter(|line| line.starts_with(&begin)).count()
    }

    /// The lines of the transcript, without messages.
    #[must_use]
    pub fn transcript(&self) -> &[String] {
        let end = self.lines.iter().position(|line| line.starts_with("-- "));
        &self.lines[..end.unwrap_or(self.lines.len())]
    }
}

/// A request or response as it went over the wire.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Message {
    /// `GET /path` or the status.
    pub first: String,
    /// Headers in order, without pseudo headers.
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    /// The body.
    pub body: Vec<u8>,
    /// Trailers.
    pub trailers: Vec<(Vec<u8>, Vec<u8>)>,
    /// Whether it ended as it should.
    pub complete: bool,
}

impl Message {
    fn lines(&self) -> Vec<String> {
        let pair = |(name, value): &(Vec<u8>, Vec<u8>)| {
            format!("{}: {}", name.escape_ascii(), value.escape_ascii())
        };
        let mut lines = vec![self.first.clone()];
        lines.extend(self.headers.iter().map(pair));
        if !self.body.is_empty() {
            lines.push(format!("body \"{}\"", self.body.escape_ascii()));
        }
        lines.extend(self.trailers.iter().map(|trailer| format!("trailer {}", pair(trailer))));
        if !self.complete {
            lines.push("and then nothing".to_owned());
        }
        lines
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for section in &self.sections {
            writeln!(text, "{TITLE}{}", section.title)?;
            for line in &section.lines {
                writeln!(text, "{line}")?;
            }
        }
        f.write_str(&text)
    }
}

impl FromStr for Record {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut record = Self::default();
        for line in text.lines() {
            if let Some(title) = line.strip_prefix(TITLE) {
                record.sections.push(Section::new(title));
            } else {
                let section = record.sections.last_mut();
                let section = section.ok_or_else(|| format!("found {line:?}, expected a title"))?;
                section.lines.push(line.to_owned());
            }
        }
        Ok(record)
    }
}

/// What is different between two records, a line each; nothing if they are equal.
#[must_use]
pub fn differences(expected: &Record, found: &Record) -> Vec<String> {
    let mut differences = Vec::new();
    let sections = expected.sections.len().max(found.sections.len());
    for i in 0..sections {
        let nothing = Section::default();
        let expected = expected.sections.get(i).unwrap_or(&nothing);
        let found = found.sections.get(i).unwrap_or(&nothing);
        if expected == found {
            continue;
        }
        differences.push(format!("{TITLE}{}", expected.title));
        if expected.title != found.title {
            differences.push(format!("found the title {:?}", found.title));
        }
        differences.extend(diff(&expected.lines, &found.lines));
    }
    differences
}

/// Lines that are only expected with `-`, lines that are only found with `+`.
fn diff(expected: &[String], found: &[String]) -> Vec<String> {
    // The lengths of the longest common subsequences of all tails.
    let mut common = vec![vec![0_usize; found.len() + 1]; expected.len() + 1];
    for (i, a) in expected.iter().enumerate().rev() {
        for (j, b) in found.iter().enumerate().rev() {
            common[i][j] = if a == b {
                common[i + 1][j + 1] + 1
            } else {
                common[i + 1][j].max(common[i][j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut lines = Vec::new();
    while i < expected.len() || j < found.len() {
        if i < expected.len() && j < found.len() && expected[i] == found[j] {
            (i, j) = (i + 1, j + 1);
        } else if j == found.len() || i < expected.len() && common[i + 1][j] >= common[i][j + 1] {
            lines.push(format!("  - {}", expected[i]));
            i += 1;
        } else {
            lines.push(format!("  + {}", found[j]));
            j += 1;
        }
    }
    lines
}
