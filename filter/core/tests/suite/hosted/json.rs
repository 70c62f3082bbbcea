//! The JSON reader against `serde_json`'s own values: never looser, never another meaning.

use jwt_gate_core::stages::{Json, JsonLimits, parse_json};
use proptest::prelude::*;
use serde_json::{Map, Value};

use super::cases;

/// Values as deep as tokens may be, and a little deeper.
pub(crate) fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-1000..1000_i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    leaf.prop_recursive(18, 64, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-c\"\\\\\u{e9}]{0,3}", inner, 0..6)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

/// What the reader read, as `serde_json` would have it.
pub(crate) fn plain(json: &Json) -> Value {
    use jwt_gate_core::stages::JsonNumber as Number;
    match json {
        Json::Null => Value::Null,
        Json::Bool(value) => Value::from(*value),
        Json::Number(Number::Unsigned(value)) => Value::from(*value),
        Json::Number(Number::Signed(value)) => Value::from(*value),
        Json::Number(Number::Float(value)) => Value::from(*value),
        Json::String(text) => Value::from(text.as_str()),
        Json::Array(items) => items.iter().map(plain).collect(),
        Json::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), plain(value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
    }
}

/// The value with every zero as the integer: the reader knows one zero, however it is written.
fn one_zero(value: Value) -> Value {
    match value {
        Value::Number(number) if number.as_f64() == Some(0.0) => Value::from(0),
        Value::Array(items) => items.into_iter().map(one_zero).collect(),
        Value::Object(members) => Value::Object(
            members.into_iter().map(|(name, value)| (name, one_zero(value))).collect(),
        ),
        other => other,
    }
}

fn depth(value: &Value) -> usize {
    let inner = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(members) => members.values().map(depth).max(),
        _ => return 0,
    };
    inner.map_or(0, |inner| inner + 1)
}

fn count(value: &Value) -> usize {
    let inner: usize = match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    };
    inner + 1
}

/// A text in which some object has a name twice, the second time perhaps in another spelling.
fn double_a_name(text: &str, place: usize, is_escaped: bool) -> Option<String> {
    let names: Vec<usize> = text.match_indices("\"k\":").map(|(at, _)| at).collect();
    let at = *names.get(place % names.len().max(1))?;
    let name = if is_escaped { "\"\\u006b\":0," } else { "\"k\":0," };
    Some(format!("{}{name}{}", &text[..at], &text[at..]))
}

proptest! {
    #![proptest_config(cases(1024))]

    #[test]
    fn every_value_within_the_limits_is_read_as_it_is(value in values()) {
        let limits = JsonLimits::TOKEN;
        let read = parse_json(value.to_string().as_bytes(), limits);
        if depth(&value) <= limits.depth && count(&value) <= limits.values {
            let read = read.unwrap();
            prop_assert_eq!(plain(&read), one_zero(value));
            // And what is written from it is read as the same again.
            prop_assert_eq!(parse_json(read.to_string().as_bytes(), limits), Ok(read));
        } else {
            prop_assert!(read.is_err());
        }
    }

    #[test]
    fn a_name_twice_is_refused_wherever_it_stands(
        value in values(),
        place in any::<usize>(),
        is_escaped in any::<bool>(),
    ) {
        let text = format!("{{\"k\":{value},\"a\":[{{\"k\":1}}]}}");
        let doubled = double_a_name(&text, place, is_escaped).unwrap();
        prop_assert!(serde_json::from_str::<Value>(&doubled).is_ok(), "{doubled}");
        prop_assert!(parse_json(doubled.as_bytes(), JsonLimits::DOCUMENT).is_err(), "{doubled}");
    }

    #[test]
    fn damaged_text_is_never_read_when_serde_json_refuses_it(
        value in values(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut text = value.to_string().into_bytes();
        let place = place.index(text.len());
        text[place] = byte;
        let reference = serde_json::from_slice::<Value>(&text).ok().map(one_zero);
        if let Ok(read) = parse_json(&text, JsonLimits::DOCUMENT) {
            prop_assert_eq!(Some(plain(&read)), reference);
        }
    }
}
