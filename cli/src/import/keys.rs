//! Keys that a configuration names, as far as they are to be had.

use std::{
    fs,
    path::{Path, PathBuf},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jwt_gate_core::{Document, compile};
use serde_json::{Value, json};

/// The most that is read of a file: key sets have a few kilobytes.
const LONGEST: u64 = 1 << 20;

/// Where files that a configuration names are on this machine.
pub(super) struct Files {
    /// The folder of the configuration.
    folder: PathBuf,
    given: Vec<(String, PathBuf)>,
}

impl Files {
    /// `given` are texts `NAMED=HERE`.
    ///
    /// # Errors
    ///
    /// One of them is no such text.
    pub(super) fn new(file: &Path, given: &[String]) -> Result<Self, String> {
        let given = given.iter().map(|text| match text.split_once('=') {
            Some((named, here)) if !named.is_empty() => Ok((named.to_owned(), PathBuf::from(here))),
            _ => Err(format!("--path: found {text:?}, expected NAMED=HERE")),
        });
        let folder = file.parent().map(Path::to_path_buf).unwrap_or_default();
        Ok(Self { folder, given: given.collect::<Result<_, _>>()? })
    }

    /// The text of a file: as the operator says, else where the configuration says, else beside it.
    pub(super) fn read(&self, named: &str) -> Option<String> {
        let given =
            self.given.iter().find(|(known, _)| known == named).map(|(_, here)| here.clone());
        if let Some(here) = given {
            return text(&here);
        }
        let beside = Path::new(named).file_name().map(|name| self.folder.join(name));
        text(&self.folder.join(named)).or_else(|| text(&beside?))
    }
}

fn text(path: &Path) -> Option<String> {
    let metadata = fs::metadata(path).ok()?;
    // A device or a pipe would never end.
    if !metadata.is_file() || metadata.len() > LONGEST {
        return None;
    }
    fs::read_to_string(path).ok()
}

/// The algorithms that these keys go with, those that are used most first; empty if none is known.
pub(super) fn algorithms(keys: &Value) -> Vec<String> {
    const KINDS: [&[&str]; 6] =
        [&["RS256"], &["ES256"], &["ES384"], &["ES512"], &["EdDSA"], &["HS256"]];
    let fits = |algorithms: &&[&str]| {
        let document = json!({
            "issuers": [{ "issuer": "x", "audiences": "any", "algorithms": algorithms, "keys": keys }],
            "rules": [{ "match": { "prefix": "/" }, "access": "token" }],
        });
        let document = Document::parse(document.to_string().as_bytes());
        document.and_then(|document| compile(&document)).is_ok()
    };
    let fitting = KINDS.iter().filter(|algorithms| fits(algorithms));
    fitting.flat_map(|algorithms| algorithms.iter().map(|name| (*name).to_owned())).collect()
}

/// The public keys in a PEM text; `None` if it has none, or a private one.
pub(super) fn pem(text: &str) -> Option<String> {
    let is_public = text.contains("-----BEGIN PUBLIC KEY-----")
        || text.contains("-----BEGIN RSA PUBLIC KEY-----")
        || text.contains("-----BEGIN CERTIFICATE-----");
    (is_public && !text.contains("PRIVATE KEY")).then(|| text.trim().to_owned())
}

/// A shared secret as a key set.
pub(super) fn secret(secret: &str, algorithm: &str) -> Value {
    let k = URL_SAFE_NO_PAD.encode(secret);
    json!({ "keys": [{ "kty": "oct", "alg": algorithm, "k": k }] })
}
