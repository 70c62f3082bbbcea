//! The form in which the ABI writes a header map.
//!
//! All numbers are 32 bits, little-endian: the number of pairs; for each pair the length of its
//! name and the length of its value; then for each pair the name, a NUL, the value, a NUL. Nothing
//! follows. Names and values are bytes and may be anything, NULs included.

use std::fmt;

/// A name and a value, as the core takes them.
pub(crate) type Pair<'a> = (&'a [u8], &'a [u8]);

/// Reads a serialised map; the pairs borrow from it, in the order of the host.
///
/// # Errors
///
/// The lengths and the bytes must agree exactly. A host that contradicts itself is not believed in
/// part: a header that this reader misses is one that the next hop may see.
pub(crate) fn parse(map: &[u8]) -> Result<Vec<Pair<'_>>, Malformed> {
    let (count, rest) = map.split_first_chunk().ok_or(Malformed::Truncated)?;
    let count = size(*count)?;
    // A pair takes ten bytes at least. Looked at before the list is made, so that a count of four
    // billion in a short map reserves no memory.
    if count > rest.len() / SMALLEST_PAIR {
        return Err(Malformed::Truncated);
    }
    let (lengths, mut fields) = count
        .checked_mul(LENGTHS_OF_A_PAIR)
        .and_then(|size| rest.split_at_checked(size))
        .ok_or(Malformed::Truncated)?;

    let mut pairs = Vec::with_capacity(count);
    let (words, _) = lengths.as_chunks();
    for &[name, value] in words.as_chunks().0 {
        let name = field(&mut fields, size(name)?)?;
        let value = field(&mut fields, size(value)?)?;
        pairs.push((name, value));
    }
    if fields.is_empty() { Ok(pairs) } else { Err(Malformed::Trailing) }
}

/// Checks that the host shows all headers of a request of which it said that it has so many.
///
/// ngx_wasm_module shows a filter 100 pairs, and leaves out the rest of more without a word: a client
/// could put a claim to be somebody behind them. It counts no pseudo-headers; Envoy does, and so an
/// Envoy request of exactly 100 pairs is refused too.
///
/// # Errors
///
/// Some are left out, or may be.
pub(crate) fn all_shown(pairs: &[Pair<'_>], told: usize) -> Result<(), Malformed> {
    let fields = pairs.iter().filter(|(name, _)| !name.starts_with(b":")).count();
    let cut = pairs.len() == MOST_SHOWN && told > fields;
    if cut || told > pairs.len() { Err(Malformed::Incomplete) } else { Ok(()) }
}

/// Writes a map for the host.
///
/// # Errors
///
/// A map that the form cannot hold, or of which hosts make an empty one without saying so: more
/// than 1,024 pairs or 1 MiB.
pub(crate) fn serialize<N, V>(pairs: &[(N, V)]) -> Result<Vec<u8>, Malformed>
where
    N: AsRef<[u8]>,
    V: AsRef<[u8]>,
{
    if pairs.len() > MOST_PAIRS {
        return Err(Malformed::TooLarge);
    }
    let mut map = Vec::with_capacity(256);
    map.extend_from_slice(&length(pairs.len())?);
    for (name, value) in pairs {
        map.extend_from_slice(&length(name.as_ref().len())?);
        map.extend_from_slice(&length(value.as_ref().len())?);
    }
    for (name, value) in pairs {
        map.extend_from_slice(name.as_ref());
        map.push(0);
        map.extend_from_slice(value.as_ref());
        map.push(0);
    }
    if map.len() > MOST_BYTES { Err(Malformed::TooLarge) } else { Ok(map) }
}

/// What is wrong with a map.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Malformed {
    /// No pair at all, where a request has at least its pseudo-headers.
    Empty,
    /// Fewer pairs than the host said that there are.
    Incomplete,
    /// More than the ABI carries.
    TooLarge,
    /// Bytes after the last pair.
    Trailing,
    /// Fewer bytes than the lengths announce.
    Truncated,
    /// A name or a value without its NUL.
    Unterminated,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty map, expected at least one pair",
            Self::Incomplete => "fewer pairs than there are, expected all",
            Self::TooLarge => "a map beyond 1,024 pairs or 1 MiB, expected one within",
            Self::Trailing => "bytes after the last pair, expected the end of the map",
            Self::Truncated => "fewer bytes than its lengths announce, expected as many",
            Self::Unterminated => "a name or a value without a NUL behind it, expected one",
        })
    }
}

fn field<'a>(rest: &mut &'a [u8], size: usize) -> Result<&'a [u8], Malformed> {
    let (field, tail) = rest.split_at_checked(size).ok_or(Malformed::Truncated)?;
    *rest = match tail.split_first() {
        Some((0, tail)) => tail,
        Some(_) => return Err(Malformed::Unterminated),
        None => return Err(Malformed::Truncated),
    };
    Ok(field)
}

fn size(word: [u8; 4]) -> Result<usize, Malformed> {
    usize::try_from(u32::from_le_bytes(word)).map_err(|_| Malformed::TooLarge)
}

fn length(size: usize) -> Result<[u8; 4], Malformed> {
    u32::try_from(size).map(u32::to_le_bytes).map_err(|_| Malformed::TooLarge)
}

/// A map without pairs.
pub(crate) const NONE: &[u8] = &[0; 4];

