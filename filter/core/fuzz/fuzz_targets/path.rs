//! Paths: one spelling, no dot segments, no other reading by servers. The first byte says which kinds
//! of ambiguity are let pass.
#![no_main]

use jwt_gate_core::stages::{Allowances, Ambiguity, CanonicalPath};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((kinds, target)) = data.split_first() else {
        return;
    };
    let mut allowed = Allowances::default();
    for (place, (_, kind)) in Ambiguity::ALLOWABLE.into_iter().enumerate() {
        if kinds >> place & 1 == 1 {
            allowed.allow(kind);
        }
    }
    let Ok(canonical) = CanonicalPath::parse(target, &allowed) else {
        return;
    };
    let text = canonical.as_str();
    assert!(text.starts_with('/') && text.bytes().all(|byte| byte.is_ascii_graphic()), "{text}");
    assert_eq!(
        CanonicalPath::parse(text.as_bytes(), &allowed).as_ref(),
        Ok(&canonical),
        "one spelling"
    );
    let decoded = decode(text.as_bytes());
    for segment in decoded.split(|byte| b"/\\".contains(byte)) {
        let name = segment.split(|byte| b";#?".contains(byte)).next().unwrap_or_default();
        assert!(name != b"." && name != b"..", "{text}");
    }
    if *kinds == 0 {
        assert!(!text.contains("//") && !text.contains(['\\', ';', '#', '?']), "{text}");
        // Servers that decode first and those that compare first see the same segments.
        let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
        assert_eq!(decode(path), decoded, "{text}");
        let segments = |path: &[u8]| path.split(|byte| *byte == b'/').count();
        assert_eq!(segments(path), segments(&decoded), "{text}");
    }
});

fn decode(path: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut rest = path;
    while let Some((&byte, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(value) if byte == b'%' => {
                decoded.push(value);
                rest = &after[2..];
            }
            _ => {
                decoded.push(byte);
                rest = after;
            }
        }
    }
    decoded
}
