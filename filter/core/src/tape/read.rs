//! How a tape is written.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::{Entry, Span, What, plain};
use crate::{
    bytes::is_same,
    json::{Limits, Number},
};

/// Entries that are made room for at first: a token of most issuers needs no more.
const USUAL: usize = 16;

/// Reads one JSON text, all of it: its values, and what its escapes stand for, which is to follow the text.
pub(super) fn read(text: &str, limits: Limits) -> Option<(Vec<Entry>, String)> {
    match plain::read(text, limits, Vec::with_capacity(USUAL)) {
        Some(entries) => Some((entries, String::new())),
        None => read_any(text, limits),
    }
}

/// Reads a text with whatever JSON can have.
pub(super) fn read_any(text: &str, limits: Limits) -> Option<(Vec<Entry>, String)> {
    let mut writer =
        Writer { text, unescaped: String::new(), entries: Vec::new(), left: limits.values };
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

    fn name(&self, span: Span) -> &[u8] {
        let name = match span.start.checked_sub(self.text.len()) {
            None => self.text.as_bytes().get(span.start..span.end),
            Some(start) => {
                let end = span.end.saturating_sub(self.text.len());
                self.unescaped.as_bytes().get(start..end)
            }
        };
        name.unwrap_or_default()
    }
}

/// Whether the object at this place, behind which nothing comes yet, has a name twice.
///
/// Few names are compared with each other. Many are sorted first: a payload of a thousand names would
/// make half a million comparisons.
pub(super) fn has_duplicates<'n>(
    entries: &[Entry],
    object: usize,
    name_of: impl Fn(Span) -> &'n [u8],
) -> bool {
    const FEW: usize = 16;
    let mut next = object.saturating_add(1);
    let mut names = std::iter::from_fn(|| {
        let entry = entries.get(next)?;
        next = entry.end;
        Some(name_of(entry.name))
    });
    let mut few: [&[u8]; FEW] = [b""; FEW];
    for count in 0..FEW {
        let Some(name) = names.next() else {
            return false;
        };
        let same = |known: &&[u8]| known.len() == name.len() && is_same(known, name);
        if few.iter().take(count).any(same) {
            return true;
        }
        if let Some(place) = few.get_mut(count) {
            *place = name;
        }
    }
    has_duplicates_among_many(few.into_iter().chain(names).collect())
}

#[cold]
fn has_duplicates_among_many(mut names: Vec<&[u8]>) -> bool {
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

    fn scalar<E>(mut self, what: What) -> Result<(), E> {
        self.open(what);
        Ok(())
    }

    fn open(&mut self, what: What) -> usize {
        Entry::append(&mut self.writer.entries, self.name, what)
    }

    fn close(self, object: usize) {
        Entry::close(&mut self.writer.entries, object);
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
        self.close(place);
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<(), A::Error> {
        let place = self.open(What::Object);
        while let Some(name) = members.next_key_seed(Name(self.writer))? {
            members.next_value_seed(self.inside(name)?)?;
        }
        if has_duplicates(&self.writer.entries, place, |span| self.writer.name(span)) {
            return Err(A::Error::custom("an object has the same name twice"));
        }
        self.close(place);
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