/// Bytes of the two lengths of a pair.
const LENGTHS_OF_A_PAIR: usize = 8;

/// Bytes of a pair with an empty name and an empty value: two lengths, two NULs.
const SMALLEST_PAIR: usize = 10;

/// The most pairs that ngx_wasm_module shows a filter (`NGX_HTTP_WASM_MAX_REQ_HEADERS`).
const MOST_SHOWN: usize = 100;

/// From proxy-wasm-cpp-host, `include/proxy-wasm/limits.h`; so is [`MOST_BYTES`].
const MOST_PAIRS: usize = 1024;

const MOST_BYTES: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_map_that_may_have_been_cut_is_not_taken_for_all() {
        let of = |pseudo: usize, fields: usize, told: usize| {
            let pseudo = (0..pseudo).map(|_| (&b":method"[..], &b"GET"[..]));
            let fields = (0..fields).map(|_| (&b"x"[..], &b""[..]));
            all_shown(&pseudo.chain(fields).collect::<Vec<_>>(), told).is_ok()
        };
        assert!(of(3, 4, 7), "Envoy counts pseudo-headers");
        assert!(of(4, 4, 4), "nginx does not");
        assert!(of(4, 96, 96), "nginx shows a hundred pairs, and there are no more");
        assert!(!of(4, 96, 97), "nginx leaves out one");
        assert!(!of(4, 96, 100), "nginx leaves out four, and Envoy none");
        assert!(!of(4, 96, 500));
        assert!(of(4, 200, 204), "Envoy has no such limit");
        assert!(!of(3, 4, 8), "some are missing");
        assert!(of(3, 4, 0), "a host that does not count");
    }

    #[rustfmt::skip]
    const MAP: &[u8] = &[
        // two pairs
        2, 0, 0, 0,
        // lengths of (":method", "GET")
        7, 0, 0, 0, 3, 0, 0, 0,
        // lengths of ("x", "")
        1, 0, 0, 0, 0, 0, 0, 0,
        b':', b'm', b'e', b't', b'h', b'o', b'd', 0, b'G', b'E', b'T', 0,
        b'x', 0, 0,
    ];

    #[test]
    fn the_form_is_the_one_of_the_specification() {
        let pairs: [Pair<'_>; 2] = [(b":method", b"GET"), (b"x", b"")];
        assert_eq!(parse(MAP), Ok(pairs.to_vec()));
        assert_eq!(serialize(&pairs).unwrap(), MAP);
    }

    #[test]
    fn no_pairs_are_a_map_too() {
        assert_eq!(parse(NONE), Ok(Vec::new()));
        assert_eq!(serialize::<&str, &str>(&[]).unwrap(), NONE);
    }

    #[test]
    fn values_may_be_any_bytes() {
        let pairs: [Pair<'_>; 1] = [(b"\xff\0", b"\0\xc3\x28\0")];
        assert_eq!(parse(&serialize(&pairs).unwrap()), Ok(pairs.to_vec()));
    }

    #[test]
    fn every_truncation_is_refused() {
        for end in 0..MAP.len() {
            assert_eq!(parse(&MAP[..end]), Err(Malformed::Truncated), "{end} bytes");
        }
    }

    #[test]
    fn bytes_behind_the_last_pair_are_refused() {
        let mut map = MAP.to_vec();
        map.push(0);
        assert_eq!(parse(&map), Err(Malformed::Trailing));
        assert_eq!(parse(&[0; 5]), Err(Malformed::Trailing));
    }

    #[test]
    fn a_field_without_its_nul_is_refused() {
        for nul in [27, 31, 33, 34] {
            let mut map = MAP.to_vec();
            assert_eq!(map[nul], 0);
            map[nul] = b'!';
            assert_eq!(parse(&map), Err(Malformed::Unterminated), "NUL at {nul}");
        }
    }

    #[test]
    fn a_huge_count_or_length_is_refused_without_reserving_memory() {
        assert_eq!(parse(&[0xff; 4]), Err(Malformed::Truncated));
        assert_eq!(parse(&[0xff; 64]), Err(Malformed::Truncated));
        for word in [4, 8, 12, 16] {
            let mut map = MAP.to_vec();
            map[word..word + 4].fill(0xff);
            assert_eq!(parse(&map), Err(Malformed::Truncated), "length at {word}");
        }
    }

    /// Moves every byte of a good map through every value: what is accepted writes back as it
    /// came, so no bytes were skipped and none were read twice.
    #[test]
    fn what_is_accepted_is_read_whole() {
        let mut accepted = 0;
        for at in 0..MAP.len() {
            for byte in 0..=u8::MAX {
                let mut map = MAP.to_vec();
                map[at] = byte;
                if let Ok(pairs) = parse(&map) {
                    assert_eq!(serialize(&pairs).unwrap(), map, "byte {byte} at {at}");
                    accepted += 1;
                }
            }
        }
        assert!(accepted > MAP.len());
    }

    #[test]
    fn a_map_that_hosts_would_empty_is_not_written() {
        assert_eq!(serialize(&vec![("a", "b"); 1025]), Err(Malformed::TooLarge));
        assert_eq!(serialize(&[("a", "b".repeat(1024 * 1024))]), Err(Malformed::TooLarge));
        assert!(serialize(&vec![("a", "b"); 1024]).is_ok());
    }
}
