//! The little of Markdown that the page uses.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The page.
pub(crate) struct Page {
    pub(crate) text: String,
}

/// A table.
pub(crate) struct Table {
    /// The heading above it.
    pub(crate) heading: String,
    /// The code in that heading: `run` in "### `run`".
    pub(crate) subject: Option<String>,
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
}

/// The harness's folder.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

impl Page {
    pub(crate) fn path() -> PathBuf {
        folder().join("README.md")
    }

    pub(crate) fn read() -> Self {
        Self { text: fs::read_to_string(Self::path()).expect("README.md") }
    }

    /// Number and text of the lines outside of fenced blocks.
    pub(crate) fn prose(&self) -> Vec<(usize, &str)> {
        let mut fenced = false;
        let mut lines = Vec::new();
        for (number, line) in self.text.lines().enumerate() {
            if line.starts_with("```") {
                fenced = !fenced;
            } else if !fenced {
                lines.push((number + 1, line));
            }
        }
        lines
    }

    /// The anchors of its headings.
    pub(crate) fn anchors(&self) -> BTreeSet<String> {
        let headings = self.prose().into_iter().filter(|(_, line)| line.starts_with('#'));
        headings.map(|(_, heading)| anchor(heading)).collect()
    }

    pub(crate) fn tables(&self) -> Vec<Table> {
        let mut tables: Vec<Table> = Vec::new();
        let (mut heading, mut in_table) = (String::new(), false);
        for (number, line) in self.prose() {
            if line.starts_with('#') {
                heading = line.trim_start_matches('#').trim().to_owned();
            }
            let Some(cells) = cells(line) else {
                in_table = false;
                continue;
            };
            match tables.last_mut().filter(|_| in_table) {
                None => tables.push(Table {
                    subject: code(&heading).into_iter().next(),
                    heading: heading.clone(),
                    header: cells,
                    rows: Vec::new(),
                }),
                Some(_) if cells[0].starts_with("---") => {}
                Some(table) => {
                    assert_eq!(cells.len(), table.header.len(), "README.md:{number}: cells");
                    table.rows.push(cells);
                }
            }
            in_table = true;
        }
        tables
    }

    /// The tables whose header begins with `first`; there is one at least.
    pub(crate) fn tables_of(&self, first: &str) -> Vec<Table> {
        let mut tables = self.tables();
        tables.retain(|table| table.header[0] == first);
        assert!(!tables.is_empty(), "no table that begins with `{first}`");
        tables
    }
}

fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(|cell| cell.trim().to_owned()).collect())
}

/// The anchor that a heading gets where the page is shown.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// The texts between backquotes.
pub(crate) fn code(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
