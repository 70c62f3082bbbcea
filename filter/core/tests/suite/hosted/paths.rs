//! Canonical paths: one spelling, and no other reading by any server we know of.

use jwt_gate_core::stages::{Allowances, Ambiguity, CanonicalPath};
use proptest::prelude::*;

use super::cases;

/// Paths made of what is troublesome in paths.
fn paths() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "/", "//", ".", "..", "%2e", "%2E%2e", "%2f", "%5C", "\\", ";", ";x=1", "#", "?", "%",
        "%%", "%3B", "%25", "%32", "%65", "%41", "%7E", "%c3%a9", "%00", "a", "b", "public",
        "admin", ":", "$", "~", "+", "\"", " ", "é",
    ]);
    let wild = prop::collection::vec(any::<u8>(), 0..3);
    let piece = prop_oneof![12 => pieces.prop_map(|piece| piece.as_bytes().to_vec()), 1 => wild];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| [b"/".to_vec(), pieces.concat()].concat())
}

fn allowances() -> impl Strategy<Value = Allowances> {
    let kinds = Ambiguity::ALLOWABLE.map(|(_, kind)| kind).to_vec();
    prop::sample::subsequence(kinds, 0..=8).prop_map(|kinds| {
        let mut allowances = Allowances::default();
        for kind in kinds {
            allowances.allow(kind);
        }
        allowances
    })
}

proptest! {
    #![proptest_config(cases(4096))]

    #[test]
    fn a_canonical_path_is_its_own_canonical_form(path in paths(), allowed in allowances()) {
        if let Ok(canonical) = CanonicalPath::parse(&path, &allowed) {
            let again = CanonicalPath::parse(canonical.as_str().as_bytes(), &allowed);
            prop_assert_eq!(again.as_ref(), Ok(&canonical));
        }
    }

    #[test]
    fn a_canonical_path_has_no_dot_segment_however_it_is_cut(path in paths(), allowed in allowances()) {
        if let Ok(canonical) = CanonicalPath::parse(&path, &allowed) {
            let decoded = decode(canonical.as_str().as_bytes());
            for segment in decoded.split(|byte| b"/\\".contains(byte)) {
                let name = segment.split(|byte| b";#".contains(byte)).next().unwrap();
                prop_assert!(name != b"." && name != b"..", "{}", canonical);
            }
        }
    }

    /// The point of it all: for a path that passes, every server reads what the rules read.
    #[test]
    fn all_servers_read_an_unambiguous_path_alike(path in paths()) {
        if let Ok(canonical) = CanonicalPath::parse(&path, &Allowances::default()) {
            let ours = decode(canonical.as_str().as_bytes());
            for server in SERVERS {
                let theirs = server.iter().fold(path.clone(), |path, step| step(&path));
                prop_assert_eq!(&theirs, &ours, "{}", canonical);
            }
        }
    }

    #[test]
    fn the_query_has_no_say(path in paths(), query in "[ -~]{0,20}") {
        let path: Vec<u8> = path.into_iter().filter(|byte| *byte != b'?').collect();
        let with_query = [path.as_slice(), b"?", query.replace(['#', ' '], "/../").as_bytes()].concat();
        let none = Allowances::default();
        prop_assert_eq!(CanonicalPath::parse(&with_query, &none), CanonicalPath::parse(&path, &none));
    }
}

/// One step of reading a path, as some server does it.
type Step = fn(&[u8]) -> Vec<u8>;

/// What servers do to a path, in their order. The steps before `decode` see the path as it came.
const SERVERS: [&[Step]; 9] = [
    &[cut_query, decode],
    &[cut_query, cut_fragment, decode],
    &[cut_query, decode, resolve_dots],
    &[cut_query, resolve_dots, decode],
    &[cut_query, decode, merge_slashes, resolve_dots],
    &[cut_query, turn_backslashes, resolve_dots, decode],
    &[cut_query, decode, turn_backslashes, merge_slashes, resolve_dots],
    &[cut_query, drop_parameters, resolve_dots, decode],
    &[cut_query, drop_parameters, decode, merge_slashes, turn_backslashes, resolve_dots],
];

fn cut_query(path: &[u8]) -> Vec<u8> {
    path.split(|byte| *byte == b'?').next().unwrap().to_vec()
}

fn cut_fragment(path: &[u8]) -> Vec<u8> {
    path.split(|byte| *byte == b'#').next().unwrap().to_vec()
}

fn decode(path: &[u8]) -> Vec<u8> {
    let digit = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::new();
    let mut place = 0;
    while let Some(byte) = path.get(place) {
        match (byte, digit(path.get(place + 1)), digit(path.get(place + 2))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).unwrap());
                place += 3;
            }
            _ => {
                decoded.push(*byte);
                place += 1;
            }
        }
    }
    decoded
}

fn turn_backslashes(path: &[u8]) -> Vec<u8> {
    path.iter().map(|byte| if *byte == b'\\' { b'/' } else { *byte }).collect()
}

fn merge_slashes(path: &[u8]) -> Vec<u8> {
    let mut merged = path.to_vec();
    merged.dedup_by(|a, b| *a == b'/' && *b == b'/');
    merged
}

/// `/a;x=1/b` is `/a/b`.
fn drop_parameters(path: &[u8]) -> Vec<u8> {
    let segments = path.split(|byte| *byte == b'/');
    let names: Vec<_> = segments.map(|s| s.split(|byte| *byte == b';').next().unwrap()).collect();
    names.join(&b'/')
}

fn resolve_dots(path: &[u8]) -> Vec<u8> {
    let mut kept: Vec<&[u8]> = Vec::new();
    for segment in path.split(|byte| *byte == b'/') {
        match segment {
            b"." => {}
            b".." => {
                kept.pop();
            }
            _ => kept.push(segment),
        }
    }
    kept.join(&b'/')
}
