//! Keys as JWK sets and as PEM: nothing is lost silently, and no key takes a signature that needs no
//! private key.
#![no_main]

use jwt_gate_core::stages::{JsonLimits, parse_json, read_jwk_set, read_pem_keys};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut keys = Vec::new();
    if let Ok(json) = parse_json(data, JsonLimits::DOCUMENT)
        && let Ok(set) = read_jwk_set(&json)
    {
        let entries: serde_json::Value = serde_json::from_slice(data).expect("JSON");
        let entries = entries["keys"].as_array().expect("an array `keys`").len();
        assert_eq!(set.keys.len() + set.skipped.len(), entries, "an entry was lost");
        for (place, problem) in &set.skipped {
            assert!(*place < entries && !problem.is_empty());
            assert!(!problem.chars().any(char::is_control), "{problem:?}");
        }
        keys.extend(set.keys);
    }
    if let Ok(text) = std::str::from_utf8(data) {
        match read_pem_keys(text) {
            Ok(read) => {
                assert_eq!(read.len(), text.matches("-----BEGIN ").count(), "a block was lost");
                keys.extend(read);
            }
            Err(problems) => assert!(!problems.is_empty()),
        }
    }
    // 0, 1 and n - 1 are their own powers, or each other's.
    for key in keys.iter().take(3) {
        for length in [0, 1, 255, 256, 257, 384, 512, 1024] {
            for byte in [0x00, 0x01, 0xff] {
                assert!(!key.verifies(b"message", &vec![byte; length]));
                let mut one = vec![0; length];
                if let Some(last) = one.last_mut() {
                    *last = byte;
                }
                assert!(!key.verifies(b"message", &one));
            }
        }
    }
});
