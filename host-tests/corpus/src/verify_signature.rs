//! Envoy's foreign function `verify_signature`, for proxies that are only a model of one.
//!
//! Its arithmetic is that of `rsa` 0.9 and of the curves' crates, and it reads DER with their
//! readers, so that what the gate writes is not judged by who wrote it.

use p256::{ecdsa::signature::hazmat::PrehashVerifier, pkcs8::DecodePublicKey as _};
use prost::Message;
use proxy_host_model::{Foreign, Status};
use rsa::{Pkcs1v15Sign, RsaPublicKey};
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// The name of the function.
pub const VERIFY_SIGNATURE: &[u8] = b"verify_signature";

/// The function as Envoy 1.40 has it.
///
/// It knows RSA with PKCS #1 v1.5, of any size, and ECDSA on P-256, P-384 and P-521 with signatures in
/// DER. Arguments or a key that cannot be read are a BAD_ARGUMENT; whatever else is wrong, the kind of
/// key included, is a "no" with a sentence.
pub fn verify_signature() -> Foreign {
    Foreign::new(|arguments| {
        let arguments = Arguments::decode(arguments).map_err(|_| Status::BAD_ARGUMENT)?;
        let key = PublicKey::from_der(&arguments.public_key).ok_or(Status::BAD_ARGUMENT)?;
        let error = match digest(&arguments) {
            None => format!("{} is not supported.", arguments.hash_function),
            Some(digest) if key.verifies(&digest, &arguments.signature) => String::new(),
            Some(_) => "Failed to verify digital signature. Error code: 0".to_owned(),
        };
        Ok(Answer { result: error.is_empty(), error }.encode_to_vec())
    })
}

/// `VerifySignatureArguments`
#[derive(Clone, Message, PartialEq)]
struct Arguments {
    #[prost(string, tag = "1")]
    hash_function: String,
    #[prost(bytes = "vec", tag = "2")]
    public_key: Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    signature: Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    text: Vec<u8>,
}

/// `VerifySignatureResult`
#[derive(Clone, Message, PartialEq)]
struct Answer {
    #[prost(bool, tag = "1")]
    result: bool,
    #[prost(string, tag = "2")]
    error: String,
}

/// The message's digest and how RSA pads one of its kind.
struct Digest {
    bytes: Vec<u8>,
    padding: Pkcs1v15Sign,
}

fn digest(arguments: &Arguments) -> Option<Digest> {
    let text = &arguments.text;
    Some(match arguments.hash_function.as_str() {
        "sha256" => {
            Digest { bytes: Sha256::digest(text).to_vec(), padding: Pkcs1v15Sign::new::<Sha256>() }
        }
        "sha384" => {
            Digest { bytes: Sha384::digest(text).to_vec(), padding: Pkcs1v15Sign::new::<Sha384>() }
        }
        "sha512" => {
            Digest { bytes: Sha512::digest(text).to_vec(), padding: Pkcs1v15Sign::new::<Sha512>() }
        }
        _ => return None,
    })
}

enum PublicKey {
    Rsa(RsaPublicKey),
    P256(p256::ecdsa::VerifyingKey),
    P384(p384::ecdsa::VerifyingKey),
    P521(p521::ecdsa::VerifyingKey),
}

impl PublicKey {
    fn from_der(der: &[u8]) -> Option<Self> {
        let rsa = <RsaPublicKey as rsa::pkcs8::DecodePublicKey>::from_public_key_der(der);
        let rsa = rsa.map(Self::Rsa).ok();
        rsa.or_else(|| p256::ecdsa::VerifyingKey::from_public_key_der(der).map(Self::P256).ok())
            .or_else(|| p384::ecdsa::VerifyingKey::from_public_key_der(der).map(Self::P384).ok())
            .or_else(|| p521::ecdsa::VerifyingKey::from_public_key_der(der).map(Self::P521).ok())
    }

    fn verifies(&self, digest: &Digest, signature: &[u8]) -> bool {
        let Digest { bytes, padding } = digest;
        match self {
            Self::Rsa(key) => key.verify(padding.clone(), bytes, signature).is_ok(),
            Self::P256(key) => p256::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| key.verify_prehash(bytes, &signature).is_ok()),
            Self::P384(key) => p384::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| key.verify_prehash(bytes, &signature).is_ok()),
            Self::P521(key) => p521::ecdsa::Signature::from_der(signature)
                .is_ok_and(|signature| key.verify_prehash(bytes, &signature).is_ok()),
        }
    }
}
