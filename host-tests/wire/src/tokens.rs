//! An issuer for the tests that make their own policies, and its tokens.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow};
use scenario_corpus::Key;
use serde_json::{Map, Value, json};

/// The issuer in [`policy`].
pub const ISSUER: &str = "https://issuer.test/";
/// The audience in [`policy`].
pub const AUDIENCE: &str = "https://api.test";

/// The key that signs; its private half is in the repository, for everyone to see.
///
/// # Errors
///
/// The key file cannot be read.
pub fn key() -> Result<std::sync::Arc<Key>> {
    Key::load("rsa-1").map_err(|error| anyhow!(error))
}

/// Seconds since the Unix epoch.
///
/// # Errors
///
/// The clock stands before the epoch.
pub fn now() -> Result<i64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock")?;
    Ok(i64::try_from(now.as_secs())?)
}

/// A token for alice that is valid for five minutes, with `claims` laid over its own; a claim that
/// is null is left out.
///
/// # Errors
///
/// The key cannot be read, or `claims` is no object.
pub fn token(claims: Value) -> Result<String> {
    let now = now()?;
    let whole = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "alice", "iat": now, "exp": now + 300,
    });
    let mut whole = object(whole)?;
    whole.extend(object(claims)?);
    whole.retain(|_, value| !value.is_null());
    Ok(scenario_corpus::mint(&*key()?, &Map::new(), &whole))
}

/// A policy with one issuer and one rule that wants a token everywhere; the members of `changes`
/// replace those of the document.
///
/// # Errors
///
/// The key cannot be read, or `changes` is no object.
pub fn policy(changes: Value) -> Result<Value> {
    let mut whole = object(json!({
        "issuers": [{
            "name": "test",
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "algorithms": ["RS256"],
            "keys": { "pem": key()?.public_pem() },
        }],
        "rules": [{ "name": "all", "match": { "prefix": "/" }, "access": "token" }],
    }))?;
    whole.extend(object(changes)?);
    Ok(Value::Object(whole))
}

fn object(value: Value) -> Result<Map<String, Value>> {
    match value {
        Value::Object(object) => Ok(object),
        other => Err(anyhow!("expected an object, found {other}")),
    }
}
