//! How most tokens are read: in one pass, without a look at what they have no need of.
//!
//! Whatever is out of the ordinary is left to the reader that knows all of JSON: what is read here is read
//! there as the same.

use super::{Entry, Span, What, read::has_duplicates};
use crate::{
    bytes::position_of_quote_or_worse,
    json::{Limits, Number},
};

/// Digits of a number that fits into 64 bits, whatever they are.
const MOST_DIGITS: usize = 18;

/// Reads one JSON text whose strings have no escapes and whose numbers are integers.
///
/// `None` says nothing: the text may be as good, only not plain, or not be JSON at all.
pub(super) fn read(text: &str, limits: Limits, entries: Vec<Entry>) -> Option<Vec<Entry>> {
    let mut reader = Reader { text: text.as_bytes(), at: 0, entries, left: limits.values };
    reader.value(Span::default(), limits.depth)?;
    reader.skip_blanks();
    (reader.at == reader.text.len()).then_some(reader.entries)
}

struct Reader<'t> {
    text: &'t [u8],
    at: usize,
    entries: Vec<Entry>,
    /// Values that may still come.
    left: usize,
}

impl Reader<'_> {
    /// Reads a value, blanks before it included.
    fn value(&mut self, name: Span, depth: usize) -> Option<()> {
        self.left = self.left.checked_sub(1)?;
        self.skip_blanks();
        let what = match self.next()? {
            b'"' => What::String(self.string()?),
            b'{' => return self.object(name, depth),
            b'[' => return self.array(name, depth),
            b't' => self.word(b"rue", What::Bool(true))?,
            b'f' => self.word(b"alse", What::Bool(false))?,
            b'n' => self.word(b"ull", What::Null)?,
            b'-' => match self.integer()? {
                // Only a float can say it.
                0 => return None,
                value => What::Number(Number::Signed(value.checked_neg()?)),
            },
            b'0'..=b'9' => {
                self.at = self.at.checked_sub(1)?;
                What::Number(Number::from_signed(self.integer()?))
            }
            _ => return None,
        };
        self.open(name, what);
        Some(())
    }

    /// Reads what follows the brace of an object.
    fn object(&mut self, name: Span, depth: usize) -> Option<()> {
        let place = self.open(name, What::Object);
        self.skip_blanks();
        if self.peek()? == b'}' {
            self.next()?;
            return Some(());
        }
        let depth = depth.checked_sub(1)?;
        loop {
            self.skip_blanks();
            if self.next()? != b'"' {
                return None;
            }
            let name = self.string()?;
            self.skip_blanks();
            if self.next()? != b':' {
                return None;
            }
            self.value(name, depth)?;
            if self.ends(b'}')? {
                break;
            }
        }
        let name_of = |span: Span| self.text.get(span.start..span.end).unwrap_or_default();
        if has_duplicates(&self.entries, place, name_of) {
            return None;
        }
        self.close(place)
    }

    /// Reads what follows the bracket of an array.
    fn array(&mut self, name: Span, depth: usize) -> Option<()> {
        let place = self.open(name, What::Array);
        let depth = depth.checked_sub(1)?;
        self.skip_blanks();
        if self.peek()? == b']' {
            self.next()?;
            return Some(());
        }
        loop {
            self.value(Span::default(), depth)?;
            if self.ends(b']')? {
                return self.close(place);
            }
        }
    }

    /// Reads the rest of a string, its last quote included.
    fn string(&mut self) -> Option<Span> {
        let start = self.at;
        let rest = self.text.get(start..)?;
        let length = position_of_quote_or_worse(rest)?;
        self.at = start.checked_add(length)?;
        let span = Span { start, end: self.at };
        (self.next()? == b'"').then_some(span)
    }

    /// Reads digits, of which nothing makes more than an integer.
    fn integer(&mut self) -> Option<i64> {
        let start = self.at;
        let mut value: i64 = 0;
        while let Some(digit) = self.peek().map(|byte| byte.wrapping_sub(b'0'))
            && digit < 10
        {
            value = value.checked_mul(10)?.checked_add(i64::from(digit))?;
            self.next()?;
        }
        let digits = self.text.get(start..self.at)?;
        let is_plain = match digits {
            [] | [b'0', _, ..] => false,
            _ => digits.len() <= MOST_DIGITS && !matches!(self.peek(), Some(b'.' | b'e' | b'E')),
        };
        is_plain.then_some(value)
    }

    /// Reads the rest of a word.
    fn word(&mut self, rest: &[u8], what: What) -> Option<What> {
        let end = self.at.checked_add(rest.len())?;
        if self.text.get(self.at..end)? != rest {
            return None;
        }
        self.at = end;
        Some(what)
    }

    /// Whether what follows a value is the end of what it stands in; a comma otherwise.
    fn ends(&mut self, end: u8) -> Option<bool> {
        self.skip_blanks();
        match self.next()? {
            b',' => Some(false),
            byte => (byte == end).then_some(true),
        }
    }

    fn skip_blanks(&mut self) {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.peek() {
            self.at = self.at.saturating_add(1);
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let byte = self.peek()?;
        self.at = self.at.saturating_add(1);
        Some(byte)
    }

    /// Appends a value, with nothing inside yet.
    fn open(&mut self, name: Span, what: What) -> usize {
        Entry::append(&mut self.entries, name, what)
    }

    fn close(&mut self, place: usize) -> Option<()> {
        Entry::close(&mut self.entries, place);
        Some(())
    }
}
