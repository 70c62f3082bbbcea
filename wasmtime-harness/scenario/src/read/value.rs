//! A value of the document and what it may be taken for.

use std::time::Duration;

use toml::de::DeValue;

use super::{Reader, Table, listed, similar};
use crate::units;

/// A value, with its place in the document.
#[derive(Clone, Debug)]
pub(crate) struct Value<'r, 'd> {
    reader: &'r Reader<'d>,
    path: String,
    offset: usize,
    value: &'r DeValue<'d>,
}

impl<'r, 'd> Value<'r, 'd> {
    pub(super) fn new(
        reader: &'r Reader<'d>,
        path: String,
        offset: usize,
        value: &'r DeValue<'d>,
    ) -> Self {
        Self { reader, path, offset, value }
    }

    /// What TOML makes of it.
    pub(crate) fn toml(&self) -> &'r DeValue<'d> {
        self.value
    }

    /// Notes that it should have been something else.
    pub(crate) fn expected<T>(&self, expected: impl std::fmt::Display) -> Option<T> {
        self.wrong(format!("found {}, expected {expected}", self.shown()))
    }

    /// Notes that something is wrong with it.
    pub(crate) fn wrong<T>(&self, text: impl Into<String>) -> Option<T> {
        self.reader.note(self.offset, self.path.clone(), text.into());
        None
    }

