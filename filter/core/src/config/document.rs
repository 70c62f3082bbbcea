//! The two forms in which hosts hand a policy document over.

use crate::json::{Json, Limits, Number, has_duplicates, parse};

use super::{problem::ConfigErrors, reader::Node};

const FORMS: &str = "a policy as a JSON object or as a google.protobuf.Struct";

/// A policy document, read but not yet understood.
#[derive(Clone, Debug, PartialEq)]
pub struct Document(Json);

impl Document {
    /// Reads either form: JSON text, or a serialised `google.protobuf.Struct`, which is what Envoy
    /// makes of a Struct in its configuration.
    ///
    /// # Errors
    ///
    /// One problem, at the root, if it is neither.
    pub fn parse(bytes: &[u8]) -> Result<Self, ConfigErrors> {
        if bytes.trim_ascii().is_empty() {
            return Err(ConfigErrors::one("nothing".to_owned(), FORMS));
        }
        // A Struct begins with the tag 0x0a, which is also a line feed that JSON may begin with:
        // there the Struct is tried first, as a JSON text is never a whole one.
        let error = match bytes.first() {
            Some(0x0a) => match read_struct(bytes) {
                Some(value) => return Ok(Self(value)),
                None => parse(bytes, Limits::DOCUMENT),
            },
            _ => parse(bytes, Limits::DOCUMENT),
        };
        match error {
            Ok(value) => Ok(Self(value)),
            Err(error) => Err(ConfigErrors::one(format!("neither ({error})"), FORMS)),
        }
    }

    pub(crate) fn root(&self) -> Node<'_> {
        Node { path: String::new(), value: &self.0 }
    }
}

/// Reads a serialised `google.protobuf.Struct`.
///
/// `None` for anything else: unknown fields, a name twice, text that is not UTF-8, too deep.
#[must_use]
pub fn read_struct(bytes: &[u8]) -> Option<Json> {
    structure(bytes, Limits::DOCUMENT.depth)
}

/// The Struct under `filter_metadata[name]` of a serialised `envoy.config.core.v3.Metadata`.
///
/// # Errors
///
/// If the message is broken; a message without that entry is `Ok(None)`.
pub(crate) fn read_metadata(bytes: &[u8], name: &str) -> Result<Option<Json>, ()> {
    let mut found = None;
    for field in Wire(bytes) {
        // `typed_filter_metadata` and whatever Envoy adds later are somebody else's.
        let (1, Value::Bytes(entry)) = field.ok_or(())? else {
            continue;
        };
        let (key, value) = map_entry(entry).ok_or(())?;
        if key == name {
            found = Some(structure(value, Limits::DOCUMENT.depth).ok_or(())?);
        }
    }
    Ok(found)
}

/// `message Struct { map<string, Value> fields = 1; }`
fn structure(bytes: &[u8], depth: usize) -> Option<Json> {
    let depth = depth.checked_sub(1)?;
    let mut members: Vec<(String, Json)> = Vec::new();
    for field in Wire(bytes) {
        let (1, Value::Bytes(entry)) = field? else {
            return None;
        };
        let (key, value) = map_entry(entry)?;
        members.push((key.to_owned(), struct_value(value, depth)?));
    }
    // Protobuf lets the last of two equal keys win; here, as in JSON, there are no two.
    if has_duplicates(&members) {
        return None;
    }
    Some(Json::Object(members))
}

/// `message MapEntry { string key = 1; V value = 2; }`; absent parts are empty.
///
/// A part that comes twice is refused here and in [`struct_value`]: protobuf readers merge or take
/// the last, and none of them writes it.
fn map_entry(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (mut key, mut value) = (None, None);
    for field in Wire(bytes) {
        match field? {
            (1, Value::Bytes(bytes)) if key.is_none() => {
                key = Some(std::str::from_utf8(bytes).ok()?);
            }
            (2, Value::Bytes(bytes)) if value.is_none() => value = Some(bytes),
            _ => return None,
        }
    }
    Some((key.unwrap_or_default(), value.unwrap_or_default()))
}

/// `message Value { oneof kind { null = 1; number = 2; string = 3; bool = 4; struct = 5; list = 6; } }`
fn struct_value(bytes: &[u8], depth: usize) -> Option<Json> {
    let mut fields = Wire(bytes);
    let value = match fields.next()?? {
        (1, Value::Varint(_)) => Json::Null,
        (2, Value::Fixed64(bits)) => Json::Number(number(f64::from_bits(bits))?),
        (3, Value::Bytes(text)) => Json::String(std::str::from_utf8(text).ok()?.to_owned()),
        (4, Value::Varint(flag)) => Json::Bool(flag != 0),
        (5, Value::Bytes(bytes)) => structure(bytes, depth)?,
        (6, Value::Bytes(bytes)) => list(bytes, depth)?,
        _ => return None,
    };
    fields.next().is_none().then_some(value)
}

/// `message ListValue { repeated Value values = 1; }`
fn list(bytes: &[u8], depth: usize) -> Option<Json> {
    let depth = depth.checked_sub(1)?;
    let mut items = Vec::new();
    for field in Wire(bytes) {
        let (1, Value::Bytes(item)) = field? else {
            return None;
        };
        items.push(struct_value(item, depth)?);
    }
    Some(Json::Array(items))
}

