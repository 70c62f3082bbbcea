//! What is imported does what the original did, but for what is remarked.

#![allow(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "test helpers outside of test functions; clippy.toml excuses the functions alone"
)]

mod envoy;
mod haproxy;
mod hostile;

use std::path::{Path, PathBuf};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use jwt_gate_cli::import::{Imported, Kind, Options, import};
use jwt_gate_core::{Compiled, Document, Request, UnixTime, Verdict, compile, decide};
use scenario_corpus::{Key, mint};
use serde_json::{Map, Value, json};
use sha2::Sha256;

/// The time of all tests.
pub(crate) const NOW: i64 = 1_700_000_000;

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// A file with the public half of a key of the scenarios, under the name that configurations have.
pub(crate) fn with_key(name: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("pubkey.pem");
    std::fs::write(&file, Key::load(name).expect("a key").public_pem()).expect("writable");
    let here = file.to_str().expect("a plain path").to_owned();
    (folder, here)
}

pub(crate) fn imported(file: &Path, options: &Options) -> Imported {
    let text = std::fs::read_to_string(file).expect("a fixture");
    import(file, &text, options).unwrap_or_else(|problem| panic!("{problem}"))
}

/// The policy, compiled; with its text if it does not compile.
pub(crate) fn compiled(imported: &Imported) -> Compiled {
    let value: Value = serde_saphyr::from_str(&imported.policy)
        .unwrap_or_else(|problem| panic!("{problem}\n{}", imported.policy));
    let document = Document::parse(value.to_string().as_bytes()).expect("a document");
    compile(&document).unwrap_or_else(|problems| panic!("{problems}\n{}", imported.policy))
}

/// A token of the scenarios' first key.
pub(crate) fn token(claims: Value) -> String {
    let mut all = json!({ "sub": "alice", "exp": NOW + 300 });
    for (name, value) in claims.as_object().expect("claims") {
        match value {
            Value::Null => {
                all.as_object_mut().expect("claims").remove(name);
            }
            value => all[name] = value.clone(),
        }
    }
    let key = Key::load("rsa-1").expect("a key");
    mint(&key, &Map::new(), all.as_object().expect("claims"))
}

/// A token signed by HMAC with a text that an attacker knows.
pub(crate) fn forged(claims: &Value, secret: &str) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let input = format!("{}.{}", part(&json!({ "alg": "HS256" })), part(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(input.as_bytes());
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes()))
}

/// What becomes of a request: `allowed`, or the reason against it.
pub(crate) fn fate(compiled: &Compiled, line: &str, headers: &[(&str, &str)]) -> &'static str {
    let (method, path) = line.split_once(' ').expect("a method and a path");
    let mut all: Vec<(&[u8], &[u8])> =
        vec![(b":method", method.as_bytes()), (b":path", path.as_bytes())];
    all.extend(headers.iter().map(|(name, value)| (name.as_bytes(), value.as_bytes())));
    let request = Request::new(&all, None);
    match decide(&compiled.policy, &compiled.keys, &request, UnixTime::from_secs(NOW)).verdict {
        Verdict::Allow(_) => "allowed",
        Verdict::Deny(denial) => denial.reject().reason(),
        _ => "something else",
    }
}

/// The remarks of a kind, one a line.
pub(crate) fn remarks(imported: &Imported, kind: Kind) -> String {
    let remarks = imported.remarks.iter().filter(|remark| remark.kind == kind);
    remarks.map(|remark| format!("{}: {}\n", remark.line, remark.text)).collect()
}
