//! Reading a TOML document field by field, with all that is wrong with it noted on the way.
//!
//! A field that is wrong is noted and read as if it were absent, so that one look at the file
//! tells of all problems. Fields that nothing asked for are unknown. So the code that asks is the
//! only list of fields there is.

mod value;

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

pub(crate) use self::value::Value;
use crate::error::Problem;

/// The fields that were asked for, by kind of table.
pub(crate) type Fields = BTreeMap<&'static str, BTreeSet<&'static str>>;

/// The document, and what was noted about it.
#[derive(Debug)]
pub(crate) struct Reader<'d> {
    text: &'d str,
    problems: RefCell<Vec<(usize, Problem)>>,
    fields: RefCell<Fields>,
}

/// A table of the document: fields by name.
#[derive(Debug)]
pub(crate) struct Table<'r, 'd> {
    reader: &'r Reader<'d>,
    kind: &'static str,
    path: String,
    offset: usize,
    entries: &'r DeTable<'d>,
    asked: BTreeSet<&'static str>,
}

impl<'d> Reader<'d> {
    /// A reader of this document.
    pub(crate) fn new(text: &'d str) -> Self {
        Self { text, problems: RefCell::default(), fields: RefCell::default() }
    }

    /// Reads the document with `read`, and gives that or all problems in order.
    pub(crate) fn read<T>(
        &self,
        kind: &'static str,
        read: impl FnOnce(Table<'_, 'd>) -> T,
    ) -> Result<T, Vec<Problem>> {
        let (document, errors) = DeTable::parse_recoverable(self.text);
        for error in &errors {
            let offset = error.span().map_or(0, |span| span.start);
            self.note(offset, String::new(), error.message().to_owned());
        }
        let result = errors
            .is_empty()
            .then(|| read(Table::new(self, kind, String::new(), 0, document.get_ref())));
        let mut problems = self.problems.take();
        problems.sort_by_key(|(offset, _)| *offset);
        match result {
            Some(result) if problems.is_empty() => Ok(result),
            _ => Err(problems.into_iter().map(|(_, problem)| problem).collect()),
        }
    }

    /// The fields that were asked for so far.
    pub(crate) fn fields(&self) -> Fields {
        self.fields.borrow().clone()
    }

    fn note(&self, offset: usize, field: String, text: String) {
        let place = Some(place(self.text, offset));
        self.problems.borrow_mut().push((offset, Problem { place, field, text }));
    }
}

impl<'r, 'd> Table<'r, 'd> {
    fn new(
        reader: &'r Reader<'d>,
        kind: &'static str,
        path: String,
        offset: usize,
        entries: &'r DeTable<'d>,
    ) -> Self {
        Self { reader, kind, path, offset, entries, asked: BTreeSet::new() }
    }

    /// The field of this name, if it is there.
    pub(crate) fn take(&mut self, name: &'static str) -> Option<Value<'r, 'd>> {
        self.asked.insert(name);
        self.reader.fields.borrow_mut().entry(self.kind).or_default().insert(name);
        let (key, value) = self.entries.get_key_value(name)?;
        Some(self.value(key, value))
    }

    /// The field of this name, which must be there.
    pub(crate) fn need(&mut self, name: &'static str, expected: &str) -> Option<Value<'r, 'd>> {
        let value = self.take(name);
        if value.is_none() {
            let field = join(&self.path, name);
            self.reader.note(self.offset, field, format!("found nothing, expected {expected}"));
        }
        value
    }

    /// Whether the table has this field; it counts as asked for.
    pub(crate) fn has(&mut self, name: &'static str) -> bool {
        self.take(name).is_some()
    }

    /// All fields in the order of the file, for a table whose names are free.
    pub(crate) fn all(self) -> Vec<(&'r str, Value<'r, 'd>)> {
        let mut all: Vec<_> = self.entries.iter().collect();
        all.sort_by_key(|(key, _)| key.span().start);
        all.into_iter().map(|(key, value)| (&**key.get_ref(), self.value(key, value))).collect()
    }

    /// Notes something about the table as a whole.
    pub(crate) fn wrong(&self, text: impl Into<String>) {
        self.reader.note(self.offset, self.path.clone(), text.into());
    }

    /// Whether the table has no field at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether nothing has been noted so far, anywhere.
    pub(crate) fn clean(&self) -> bool {
        self.reader.problems.borrow().is_empty()
    }

    /// The line on which the table begins.
    pub(crate) fn line(&self) -> usize {
        place(self.reader.text, self.offset).0
    }

    /// Ends the reading: every field that nothing asked for is a problem.
    ///
    /// `of` says what the table is, such as ``a step with `advance` ``.
    pub(crate) fn close(self, of: &str) {
        for (key, _) in self.entries.iter() {
            let name = &**key.get_ref();
            if self.asked.contains(name) {
                continue;
            }
            let expected = match similar(name, self.asked.iter().copied()) {
                Some(similar) => format!("did you mean `{similar}`?"),
                None => format!("{of} has {}", listed(self.asked.iter().copied())),
            };
            let field = join(&self.path, name);
            self.reader.note(key.span().start, field, format!("unknown field; {expected}"));
        }
    }

    fn value(
        &self,
        key: &Spanned<impl AsRef<str>>,
        value: &'r Spanned<DeValue<'d>>,
    ) -> Value<'r, 'd> {
        // A table under a header of its own has the header's place, which says more than a span
        // that begins with its first field.
        let Range { start, .. } = value.span();
        let inline = self.reader.text.get(start..).is_some_and(|text| text.starts_with('{'));
        let headed = value.get_ref().is_table() && !inline;
        let offset = if headed { start.min(key.span().start) } else { start };
        let path = join(&self.path, key.get_ref().as_ref());
        Value::new(self.reader, path, offset, value.get_ref())
    }
}

/// The closest of the known names, if one is close.
pub(crate) fn similar<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |known: &str| strsim::damerau_levenshtein(name, known);
    // A third of the letters may be wrong, as in rustc.
    let allowed = |known: &str| name.len().max(known.len()).max(3).div_euclid(3);
    let close = known.filter(|known| distance(known) <= allowed(known));
    close.min_by_key(|known| distance(known))
}

/// Names with commas, in backquotes.
pub(crate) fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn join(path: &str, name: &str) -> String {
    let bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    let quoted = !name.chars().all(bare) || name.is_empty();
    let name = if quoted { format!("{name:?}") } else { name.to_owned() };
    if path.is_empty() { name } else { format!("{path}.{name}") }
}

/// The line and the column of a byte of the text, counted from 1; columns are characters.
fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count().saturating_add(1);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
    (line, column.saturating_add(1))
}