/// A Struct knows doubles only; what was an integer in the YAML is one again.
fn number(value: f64) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0; // 2^53
    if !value.is_finite() {
        return None;
    }
    if value == 0.0 {
        return Some(Number::Unsigned(0)); // -0 too
    }
    if value.fract() != 0.0 || value.abs() > EXACT {
        return Some(Number::Float(value));
    }
    // Exact, and free of casts: the shortest text of such a double is its integer.
    let text = format!("{value:.0}");
    Some(match text.parse::<u64>() {
        Ok(value) => Number::Unsigned(value),
        Err(_) => text.parse().map_or(Number::Unsigned(0), Number::Signed),
    })
}

/// The fields of one protobuf message, as they come; ends after the first broken one.
struct Wire<'b>(&'b [u8]);

enum Value<'b> {
    Varint(u64),
    Fixed64(u64),
    Bytes(&'b [u8]),
    Fixed32,
}

impl<'b> Iterator for Wire<'b> {
    /// Number and value; `None` for a broken field.
    type Item = Option<(u64, Value<'b>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.0 = b"";
        }
        Some(field)
    }
}

impl<'b> Wire<'b> {
    fn field(&mut self) -> Option<(u64, Value<'b>)> {
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Value::Varint(self.varint()?),
            1 => {
                let (bits, rest) = self.0.split_first_chunk()?;
                self.0 = rest;
                Value::Fixed64(u64::from_le_bytes(*bits))
            }
            2 => {
                let length = usize::try_from(self.varint()?).ok()?;
                let (bytes, rest) = self.0.split_at_checked(length)?;
                self.0 = rest;
                Value::Bytes(bytes)
            }
            5 => {
                let (_, rest) = self.0.split_at_checked(4)?;
                self.0 = rest;
                Value::Fixed32
            }
            _ => return None,
        };
        match tag >> 3 {
            0 => None,
            number => Some((number, value)),
        }
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (byte, rest) = self.0.split_first()?;
            self.0 = rest;
            let bits = u64::from(byte & 0x7f);
            // The tenth byte has room for one bit only.
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `{"a": [1, "x", true, null, {"b": -1.5}]}`, put together by hand from the encoding guide.
    const SAMPLE: &[u8] = &[
        0x0a, 0x33, // fields: entry of 51
        0x0a, 0x01, b'a', // key "a"
        0x12, 0x2e, // value of 46
        0x32, 0x2c, // list of 44
        0x0a, 0x09, 0x11, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, // 1.0
        0x0a, 0x03, 0x1a, 0x01, b'x', // "x"
        0x0a, 0x02, 0x20, 0x01, // true
        0x0a, 0x02, 0x08, 0x00, // null
        0x0a, 0x12, 0x2a, 0x10, // struct of 16
        0x0a, 0x0e, 0x0a, 0x01, b'b', 0x12, 0x09, 0x11, 0, 0, 0, 0, 0, 0, 0xf8,
        0xbf, // b: -1.5
    ];

    #[test]
    fn a_struct_reads_as_the_json_it_stands_for() {
        let json = br#"{"a": [1, "x", true, null, {"b": -1.5}]}"#;
        assert_eq!(read_struct(SAMPLE), parse(json, Limits::DOCUMENT).ok());
        assert_eq!(Document::parse(SAMPLE), Document::parse(json));
    }

    #[test]
    fn json_may_begin_with_a_line_feed() {
        let padded = [b"\n{\"a\":1}".as_slice(), &[b' '; 200]].concat();
        assert_eq!(Document::parse(&padded), Document::parse(b"{\"a\":1}"));
    }

    #[test]
    fn every_cut_and_every_flipped_bit_is_survived() {
        for length in 0..SAMPLE.len() {
            // An empty Struct is an object without members; every other cut breaks something.
            assert_eq!(read_struct(&SAMPLE[..length]).is_some(), length == 0, "{length}");
        }
        for bit in 0..SAMPLE.len() * 8 {
            let mut bytes = SAMPLE.to_vec();
            bytes[bit / 8] ^= 1 << (bit % 8);
            let _ = read_struct(&bytes);
        }
    }

    #[test]
    fn names_are_unique_and_depth_is_bounded() {
        let entry = [0x0a, 0x07, 0x0a, 0x01, b'a', 0x12, 0x02, 0x08, 0x00];
        assert!(read_struct(&entry).is_some());
        assert!(read_struct(&[entry, entry].concat()).is_none());
        let mut nested = vec![0x08, 0x00];
        for _ in 0..40 {
            let length = u8::try_from(nested.len()).unwrap();
            nested = [&[0x0a, length][..], &nested].concat();
            let length = u8::try_from(nested.len()).unwrap();
            nested = [&[0x32, length][..], &nested].concat();
            if nested.len() > 120 {
                break;
            }
        }
        assert!(struct_value(&nested, 32).is_some() && struct_value(&nested, 3).is_none());
    }
}
