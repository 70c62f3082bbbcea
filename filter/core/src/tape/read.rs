//! How a tape is written.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{Entry, Span, What};
use crate::{
    bytes::is_same,
    json::{Limits, Number},
};

/// Entries that are made room for at first: a token of most issuers needs no more.
const USUAL: usize = 16;

/// Reads one JSON text, all of it: its values, and what its escapes stand for, which is to follow the text.
pub(super) fn read(text: &str, limits: Limits) -> Option<(Vec<Entry>, String)> {
    let mut writer = Writer {
        text,
        unescaped: String::new(),
        entries: Vec::with_capacity(USUAL),
        left: limits.values,
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let seed = Seed { writer: &mut writer, depth: limits.depth, name: Span::default() };
    seed.deserialize(&mut reader).ok()?;
    reader.end().ok()?;
    Some((writer.entries, writer.unescaped))
}

/// A tape that is being written.
struct Writer<'t> {
    text: &'t str,
    unescaped: String,
    entries: Vec<Entry>,
    /// Values that may still come.
    left: usize,
}

impl Writer<'_> {
    /// Appends a value without anything inside.
    fn push(&mut self, name: Span, what: What) {
        let end = self.entries.len().saturating_add(1);
        self.entries.push(Entry { name, what, end });
    }

    /// Ends the value at this place: all behind it is inside.
    fn close(&mut self, place: usize) {
        let end = self.entries.len();
        if let Some(entry) = self.entries.get_mut(place) {
            entry.end = end;
        }
    }

    /// Where a piece of the text itself stands.
    fn found(&mut self, piece: &str) -> Span {
        let start = piece.as_ptr().addr().checked_sub(self.text.as_ptr().addr());
        let span = start.and_then(|start| {
            let end = start.checked_add(piece.len()).filter(|end| *end <= self.text.len())?;
            Some(Span { start, end })
        });
        span.unwrap_or_else(|| self.made(piece))
    }

    /// Keeps a text that does not stand there as it is.
    fn made(&mut self, piece: &str) -> Span {
        let start = self.text.len().saturating_add(self.unescaped.len());
        self.unescaped.push_str(piece);
        Span { start, end: start.saturating_add(piece.len()) }
    }

    fn name(&self, span: Span) -> &str {
        let name = match span.start.checked_sub(self.text.len()) {
            None => self.text.get(span.start..span.end),
            Some(start) => self.unescaped.get(start..span.end.saturating_sub(self.text.len())),
        };
        name.unwrap_or_default()
    }

    /// Whether the object at this place, behind which nothing comes yet, has a name twice.
    fn has_duplicates(&self, place: usize) -> bool {
        let mut next = place.saturating_add(1);
        let names = std::iter::from_fn(|| {
            let entry = self.entries.get(next)?;
            next = entry.end;
            Some(self.name(entry.name))
        });
        has_duplicates(names)
    }
}

/// Few names are compared with each other. Many are sorted first: a payload of a thousand names would
/// make half a million comparisons.
fn has_duplicates<'n>(names: impl Iterator<Item = &'n str>) -> bool {
    const FEW: usize = 16;
    let mut few: [&str; FEW] = [""; FEW];
    let mut count: usize = 0;
    let mut names = names;
    while let Some(name) = names.next() {
        let (known, _) = few.split_at(count.min(FEW));
        if known.iter().any(|known| is_same(known.as_bytes(), name.as_bytes())) {
            return true;
        }
        match few.get_mut(count) {
            Some(place) => *place = name,
            None => return has_duplicates_sorted(few.into_iter().chain([name]).chain(names)),
        }
        count = count.saturating_add(1);
    }
    false
}

#[cold]
fn has_duplicates_sorted<'n>(names: impl Iterator<Item = &'n str>) -> bool {
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.windows(2).any(|pair| matches!(pair, [a, b] if a == b))
}

/// Writes a value, counting down what is left of the limits.
struct Seed<'w, 't> {
    writer: &'w mut Writer<'t>,
    depth: usize,
    name: Span,
}

impl<'t> Seed<'_, 't> {
    fn inside<E: Error>(&mut self, name: Span) -> Result<Seed<'_, 't>, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("nested too deeply"))?;
        Ok(Seed { writer: self.writer, depth, name })
    }

    fn scalar<E>(self, what: What) -> Result<(), E> {
        self.writer.push(self.name, what);
        Ok(())
    }

    fn open(&mut self, what: What) -> usize {
        let place = self.writer.entries.len();
        self.writer.push(self.name, what);
        place
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        let left = self.writer.left.checked_sub(1);
        self.writer.left = left.ok_or_else(|| D::Error::custom("too many values"))?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.scalar(What::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.scalar(What::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.scalar(What::Number(Number::Unsigned(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.scalar(What::Number(Number::from_signed(value)))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.scalar(What::Number(Number::from_float(value)))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        let span = self.writer.found(text);
        self.scalar(What::String(span))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        let span = self.writer.made(text);
        self.scalar(What::String(span))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let place = self.open(What::Array);
        while items.next_element_seed(self.inside(Span::default())?)?.is_some() {}
        self.writer.close(place);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        let place = self.open(What::Object);
        while let Some(name) = members.next_key_seed(Name(self.writer))? {
            members.next_value_seed(self.inside(name)?)?;
        }
        if self.writer.has_duplicates(place) {
            return Err(A::Error::custom("an object has the same name twice"));
        }
        self.writer.close(place);
        Ok(())
    }
}

/// Reads the name of a member.
struct Name<'w, 't>(&'w mut Writer<'t>);

impl<'de> DeserializeSeed<'de> for Name<'_, '_> {
    type Value = Span;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Span, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name<'_, '_> {
    type Value = Span;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Span, E> {
        Ok(self.0.found(name))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Span, E> {
        Ok(self.0.made(name))
    }
}
