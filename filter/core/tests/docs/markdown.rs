//! The little of Markdown that the documentation uses.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The root of the checkout.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// One page.
pub(crate) struct Page {
    /// Below the root of the checkout.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// A fenced block.
pub(crate) struct Block {
    /// `docs/policy.md:12`, for messages.
    pub(crate) place: String,
    pub(crate) language: String,
    pub(crate) text: String,
}

/// A table.
pub(crate) struct Table {
    /// The code in the heading above it: `rules[].match` in "### `rules[].match`".
    pub(crate) subject: Option<String>,
    pub(crate) header: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

pub(crate) struct Row {
    pub(crate) place: String,
    pub(crate) cells: Vec<String>,
}

impl Page {
    pub(crate) fn read(name: &str) -> Self {
        let text = fs::read_to_string(root().join(name));
        Self { name: name.to_owned(), text: text.unwrap_or_else(|e| panic!("{name}: {e}")) }
    }

    pub(crate) fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        let mut open: Option<Block> = None;
        for (number, line) in self.text.lines().enumerate() {
            match (line.strip_prefix("```"), &mut open) {
                (Some(language), None) => {
                    open = Some(Block {
                        place: format!("{}:{}", self.name, number + 1),
                        language: language.to_owned(),
                        text: String::new(),
                    });
                }
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (None, Some(block)) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{}: a block that does not end", self.name);
        blocks
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

    pub(crate) fn tables(&self) -> Vec<Table> {
        let mut tables: Vec<Table> = Vec::new();
        let (mut subject, mut in_table) = (None, false);
        for (number, line) in self.prose() {
            if line.starts_with('#') {
                subject = code(line).into_iter().next();
            }
            let Some(cells) = cells(line) else {
                in_table = false;
                continue;
            };
            let place = format!("{}:{number}", self.name);
            match tables.last_mut().filter(|_| in_table) {
                None => {
                    tables.push(Table { subject: subject.clone(), header: cells, rows: Vec::new() })
                }
                Some(_) if cells[0].starts_with("---") => {}
                Some(table) => {
                    assert_eq!(cells.len(), table.header.len(), "{place}: cells of a row");
                    table.rows.push(Row { place, cells });
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
        assert!(!tables.is_empty(), "{}: no table that begins with `{first}`", self.name);
        tables
    }
}

fn cells(line: &str) -> Option<Vec<String>> {
    let inner = line.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inner.split('|').map(|cell| cell.trim().to_owned()).collect())
}

/// The texts between backquotes.
pub(crate) fn code(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The text of a cell that is one piece of code and nothing else.
pub(crate) fn sole_code(cell: &str) -> Option<&str> {
    cell.strip_prefix('`')?.strip_suffix('`').filter(|inner| !inner.contains('`'))
}
