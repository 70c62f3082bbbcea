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
use p256::{
    ecdsa::signature::Signer as _,
    pkcs8::{DecodePrivateKey, EncodePublicKey as _, LineEnding},
};
use proxy_host_model::Random;
use rsa::{
    Pss, RsaPrivateKey, RsaPublicKey,
    pkcs1::EncodeRsaPublicKey as _,
    pkcs8::DecodePrivateKey as _,
    rand_core::{self, CryptoRng, RngCore},
    traits::PublicKeyParts as _,
};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

use crate::{base64url, case::root};

/// A key pair that mints tokens.
#[derive(Clone, Debug)]
pub struct Key {
    name: String,
    pair: Pair,
}

#[derive(Clone, Debug)]
enum Pair {
    Rsa { private: Box<RsaPrivateKey>, public: Box<RsaPublicKey> },
    P256(Box<p256::ecdsa::SigningKey>),
    P384(Box<p384::ecdsa::SigningKey>),
    P521(Box<p521::ecdsa::SigningKey>),
    Ed25519(Box<ed25519_dalek::SigningKey>),
}

impl Key {
    /// Reads `host-tests/keys/NAME.pem`; each file is read once per process.
    ///
    /// # Errors
    ///
    /// No such file, or no key in it.
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
    /// The text holds no such block, or a key of a kind that signs no token.
    pub fn from_pem(name: &str, pem: &str) -> Result<Self, String> {
        let pair = RsaPrivateKey::from_pkcs8_pem(pem)
            .map(|private| Pair::Rsa {
                public: Box::new(private.to_public_key()),
                private: Box::new(private),
            })
            .ok()
            .or_else(|| Some(Pair::P256(Box::new(DecodePrivateKey::from_pkcs8_pem(pem).ok()?))))
            .or_else(|| Some(Pair::P384(Box::new(DecodePrivateKey::from_pkcs8_pem(pem).ok()?))))
            .or_else(|| Some(Pair::P521(Box::new(DecodePrivateKey::from_pkcs8_pem(pem).ok()?))))
            .or_else(|| Some(Pair::Ed25519(Box::new(DecodePrivateKey::from_pkcs8_pem(pem).ok()?))))
            .ok_or_else(|| {
                format!(
                    "key {name}: expected a PRIVATE KEY block with an RSA, P-256, P-384, P-521 or \
                     Ed25519 key"
                )
            })?;
        Ok(Self { name: name.to_owned(), pair })
    }

    /// The `kid` that the key goes by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The public key as a PEM `PUBLIC KEY` block, with a newline at the end.
    pub fn public_pem(&self) -> String {
        let pem = match &self.pair {
            Pair::Rsa { public, .. } => {
                return rsa::pkcs8::EncodePublicKey::to_public_key_pem(
                    public.as_ref(),
                    rsa::pkcs8::LineEnding::LF,
                )
                .expect(WRITABLE);
            }
            Pair::P256(key) => key.verifying_key().to_public_key_pem(LineEnding::LF),
            Pair::P384(key) => key.verifying_key().to_public_key_pem(LineEnding::LF),
            Pair::P521(key) => key.verifying_key().to_public_key_pem(LineEnding::LF),
            Pair::Ed25519(key) => key.verifying_key().to_public_key_pem(LineEnding::LF),
        };
        pem.expect(WRITABLE)
    }

    /// The public key as DER (SubjectPublicKeyInfo).
    pub fn public_der(&self) -> Vec<u8> {
        let document = match &self.pair {
            Pair::Rsa { public, .. } => {
                return rsa::pkcs8::EncodePublicKey::to_public_key_der(public.as_ref())
                    .expect(WRITABLE)
                    .into_vec();
            }
            Pair::P256(key) => key.verifying_key().to_public_key_der(),
            Pair::P384(key) => key.verifying_key().to_public_key_der(),
            Pair::P521(key) => key.verifying_key().to_public_key_der(),
            Pair::Ed25519(key) => key.verifying_key().to_public_key_der(),
        };
        document.expect(WRITABLE).into_vec()
    }

    /// The public key as a PEM `RSA PUBLIC KEY` block (PKCS #1).
    ///
    /// # Errors
    ///
    /// The key is not an RSA key.
    pub fn pkcs1_pem(&self) -> Result<String, String> {
        let (_, public) = self.rsa()?;
        Ok(public.to_pkcs1_pem(rsa::pkcs8::LineEnding::LF).expect(WRITABLE))
    }

