//! Key sets ([RFC 7517]).
//!
//! [RFC 7517]: https://www.rfc-editor.org/rfc/rfc7517

use crate::{
    algorithm::Algorithm,
    base64url,
    json::Json,
    key::{Key, Material},
};

/// A key set as far as it is usable.
#[derive(Debug)]
pub struct ReadSet {
    /// The keys that can verify, each with its place in `keys`.
    pub keys: Vec<(usize, Key)>,
    /// The place in `keys` and the reason for each entry that was passed over: one odd entry must
    /// not take the others down with it (RFC 7517 section 5).
    pub skipped: Vec<(usize, String)>,
}

impl ReadSet {
    /// The set without the keys that go with none of these algorithms: kept, they would only be
    /// one more thing to get wrong.
    pub(crate) fn for_algorithms(self, listed: &[Algorithm]) -> Self {
        let mut fitting = Self { keys: Vec::with_capacity(self.keys.len()), skipped: self.skipped };
        for (place, key) in self.keys {
            match key.admitted_by(listed) {
                Ok(()) => fitting.keys.push((place, key)),
                Err(problem) => fitting.skipped.push((place, problem)),
            }
        }
        fitting.skipped.sort();
        fitting
    }
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
            Ok(key) => read.keys.push((place, key)),
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
    if !["RSA", "EC", "OKP", "oct"].contains(&kind) {
        return Err(format!("`kty` {} instead of RSA, EC, OKP or oct", shorten(kind)));
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
    let only =
        match text("alg")? {
            Some(name) => Some(Algorithm::from_name(name).ok_or_else(|| {
                format!("`alg` {} instead of a signature algorithm", shorten(name))
            })?),
            None => None,
        };
    let required = |name: &str| text(name)?.ok_or_else(|| format!("no `{name}`"));
    let bytes = |name: &str| {
        base64url::decode(required(name)?.as_bytes())
            .ok_or_else(|| format!("`{name}` not in base64url"))
    };
    let kid = text("kid")?.map(str::to_owned);
    let material = match kind {
        "RSA" => Material::rsa(&bytes("n")?, &bytes("e")?)?,
        "EC" => read_point(required("crv")?, &bytes("x")?, &bytes("y")?)?,
        "OKP" => match required("crv")? {
            "Ed25519" => Material::ed25519(&bytes("x")?)?,
            curve => return Err(format!("`crv` {} instead of Ed25519", shorten(curve))),
        },
        _ => Material::secret(bytes("k")?)?,
    };
    Key::new(kid, only, material)
}

/// The coordinates have the length of the field, leading zeros included (RFC 7518 section 6.2.1.2).
fn read_point(curve: &str, x: &[u8], y: &[u8]) -> Result<Material, String> {
    let length = match curve {
        "P-256" => 32,
        "P-384" => 48,
        "P-521" => 66,
        _ => return Err(format!("`crv` {} instead of P-256, P-384 or P-521", shorten(curve))),
    };
    for (name, coordinate) in [("x", x), ("y", y)] {
        if coordinate.len() != length {
            let found = coordinate.len();
            return Err(format!("`{name}` of {found} bytes instead of {length}"));
        }
    }
    Material::ec(curve, &[&[UNCOMPRESSED], x, y].concat())
}

/// The first byte of a point with both coordinates (SEC 1 section 2.3.3).
const UNCOMPRESSED: u8 = 4;

fn shorten(text: &str) -> String {
    plain(text, 24)
}

/// A text of somebody else's that goes to the log: visible ASCII, at most so many characters.
pub(crate) fn plain(text: &str, longest: usize) -> String {
    text.chars().filter(char::is_ascii_graphic).take(longest).collect()
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

    /// Stand-ins in the entries below, and what they stand for.
    const VALUES: [(&str, &str); 6] = [
        ("\"N\"", N),
        // RFC 7515 appendix A.3.1.
        ("\"X256\"", "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"),
        ("\"Y256\"", "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"),
        // RFC 8037 appendix A.2.
        ("\"XED\"", "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"),
        // The point (0, 1), of order 1.
        ("\"WEAK\"", "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
        ("\"K32\"", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"),
    ];

    fn read(entry: &str) -> Result<Key, String> {
        let entry = VALUES.iter().fold(entry.to_owned(), |entry, (name, value)| {
            entry.replace(name, &format!("\"{value}\""))
        });
        read_key(&parse(entry.as_bytes(), Limits::DOCUMENT).unwrap())
    }

    #[test]
    fn a_key_says_what_it_is_for() {
        for good in [
            r#"{"kty":"RSA","n":"N","e":"AQAB"}"#,
            r#"{"kty":"RSA","n":"N","e":"Aw","use":"sig","alg":"RS256","kid":"a","x5c":[]}"#,
            r#"{"kty":"RSA","n":"N","e":"AQAB","alg":"PS512"}"#,
            r#"{"kty":"RSA","n":"N","e":"AQAB","key_ops":["verify"]}"#,
            r#"{"kty":"RSA","n":"N","e":"AQAB","d":"AQAB"}"#,
            r#"{"kty":"EC","crv":"P-256","x":"X256","y":"Y256","alg":"ES256"}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"XED"}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"XED","alg":"EdDSA"}"#,
            r#"{"kty":"OKP","crv":"Ed25519","x":"XED","alg":"Ed25519"}"#,
            r#"{"kty":"oct","k":"K32"}"#,
            r#"{"kty":"oct","k":"K32","alg":"HS256"}"#,
        ] {
            assert!(read(good).is_ok(), "{good}: {:?}", read(good));
        }
        for (bad, why) in [
            (r#"{"n":"N","e":"AQAB"}"#, "no `kty`"),
            (r#"{"kty":"EC","n":"N","e":"AQAB"}"#, "no `crv`"),
            (r#"{"kty":"rsa","n":"N","e":"AQAB"}"#, "`kty` rsa"),
            (r#"{"kty":1,"n":"N","e":"AQAB"}"#, "`kty` that is not a string"),
            (r#"{"kty":"RSA","n":"N","e":"AQAB","use":"enc"}"#, "`use` enc"),
            (r#"{"kty":"RSA","n":"N","e":"AQAB","key_ops":["encrypt"]}"#, "without verify"),
            (r#"{"kty":"RSA","n":"N","e":"AQAB","key_ops":"verify"}"#, "not an array"),
            (r#"{"kty":"RSA","n":"N","e":"AQAB","alg":"RS1"}"#, "`alg` RS1"),
            (r#"{"kty":"RSA","n":"N","e":"AQAB","alg":"RSA-OAEP"}"#, "a signature algorithm"),
            (r#"{"kty":"RSA","n":"N","e":"AQAB","alg":"ES256"}"#, "`alg` ES256 on an RSA key"),
            (r#"{"kty":"RSA","n":"N","e":"AQAB","alg":"HS256"}"#, "`alg` HS256 on an RSA key"),
            (r#"{"kty":"RSA","n":"N","e":"AQAB","kid":7}"#, "`kid` that is not a string"),
            (r#"{"kty":"RSA","n":"N","e":"AQAB="}"#, "`e` not in base64url"),
            (r#"{"kty":"RSA","n":"N"}"#, "no `e`"),
            (r#"{"kty":"RSA","n":"N","e":"AQ"}"#, "below 3"),
            (r#"{"kty":"RSA","n":"N","e":"BA"}"#, "exponent is even"),
            (r#"{"kty":"RSA","n":"N","e":"AgAAAAE"}"#, "more than 33 bits"),
            (r#"{"kty":"RSA","n":"AQAB","e":"AQAB"}"#, "17 bits"),
            (r#"{"kty":"RSA","n":"","e":"AQAB"}"#, "bits"),
            (r#"{"kty":"RSA","n":"N","e":""}"#, "below 3"),
            (r#"{"kty":"EC","crv":"P-256","x":"X256","y":"X256"}"#, "no point of P-256"),
            (r#"{"kty":"EC","crv":"P-256","x":"AAAA","y":"Y256"}"#, "`x` of 3 bytes"),
            (r#"{"kty":"EC","crv":"P-384","x":"X256","y":"Y256"}"#, "instead of 48"),
            (r#"{"kty":"EC","crv":"secp256k1","x":"X256","y":"Y256"}"#, "`crv` secp256k1"),
            (r#"{"kty":"EC","crv":"P-256","x":"X256","y":"Y256","alg":"ES384"}"#, "ES384 on"),
            (r#"{"kty":"EC","crv":"P-256","x":"X256"}"#, "no `y`"),
            (r#"{"kty":"OKP","crv":"X25519","x":"XED"}"#, "`crv` X25519"),
            (r#"{"kty":"OKP","crv":"Ed25519","x":"AAAA"}"#, "3 bytes instead of 32"),
            (r#"{"kty":"OKP","crv":"Ed25519","x":"WEAK"}"#, "small order"),
            (r#"{"kty":"oct","k":"AAAA"}"#, "a secret of 3 bytes"),
            (r#"{"kty":"oct","k":"K32","alg":"HS512"}"#, "`alg` HS512 on a secret"),
            (r#"{"kty":"oct"}"#, "no `k`"),
            ("7", "no `kty`"),
        ] {
            let problem = read(bad).unwrap_err();
            assert!(problem.contains(why), "{bad}: {problem}");
        }
    }
}
