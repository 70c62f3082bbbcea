//! The tokens that are sent: minted once, and kept under `target/bench` for the next run.

use std::{fs, num::NonZero, path::PathBuf, thread};

use anyhow::{Context, Result, anyhow};
use scenario_corpus::{Key, SigningAlgorithm};
use serde_json::{Map, Value, json};

/// Who signs.
pub(crate) const ISSUER: &str = "https://issuer.test/";
/// For whom.
pub(crate) const AUDIENCE: &str = "https://api.test";
/// What every set-up demands.
pub(crate) const SCOPE: &str = "read:hamsters";

/// An algorithm and the key that signs with it, a file of `host-tests/keys`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Signer {
    pub(crate) algorithm: SigningAlgorithm,
    pub(crate) key: &'static str,
}

/// One for each algorithm that is measured. No key serves two, since a JWK names one.
pub(crate) const SIGNERS: [Signer; 4] = [
    Signer { algorithm: SigningAlgorithm::RS256, key: "rsa-1" },
    Signer { algorithm: SigningAlgorithm::PS256, key: "rsa-2" },
    Signer { algorithm: SigningAlgorithm::ES256, key: "ec-1" },
    Signer { algorithm: SigningAlgorithm::EdDSA, key: "ed-1" },
];

impl Signer {
    /// The name of the algorithm.
    pub(crate) fn name(self) -> &'static str {
        self.algorithm.name()
    }

    /// The public key as a JWK for this algorithm.
    ///
    /// # Errors
    ///
    /// The key cannot be read.
    pub(crate) fn jwk(self) -> Result<Value> {
        let mut jwk = self.load()?.jwk();
        jwk["alg"] = json!(self.name());
        Ok(jwk)
    }

    /// The public key as a PEM block.
    ///
    /// # Errors
    ///
    /// The key cannot be read.
    pub(crate) fn pem(self) -> Result<String> {
        Ok(self.load()?.public_pem())
    }

    /// A token of a subject, good until the year 2100, with `changes` laid over its claims.
    ///
    /// # Errors
    ///
    /// The key cannot be read.
    pub(crate) fn mint(self, subject: &str, changes: &Value) -> Result<String> {
        let mut claims = object(claims(subject));
        claims.extend(object(changes.clone()));
        scenario_corpus::mint_as(self.algorithm, self.key, &Map::new(), &claims)
            .map_err(|error| anyhow!(error))
    }

    fn load(self) -> Result<std::sync::Arc<Key>> {
        Key::load(self.key).map_err(|error| anyhow!(error))
    }
}

/// Much as Auth0 makes them.
fn claims(subject: &str) -> Value {
    json!({
        "iss": ISSUER, "aud": [AUDIENCE, "https://issuer.test/userinfo"], "sub": subject,
        "azp": "4Jz2n2OhL92DRYh2ngcW1YlJfzxqERV7", "iat": 1_700_000_000, "exp": 4_102_444_800_i64,
        "scope": format!("openid profile {SCOPE}"),
    })
}

/// Good tokens of one algorithm, all different; as many as were asked for.
pub(crate) struct Pool {
    signer: Signer,
    name: &'static str,
    file: PathBuf,
    /// Tells tokens of these claims and this key from those of an earlier state of both.
    title: String,
    tokens: Vec<String>,
}

impl Pool {
    /// What an earlier run has minted. Pools of different names have no token in common.
    ///
    /// # Errors
    ///
    /// The key cannot be read.
    pub(crate) fn open(signer: Signer, name: &'static str) -> Result<Self> {
        let folder = envoy_e2e::checkout().join("target/bench");
        let file = folder.join(format!("{name}-{}.tokens", signer.name()));
        let title = format!("{} {}", claims("SUBJECT"), signer.jwk()?);
        let text = fs::read_to_string(&file).unwrap_or_default();
        let mut lines = text.lines().map(str::to_owned);
        let is_ours = lines.next().is_some_and(|line| line == title);
        let tokens = if is_ours { lines.collect() } else { Vec::new() };
        Ok(Self { signer, name, file, title, tokens })
    }

