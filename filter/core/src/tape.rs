//! JSON of a token on a tape: its text, and in one list what stands where.
//!
//! As strict as [`parse`](crate::json::parse). A token is read once and forgotten, so what counts is how
//! much memory is asked for: two pieces, however many claims there are, in place of one for each text.

mod plain;
mod read;

use std::fmt;

use self::read::read;
use crate::{
    bytes::is_same,
    json::{Json, Limits, Number},
};

/// A JSON text that was read.
pub(crate) struct Tape {
    /// The text as it came; behind it what its escapes stand for.
    text: String,
    /// Every value, those inside one behind it.
    entries: Vec<Entry>,
}

/// A value of a tape.
#[derive(Clone, Copy)]
pub(crate) struct Value<'j> {
    tape: &'j Tape,
    place: usize,
    entry: &'j Entry,
}

/// What a value is.
pub(crate) enum Kind<'j> {
    Null,
    Bool(bool),
    Number(Number),
    String(&'j str),
    /// The names are empty.
    Array(Members<'j>),
    Object(Members<'j>),
}

/// What is inside of a value, by name.
#[derive(Clone)]
pub(crate) struct Members<'j> {
    tape: &'j Tape,
    next: usize,
    end: usize,
}

/// A piece of the text.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Span {
    start: usize,
    end: usize,
}

#[derive(Debug)]
struct Entry {
    /// The name in the object around it.
    name: Span,
    what: What,
    /// The place of what comes behind it and all that is inside.
    end: usize,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Null,
    Bool(bool),
    Number(Number),
    String(Span),
    Array,
    Object,
}

impl Tape {
    /// Reads one JSON text, all of it; `None` for whatever [`parse`](crate::json::parse) refuses.
    pub(crate) fn parse(text: Vec<u8>, limits: Limits) -> Option<Self> {
        let mut text = String::from_utf8(text).ok()?;
        let (entries, unescaped) = read(&text, limits)?;
        text.push_str(&unescaped);
        Some(Self { text, entries })
    }

    /// The outermost value.
    pub(crate) fn root(&self) -> Option<Value<'_>> {
        self.value(0)
    }

    /// The member of the outermost object.
    pub(crate) fn get(&self, name: &str) -> Option<Value<'_>> {
        self.root()?.get(name)
    }

    /// A piece of the text.
    pub(crate) fn text(&self, span: Span) -> &str {
        self.text.get(span.start..span.end).unwrap_or_default()
    }

    fn value(&self, place: usize) -> Option<Value<'_>> {
        self.entries.get(place).map(|entry| Value { tape: self, place, entry })
    }
}

impl Entry {
    /// Appends a value, with nothing inside yet.
    fn append(entries: &mut Vec<Self>, name: Span, what: What) -> usize {
        let place = entries.len();
        entries.push(Self { name, what, end: place.saturating_add(1) });
        place
    }

    /// Ends the value at this place: all behind it is inside.
    fn close(entries: &mut [Self], place: usize) {
        let end = entries.len();
        if let Some(entry) = entries.get_mut(place) {
            entry.end = end;
        }
    }
}

/// As JSON.
impl fmt::Debug for Tape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.root() {
            Some(value) => write!(f, "{}", value.to_json()),
            None => Ok(()),
        }
    }
}

impl<'j> Value<'j> {
    pub(crate) fn kind(self) -> Kind<'j> {
        let members =
            Members { tape: self.tape, next: self.place.saturating_add(1), end: self.entry.end };
        match self.entry.what {
            What::Null => Kind::Null,
            What::Bool(value) => Kind::Bool(value),
            What::Number(value) => Kind::Number(value),
            What::String(span) => Kind::String(self.tape.text(span)),
            What::Array => Kind::Array(members),
            What::Object => Kind::Object(members),
        }
    }

    /// The member of an object; `None` for anything else.
    pub(crate) fn get(self, name: &str) -> Option<Self> {
        let Kind::Object(mut members) = self.kind() else {
            return None;
        };
        let text = self.tape.text.as_bytes();
        let is_named = |span: Span| {
            // By length first: of most names, nothing else is looked at.
            span.end.saturating_sub(span.start) == name.len()
                && text.get(span.start..span.end).is_some_and(|n| is_same(n, name.as_bytes()))
        };
        loop {
            let value = members.next_value()?;
            if is_named(value.entry.name) {
                return Some(value);
            }
        }
    }

    /// The text of a string; `None` for anything else.
    pub(crate) fn as_str(self) -> Option<&'j str> {
        self.span().map(|span| self.tape.text(span))
    }

    /// Where the text of a string stands; `None` for anything else.
    pub(crate) fn span(self) -> Option<Span> {
        match self.entry.what {
            What::String(span) => Some(span),
            _ => None,
        }
    }

    /// Where the words of a string stand, which single or several blanks part; none for anything else.
    pub(crate) fn words(self) -> impl Iterator<Item = Span> {
        let mut start = self.span().unwrap_or_default().start;
        let words = self.as_str().unwrap_or_default().split(' ').map(move |word| {
            let end = start.saturating_add(word.len());
            let span = Span { start, end };
            start = end.saturating_add(1);
            span
        });
        words.filter(|word| word.start < word.end)
    }

    /// The same value by itself.
    pub(crate) fn to_json(self) -> Json {
        match self.kind() {
            Kind::Null => Json::Null,
            Kind::Bool(value) => Json::Bool(value),
            Kind::Number(value) => Json::Number(value),
            Kind::String(text) => Json::String(text.to_owned()),
            Kind::Array(items) => Json::Array(items.map(|(_, item)| item.to_json()).collect()),
            Kind::Object(members) => {
                let owned = |(name, value): (&str, Self)| (name.to_owned(), value.to_json());
                Json::Object(members.map(owned).collect())
            }
        }
    }
}

impl<'j> Members<'j> {
    fn next_value(&mut self) -> Option<Value<'j>> {
        if self.next >= self.end {
            return None;
        }
        let value = self.tape.value(self.next)?;
        self.next = value.entry.end;
        Some(value)
    }
}

impl<'j> Iterator for Members<'j> {
    type Item = (&'j str, Value<'j>);

    fn next(&mut self) -> Option<Self::Item> {
        let value = self.next_value()?;
        Some((self.tape.text(value.entry.name), value))
    }
}

#[cfg(test)]
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
mod tests;
