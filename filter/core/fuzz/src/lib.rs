//! What the fuzz targets share: a policy for the one real token there is, and requests.

use jwt_gate_core::{
    Compiled, Decision, Document, HeaderOp, Patch, Request, UnixTime, compile, decide,
    decide_cached,
};

/// The access token of an Auth0 tenant, expired since 2018.
pub const TOKEN: &str = include_str!("../../../../host-tests/vectors/auth0-access-token.jwt");
/// A second in which it was good.
pub const THEN: i64 = 1_541_592_000;
const CERTIFICATE: &str = include_str!("../../../../host-tests/vectors/auth0-certificate.pem");

/// Header names and values, in order.
pub type Headers = Vec<(Vec<u8>, Vec<u8>)>;

/// The token's text, without the line break of its file.
pub fn token() -> &'static str {
    TOKEN.trim_ascii_end()
}

/// Compiles a policy that takes the tenant's tokens, with further sections.
///
/// # Panics
///
/// If it is not a policy.
pub fn gate(sections: &str) -> Compiled {
    let certificate = serde_json::Value::from(CERTIFICATE);
    let document = format!(
        r#"{{
            "issuers": [{{
                "name": "auth0",
                "issuer": "https://nickram44.auth0.com/",
                "audiences": ["https://api.mywebsite.com"],
                "algorithms": ["RS256"],
                "keys": {{ "pem": {certificate} }}
            }}],
            {sections}
        }}"#
    );
    compile(&Document::parse(document.as_bytes()).expect("a document")).expect("a policy")
}

/// Decides one request and hands the decision on, since it borrows from the request.
///
/// It is the same the first and the second time that the token comes by.
///
/// # Panics
///
/// If a cache of known tokens makes a difference.
pub fn judge<R>(
    gate: &Compiled,
    headers: &Headers,
    now: i64,
    then: impl FnOnce(&Decision<'_>) -> R,
) -> R {
    let view: Vec<(&[u8], &[u8])> =
        headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
    let request = Request::new(&view, None);
    let now = UnixTime::from_secs(now);
    let decision = decide(&gate.policy, &gate.keys, &request, now);
    let mut cache = gate.policy.token_cache();
    let plain = format!("{decision:?}");
    for time in ["first", "second"] {
        let cached = decide_cached(&gate.policy, &gate.keys, &mut cache, &request, now);
        assert_eq!(format!("{cached:?}"), plain, "the {time} time");
    }
    then(&decision)
}

/// What goes on to the upstream.
pub fn apply(patch: &Patch<'_>, headers: &Headers) -> Headers {
    let mut headers = headers.clone();
    for op in &patch.headers {
        match op {
            HeaderOp::Remove(name) => headers.retain(|(known, _)| *known != **name),
            HeaderOp::Set(name, value) => {
                headers.retain(|(known, _)| *known != **name);
                headers.push((name.to_vec(), value.to_vec()));
            }
        }
    }
    headers
}
