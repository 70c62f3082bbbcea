//! Keys as JWK sets and as PEM: every entry of a set is a key or a problem, and no key takes a signature that needs no
//! private key.
#![no_main]

use jwt_gate_core::{
    Algorithm,
    stages::{JsonLimits, parse_json, read_jwk_set, read_pem_keys},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut keys = Vec::new();
    if let Ok(json) = parse_json(data, JsonLimits::DOCUMENT)
        && let Ok(set) = read_jwk_set(&json)
    {
        let entries: serde_json::Value = serde_json::from_slice(data).expect("JSON");
        let entries = entries["keys"].as_array().expect("an array `keys`").len();
        assert_eq!(set.keys.len() + set.skipped.len(), entries, "an entry was lost");
        let mut places: Vec<usize> = set.keys.iter().map(|(place, _)| *place).collect();
        places.extend(set.skipped.iter().map(|(place, _)| *place));
        places.sort_unstable();
        assert!(places.into_iter().eq(0..entries), "an entry has another's place");
        for (place, problem) in &set.skipped {
            assert!(*place < entries && !problem.is_empty());
            assert!(!problem.chars().any(char::is_control), "{problem:?}");
        }
        keys.extend(set.keys.into_iter().map(|(_, key)| key));
    }
    if let Ok(text) = std::str::from_utf8(data) {
        match read_pem_keys(text) {
            Ok(read) => {
                // Text between blocks is a comment, so there may be fewer, but never none.
                assert!((1..=text.matches("BEGIN ").count()).contains(&read.len()));
                keys.extend(read);
            }
            Err(problems) => assert!(!problems.is_empty()),
        }
    }
    // For RSA 0, 1 and n - 1 are their own powers, or each other's; on a curve r and s of 0 once
    // were good for everything (CVE-2022-21449).
    for key in keys.iter().take(3) {
        for algorithm in Algorithm::ALL.into_iter().filter(|algorithm| key.fits(*algorithm)) {
            for length in [0, 1, 32, 48, 64, 96, 132, 255, 256, 257, 384, 512, 1024] {
                for byte in [0x00, 0x01, 0xff] {
                    assert!(!key.verifies(algorithm, b"message", &vec![byte; length]));
                    let mut one = vec![0; length];
                    if let Some(last) = one.last_mut() {
                        *last = byte;
                    }
                    assert!(!key.verifies(algorithm, b"message", &one));
                }
            }
        }
    }
});
