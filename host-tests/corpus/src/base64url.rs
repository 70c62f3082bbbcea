//! Base64url without padding, the alphabet of tokens (RFC 7515 section 2).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Encodes.
pub(crate) fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Decodes, strictly.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, String> {
    URL_SAFE_NO_PAD.decode(text).map_err(|e| format!("found {text:?}, expected base64url: {e}"))
}

/// Sets the bits of the last character that stand for no byte: a second spelling of the same
/// bytes, which a strict reader refuses (RFC 4648 section 3.5).
pub(crate) fn with_stray_bits(text: &str) -> Result<String, String> {
    let stray: usize = match text.len() % 4 {
        2 => 0b1111,
        3 => 0b11,
        _ => return Err(format!("{} characters leave no bits over", text.len())),
    };
    let mut bytes = text.as_bytes().to_vec();
    let last = bytes.last_mut().ok_or("it is empty")?;
    let value =
        ALPHABET.iter().position(|c| c == last).ok_or("its last character is not base64url")?;
    *last = ALPHABET[value | stray];
    String::from_utf8(bytes).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stray_bits_change_the_text_and_not_the_bytes() {
        let text = encode([7; 256]);
        let stray = with_stray_bits(&text).unwrap();
        assert_ne!(text, stray);
        assert_eq!(text[..text.len() - 1], stray[..stray.len() - 1]);
        assert!(decode(&stray).is_err(), "a strict reader must tell them apart");
        assert!(with_stray_bits(&encode([7; 3])).is_err());
    }
}
