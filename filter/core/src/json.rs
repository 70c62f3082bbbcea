//! Strict JSON: UTF-8 only, no duplicate names at any depth, bounded.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::bytes::is_same;

/// A JSON value whose objects are known to have no duplicate names.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs, reason = "the variants are JSON's own")]
pub enum Json {
    Null,
    Bool(bool),
    Number(Number),
    String(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// A JSON number, as exact as it was written: integers are not squeezed through a double.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the variants are the shapes a number can have")]
pub enum Number {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}

/// How much of a document is read before it is refused.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Objects and arrays inside one another.
    pub depth: usize,
    /// Values in the whole document.
    pub values: usize,
}

impl Limits {
    /// A token's header or payload. Tokens in the field nest four deep (Keycloak's
    /// `resource_access`); 4,096 values do not fit into a token of the usual size.
    pub const TOKEN: Self = Self { depth: 16, values: 4096 };
    /// A policy document, which can hold key sets and hundreds of rules.
    pub const DOCUMENT: Self = Self { depth: 32, values: 1_000_000 };
}

/// Reads one JSON text, all of it.
///
/// # Errors
///
/// A sentence that names the place: not JSON, not UTF-8, a name twice in one object (readers differ
/// in which one they take), a number out of range, or more than `limits` allow.
pub fn parse(text: &[u8], limits: Limits) -> Result<Json, String> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let mut left = limits.values;
    let value = Seed { depth: limits.depth, left: &mut left }
        .deserialize(&mut reader)
        .map_err(|error| error.to_string())?;
    reader.end().map_err(|error| error.to_string())?;
    Ok(value)
}

impl Json {
    /// The member of an object; `None` for anything else.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Json> {
        match self {
            Json::Object(members) => {
                let wanted = name.as_bytes();
                let member = members.iter().find(|(known, _)| is_same(known.as_bytes(), wanted));
                member.map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The text of a string; `None` for anything else.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Json::String(text) => Some(text),
            _ => None,
        }
    }
}

/// Compact JSON text, members in the order in which they came.
impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Json::Null => f.write_str("null"),
            Json::Bool(value) => write!(f, "{value}"),
            Json::Number(value) => write!(f, "{value}"),
            Json::String(text) => quote(text, f),
            Json::Array(items) => {
                f.write_str("[")?;
                for (place, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if place == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Json::Object(members) => {
                f.write_str("{")?;
                for (place, (name, value)) in members.iter().enumerate() {
                    f.write_str(if place == 0 { "" } else { "," })?;
                    quote(name, f)?;
                    write!(f, ":{value}")?;
                }
                f.write_str("}")
            }
        }
    }
}

fn quote(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str(&serde_json::to_string(text).map_err(|_| fmt::Error)?)
}

/// Numbers are equal if they are the same number, however they were written (`1` and `1.0`).
impl PartialEq for Number {
    fn eq(&self, other: &Self) -> bool {
        match (*self, *other) {
            (Number::Unsigned(a), Number::Unsigned(b)) => a == b,
            (Number::Signed(a), Number::Signed(b)) => a == b,
            (Number::Float(a), Number::Float(b)) => a == b,
            (Number::Float(a), b) | (b, Number::Float(a)) => b.is_float(a),
            // A signed number is only used below zero.
            (Number::Unsigned(_), Number::Signed(_)) | (Number::Signed(_), Number::Unsigned(_)) => {
                false
            }
        }
    }
}

impl Number {
    pub(crate) fn from_signed(value: i64) -> Self {
        match u64::try_from(value) {
            Ok(value) => Number::Unsigned(value),
            Err(_) => Number::Signed(value),
        }
    }

    pub(crate) fn from_float(value: f64) -> Self {
        // `-0` is zero, and only a float can say it.
        if value == 0.0 { Number::Unsigned(0) } else { Number::Float(value) }
    }

