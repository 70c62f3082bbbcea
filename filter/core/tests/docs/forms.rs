//! The two forms in which a document reaches the core.

use std::collections::BTreeMap;

use jwt_gate_core::{Compiled, ConfigErrors, Document, compile};
use prost::Message;
use prost_types::{ListValue, Struct, Value as ProtoValue, value::Kind};
use serde_json::{Map, Value};

pub(crate) fn compile_json(policy: &Value) -> Result<Compiled, ConfigErrors> {
    compile(&Document::parse(policy.to_string().as_bytes())?)
}

/// Compiles both forms and gives what came of the JSON text.
pub(crate) fn compile_both(policy: &Value) -> Result<Compiled, ConfigErrors> {
    let by_json = compile_json(policy);
    let object = policy.as_object().expect("a document is an object");
    let by_struct = Document::parse(&structure(object).encode_to_vec()).and_then(|d| compile(&d));
    match (&by_json, &by_struct) {
        (Ok(one), Ok(other)) => {
            assert_eq!(format!("{:?}", one.policy), format!("{:?}", other.policy), "{policy}");
        }
        // The problems are the same; a Struct has its members in no order.
        (Err(one), Err(other)) => assert_eq!(one.problems().len(), other.problems().len()),
        _ => panic!("the two forms differ: {by_json:?} {by_struct:?}"),
    }
    by_json
}

/// Filter metadata as Envoy's property `xds.route_metadata` gives them.
pub(crate) fn metadata(filter_metadata: &Value) -> Vec<u8> {
    #[derive(Clone, Message, PartialEq)]
    struct Metadata {
        #[prost(btree_map = "string, message", tag = "1")]
        filter_metadata: BTreeMap<String, Struct>,
    }
    let filters = filter_metadata.as_object().expect("a mapping from filter names");
    let filter_metadata = filters
        .iter()
        .map(|(name, value)| (name.clone(), structure(value.as_object().expect("a mapping"))))
        .collect();
    Metadata { filter_metadata }.encode_to_vec()
}

fn structure(object: &Map<String, Value>) -> Struct {
    let fields = object.iter().map(|(name, member)| (name.clone(), value(member))).collect();
    Struct { fields }
}

fn value(json: &Value) -> ProtoValue {
    let kind = match json {
        Value::Null => Kind::NullValue(0),
        Value::Bool(flag) => Kind::BoolValue(*flag),
        Value::Number(number) => Kind::NumberValue(number.as_f64().expect("a double")),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(items) => {
            Kind::ListValue(ListValue { values: items.iter().map(value).collect() })
        }
        Value::Object(object) => Kind::StructValue(structure(object)),
    };
    ProtoValue { kind: Some(kind) }
}
