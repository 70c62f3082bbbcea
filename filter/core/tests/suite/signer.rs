//! The keys in `host-tests/keys`, and signatures made with them.

use std::sync::LazyLock;

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use rsa::{
    RsaPrivateKey,
    pkcs1v15::SigningKey,
    pkcs8::DecodePrivateKey as _,
    signature::{SignatureEncoding as _, Signer as _},
    traits::PublicKeyParts as _,
};
use serde_json::{Value, json};
use sha2::Sha256;

/// The issuer's key.
pub(crate) static RSA_1: LazyLock<Signer> =
    LazyLock::new(|| Signer::new("rsa-1", include_str!("../../../../host-tests/keys/rsa-1.pem")));
/// Another key of the issuer.
pub(crate) static RSA_2: LazyLock<Signer> =
    LazyLock::new(|| Signer::new("rsa-2", include_str!("../../../../host-tests/keys/rsa-2.pem")));
/// A key whose public exponent is 3.
pub(crate) static RSA_E3: LazyLock<Signer> =
    LazyLock::new(|| Signer::new("rsa-e3", include_str!("../../../../host-tests/keys/rsa-e3.pem")));
/// A longer key.
pub(crate) static RSA_3072: LazyLock<Signer> = LazyLock::new(|| {
    Signer::new("rsa-3072", include_str!("../../../../host-tests/keys/rsa-3072.pem"))
});
/// The attacker's key, which no policy names.
pub(crate) static MALLORY: LazyLock<Signer> = LazyLock::new(|| {
    Signer::new("mallory", include_str!("../../../../host-tests/keys/mallory.pem"))
});

/// The certificate of `rsa-1`.
pub(crate) const CERTIFICATE: &str = include_str!("../../../../host-tests/keys/rsa-1.crt.pem");

/// An RSA key pair.
pub(crate) struct Signer {
    /// Its `kid`.
    pub(crate) name: &'static str,
    /// The private key, as the file has it.
    #[cfg_attr(
        all(target_arch = "wasm32", target_os = "unknown"),
        allow(dead_code, reason = "for the oracle")
    )]
    pub(crate) pem: &'static str,
    private: RsaPrivateKey,
    signing: SigningKey<Sha256>,
}

impl Signer {
    fn new(name: &'static str, pem: &'static str) -> Self {
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(body).unwrap();
        let private = RsaPrivateKey::from_pkcs8_der(&der).unwrap();
        Self { name, pem, signing: SigningKey::new(private.clone()), private }
    }

    /// RSASSA-PKCS1-v1_5 with SHA-256.
    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        self.signing.sign(message).to_vec()
    }

    /// The public key as a JWK, and nothing in it beside the key.
    pub(crate) fn bare_jwk(&self) -> Value {
        let encode =
            |number: &rsa::BoxedUint| URL_SAFE_NO_PAD.encode(number.to_be_bytes_trimmed_vartime());
        json!({ "kty": "RSA", "n": encode(self.private.n()), "e": encode(self.private.e()) })
    }

    /// The public key as a JWK with its `kid`.
    pub(crate) fn jwk(&self) -> Value {
        let mut jwk = self.bare_jwk();
        jwk["kid"] = json!(self.name);
        jwk
    }
}