    /// Text as it is.
    pub(crate) fn text(&self) -> Option<&'r str> {
        match self.value.as_str() {
            Some(text) => Some(text),
            None => self.expected("text"),
        }
    }

    /// Text that is not blank.
    pub(crate) fn sentence(&self) -> Option<String> {
        match self.text()?.trim() {
            "" => self.expected("a sentence"),
            text => Some(text.to_owned()),
        }
    }

    /// Text in which `\xHH` is a byte and `\\` a backslash; a number is its digits.
    pub(crate) fn bytes(&self) -> Option<Vec<u8>> {
        if let DeValue::Integer(number) = self.value {
            return Some(number.to_string().into_bytes());
        }
        match units::bytes(self.text()?) {
            Ok(bytes) => Some(bytes),
            Err(escape) => self.wrong(format!(
                "found the escape `{escape}`, expected `\\xHH` for a byte or `\\\\` for a \
                 backslash (in a literal string, '…')"
            )),
        }
    }

    /// `true` or `false`.
    pub(crate) fn boolean(&self) -> Option<bool> {
        self.value.as_bool().or_else(|| self.expected("true or false"))
    }

    /// `true`, for a field that says something by being there.
    pub(crate) fn yes(&self) -> Option<bool> {
        match self.value.as_bool() {
            Some(true) => Some(true),
            _ => self.expected("true, or no such field"),
        }
    }

    /// A whole number of this type.
    pub(crate) fn number<N: TryFrom<i128>>(&self, expected: &str) -> Option<N> {
        let number = self
            .value
            .as_integer()
            .and_then(|number| i128::from_str_radix(number.as_str(), number.radix()).ok());
        match number.and_then(|number| N::try_from(number).ok()) {
            Some(number) => Some(number),
            None => self.expected(expected),
        }
    }

    /// Seconds since the Unix epoch, with a fraction or not, in nanoseconds.
    pub(crate) fn time(&self) -> Option<u64> {
        let text = match self.value {
            DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
            DeValue::Float(number) => number.as_str(),
            _ => "",
        };
        match units::duration(&format!("{text}s")) {
            Some(time) => u64::try_from(time.as_nanos()).ok(),
            None => self.expected("seconds since the Unix epoch, such as 1_700_000_000"),
        }
    }

    /// A duration.
    pub(crate) fn duration(&self) -> Option<Duration> {
        match self.value.as_str().and_then(units::duration) {
            Some(duration) => Some(duration),
            None => self.expected(units::DURATION),
        }
    }

    /// A size in bytes; a bare number will do.
    pub(crate) fn size<N: TryFrom<u64>>(&self) -> Option<N> {
        let size = match self.value {
            DeValue::Integer(_) => {
                return self.number::<u64>(units::SIZE).and_then(|n| n.try_into().ok());
            }
            _ => self.value.as_str().and_then(units::size),
        };
        match size.and_then(|size| size.try_into().ok()) {
            Some(size) => Some(size),
            None => self.expected(units::SIZE),
        }
    }

    /// One of these words.
    pub(crate) fn one_of<T: Copy>(&self, known: &[(&'static str, T)]) -> Option<T> {
        self.named(self.text()?, known)
    }

    /// What this name means; the name of the value, or the value itself.
    pub(crate) fn named<T: Copy>(&self, text: &str, known: &[(&'static str, T)]) -> Option<T> {
        if let Some((_, value)) = known.iter().find(|(name, _)| *name == text) {
            return Some(*value);
        }
        let names = || known.iter().map(|(name, _)| *name);
        match similar(text, names()) {
            Some(name) => self.wrong(format!("found {text:?}; did you mean `{name}`?")),
            None => self.wrong(format!("found {text:?}, expected one of {}", listed(names()))),
        }
    }

    /// The items of a list.
    pub(crate) fn list(&self, expected: &str) -> Option<Vec<Self>> {
        let Some(items) = self.value.as_array() else {
            return self.expected(expected);
        };
        let item = |(i, item): (usize, &'r toml::Spanned<DeValue<'d>>)| {
            let path = format!("{}[{i}]", self.path);
            Self::new(self.reader, path, item.span().start, item.get_ref())
        };
        Some(items.iter().enumerate().map(item).collect())
    }

    /// The items of a list, or the one thing that is not a list.
    pub(crate) fn one_or_many(&self) -> Vec<Self> {
        match self.value {
            DeValue::Array(_) => self.list("a list").unwrap_or_default(),
            _ => vec![self.clone()],
        }
    }

    /// The texts of a list.
    pub(crate) fn texts(&self) -> Option<Vec<String>> {
        let items = self.list("a list of texts")?;
        items.iter().map(|item| item.text().map(str::to_owned)).collect()
    }

    /// The texts of a list as bytes.
    pub(crate) fn bytes_list(&self) -> Option<Vec<Vec<u8>>> {
        self.list("a list of texts")?.iter().map(Self::bytes).collect()
    }

    /// A table of this kind.
    pub(crate) fn table(&self, kind: &'static str) -> Option<Table<'r, 'd>> {
        match self.value.as_table() {
            Some(table) => {
                Some(Table::new(self.reader, kind, self.path.clone(), self.offset, table))
            }
            None => self.expected("a table"),
        }
    }

    /// A table that has exactly one of these fields, which tells what it is: the name of the field
    /// and the kind of the table.
    pub(crate) fn table_of_one(
        &self,
        kinds: &[(&'static str, &'static str)],
    ) -> Option<(Table<'r, 'd>, &'static str)> {
        let Some(entries) = self.value.as_table() else {
            return self.expected("a table");
        };
        let found: Vec<_> = kinds.iter().filter(|(name, _)| entries.contains_key(*name)).collect();
        if let [(name, kind)] = found.as_slice() {
            return Some((self.table(kind)?, name));
        }
        let names = || kinds.iter().map(|(name, _)| *name);
        if found.is_empty() {
            let meant = entries
                .keys()
                .find_map(|key| Some((key.get_ref(), similar(key.get_ref(), names())?)));
            return match meant {
                Some((key, name)) => {
                    self.wrong(format!("unknown field `{key}`; did you mean `{name}`?"))
                }
                None => self.wrong(format!("expected exactly one of {}", listed(names()))),
            };
        }
        let found = listed(found.iter().map(|(name, _)| *name));
        self.wrong(format!("found {found}, expected exactly one of {}", listed(names())))
    }

    /// A table whose names are free: names as bytes, and values, in the order of the file.
    pub(crate) fn map<T>(
        &self,
        expected: &str,
        read: impl Fn(&Self) -> Option<T>,
    ) -> Option<Vec<(Vec<u8>, T)>> {
        let Some(table) = self.value.as_table() else {
            return self.expected(expected);
        };
        // The name of the kind is never shown: nothing is asked for by name.
        let table = Table::new(self.reader, "", self.path.clone(), self.offset, table);
        let entries = table.all().into_iter().map(|(name, value)| {
            let name = match units::bytes(name) {
                Ok(name) => Some(name),
                Err(escape) => value.wrong(format!(
                    "found the escape `{escape}` in the name, expected `\\xHH` or `\\\\`"
                )),
            };
            let value = read(&value);
            Some((name?, value?))
        });
        // All of them are read before the first problem ends it.
        entries.collect::<Vec<_>>().into_iter().collect()
    }

    /// The value as JSON, for a configuration written as TOML.
    pub(crate) fn json(&self) -> Option<serde_json::Value> {
        Some(match self.value {
            DeValue::String(text) => serde_json::Value::from(&**text),
            DeValue::Boolean(value) => serde_json::Value::from(*value),
            DeValue::Integer(_) => {
                serde_json::Value::from(self.number::<i64>("a number of 64 bits")?)
            }
            DeValue::Float(number) => {
                let number = number.as_str().parse::<f64>().ok();
                match number.and_then(serde_json::Number::from_f64) {
                    Some(number) => serde_json::Value::Number(number),
                    None => return self.expected("a number that JSON has"),
                }
            }
            DeValue::Datetime(_) => return self.expected("something that JSON has"),
            DeValue::Array(_) => {
                let items = self.list("a list")?;
                serde_json::Value::Array(items.iter().map(Self::json).collect::<Option<_>>()?)
            }
            DeValue::Table(_) => {
                let fields = self.table("")?.all();
                let fields = fields.into_iter().map(|(k, v)| Some((k.to_owned(), v.json()?)));
                serde_json::Value::Object(fields.collect::<Option<_>>()?)
            }
        })
    }

    /// What it is, as a person wrote it.
    fn shown(&self) -> String {
        match self.value {
            DeValue::String(text) => format!("{text:?}"),
            DeValue::Integer(number) => number.to_string(),
            DeValue::Float(number) => number.to_string(),
            DeValue::Boolean(value) => value.to_string(),
            DeValue::Datetime(time) => format!("the time {time}"),
            DeValue::Array(_) => "a list".to_owned(),
            DeValue::Table(_) => "a table".to_owned(),
        }
    }
}
