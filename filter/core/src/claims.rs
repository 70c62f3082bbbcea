//! Claims by path, and as texts.

use crate::{
    bytes::is_same,
    reject::Reject,
    tape::{Kind, Span, Tape, Value},
    time::UnixTime,
};

/// The way to a claim: names from the outside in, so that names with dots or URLs need no quoting.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ClaimPath(pub(crate) Vec<String>);

impl ClaimPath {
    /// The claim at the end of the path; JSON `null` counts as absent.
    pub(crate) fn find<'c>(&self, claims: &'c Tape) -> Option<Value<'c>> {
        let mut value = claims.root()?;
        for name in &self.0 {
            value = value.get(name)?;
        }
        if let Kind::Null = value.kind() { None } else { Some(value) }
    }
}

/// Reads a NumericDate claim.
///
/// # Errors
///
/// [`Reject::ClaimMalformed`] for anything but a number, `null` and strings included: read as
/// "absent" they would switch the check off (CVE-2026-25537).
pub(crate) fn numeric_date(claims: &Tape, name: &str) -> Result<Option<UnixTime>, Reject> {
    match claims.get(name).map(Value::kind) {
        None => Ok(None),
        Some(Kind::Number(number)) => {
            UnixTime::from_numeric_date(number).map(Some).ok_or(Reject::ClaimMalformed)
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
pub(crate) fn scopes(claims: &Tape, names: &[String]) -> Result<Words, Reject> {
    let mut scopes = Words::default();
    for name in names {
        let Some(claim) = claims.get(name) else {
            continue;
        };
        match claim.kind() {
            Kind::String(_) => scopes.0.extend(claim.words()),
            Kind::Array(items) => {
                for (_, item) in items {
                    scopes.0.push(item.span().ok_or(Reject::ClaimMalformed)?);
                }
            }
            _ => return Err(Reject::ClaimMalformed),
        }
    }
    Ok(scopes)
}

/// Words, by where they stand in the claims.
#[derive(Debug, Default)]
pub(crate) struct Words(Vec<Span>);

impl Words {
    /// Whether a word is one of them.
    pub(crate) fn contain(&self, claims: &Tape, word: &str) -> bool {
        self.iter(claims).any(|known| is_same(known.as_bytes(), word.as_bytes()))
    }

    /// Each of them.
    pub(crate) fn iter<'c>(&self, claims: &'c Tape) -> impl Iterator<Item = &'c str> {
        self.0.iter().map(|span| claims.text(*span))
    }
}

/// A claim as the text of a path segment or a header: strings and numbers only.
pub(crate) fn scalar_text(value: Value<'_>) -> Option<String> {
    match value.kind() {
        Kind::String(text) => Some(text.to_owned()),
        Kind::Number(number) => Some(number.to_string()),
        Kind::Null | Kind::Bool(_) | Kind::Array(_) | Kind::Object(_) => None,
    }
}
