//! JSON as a protobuf `google.protobuf.Struct`, the form in which Envoy hands configuration over.

use std::collections::BTreeMap;

use prost::Message;
use prost_types::{ListValue, Struct, Value as ProtoValue, value::Kind};
use serde_json::{Map, Value};

/// A JSON object as the bytes of a `google.protobuf.Struct`.
///
/// Numbers become doubles, as they do in every `Struct`.
pub fn structure(object: &Map<String, Value>) -> Vec<u8> {
    to_struct(object).encode_to_vec()
}

/// Filter metadata as the bytes of an `envoy.config.core.v3.Metadata`, the form of the property
/// `xds.route_metadata`; `namespace` is the name of the filter that it is meant for.
pub fn metadata(namespace: &str, object: &Map<String, Value>) -> Vec<u8> {
    Metadata { filter_metadata: BTreeMap::from([(namespace.to_owned(), to_struct(object))]) }
        .encode_to_vec()
}

/// The one field of `envoy.config.core.v3.Metadata` that matters here.
#[derive(Clone, Message, PartialEq)]
struct Metadata {
    #[prost(btree_map = "string, message", tag = "1")]
    filter_metadata: BTreeMap<String, Struct>,
}

fn to_struct(object: &Map<String, Value>) -> Struct {
    Struct { fields: object.iter().map(|(name, value)| (name.clone(), to_value(value))).collect() }
}

fn to_value(value: &Value) -> ProtoValue {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(b) => Kind::BoolValue(*b),
        Value::Number(n) => Kind::NumberValue(n.as_f64().unwrap_or(f64::NAN)),
        Value::String(s) => Kind::StringValue(s.clone()),
        Value::Array(items) => {
            Kind::ListValue(ListValue { values: items.iter().map(to_value).collect() })
        }
        Value::Object(object) => Kind::StructValue(to_struct(object)),
    };
    ProtoValue { kind: Some(kind) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_struct_has_the_bytes_of_the_wire_format() {
        let Value::Object(object) = json!({"a": true, "b": ["x", 1.5, null]}) else {
            panic!("an object")
        };
        let expected: Vec<u8> = [
            b"\x0a\x07\x0a\x01a\x12\x02\x20\x01".as_slice(), // fields["a"] = bool true
            b"\x0a\x1b\x0a\x01b\x12\x16",                    // fields["b"] =
            b"\x32\x14",                                     //   list of 20 bytes
            b"\x0a\x03\x1a\x01x",                            //   string "x"
            b"\x0a\x09\x11\x00\x00\x00\x00\x00\x00\xf8\x3f", //   double 1.5
            b"\x0a\x02\x08\x00",                             //   null
        ]
        .concat();
        assert_eq!(structure(&object), expected);
    }

    #[test]
    fn metadata_is_a_map_from_filter_to_struct() {
        let Value::Object(object) = json!({"rule": "r"}) else { panic!("an object") };
        let bytes = metadata("jwt_gate", &object);
        let read = Metadata::decode(bytes.as_slice()).unwrap();
        assert_eq!(read.filter_metadata["jwt_gate"], to_struct(&object));
        assert_eq!(bytes[..10], *b"\x0a\x19\x0a\x08jwt_ga");
    }
}
