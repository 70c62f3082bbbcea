//! What the transcript looks like.

use std::fmt::Write as _;

use crate::abi::UNTOUCHED;

/// Longer bytes are shown by their length and a checksum.
const LONGEST: usize = 4000;

/// The name of a status.
pub(crate) fn status(number: u32) -> String {
    let name = match number {
        0 => "OK",
        1 => "NOT_FOUND",
        2 => "BAD_ARGUMENT",
        3 => "SERIALIZATION_FAILURE",
        4 => "PARSE_FAILURE",
        5 => "BAD_EXPRESSION",
        6 => "INVALID_MEMORY_ACCESS",
        7 => "EMPTY",
        8 => "CAS_MISMATCH",
        9 => "RESULT_MISMATCH",
        10 => "INTERNAL_FAILURE",
        11 => "BROKEN_CONNECTION",
        12 => "UNIMPLEMENTED",
        other => return format!("status {other}"),
    };
    name.to_owned()
}

/// A number that the host may have written.
pub(crate) fn number(number: u32) -> String {
    if number == UNTOUCHED { "untouched".to_owned() } else { number.to_string() }
}

/// Bytes between quotes.
pub(crate) fn bytes(bytes: &[u8]) -> String {
    if bytes.len() > LONGEST {
        // FNV-1a, 64 bits.
        let sum = bytes.iter().fold(0xCBF2_9CE4_8422_2325_u64, |sum, byte| {
            (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01B3)
        });
        return format!("{} bytes, FNV-1a {sum:016x}", bytes.len());
    }
    format!("\"{}\"", bytes.escape_ascii())
}

/// Encoded pairs as `{name: value; ...}`, anything else as bytes.
pub(crate) fn pairs(encoded: &[u8]) -> String {
    let Some(pairs) = decode(encoded) else {
        return bytes(encoded);
    };
    if encoded.len() > LONGEST {
        return format!("{} pairs in {}", pairs.len(), bytes(encoded));
    }
    let mut text = String::from("{");
    for (i, (name, value)) in pairs.iter().enumerate() {
        let gap = if i == 0 { "" } else { "; " };
        // Writing to a string cannot fail.
        let _ = write!(text, "{gap}{}: {}", name.escape_ascii(), value.escape_ascii());
    }
    text.push('}');
    text
}

/// Pairs in the form of the ABI.
pub(crate) fn encode(pairs: &[(Vec<u8>, Vec<u8>)]) -> Vec<u8> {
    let size = |length: usize| u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes();
    let mut encoded = size(pairs.len()).to_vec();
    for (name, value) in pairs {
        encoded.extend(size(name.len()));
        encoded.extend(size(value.len()));
    }
    for (name, value) in pairs {
        encoded.extend([name, &b"\0"[..], value, &b"\0"[..]].concat());
    }
    encoded
}

fn decode(encoded: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let mut rest = encoded;
    let count = size(&mut rest)?;
    // A count that the bytes cannot hold.
    if count > rest.len() / 8 {
        return None;
    }
    let sizes: Vec<(usize, usize)> =
        (0..count).map(|_| Some((size(&mut rest)?, size(&mut rest)?))).collect::<Option<_>>()?;
    let mut take = |length: usize| {
        let (text, after) = rest.split_at_checked(length)?;
        rest = after.strip_prefix(b"\0")?;
        Some(text)
    };
    let pairs = sizes
        .into_iter()
        .map(|(name, value)| Some((take(name)?, take(value)?)))
        .collect::<Option<_>>()?;
    rest.is_empty().then_some(pairs)
}

fn size(rest: &mut &[u8]) -> Option<usize> {
    let (size, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    usize::try_from(u32::from_le_bytes(*size)).ok()
}
