//! Tokens: what is taken apart is canonical, and only the one real token is ever accepted.
#![no_main]

use std::sync::LazyLock;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jwt_gate_core::{Algorithm, Compiled, Reject, Verdict, stages::Unverified};
use jwt_gate_core_fuzz::{THEN, gate, judge, token};
use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};

static GATE: LazyLock<Compiled> =
    LazyLock::new(|| gate(r#""rules": [{ "match": { "prefix": "/" }, "access": "optional" }]"#));

fuzz_target!(|data: &[u8]| {
    let parsed = Unverified::parse_text(data, 8192).map(|_| ());
    if parsed.is_ok() {
        assert!(data.len() <= 8192);
        let parts: Vec<Vec<u8>> = data
            .split(|byte| *byte == b'.')
            .map(|part| {
                let decoded = URL_SAFE_NO_PAD.decode(part).expect("base64url");
                assert_eq!(URL_SAFE_NO_PAD.encode(&decoded).as_bytes(), part, "another spelling");
                decoded
            })
            .collect();
        let [header, payload, signature] = parts.as_slice() else {
            panic!("{} parts", parts.len());
        };
        assert!(!signature.is_empty());
        let header: Map<String, Value> = serde_json::from_slice(header).expect("an object");
        let _: Map<String, Value> = serde_json::from_slice(payload).expect("an object");
        let algorithm = header.get("alg").and_then(Value::as_str);
        assert!(algorithm.and_then(Algorithm::from_name).is_some(), "{algorithm:?}");
        assert!(!header.contains_key("crit"));
    }

    let value = [b"Bearer ", data].concat();
    let headers = vec![
        (b":method".to_vec(), b"GET".to_vec()),
        (b":path".to_vec(), b"/".to_vec()),
        (b"authorization".to_vec(), value),
    ];
    judge(&GATE, &headers, THEN, |decision| match &decision.verdict {
        Verdict::AwaitKeys(_) => panic!("the keys are all there"),
        Verdict::Allow(permit) => {
            assert!(permit.issuer().is_some(), "a bad token is not an absent one");
            assert_eq!(data.trim_ascii(), token().as_bytes());
        }
        Verdict::Deny(denial) => {
            assert!(matches!(denial.reject().status(), 400 | 401), "{:?}", denial.reject());
            if let Err(reject) = parsed {
                let found = denial.reject();
                // Credentials that cannot be a token are refused before they are read as one; and a
                // blank at the end belongs to the header, not to the token.
                let earlier = matches!(found, Reject::TokenUnusable | Reject::TokenAmbiguous);
                assert!(earlier || found == reject || data.trim_ascii() != data, "{found:?}");
            }
        }
        Verdict::Report(_) => panic!("not in report mode"),
    });
});
