//! Keys as operators paste them: `PUBLIC KEY`, `RSA PUBLIC KEY` and `CERTIFICATE` blocks.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use der::{Decode as _, Encode as _, asn1::ObjectIdentifier};
use pkcs1::RsaPublicKeyRef;
use spki::SubjectPublicKeyInfoRef;
use x509_cert::Certificate;

use crate::{
    key::{Key, Material},
    oid::{CURVES, EC_PUBLIC_KEY, ED25519, RSA_ENCRYPTION},
};

/// Reads every block of a PEM text; text between the blocks is a comment (RFC 7468 section 2).
///
/// A certificate is only the wrapping of its key here: its dates and issuer are not looked at, as
/// the operator who wrote it into the policy vouches for it.
///
/// # Errors
///
/// What was found instead of a usable key, for each bad block and for a text without any.
pub fn read_keys(text: &str) -> Result<Vec<Key>, Vec<String>> {
    let mut keys = Vec::new();
    let mut problems = Vec::new();
    let mut blocks = 0_usize;
    let mut rest = text;
    while let Some((_, block)) = rest.split_once("-----BEGIN ") {
        blocks = blocks.saturating_add(1);
        rest = block;
        let read = split_block(block).and_then(|(label, body, after)| {
            rest = after;
            read_block(label, body)
        });
        match read {
            Ok(key) => keys.push(key),
            Err(problem) => problems.push(format!("in block {blocks}: {problem}")),
        }
    }
    if blocks == 0 {
        problems.push("text without a -----BEGIN line".to_owned());
    }
    if problems.is_empty() { Ok(keys) } else { Err(problems) }
}

/// Label, body and what follows the block.
fn split_block(block: &str) -> Result<(&str, &str, &str), String> {
    // A label is shown in problems. Without the dashes that end its line it would run on into the
    // block, which may be a private key.
    let (label, body) = block
        .split_once("-----")
        .filter(|(label, _)| is_label(label))
        .ok_or("a BEGIN line that does not end")?;
    let end = format!("-----END {label}-----");
    let (body, after) =
        body.split_once(end.as_str()).ok_or_else(|| format!("no END line for {label}"))?;
    Ok((label, body, after))
}

fn is_label(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b' ';
    (1..=40).contains(&text.len()) && text.bytes().all(plain)
}

fn read_block(label: &str, body: &str) -> Result<Key, String> {
    if label.contains("PRIVATE KEY") {
        // Said without looking inside: the secret must not get any further.
        return Err(format!("a {label}, which does not belong into a policy"));
    }
    let body: String = body.chars().filter(|character| !character.is_ascii_whitespace()).collect();
    let der = STANDARD.decode(body).map_err(|error| format!("bad base64 ({error})"))?;
    match label {
        "PUBLIC KEY" => read_spki(&der),
        "RSA PUBLIC KEY" => read_rsa(&der),
        "CERTIFICATE" => {
            let certificate = Certificate::from_der(&der)
                .map_err(|error| format!("a broken certificate ({error})"))?;
            let spki = certificate
                .tbs_certificate()
                .subject_public_key_info()
                .to_der()
                .map_err(|error| format!("a certificate with a broken key ({error})"))?;
            read_spki(&spki)
        }
        _ => Err(format!("a block {label}")),
    }
}

fn read_spki(der: &[u8]) -> Result<Key, String> {
    let spki = SubjectPublicKeyInfoRef::from_der(der)
        .map_err(|error| format!("a broken public key ({error})"))?;
    let bits = spki.subject_public_key.as_bytes().ok_or("a public key of odd length")?;
    match spki.algorithm.oid {
        RSA_ENCRYPTION => read_rsa(bits),
        EC_PUBLIC_KEY => {
            let curve = spki
                .algorithm
                .parameters
                .and_then(|curve| curve.decode_as::<ObjectIdentifier>().ok())
                .ok_or("an EC key that does not name its curve")?;
            let name = CURVES.iter().find(|(known, _)| *known == curve).map(|(_, name)| *name);
            let name = name.ok_or_else(|| {
                format!("a key on the curve {curve} instead of P-256, P-384 or P-521")
            })?;
            Key::new(None, None, Material::ec(name, bits)?)
        }
        ED25519 => Key::new(None, None, Material::ed25519(bits)?),
        other => Err(format!("a key of the algorithm {other} instead of RSA, EC or Ed25519")),
    }
}

fn read_rsa(der: &[u8]) -> Result<Key, String> {
    let key =
        RsaPublicKeyRef::from_der(der).map_err(|error| format!("a broken RSA key ({error})"))?;
    let material = Material::rsa(key.modulus.as_bytes(), key.public_exponent.as_bytes())?;
    Key::new(None, None, material)
}
