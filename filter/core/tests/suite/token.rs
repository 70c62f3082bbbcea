//! Tokens as tests write them.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::signer::{RSA_1, Signer};

/// The time of the tests, in seconds since the Unix epoch.
pub(crate) const NOW: i64 = 1_700_000_000;

/// Claims that the policies of [`gate`](crate::gate) accept.
pub(crate) fn claims() -> Value {
    json!({
        "iss": "https://issuer.test/",
        "aud": "https://api.test",
        "sub": "alice",
        "iat": NOW - 300,
        "exp": NOW + 300,
        "scope": "read:hamsters",
    })
}

/// The [`claims`] with some changed; `null` takes one out.
pub(crate) fn claims_with(changes: Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value.clone();
        }
    }
    claims
}

/// A good token.
pub(crate) fn good() -> String {
    sign(&claims())
}

/// A token of the issuer's key.
pub(crate) fn sign(claims: &Value) -> String {
    sign_with(&RSA_1, &json!({ "alg": "RS256", "typ": "JWT" }), claims)
}

/// A token of any key, with any header.
pub(crate) fn sign_with(signer: &Signer, header: &Value, claims: &Value) -> String {
    sign_text(signer, header.to_string(), claims.to_string())
}

/// A token of any key over any bytes.
pub(crate) fn sign_text(
    signer: &Signer,
    header: impl AsRef<[u8]>,
    payload: impl AsRef<[u8]>,
) -> String {
    sign_parts(signer, &encode(header), &encode(payload))
}

/// A token of any key over parts as they are, whether they are base64url or not.
pub(crate) fn sign_parts(signer: &Signer, header: &str, payload: &str) -> String {
    let signed = format!("{header}.{payload}");
    let signature = encode(signer.sign(signed.as_bytes()));
    format!("{signed}.{signature}")
}

/// Base64url without padding.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
