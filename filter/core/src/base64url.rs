//! Strict base64url without padding (RFC 7515 section 2).

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Decodes a part of a compact JWS.
///
/// `None` for padding, white space, a character outside the alphabet, and for unused bits that are
/// not zero: with those, several texts would carry one token, and whatever remembers or revokes a
/// token by its text could be walked around.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_a_value() {
        assert_eq!(decode(b"Zm8").as_deref(), Some(&b"fo"[..]));
        for bad in ["Zm8=", "Zm9", "Zm8 ", "Z", "Zm+/", "Zm\n8", "Zm.8"] {
            assert_eq!(decode(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
