//! The wire form of header maps: a count, the sizes, then names and values, each ended by NUL.

use crate::headers::Headers;

/// The longest list of pairs that a host reads, in bytes (proxy-wasm-cpp-host `limits.h`).
pub const PAIRS_MAX_BYTES: usize = 1024 * 1024;

/// The most pairs that a host reads in one list (proxy-wasm-cpp-host `limits.h`).
pub const PAIRS_MAX_COUNT: usize = 1024;

/// Writes `headers` as the host hands them to a filter.
///
/// No limit is applied on this side, as in proxy-wasm-cpp-host.
#[must_use]
pub fn encode_pairs(headers: &Headers) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&size(headers.len()));
    for (name, value) in headers.iter() {
        bytes.extend_from_slice(&size(name.len()));
        bytes.extend_from_slice(&size(value.len()));
    }
    for (name, value) in headers.iter() {
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(value);
        bytes.push(0);
    }
    bytes
}

/// Reads the pairs that a filter handed over.
///
/// Anything malformed or beyond [`PAIRS_MAX_BYTES`] or [`PAIRS_MAX_COUNT`] is read as an empty list
/// without a word, as Envoy does: a reply with 1,025 headers goes out with none of them.
#[must_use]
pub fn decode_pairs(bytes: &[u8]) -> Headers {
    if bytes.len() > PAIRS_MAX_BYTES {
        return Headers::default();
    }
    read(bytes).unwrap_or_default()
}

fn read(mut bytes: &[u8]) -> Option<Headers> {
    let count = take_size(&mut bytes)?;
    if count > PAIRS_MAX_COUNT {
        return None;
    }
    let mut sizes = Vec::with_capacity(count);
    for _ in 0..count {
        sizes.push((take_size(&mut bytes)?, take_size(&mut bytes)?));
    }
    let mut headers = Headers::default();
    for (name, value) in sizes {
        let name = take_text(&mut bytes, name)?;
        let value = take_text(&mut bytes, value)?;
        headers.add(name, value);
    }
    bytes.is_empty().then_some(headers)
}

fn take_size(bytes: &mut &[u8]) -> Option<usize> {
    let (size, rest) = bytes.split_first_chunk::<4>()?;
    *bytes = rest;
    usize::try_from(u32::from_le_bytes(*size)).ok()
}

fn take_text<'a>(bytes: &mut &'a [u8], size: usize) -> Option<&'a [u8]> {
    let (text, rest) = bytes.split_at_checked(size)?;
    *bytes = rest.strip_prefix(b"\0")?;
    Some(text)
}

fn size(len: usize) -> [u8; 4] {
    u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layout_is_count_sizes_texts() {
        let headers = Headers::from_iter([("a", "1"), ("bc", "")]);
        assert_eq!(
            encode_pairs(&headers),
            [
                &[2, 0, 0, 0][..],
                &[1, 0, 0, 0, 1, 0, 0, 0],
                &[2, 0, 0, 0, 0, 0, 0, 0],
                b"a\x001\0",
                b"bc\0\0",
            ]
            .concat()
        );
    }

    #[test]
    fn what_is_written_reads_back() {
        let headers =
            Headers::from_iter([(&b"x"[..], &b"\xff\0\n"[..]), (b"x", b"second"), (b"", b"")]);
        assert_eq!(decode_pairs(&encode_pairs(&headers)), headers);
    }

    #[test]
    fn any_other_length_reads_as_empty() {
        let bytes = encode_pairs(&Headers::from_iter([("a", "1")]));
        for end in 0..bytes.len() {
            assert!(decode_pairs(&bytes[..end]).is_empty(), "cut at {end}");
        }
        assert!(decode_pairs(&[&bytes[..], b"\0"].concat()).is_empty());
    }

    #[test]
    fn more_than_1024_pairs_read_as_empty() {
        let full = Headers::from_iter((0..PAIRS_MAX_COUNT).map(|i| (format!("h{i}"), "")));
        assert_eq!(decode_pairs(&encode_pairs(&full)).len(), PAIRS_MAX_COUNT);
        let over = Headers::from_iter((0..=PAIRS_MAX_COUNT).map(|i| (format!("h{i}"), "")));
        assert!(decode_pairs(&encode_pairs(&over)).is_empty());
    }

    #[test]
    fn more_than_a_mebibyte_reads_as_empty() {
        let over = Headers::from_iter([("a", "x".repeat(PAIRS_MAX_BYTES))]);
        assert!(decode_pairs(&encode_pairs(&over)).is_empty());
    }
}
