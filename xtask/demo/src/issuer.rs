//! The demonstration's own issuer: a key made at the start, and tokens that it signs.

use std::{
    thread,
    time::{SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, anyhow};
use rsa::{
    RsaPrivateKey,
    pkcs8::{EncodePrivateKey, LineEnding},
    rand_core::OsRng,
};
use scenario_corpus::Key;
use serde_json::{Map, Value, json};

/// Who signs.
const ISSUER: &str = "https://issuer.demo.test/";
/// For whom: the audience of the example.
const AUDIENCE: &str = "https://api.mywebsite.com";
/// How long a good token lasts, in seconds.
const LIFE: u64 = 3600;

/// The tokens of the demonstration, good and bad, all minted now.
pub(crate) struct Tokens {
    key: Key,
    /// May read.
    pub(crate) reader: String,
    /// May read and write.
    pub(crate) writer: String,
    /// Expired an hour ago.
    pub(crate) expired: String,
    /// Valid in an hour.
    pub(crate) early: String,
    /// For another API.
    pub(crate) elsewhere: String,
    /// Of an issuer that the policy does not know, signed by ours.
    pub(crate) stranger: String,
    /// Says that our key signed it, signed by another.
    pub(crate) forged: String,
    /// The reader's token with the writer's scope written in.
    pub(crate) tampered: String,
    /// The writer's claims with `alg` `none` and no signature.
    pub(crate) unsigned: String,
}

impl Tokens {
    /// Makes the keys and mints.
    ///
    /// # Errors
    ///
    /// The machine has no randomness, or its clock is before 1970.
    pub(crate) fn make() -> Result<Self> {
        // Finding primes takes seconds in an unoptimised build.
        let other = thread::spawn(new_key);
        let key = new_key()?;
        let other = other.join().map_err(|_| anyhow!("making a key failed"))??;

        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let claims = |scope: &str| -> Map<String, Value> {
            [
                ("iss", json!(ISSUER)),
                ("aud", json!(AUDIENCE)),
                ("sub", json!("alice")),
                ("iat", json!(now)),
                ("exp", json!(now + LIFE)),
                ("scope", json!(scope)),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .into_iter()
            .collect()
        };
        let writing = claims("read:hamsters write:hamsters");
        let mint = |key: &Key, changes: Value| -> String {
            let mut claims = writing.clone();
            claims.extend(changes.as_object().cloned().unwrap_or_default());
            scenario_corpus::mint(key, &Map::new(), &claims)
        };
        let reader = scenario_corpus::mint(&key, &Map::new(), &claims("read:hamsters"));
        let writer = mint(&key, json!({}));
        let unsigned = scenario_corpus::mint(&key, &of(json!({ "alg": "none" })), &writing);
        Ok(Self {
            expired: mint(&key, json!({ "iat": now - 2 * LIFE, "exp": now - LIFE })),
            early: mint(&key, json!({ "nbf": now + LIFE, "exp": now + 2 * LIFE })),
            elsewhere: mint(&key, json!({ "aud": "https://other.example/" })),
            stranger: mint(&key, json!({ "iss": "https://stranger.example/" })),
            forged: mint(&other, json!({})),
            tampered: [part(&reader, 0)?, part(&writer, 1)?, part(&reader, 2)?].join("."),
            unsigned: format!("{}.{}.", part(&unsigned, 0)?, part(&unsigned, 1)?),
            reader,
            writer,
            key,
        })
    }

    /// The issuer as an entry of the policy's `issuers`, indented by `width`.
    pub(crate) fn issuer_yaml(&self, width: usize) -> String {
        let indent = " ".repeat(width);
        format!(
            "{indent}- name: demo\n\
             {indent}  issuer: {ISSUER}\n\
             {indent}  audiences: [{AUDIENCE}]\n\
             {indent}  algorithms: [RS256]\n\
             {indent}  keys: {{ jwks: {{ keys: [{}] }} }}\n",
            // JSON is YAML, too.
            self.key.jwk()
        )
    }
}

/// A fresh key pair. All have the same name, so that a forged token names the true key.
fn new_key() -> Result<Key> {
    let key = RsaPrivateKey::new(&mut OsRng, 2048)
        .map_err(|error| anyhow!("cannot make an RSA key: {error}"))?;
    let pem = key
        .to_pkcs8_pem(LineEnding::LF)
        .map_err(|error| anyhow!("cannot write an RSA key: {error}"))?;
    Key::from_pem("demo-key", &pem).map_err(|error| anyhow!(error))
}

fn of(object: Value) -> Map<String, Value> {
    object.as_object().cloned().unwrap_or_default()
}

/// One of the three parts of a token.
fn part(token: &str, index: usize) -> Result<&str> {
    token.split('.').nth(index).context("found a token without three parts")
}
