//! Bytes in steps of eight: the C library of a wasm module compares and searches them one by one,
//! which takes longer than all the rest of what is done for a known token.

/// Whether two texts are the same.
///
/// Never inlined: next to names that are constants, the compiler takes minutes to fold what it sees.
#[inline(never)]
pub(crate) fn is_same(one: &[u8], other: &[u8]) -> bool {
    if one.len() != other.len() {
        return false;
    }
    let (blocks, rest) = one.as_chunks::<32>();
    let (other_blocks, other_rest) = other.as_chunks::<32>();
    let is_same_block = |(block, other): (&[u8; 32], &[u8; 32])| {
        let (words, others) = (block.as_chunks::<8>().0, other.as_chunks::<8>().0);
        let differing = |(word, other): (&[u8; 8], &[u8; 8])| {
            u64::from_le_bytes(*word) ^ u64::from_le_bytes(*other)
        };
        words.iter().zip(others).map(differing).fold(0, |all, bits| all | bits) == 0
    };
    blocks.iter().zip(other_blocks).all(is_same_block) && is_same_rest(rest, other_rest)
}

/// The same for less than a block, of equal lengths. What is left of the last word overlaps with the one
/// before.
fn is_same_rest(one: &[u8], other: &[u8]) -> bool {
    if let (Some(last), Some(other_last)) = (one.last_chunk::<8>(), other.last_chunk::<8>()) {
        let (words, others) = (one.as_chunks::<8>().0, other.as_chunks::<8>().0);
        return last == other_last && words.iter().zip(others).all(|(word, other)| word == other);
    }
    if let (Some(first), Some(other_first), Some(last), Some(other_last)) = (
        one.first_chunk::<4>(),
        other.first_chunk::<4>(),
        one.last_chunk::<4>(),
        other.last_chunk::<4>(),
    ) {
        return first == other_first && last == other_last;
    }
    one.iter().zip(other).all(|(byte, other)| byte == other)
}

/// Whether a text is nothing but this byte, over and over.
pub(crate) fn is_filled(text: &[u8], byte: u8) -> bool {
    let (words, rest) = text.as_chunks::<8>();
    let pattern = u64::from_le_bytes([byte; 8]);
    let differing = words.iter().map(|word| u64::from_le_bytes(*word) ^ pattern);
    differing.fold(0, |all, bits| all | bits) == 0 && rest.iter().all(|other| *other == byte)
}

/// Whether a header has this name, which is written in lower case: nginx keeps the client's spelling.
pub(crate) fn is_header(header: &[u8], name: &[u8]) -> bool {
    header.len() == name.len() && (is_same(header, name) || header.eq_ignore_ascii_case(name))
}

/// The place of the first such byte.
#[inline(never)]
pub(crate) fn position(text: &[u8], wanted: u8) -> Option<usize> {
    let pattern = u64::from_le_bytes([wanted; 8]);
    let find = |word: u64| zeroes(word ^ pattern);
    let (blocks, _) = text.as_chunks::<32>();
    let has_none = |block: &&[u8; 32]| {
        let words = block.as_chunks::<8>().0.iter();
        words.map(|word| find(u64::from_le_bytes(*word))).fold(0, |all, found| all | found) == 0
    };
    let before = blocks.iter().take_while(has_none).count().saturating_mul(32);
    let inside = position_of(text.get(before..)?, find, |byte| byte == wanted)?;
    before.checked_add(inside)
}

/// The place of the first byte that cannot stand in a string of JSON as itself: a quote, a backslash, a
/// control character below the blank.
pub(crate) fn position_of_quote_or_worse(text: &[u8]) -> Option<usize> {
    const QUOTE: u64 = u64::from_le_bytes([b'"'; 8]);
    const BACKSLASH: u64 = u64::from_le_bytes([b'\\'; 8]);
    let find = |word: u64| {
        // Below the blank, and as to the first such byte exact.
        let low = word.wrapping_sub(ONES.wrapping_mul(0x20)) & !word & HIGHS;
        low | zeroes(word ^ QUOTE) | zeroes(word ^ BACKSLASH)
    };
    position_of(text, find, |byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))
}

/// The place of the first byte that is wanted. `find` sets the high bit of the first one in a word, and of
/// none before it.
#[inline]
fn position_of(
    text: &[u8],
    find: impl Fn(u64) -> u64,
    is_wanted: impl Fn(u8) -> bool,
) -> Option<usize> {
    let (words, rest) = text.as_chunks::<8>();
    let mut before = 0_usize;
    for word in words {
        let found = find(u64::from_le_bytes(*word));
        if found != 0 {
            // The lowest bit that is set belongs to the first byte.
            let inside = usize::try_from(found.trailing_zeros() / 8).ok()?;
            return before.checked_add(inside);
        }
        before = before.saturating_add(8);
    }
    let inside = rest.iter().position(|byte| is_wanted(*byte))?;
    before.checked_add(inside)
}

/// Whether a text has a control character, a blank or a `#`.
#[inline(never)]
pub(crate) fn has_control_blank_or_hash(text: &[u8]) -> bool {
    const HASH: u64 = u64::from_le_bytes([b'#'; 8]);
    const DELETE: u64 = u64::from_le_bytes([0x7f; 8]);
    let (words, rest) = text.as_chunks::<8>();
    let is_odd = |word: &[u8; 8]| {
        let word = u64::from_le_bytes(*word);
        // Below `!`: the blank and what comes before it. Exact as to whether there is one.
        let low = word.wrapping_sub(ONES.wrapping_mul(0x21)) & !word & HIGHS;
        low | zeroes(word ^ HASH) | zeroes(word ^ DELETE) != 0
    };
    words.iter().any(is_odd) || rest.iter().any(|byte| matches!(byte, 0..=b' ' | b'#' | 0x7f))
}