    /// Whether this integer is exactly the double `other`.
    fn is_float(self, other: f64) -> bool {
        // The shortest decimal text of a double with no fraction is its exact integer only below
        // 2^53; above, a double stands for many integers and equals none of them here.
        other.fract() == 0.0 && other.abs() <= 9_007_199_254_740_992.0 && {
            format!("{other:.0}") == self.to_string()
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Unsigned(value) => write!(f, "{value}"),
            Number::Signed(value) => write!(f, "{value}"),
            Number::Float(value) => write!(f, "{value}"),
        }
    }
}

/// Builds a value, counting down what is left of the limits.
struct Seed<'l> {
    depth: usize,
    left: &'l mut usize,
}

impl<'l> Seed<'l> {
    fn deeper<E: Error>(&mut self) -> Result<Seed<'_>, E> {
        let depth = self.depth.checked_sub(1).ok_or_else(|| E::custom("nested too deeply"))?;
        Ok(Seed { depth, left: self.left })
    }

    fn count<E: Error>(&mut self) -> Result<(), E> {
        *self.left = self.left.checked_sub(1).ok_or_else(|| E::custom("too many values"))?;
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Seed<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<Json, D::Error> {
        self.count()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Seed<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(Number::Unsigned(value)))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(Number::from_signed(value)))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Json, E> {
        Ok(Json::Number(Number::from_float(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Json, E> {
        Ok(Json::String(value.to_owned()))
    }

    fn visit_string<E: Error>(self, value: String) -> Result<Json, E> {
        Ok(Json::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Json, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(self.deeper()?)? {
            array.push(item);
        }
        Ok(Json::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut members: A) -> Result<Json, A::Error> {
        let mut object: Vec<(String, Json)> = Vec::new();
        while let Some(name) = members.next_key::<String>()? {
            object.push((name, members.next_value_seed(self.deeper()?)?));
        }
        if has_duplicates(&object) {
            return Err(A::Error::custom("an object has the same name twice"));
        }
        Ok(Json::Object(object))
    }
}

/// Sorted first: comparing each name with each other would give a payload of a thousand names half
/// a million comparisons.
pub(crate) fn has_duplicates(members: &[(String, Json)]) -> bool {
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.windows(2).any(|pair| matches!(pair, [a, b] if a == b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Json, String> {
        parse(text.as_bytes(), Limits { depth: 3, values: 6 })
    }

    #[test]
    fn names_are_unique_at_any_depth_and_in_any_spelling() {
        assert!(read(r#"{"a":1,"b":{"a":2}}"#).is_ok());
        for bad in [r#"{"a":1,"a":1}"#, r#"[{"b":{"a":1,"a":2}}]"#, r#"{"a":1,"\u0061":2}"#] {
            let error = read(bad).unwrap_err();
            assert!(error.starts_with("an object has the same name twice"), "{bad}: {error}");
        }
    }

    #[test]
    fn limits_hold_at_the_limit_and_not_one_further() {
        assert!(read("[[[1]]]").is_ok());
        assert!(read("[[[[1]]]]").unwrap_err().starts_with("nested too deeply"));
        assert!(read("[1,2,3,4,5]").is_ok());
        assert!(read("[1,2,3,4,5,6]").unwrap_err().starts_with("too many values"));
    }

    #[test]
    fn what_is_not_one_json_text_is_refused() {
        for bad in ["", "{", "1 2", "{}x", "{'a':1}", "[1,]", "1e400", "\"\\ud800\"", "NaN", "01"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(parse(b"\"\xff\"", Limits::TOKEN).is_err());
        assert!(parse(b"\xef\xbb\xbf{}", Limits::TOKEN).is_err(), "a byte order mark");
    }

    #[test]
    fn numbers_compare_by_value() {
        assert_eq!(read("1"), read("1.0"));
        assert_eq!(read("-1"), read("-1.0"));
        assert_ne!(read("1"), read("1.5"));
        assert_ne!(read("9007199254740993"), read("9007199254740992.0"));
    }

    #[test]
    fn text_comes_out_as_it_went_in() {
        let text = r#"{"a":[1,-2,1.5,true,null],"b":"\"\n"}"#;
        assert_eq!(parse(text.as_bytes(), Limits::TOKEN).unwrap().to_string(), text);
    }
}
