//! Claims by path, and as texts.

use crate::{json::Json, reject::Reject, time::UnixTime};

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
pub(crate) fn scopes<'c>(claims: &'c Json, names: &[String]) -> Result<Vec<&'c str>, Reject> {
    let mut scopes = Vec::new();
    for name in names {
        match claims.get(name) {
            None => {}
            Some(Json::String(text)) => {
                scopes.extend(text.split(' ').filter(|word| !word.is_empty()));
            }
            Some(Json::Array(items)) => {
                for item in items {
                    scopes.push(item.as_str().ok_or(Reject::ClaimMalformed)?);
                }
            }
            Some(_) => return Err(Reject::ClaimMalformed),
        }
    }
    Ok(scopes)
}

/// A claim as the text of a path segment or a header: strings and numbers only.
pub(crate) fn scalar_text(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    }
}
