//! What is done to a token beside its contents: a wanted length, and damage.

use crate::{
    base64url,
    file::{Part, TokenFile},
};

/// What is put into a token so that it has a wanted length.
#[derive(Default)]
pub(super) struct Padding {
    pub(super) header: usize,
    pub(super) claims: Option<usize>,
}

/// Pads claims, and the header where base64 cannot give the length otherwise.
pub(super) fn padded_to(
    length: usize,
    sign: impl Fn(&Padding) -> Result<Vec<u8>, String>,
) -> Result<Vec<u8>, String> {
    for header in 0..4 {
        let least = sign(&Padding { header, claims: Some(0) })?.len();
        let missing = length.checked_sub(least);
        let missing = missing.ok_or_else(|| format!("pad_to: it already has {least} bytes"))?;
        // Base64 grows by 4 for 3 bytes: only a few lengths are near enough to be worth a
        // signature.
        let near = missing * 3 / 4;
        for claims in near.saturating_sub(3)..=near + 3 {
            let token = sign(&Padding { header, claims: Some(claims) })?;
            if token.len() == length {
                return Ok(token);
            }
        }
    }
    Err(format!("pad_to: no padding gives {length} bytes"))
}

pub(super) fn damaged(token: Vec<u8>, how: &TokenFile) -> Result<Vec<u8>, String> {
    if how.flip.is_none() && how.stray_bits.is_none() {
        return Ok(token);
    }
    let text = String::from_utf8(token).map_err(|e| e.to_string())?;
    let mut parts: Vec<String> = text.split('.').map(str::to_owned).collect();
    let mut change = |part: Part, f: &dyn Fn(&str) -> Result<String, String>| {
        let index = match part {
            Part::Header => 0,
            Part::Payload => 1,
            Part::Signature => 2,
        };
        let part = parts.get_mut(index).ok_or("the part is not there")?;
        *part = f(part)?;
        Ok::<(), String>(())
    };
    if let Some((part, bit)) = how.flip {
        change(part, &|text| {
            let mut bytes = base64url::decode(text)?;
            let byte = bytes.get_mut(bit / 8).ok_or("flip: there is no such bit")?;
            *byte ^= 1 << (bit % 8);
            Ok(base64url::encode(bytes))
        })?;
    }
    if let Some(part) = how.stray_bits {
        change(part, &|text| {
            base64url::with_stray_bits(text).map_err(|e| format!("stray_bits: {e}"))
        })?;
    }
    Ok(parts.join(".").into_bytes())
}