/// The high bit of each byte that is zero; perhaps of some behind the first such one, too.
fn zeroes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & HIGHS
}

const ONES: u64 = u64::from_le_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_le_bytes([0x80; 8]);

/// A hash of a text, for tables whose names all come from the configuration: whoever sends requests
/// cannot fill such a table, and so it needs no secret.
#[inline(never)]
pub(crate) fn hash(seed: u64, text: &[u8]) -> u64 {
    let length = u64::try_from(text.len()).unwrap_or_default();
    let (words, rest) = text.as_chunks::<8>();
    let last = match text.last_chunk::<8>() {
        Some(last) => u64::from_le_bytes(*last),
        None => rest.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
    let start = mix(seed ^ length);
    let folded = words.iter().fold(start, |hash, word| mix(hash ^ u64::from_le_bytes(*word)));
    mix(folded ^ last)
}

/// Multiplication by an odd constant (2^64 divided by the golden ratio) spreads the bits upwards, the
/// shifts bring the high ones down, in which names differ that end in a number.
pub(crate) fn mix(word: u64) -> u64 {
    let mixed = (word ^ (word >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ (mixed >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_counts() {
        let text: Vec<u8> = (b'!'..=b'p').collect();
        for length in 0..=text.len() {
            let text = &text[..length];
            let same = text.to_vec();
            assert!(is_same(text, &same));
            assert!(length == 0 || !is_same(text, &text[..length - 1]));
            assert_ne!(hash(7, text), hash(8, text), "{length}");
            for place in 0..length {
                for bit in [1, 0x20, 0x80] {
                    let mut other = text.to_vec();
                    other[place] ^= bit;
                    assert!(!is_same(text, &other), "{length} {place}");
                    assert_ne!(hash(7, text), hash(7, &other), "{length} {place}");
                }
            }
        }
    }

    #[test]
    fn one_other_byte_is_too_many() {
        for length in 0..40 {
            for byte in [0, 0x7f, 0xff] {
                let mut text = vec![byte; length];
                assert!(is_filled(&text, byte));
                for place in 0..length {
                    for bit in [1, 0x80] {
                        text[place] ^= bit;
                        assert!(!is_filled(&text, byte), "{length} {place}");
                        text[place] ^= bit;
                    }
                }
            }
        }
    }

    /// Names as policies have them, in as many buckets: with a bad hash, a look-up is a search.
    #[test]
    fn names_that_end_in_a_number_spread() {
        for form in ["service-", "s", "/a/long/name/of/a/path/", "https://issuer-of-tenant-"] {
            let mut buckets = vec![0_u32; 1024];
            for number in 0..1024_u64 {
                let name = format!("{form}{number}");
                buckets[usize::try_from(hash(3, name.as_bytes()) % 1024).unwrap()] += 1;
            }
            let most = buckets.iter().max().unwrap();
            assert!(*most < 10, "{most} of {form} in one of 1024 buckets");
        }
    }

    #[test]
    fn zeroes_at_the_end_count() {
        assert_ne!(hash(0, b""), hash(0, b"\0"));
        assert_ne!(hash(0, b"a"), hash(0, b"\0a"));
        assert_ne!(hash(0, b"01234567"), hash(0, b"01234567\0"));
    }

    #[test]
    fn a_byte_is_found_where_it_is_first() {
        for length in 0..100 {
            for filling in [b'.' ^ 1, b'.' ^ 0x80, 0, 0xff] {
                let text = vec![filling; length];
                assert_eq!(position(&text, b'.'), None);
                for place in 0..length {
                    let mut text = text.clone();
                    text[place] = b'.';
                    assert_eq!(position(&text, b'.'), Some(place));
                    text[length - 1] = b'.';
                    assert_eq!(position(&text, b'.'), Some(place));
                }
            }
        }
    }

    #[test]
    fn the_end_of_a_string_is_found_everywhere_and_nothing_else() {
        for byte in 0..=u8::MAX {
            let is_end = matches!(byte, b'"' | b'\\' | 0..0x20);
            for place in 0..20 {
                for filling in [b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xa2, 0xdc, 0xff] {
                    let mut text = [filling; 20];
                    text[place] = byte;
                    let found = position_of_quote_or_worse(&text);
                    assert_eq!(found, is_end.then_some(place), "{byte} at {place}");
                    text[19] = b'"';
                    let first = if is_end { place } else { 19 };
                    assert_eq!(position_of_quote_or_worse(&text), Some(first));
                }
            }
        }
    }

    #[test]
    fn every_odd_byte_is_found_everywhere_and_no_other_one() {
        for byte in 0..=u8::MAX {
            let is_odd = byte.is_ascii_control() || byte == b' ' || byte == b'#';
            for place in 0..20 {
                for filling in [b'a', b'!', b'$', 0x80, 0xff] {
                    let mut text = [filling; 20];
                    text[place] = byte;
                    assert_eq!(has_control_blank_or_hash(&text), is_odd, "{byte} at {place}");
                }
            }
        }
    }

    #[test]
    fn a_name_is_the_same_in_any_case() {
        assert!(is_header(b"X-User", b"x-user") && is_header(b"x-user", b"x-user"));
        assert!(!is_header(b"x-users", b"x-user") && !is_header(b"x_user", b"x-user"));
    }
}
