//! The policy file.

use std::{fs, path::Path};

use serde_json::Value;

/// Reads a policy and gives the document that the filter gets: JSON.
///
/// # Errors
///
/// The file cannot be read, or is neither JSON nor YAML. Whether it is a policy is for the filter to
/// say.
pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    let shown = path.display();
    let bytes = fs::read(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    document(&bytes).map_err(|error| format!("{shown}: {error}"))
}

/// Makes JSON of YAML. JSON stays as it is, so that the filter finds what is wrong with it: a name
/// that stands twice is no error to every reader of JSON.
///
/// # Errors
///
/// It is neither.
pub fn document(bytes: &[u8]) -> Result<Vec<u8>, String> {
    if bytes.trim_ascii_start().starts_with(b"{") && serde_json::from_slice::<Value>(bytes).is_ok()
    {
        return Ok(bytes.to_vec());
    }
    let value: Value = serde_saphyr::from_slice(bytes).map_err(|error| error.to_string())?;
    serde_json::to_vec(&value).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yaml_becomes_json_and_json_stays() {
        let made = document(b"a: [1, 60s, \"2\"]\nb: |\n  x\n  y\n").unwrap();
        assert_eq!(made, br#"{"a":[1,"60s","2"],"b":"x\ny\n"}"#);
        let json = b" { \"a\": 1, \"a\": 2 }";
        assert_eq!(document(json).unwrap(), json, "the filter refuses it");
        assert_eq!(document(b"{ a: 1 }").unwrap(), br#"{"a":1}"#, "YAML in braces");
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for text in [&b"a: 1\na: 2\n"[..], b"a: [", b"\xff", b"{ \"a\": 1", b"a: 1\n---\nb: 2\n"] {
            let found = document(text);
            assert!(found.is_err(), "{:?}: {found:?}", text.escape_ascii().to_string());
        }
    }
}
