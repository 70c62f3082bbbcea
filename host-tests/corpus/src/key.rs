//! The keys in `host-tests/keys`: what scenarios sign with and what policies trust.

use std::{
    collections::BTreeMap,
    fs,
    sync::{Arc, LazyLock, Mutex, PoisonError},
};

use jwt_compact::{
    Algorithm, AlgorithmSignature as _,
    alg::{Hs256, Hs256Key, Hs384, Hs384Key, Hs512, Hs512Key, Rsa},
};
use proxy_host_model::Random;
use rsa::{
    Pss, RsaPrivateKey, RsaPublicKey,
    pkcs1::EncodeRsaPublicKey as _,
    pkcs8::{DecodePrivateKey as _, EncodePublicKey as _, LineEnding},
    rand_core::{self, CryptoRng, RngCore},
    traits::PublicKeyParts as _,
};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::{base64url, case::root};

/// An RSA key pair that mints tokens.
#[derive(Clone, Debug)]
pub struct Key {
    name: String,
    private: RsaPrivateKey,
    public: RsaPublicKey,
}

impl Key {
    /// Reads `host-tests/keys/NAME.pem`; each file is read once per process.
    ///
    /// # Errors
    ///
    /// No such file, or no RSA key in it.
    pub fn load(name: &str) -> Result<Arc<Self>, String> {
        static LOADED: LazyLock<Mutex<BTreeMap<String, Arc<Key>>>> = LazyLock::new(Mutex::default);
        let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = loaded.get(name) {
            return Ok(Arc::clone(key));
        }
        let key = Arc::new(Self::from_pem(name, &key_file(name)?)?);
        loaded.insert(name.to_owned(), Arc::clone(&key));
        Ok(key)
    }

    /// A key from the text of a PKCS #8 `PRIVATE KEY` block; `name` becomes its `kid`.
    ///
    /// # Errors
    ///
    /// The text holds no such block, or not an RSA key.
    pub fn from_pem(name: &str, pem: &str) -> Result<Self, String> {
        let private = RsaPrivateKey::from_pkcs8_pem(pem)
            .map_err(|e| format!("key {name}: expected an RSA key in a PRIVATE KEY block: {e}"))?;
        Ok(Self { name: name.to_owned(), public: private.to_public_key(), private })
    }

    /// The `kid` that the key goes by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public key as a PEM `PUBLIC KEY` block, with a newline at the end.
    pub fn public_pem(&self) -> String {
        self.public
            .to_public_key_pem(LineEnding::LF)
            .expect("an RSA key that was read can be written")
    }

    /// The public key as DER (SubjectPublicKeyInfo).
    pub fn public_der(&self) -> Vec<u8> {
        self.public.to_public_key_der().expect("an RSA key that was read can be written").into_vec()
    }

    /// The public key as a PEM `RSA PUBLIC KEY` block (PKCS #1).
    pub fn pkcs1_pem(&self) -> String {
        self.public.to_pkcs1_pem(LineEnding::LF).expect("an RSA key that was read can be written")
    }

    /// The public key as a JWK with `kid`, `alg` and `use` (RFC 7517).
    pub fn jwk(&self) -> Value {
        json!({
            "kty": "RSA",
            "kid": self.name,
            "alg": "RS256",
            "use": "sig",
            "n": base64url::encode(self.public.n().to_bytes_be()),
            "e": base64url::encode(self.public.e().to_bytes_be()),
        })
    }

    /// Signs with RSASSA-PSS and SHA-256, with the same salt in every run: what a scenario costs,
    /// and every byte of its record, must not depend on chance.
    fn sign_ps256(&self, message: &[u8]) -> Result<Vec<u8>, String> {
        let digest = Sha256::digest(message);
        self.private
            .sign_with_rng(&mut Seeded(Random::default()), Pss::new::<Sha256>(), &digest)
            .map_err(|e| format!("key {} cannot sign with PS256: {e}", self.name))
    }