    /// Mints until there are so many tokens, on all processors, and keeps them.
    ///
    /// # Errors
    ///
    /// The key cannot be read, or the file system refused.
    pub(crate) fn grow(&mut self, count: usize) -> Result<()> {
        let have = self.tokens.len();
        if have >= count {
            return Ok(());
        }
        let threads = thread::available_parallelism().map_or(1, NonZero::get);
        let (signer, name) = (self.signer, self.name);
        let share = (count - have).div_ceil(threads);
        let shares: Vec<Vec<String>> = thread::scope(|scope| {
            let workers: Vec<_> = (have..count)
                .step_by(share)
                .map(|first| {
                    scope.spawn(move || {
                        (first..count.min(first + share))
                            .map(|place| signer.mint(&subject(name, place), &json!({})))
                            .collect::<Result<Vec<String>>>()
                    })
                })
                .collect();
            workers
                .into_iter()
                .map(|worker| worker.join().map_err(|_| anyhow!("minting panicked"))?)
                .collect::<Result<_>>()
        })?;
        self.tokens.extend(shares.into_iter().flatten());
        self.save()
    }

    /// The first so many tokens.
    ///
    /// # Errors
    ///
    /// As of [`Pool::grow`].
    pub(crate) fn first(mut self, count: usize) -> Result<Vec<String>> {
        self.grow(count)?;
        self.tokens.truncate(count);
        Ok(self.tokens)
    }

    /// Who signs.
    pub(crate) fn signer(&self) -> Signer {
        self.signer
    }

    /// The subject of the token at a place.
    pub(crate) fn subject(&self, place: usize) -> String {
        subject(self.name, place)
    }

    /// The token at a place.
    ///
    /// # Errors
    ///
    /// There are not that many.
    pub(crate) fn get(&self, place: usize) -> Result<&str> {
        let token = self.tokens.get(place).map(String::as_str);
        token.with_context(|| format!("found {} tokens, expected {place}", self.tokens.len()))
    }

    /// The claims of the token at a place with the signature of the next: a signature of the right
    /// form, so that nothing but its verification tells that it is forged.
    ///
    /// # Errors
    ///
    /// There are not that many.
    pub(crate) fn forged(&self, place: usize) -> Result<String> {
        let part = |token: &str| -> Option<(String, String)> {
            token.rsplit_once('.').map(|(signed, signature)| (signed.into(), signature.into()))
        };
        let parts = part(self.get(place)?).zip(part(self.get(place + 1)?));
        let ((signed, _), (_, signature)) = parts.context("found a token without parts")?;
        Ok(format!("{signed}.{signature}"))
    }

    fn save(&self) -> Result<()> {
        if let Some(folder) = self.file.parent() {
            fs::create_dir_all(folder)
                .with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let text = format!("{}\n{}\n", self.title, self.tokens.join("\n"));
        // In one step: another run reads the old or the new file whole.
        let fresh = self.file.with_extension(format!("{}.new", std::process::id()));
        fs::write(&fresh, text).with_context(|| format!("cannot write {}", fresh.display()))?;
        fs::rename(&fresh, &self.file)
            .with_context(|| format!("cannot write {}", self.file.display()))
    }
}

fn subject(pool: &str, place: usize) -> String {
    format!("auth0|{pool}{place:020x}")
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_pool_holds_different_tokens_and_finds_them_again() {
        for signer in SIGNERS {
            let mut pool = Pool::open(signer, "test").unwrap();
            pool.grow(6).unwrap();
            let tokens: BTreeSet<&String> = pool.tokens.iter().collect();
            assert_eq!(tokens.len(), pool.tokens.len(), "{}", signer.name());
            let again = Pool::open(signer, "test").unwrap();
            assert!(again.tokens.len() >= 6);
            assert_eq!(again.get(5).unwrap(), pool.get(5).unwrap());
        }
    }

    #[test]
    fn a_forged_token_keeps_its_claims() {
        let mut pool = Pool::open(SIGNERS[3], "test").unwrap();
        pool.grow(2).unwrap();
        let forged = pool.forged(0).unwrap();
        let (signed, _) = pool.get(0).unwrap().rsplit_once('.').unwrap();
        assert!(forged.starts_with(signed) && forged != pool.get(0).unwrap());
    }
}
