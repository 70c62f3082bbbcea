//! The wire form of header maps: a count, the sizes, then names and values, each ended by NUL.

use crate::{headers::Headers, profile::Profile, status::Refusal};

/// The longest list of pairs that a host reads, in bytes (proxy-wasm-cpp-host `limits.h`).
pub const PAIRS_MAX_BYTES: usize = 1024 * 1024;

/// The most pairs that a host reads in one list (proxy-wasm-cpp-host `limits.h`).
pub const PAIRS_MAX_COUNT: usize = 1024;

/// Writes `headers` as the host hands them to a filter.
///
/// No limit is applied on this side, as in proxy-wasm-cpp-host.
#[must_use]
pub fn encode_pairs(headers: &Headers) -> Vec<u8> {
    encode_some(headers, usize::MAX)
}

/// Reads the pairs that a filter handed over.
///
/// Anything malformed or beyond [`PAIRS_MAX_BYTES`] or [`PAIRS_MAX_COUNT`] is read as an empty list
/// without a word, as Envoy does: a reply with 1,025 headers goes out with none of them.
#[must_use]
pub fn decode_pairs(bytes: &[u8]) -> Headers {
    Profile::ENVOY_1_40.read_pairs(bytes).unwrap_or_default()
}

impl Profile {
    /// Writes a map as this host hands it to a filter.
    pub(crate) fn give_pairs(&self, headers: &Headers) -> Vec<u8> {
        if headers.is_empty() {
            return self.empty_map.to_vec();
        }
        encode_some(headers, self.pairs_given)
    }

    /// Reads the pairs that a filter handed over as this host does.
    pub(crate) fn read_pairs(&self, bytes: &[u8]) -> Result<Headers, Refusal> {
        // An empty map may be no bytes at all, or a NUL (spec, "Serialization").
        if matches!(bytes, [] | [0]) {
            return Ok(Headers::default());
        }
        let readable = bytes.len() <= self.pairs_bytes;
        let headers = if readable { read(bytes, self.pairs_read) } else { None };
        match (headers, self.bad_pairs) {
            (Some(headers), _) => Ok(headers),
            (None, None) => Ok(Headers::default()),
            (None, Some(denial)) => Err(denial.of("a list of pairs cannot be read")),
        }
    }
}

fn encode_some(headers: &Headers, most: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&size(headers.len().min(most)));
    for (name, value) in headers.iter().take(most) {
        bytes.extend_from_slice(&size(name.len()));
        bytes.extend_from_slice(&size(value.len()));
    }
    for (name, value) in headers.iter().take(most) {
        bytes.extend_from_slice(name);
        bytes.push(0);
        bytes.extend_from_slice(value);
        bytes.push(0);
    }
    bytes
}

fn read(mut bytes: &[u8], most: usize) -> Option<Headers> {
    let count = take_size(&mut bytes)?;
    // Each pair has eight bytes of sizes: no host needs to make room for what cannot be there.
    if count > most || count > bytes.len() / 8 {
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
    use crate::status::Status;

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
    fn hosts_differ_in_how_much_they_read_and_what_they_do_with_more() {
        let list =
            |count| encode_pairs(&Headers::from_iter((0..count).map(|i| (format!("h{i}"), ""))));
        let read = |profile: Profile, bytes: &[u8]| profile.read_pairs(bytes).map(|map| map.len());
        assert_eq!(read(Profile::ENVOY_1_40, &list(1025)), Ok(0));
        assert_eq!(read(Profile::NGX_WASM, &list(1025)), Ok(1025));
        assert_eq!(read(Profile::HOSTILE, &list(64)), Ok(64));
        let refused = Err(Refusal::Status(Status(77)));
        assert_eq!(read(Profile::HOSTILE, &list(65)), refused);
        assert_eq!(read(Profile::HOSTILE, b"\x01\0\0\0"), refused);
        for profile in Profile::ALL {
            for empty in [&b""[..], b"\0", b"\0\0\0\0"] {
                assert_eq!(read(profile, empty), Ok(0), "{}: {empty:?}", profile.name);
            }
        }
        assert_eq!(read(Profile::NGX_WASM, &[0xff; 40]), Ok(0), "no room is made for it");
    }

    #[test]
    fn hosts_differ_in_how_much_they_give_and_in_an_empty_map() {
        let many = Headers::from_iter((0..101).map(|i| (format!("h{i}"), "")));
        for (profile, given, empty) in [
            (Profile::ENVOY_1_40, 101, &b""[..]),
            (Profile::NGX_WASM, 100, b""),
            (Profile::SPEC_STRICT, 101, b"\0"),
        ] {
            let read = decode_pairs(&profile.give_pairs(&many));
            assert_eq!(read.len(), given, "{}", profile.name);
            assert_eq!(profile.give_pairs(&Headers::default()), empty, "{}", profile.name);
        }
    }

    #[test]
    fn more_than_a_mebibyte_reads_as_empty() {
        let over = Headers::from_iter([("a", "x".repeat(PAIRS_MAX_BYTES))]);
        assert!(decode_pairs(&encode_pairs(&over)).is_empty());
    }
}