    /// Signs with one of the RSA algorithms.
    pub(crate) fn sign(&self, algorithm: Rsa, message: &[u8]) -> Vec<u8> {
        let signature = algorithm.sign(&self.private, message);
        signature.as_bytes().into_owned()
    }
}

/// How a token is signed; `none` leaves the signature empty.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
pub enum SigningAlgorithm {
    /// HMAC with SHA-256.
    HS256,
    /// HMAC with SHA-384.
    HS384,
    /// HMAC with SHA-512.
    HS512,
    /// No signature.
    #[serde(rename = "none")]
    None,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    #[default]
    RS256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    RS384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    RS512,
}

impl SigningAlgorithm {
    /// The name in the `alg` header.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
            Self::None => "none",
            Self::PS256 => "PS256",
            Self::RS256 => "RS256",
            Self::RS384 => "RS384",
            Self::RS512 => "RS512",
        }
    }

    /// Signs `message` with the key, or with the secret where the algorithm is an HMAC.
    pub(crate) fn sign(
        self,
        key: &str,
        secret: Option<&[u8]>,
        message: &[u8],
    ) -> Result<Vec<u8>, String> {
        let secret = || secret.ok_or_else(|| format!("{} needs a `secret`", self.name()));
        let rsa = |algorithm| Ok(Key::load(key)?.sign(algorithm, message));
        match self {
            Self::HS256 => Ok(hmac(&Hs256, &Hs256Key::new(secret()?), message)),
            Self::HS384 => Ok(hmac(&Hs384, &Hs384Key::new(secret()?), message)),
            Self::HS512 => Ok(hmac(&Hs512, &Hs512Key::new(secret()?), message)),
            Self::None => Ok(Vec::new()),
            Self::PS256 => Key::load(key)?.sign_ps256(message),
            Self::RS256 => rsa(Rsa::rs256()),
            Self::RS384 => rsa(Rsa::rs384()),
            Self::RS512 => rsa(Rsa::rs512()),
        }
    }
}

/// Random bytes that are the same in every run, where a signature asks for some.
struct Seeded(Random);

impl RngCore for Seeded {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        self.0.fill(bytes);
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

// Nothing here is secret: the keys are in the repository.
impl CryptoRng for Seeded {}

/// What the placeholders `${pem:NAME}`, `${der:NAME}`, `${pkcs1:NAME}`, `${jwk:NAME}`,
/// `${file:NAME}` (a file of `host-tests/keys`) and `${vector:NAME}` (a file of
/// `host-tests/vectors`) stand for; `None` for any other name.
pub(crate) fn placeholder(name: &str) -> Option<Result<Vec<u8>, String>> {
    let (kind, name) = name.split_once(':')?;
    let key = |text: fn(&Key) -> Vec<u8>| Key::load(name).map(|key| text(&key));
    match kind {
        "pem" => Some(key(|k| k.public_pem().into_bytes())),
        "der" => Some(key(Key::public_der)),
        "pkcs1" => Some(key(|k| k.pkcs1_pem().into_bytes())),
        "jwk" => Some(key(|k| k.jwk().to_string().into_bytes())),
        "file" => Some(key_file(name).map(String::into_bytes)),
        "vector" => Some(read("vectors", name).map(String::into_bytes)),
        _ => None,
    }
}

fn hmac<A: Algorithm>(algorithm: &A, key: &A::SigningKey, message: &[u8]) -> Vec<u8> {
    use jwt_compact::AlgorithmSignature as _;
    algorithm.sign(key, message).as_bytes().into_owned()
}

fn key_file(name: &str) -> Result<String, String> {
    read("keys", &format!("{name}.pem"))
}

/// Reads a text file of a folder beside the scenarios.
pub(crate) fn read(folder: &str, name: &str) -> Result<String, String> {
    let path = root().join(folder).join(name);
    fs::read_to_string(&path).map_err(|e| format!("host-tests/{folder}/{name}: {e}"))
}
