//! JSON of a token: the reader that writes a tape takes what the reader of documents takes, under any
//! limits, and finds the same in it.
#![no_main]

use jwt_gate_core::stages::{Json, JsonLimits, TokenJson, parse_json};
use libfuzzer_sys::fuzz_target;

/// Beyond the depth of any limits in use. At 128 `serde_json` stops by itself, which the tape's own reader
/// does not.
const DEPTHS: usize = 64;

fuzz_target!(|data: &[u8]| {
    let [depth, values, text @ ..] = data else {
        return;
    };
    let limits = JsonLimits { depth: usize::from(*depth) % DEPTHS, values: usize::from(*values) };
    for limits in [JsonLimits::TOKEN, limits] {
        let tape = TokenJson::parse(text, limits);
        let found = tape.as_ref().and_then(TokenJson::to_json);
        assert_eq!(found.is_some(), tape.is_some(), "a tape without a value");
        let expected = parse_json(text, limits).ok();
        // More than equal: of numbers, the form too.
        assert_eq!(format!("{found:?}"), format!("{expected:?}"));
        let (Some(tape), Some(expected)) = (tape, expected) else {
            continue;
        };
        let Json::Object(members) = &expected else {
            assert!(tape.get("").is_none());
            continue;
        };
        for (name, value) in members.iter().take(20) {
            assert_eq!(format!("{:?}", tape.get(name)), format!("{:?}", Some(value)));
            let text = value.as_str().unwrap_or_default();
            assert!(tape.words(name).eq(text.split(' ').filter(|word| !word.is_empty())));
            let longer = format!("{name}a");
            assert_eq!(tape.get(&longer).is_some(), expected.get(&longer).is_some());
        }
    }
});
