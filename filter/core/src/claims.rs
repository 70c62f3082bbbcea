//! Claims by path, and as texts.

use crate::{bytes::is_same, json::Json, reject::Reject, time::UnixTime};

/// The way to a claim: names from the outside in, so that names with dots or URLs need no quoting.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ClaimPath(pub(crate) Vec<String>);

impl ClaimPath {
    /// The claim at the end of the path; JSON `null` counts as absent.
    pub(crate) fn find<'c>(&self, claims: &'c Json) -> Option<&'c Json> {
        let mut value = claims;
        for name in &self.0 {
            value = value.get(name)?;
        }
        (*value != Json::Null).then_some(value)
    }
}

/// Reads a NumericDate claim.
///
/// # Errors
///
/// [`Reject::ClaimMalformed`] for anything but a number, `null` and strings included: read as
/// "absent" they would switch the check off (CVE-2026-25537).
pub(crate) fn numeric_date(claims: &Json, name: &str) -> Result<Option<UnixTime>, Reject> {
    match claims.get(name) {
        None => Ok(None),
        Some(Json::Number(number)) => {
            UnixTime::from_numeric_date(*number).map(Some).ok_or(Reject::ClaimMalformed)
        }
        Some(_) => Err(Reject::ClaimMalformed),
    }
}

/// The words of the scope claims: a string is split at spaces (RFC 6749 section 3.3), each element
/// of an array is one word. Always whole words: HAProxy's `-m sub` finds `read` in `unread`.
///
/// # Errors
///
/// [`Reject::ClaimMalformed`] for any other type.
pub(crate) fn scopes(claims: &Json, names: &[String]) -> Result<Words, Reject> {
    let mut scopes = Words::default();
    for name in names {
        match claims.get(name) {
            None => {}
            Some(Json::String(text)) => {
                text.split(' ').filter(|word| !word.is_empty()).for_each(|word| scopes.add(word));
            }
            Some(Json::Array(items)) => {
                for item in items {
                    scopes.add(item.as_str().ok_or(Reject::ClaimMalformed)?);
                }
            }
            Some(_) => return Err(Reject::ClaimMalformed),
        }
    }
    Ok(scopes)
}

/// Words, one behind the other in one text.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Words {
    text: Vec<u8>,
    /// Where each one ends.
    ends: Vec<usize>,
}

impl Words {
    /// Whether a word is one of them.
    pub(crate) fn contain(&self, word: &str) -> bool {
        self.iter().any(|known| is_same(known, word.as_bytes()))
    }

    /// Each of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut start = 0;
        self.ends.iter().map(move |end| {
            let word = self.text.get(start..*end).unwrap_or_default();
            start = *end;
            word
        })
    }

    fn add(&mut self, word: &str) {
        self.text.extend_from_slice(word.as_bytes());
        self.ends.push(self.text.len());
    }
}

/// A claim as the text of a path segment or a header: strings and numbers only.
pub(crate) fn scalar_text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}