    /// The public key as a JWK with `kid`, `alg` and `use` (RFC 7517).
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Rsa { public, .. } => json!({
                "kty": "RSA",
                "alg": "RS256",
                "n": base64url::encode(public.n().to_bytes_be()),
                "e": base64url::encode(public.e().to_bytes_be()),
            }),
            Pair::P256(key) => ec_jwk("ES256", "P-256", &key.verifying_key().to_sec1_bytes()),
            Pair::P384(key) => ec_jwk("ES384", "P-384", &key.verifying_key().to_sec1_bytes()),
            Pair::P521(key) => ec_jwk("ES512", "P-521", &key.verifying_key().to_sec1_bytes()),
            Pair::Ed25519(key) => json!({
                "kty": "OKP",
                "alg": "EdDSA",
                "crv": "Ed25519",
                "x": base64url::encode(key.verifying_key().to_bytes()),
            }),
        };
        jwk["kid"] = json!(self.name);
        jwk["use"] = json!("sig");
        jwk
    }

    /// Signs with RSASSA-PSS, with the same salt in every run: what a scenario costs, and every
    /// byte of its record, must not depend on chance.
    fn sign_pss(&self, padding: Pss, digest: &[u8]) -> Result<Vec<u8>, String> {
        let (private, _) = self.rsa()?;
        private
            .sign_with_rng(&mut Seeded(Random::default()), padding, digest)
            .map_err(|e| format!("key {} cannot sign with PSS: {e}", self.name))
    }

    /// Signs with one of the RSASSA-PKCS1-v1_5 algorithms.
    pub(crate) fn sign(&self, algorithm: Rsa, message: &[u8]) -> Result<Vec<u8>, String> {
        let (private, _) = self.rsa()?;
        Ok(algorithm.sign(private, message).as_bytes().into_owned())
    }

    /// Signs with the one algorithm of an elliptic curve; without chance (RFC 6979, RFC 8032).
    fn sign_on_curve(
        &self,
        algorithm: SigningAlgorithm,
        message: &[u8],
    ) -> Result<Vec<u8>, String> {
        use SigningAlgorithm as A;
        Ok(match (&self.pair, algorithm) {
            (Pair::P256(key), A::ES256) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
            (Pair::P384(key), A::ES384) => {
                let signature: p384::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
            (Pair::P521(key), A::ES512) => {
                let signature: p521::ecdsa::Signature = key.sign(message);
                signature.to_bytes().to_vec()
            }
            (Pair::Ed25519(key), A::EdDSA | A::Ed25519) => key.sign(message).to_bytes().to_vec(),
            _ => return Err(format!("key {} does not go with {}", self.name, algorithm.name())),
        })
    }

    fn rsa(&self) -> Result<(&RsaPrivateKey, &RsaPublicKey), String> {
        match &self.pair {
            Pair::Rsa { private, public } => Ok((private, public)),
            _ => Err(format!("found the key {}, expected an RSA key", self.name)),
        }
    }
}

const WRITABLE: &str = "a key that was read can be written";

/// `point` is uncompressed: a byte 4 and both coordinates.
fn ec_jwk(algorithm: &str, curve: &str, point: &[u8]) -> Value {
    let (x, y) = point[1..].split_at(point.len() / 2);
    json!({
        "kty": "EC",
        "alg": algorithm,
        "crv": curve,
        "x": base64url::encode(x),
        "y": base64url::encode(y),
    })
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
    /// ECDSA on P-256.
    ES256,
    /// ECDSA on P-384.
    ES384,
    /// ECDSA on P-521.
    ES512,
    /// Ed25519 by the name of RFC 8037.
    EdDSA,
    /// Ed25519 by the name of RFC 9864.
    Ed25519,
    /// RSASSA-PSS with SHA-256.
    PS256,
    /// RSASSA-PSS with SHA-384.
    PS384,
    /// RSASSA-PSS with SHA-512.
    PS512,
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
    pub fn name(self) -> &'static str {
        match self {
            Self::HS256 => "HS256",
            Self::HS384 => "HS384",
            Self::HS512 => "HS512",
            Self::None => "none",
            Self::ES256 => "ES256",
            Self::ES384 => "ES384",
            Self::ES512 => "ES512",
            Self::EdDSA => "EdDSA",
            Self::Ed25519 => "Ed25519",
            Self::PS256 => "PS256",
            Self::PS384 => "PS384",
            Self::PS512 => "PS512",
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
        let rsa = |algorithm| Key::load(key)?.sign(algorithm, message);
        match self {
            Self::HS256 => Ok(hmac(&Hs256, &Hs256Key::new(secret()?), message)),
            Self::HS384 => Ok(hmac(&Hs384, &Hs384Key::new(secret()?), message)),
            Self::HS512 => Ok(hmac(&Hs512, &Hs512Key::new(secret()?), message)),
            Self::None => Ok(Vec::new()),
            Self::ES256 | Self::ES384 | Self::ES512 | Self::EdDSA | Self::Ed25519 => {
                Key::load(key)?.sign_on_curve(self, message)
            }
            Self::PS256 => Key::load(key)?.sign_pss(Pss::new::<Sha256>(), &Sha256::digest(message)),
            Self::PS384 => Key::load(key)?.sign_pss(Pss::new::<Sha384>(), &Sha384::digest(message)),
            Self::PS512 => Key::load(key)?.sign_pss(Pss::new::<Sha512>(), &Sha512::digest(message)),
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
        "pkcs1" => Some(Key::load(name).and_then(|key| key.pkcs1_pem()).map(String::into_bytes)),
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
