//! The reader of `google.protobuf.Struct` against `prost-types`.

use jwt_gate_core::{
    Document,
    stages::{JsonLimits, parse_json, read_struct},
};
use proptest::prelude::*;
use prost::Message as _;
use prost_types::{ListValue, Struct, Value as ProtoValue, value::Kind};
use serde_json::{Value, json};

use super::{cases, json::plain};

/// Objects whose numbers a double holds: a Struct has no others.
fn objects() -> impl Strategy<Value = Value> {
    let whole = -9_007_199_254_740_992..=9_007_199_254_740_992_i64;
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        whole.prop_map(Value::from),
        (-1e9..1e9_f64)
            .prop_filter("whole ones are above", |x| x.fract() != 0.0)
            .prop_map(Value::from),
        ".{0,8}".prop_map(Value::from),
    ];
    let value = leaf.prop_recursive(6, 48, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::btree_map(".{0,3}", inner, 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    });
    prop::collection::btree_map(".{0,3}", value, 0..6)
        .prop_map(|members| Value::Object(members.into_iter().collect()))
}

pub(crate) fn encode(object: &Value) -> Vec<u8> {
    structure(object).encode_to_vec()
}

pub(crate) fn structure(object: &Value) -> Struct {
    let members = object.as_object().unwrap();
    Struct { fields: members.iter().map(|(name, value)| (name.clone(), proto(value))).collect() }
}

fn proto(value: &Value) -> ProtoValue {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(value) => Kind::BoolValue(*value),
        Value::Number(value) => Kind::NumberValue(value.as_f64().unwrap()),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(items) => {
            Kind::ListValue(ListValue { values: items.iter().map(proto).collect() })
        }
        Value::Object(_) => Kind::StructValue(structure(value)),
    };
    ProtoValue { kind: Some(kind) }
}

/// A Struct as JSON; `None` where it has a value of no kind, or a number that JSON has not.
fn unproto(structure: &Struct) -> Option<Value> {
    fn value_of(value: &ProtoValue) -> Option<Value> {
        Some(match value.kind.as_ref()? {
            Kind::NullValue(_) => Value::Null,
            Kind::BoolValue(value) => json!(value),
            Kind::NumberValue(number) => number.is_finite().then(|| json!(number))?,
            Kind::StringValue(text) => json!(text),
            Kind::ListValue(list) => {
                Value::Array(list.values.iter().map(value_of).collect::<Option<_>>()?)
            }
            Kind::StructValue(inner) => unproto(inner)?,
        })
    }
    let members =
        structure.fields.iter().map(|(name, inner)| Some((name.clone(), value_of(inner)?)));
    Some(Value::Object(members.collect::<Option<_>>()?))
}

/// All numbers as doubles, for comparing what came two ways.
fn doubles(value: Value) -> Value {
    match value {
        Value::Number(number) => json!(number.as_f64().unwrap() + 0.0),
        Value::Array(items) => items.into_iter().map(doubles).collect(),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, value)| (name, doubles(value))).collect())
        }
        other => other,
    }
}

proptest! {
    #![proptest_config(cases(1024))]

    #[test]
    fn both_forms_of_a_document_are_one(object in objects()) {
        let bytes = encode(&object);
        let text = object.to_string();
        prop_assert_eq!(read_struct(&bytes), parse_json(text.as_bytes(), JsonLimits::DOCUMENT).ok());
        if !bytes.is_empty() {
            prop_assert_eq!(Document::parse(&bytes), Document::parse(text.as_bytes()));
        }
    }

    #[test]
    fn damaged_bytes_mean_what_prost_reads_or_nothing(
        object in objects(),
        places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = encode(&object);
        if bytes.is_empty() {
            return Ok(());
        }
        for (place, byte) in places {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        if let Some(read) = read_struct(&bytes) {
            let reference = Struct::decode(bytes.as_slice()).unwrap();
            prop_assert_eq!(Some(doubles(plain(&read))), unproto(&reference).map(doubles));
        }
    }
}

#[test]
fn a_zero_is_a_zero_in_both_forms() {
    let object = json!({ "a": -0.0 });
    let from_struct = read_struct(&encode(&object)).unwrap();
    let from_json = parse_json(b"{\"a\":-0}", JsonLimits::DOCUMENT).unwrap();
    assert_eq!(from_struct, parse_json(b"{\"a\":0}", JsonLimits::DOCUMENT).unwrap());
    assert_eq!(from_struct, from_json);
}

/// Protobuf merges or replaces; a reader that does the other thing sees another policy.
#[test]
fn a_field_twice_is_refused() {
    let entry = |parts: &[&[u8]]| {
        let entry = parts.concat();
        [&[0x0a, u8::try_from(entry.len()).unwrap()][..], &entry].concat()
    };
    let key: &[u8] = &[0x0a, 1, b'a'];
    let other_key: &[u8] = &[0x0a, 1, b'b'];
    let truth: &[u8] = &[0x12, 2, 0x20, 1];
    let both: &[u8] = &[0x12, 4, 0x20, 1, 0x20, 0];
    assert!(read_struct(&entry(&[key, truth])).is_some());
    for twice in [
        entry(&[key, key, truth]),
        entry(&[key, other_key, truth]),
        entry(&[key, truth, truth]),
        entry(&[key, both]),
    ] {
        assert_eq!(read_struct(&twice), None, "{twice:02x?}");
    }
}
