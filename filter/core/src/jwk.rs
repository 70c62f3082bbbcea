//! Key sets ([RFC 7517]).
//!
//! [RFC 7517]: https://www.rfc-editor.org/rfc/rfc7517

use crate::{algorithm::Algorithm, base64url, json::Json, key::Key};

/// A key set as far as it is usable.
#[derive(Debug)]
pub struct ReadSet {
    /// The keys that can verify.
    pub keys: Vec<Key>,
    /// The place in `keys` and the reason for each entry that was passed over: one odd entry must
    /// not take the others down with it (RFC 7517 section 5).
    pub skipped: Vec<(usize, String)>,
}

/// Reads the `keys` of a JWK set.
///
/// # Errors
///
/// What was found if this is no key set at all.
pub fn read_set(set: &Json) -> Result<ReadSet, String> {
    let Some(Json::Array(entries)) = set.get("keys") else {
        return Err("no array `keys`".to_owned());
    };
    let mut read = ReadSet { keys: Vec::new(), skipped: Vec::new() };
    for (place, entry) in entries.iter().enumerate() {
        match read_key(entry) {
            Ok(key) => read.keys.push(key),
            Err(problem) => read.skipped.push((place, problem)),
        }
    }
    Ok(read)
}

/// A private member is passed over unread: only the public half of a key is ever used.
fn read_key(key: &Json) -> Result<Key, String> {
    let text = |name: &str| match key.get(name) {
        None => Ok(None),
        Some(Json::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(format!("`{name}` that is not a string")),
    };
    let kind = text("kty")?.ok_or("no `kty`")?;
    if kind != "RSA" {
        return Err(format!("`kty` {} instead of RSA", shorten(kind)));
    }
    // An encryption key must not verify signatures (RFC 7517 sections 4.2 and 4.3).
    if let Some(usage) = text("use")?
        && usage != "sig"
    {
        return Err(format!("`use` {} instead of sig", shorten(usage)));
    }
    match key.get("key_ops") {
        Some(Json::Array(operations)) => {
            let verify = |operation: &Json| operation.as_str() == Some("verify");
            operations.iter().any(verify).then_some(()).ok_or("`key_ops` without verify")?;
        }
        Some(_) => return Err("`key_ops` that is not an array".to_owned()),
        None => {}
    }
    if let Some(name) = text("alg")?
        && Algorithm::from_name(name).is_none()
    {
        return Err(format!("`alg` {} instead of RS256", shorten(name)));
    }
    let number = |name: &str| {
        let encoded = text(name)?.ok_or_else(|| format!("no `{name}`"))?;
        base64url::decode(encoded.as_bytes()).ok_or_else(|| format!("`{name}` not in base64url"))
    };
    let kid = text("kid")?.map(str::to_owned);
    Key::rs256(kid, &number("n")?, &number("e")?)
}

/// Names from a key set go to the log: short and plain.
fn shorten(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(24).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    /// A 2048-bit modulus of ones: odd and large enough to be taken for a key.
    const N: &str = concat!(
        "________________________________________________________________",
        "________________________________________________________________",
        "________________________________________________________________",
        "________________________________________________________________",
        "________________________________________________________________",
        "_____________________w",
    );

    fn read(entry: &str) -> Result<Key, String> {
        read_key(&parse(entry.replace('N', N).as_bytes(), Limits::DOCUMENT).unwrap())
    }

    #[test]
    fn a_key_says_what_it_is_for() {
        for good in [
            r#"{"kty":"RSA","n":"N","e":"AQAB"}"#,
            r#"{"kty":"RSA","n":"N","e":"Aw","use":"sig","alg":"RS256","kid":"a","x5c":[]}"#,
            r#"{"kty":"RSA","n":"N","e":"AQAB","key_ops":["verify"]}"#,
            r#"{"kty":"RSA","n":"N","e":"AQAB","d":"AQAB"}"#,
        ] {
            assert!(read(good).is_ok(), "{good}");
        }
        for (bad, why) in [
            (r#"{"n":"N","e":"AQAB"}"#, "no `kty`"),
            (r#"{"kty":"EC","n":"N","e":"AQAB"}"#, "`kty` EC"),
            (r#"{"kty":1,"n":"N","e":"AQAB"}"#, "`kty` that is not a string"),
            (r#"{"kty":"RSA","n":"N","e":"AQAB","use":"enc"}"#, "`use` enc"),
            (r#"{"kty":"RSA","n":"N","e":"AQAB","key_ops":["encrypt"]}"#, "without verify"),
            (r#"{"kty":"RSA","n":"N","e":"AQAB","key_ops":"verify"}"#, "not an array"),
            (r#"{"kty":"RSA","n":"N","e":"AQAB","alg":"RS1"}"#, "`alg` RS1"),
            (r#"{"kty":"RSA","n":"N","e":"AQAB","kid":7}"#, "`kid` that is not a string"),
            (r#"{"kty":"RSA","n":"N","e":"AQAB="}"#, "`e` not in base64url"),
            (r#"{"kty":"RSA","n":"N"}"#, "no `e`"),
            (r#"{"kty":"RSA","n":"N","e":"AQ"}"#, "below 3"),
            (r#"{"kty":"RSA","n":"N","e":"BA"}"#, "unusable"),
            (r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, "17 bits"),
            (r#"{"kty":"RSA","n":"","e":"AQAB"}"#, "bits"),
            (r#"{"kty":"RSA","n":"N","e":""}"#, "below 3"),
            ("7", "no `kty`"),
        ] {
            let problem = read(bad).unwrap_err();
            assert!(problem.contains(why), "{bad}: {problem}");
        }
    }
}
