//! Bad documents, each with every problem that its writer is told, word for word.

use std::{collections::BTreeSet, fs, path::PathBuf};

use jwt_gate_core::{ConfigErrors, Document, Problem};
use prost::Message as _;
use serde_json::{Value, json};

use super::structs;
use crate::{
    gate::{Gate, compiled, document_with},
    signer::CERTIFICATE,
};

/// The folder with the documents, `NAME.yaml`, and what is said about each, `NAME.txt`.
fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../host-tests/golden/config"))
}

#[test]
fn every_problem_is_told_as_it_was() {
    let mut names: Vec<String> = Vec::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        names.extend(name.strip_suffix(".yaml").map(str::to_owned));
    }
    names.sort();
    assert!(!names.is_empty(), "no documents in {}", folder().display());
    let mut wrong = Vec::new();
    for name in names {
        let found = told(&read(&name));
        let file = folder().join(format!("{name}.txt"));
        if std::env::var_os("BLESS").is_some() {
            fs::write(file, found).unwrap();
            continue;
        }
        let expected = fs::read_to_string(file).unwrap_or_default();
        if found != expected {
            wrong.push(format!("--- {name}: found\n{found}--- expected\n{expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}\n(BLESS=1 rewrites the files)", wrong.join("\n"));
}

/// Both forms of a document are told the same, or one host's operator is told something else.
#[test]
fn both_forms_have_the_same_problems() {
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(name) = name.strip_suffix(".yaml") else { continue };
        let value = read(name);
        // An empty Struct is no bytes at all, which is what a host without a configuration gives.
        if value.as_object().is_none_or(|members| members.is_empty()) || is_route(&value) {
            continue;
        }
        let from_struct = Document::parse(&structs::encode(&value)).unwrap();
        let from_json = Document::parse(value.to_string().as_bytes()).unwrap();
        assert_eq!(from_struct, from_json, "{name}");
    }
}

#[test]
fn bytes_that_are_no_document_are_told_so() {
    for (bytes, expected) in [
        (
            &b""[..],
            "policy: found nothing, expected a policy as a JSON object or as a google.protobuf.Struct",
        ),
        (
            b" \n",
            "policy: found nothing, expected a policy as a JSON object or as a google.protobuf.Struct",
        ),
        (
            b"issuers: []",
            "policy: found neither (expected value at line 1 column 1), expected a policy as a JSON object or as \
             a google.protobuf.Struct",
        ),
        (
            b"{\"mode\":1,\"mode\":2}",
            "policy: found neither (an object has the same name twice at line 1 column 19), expected a policy as a \
             JSON object or as a google.protobuf.Struct",
        ),
        (
            b"\x0a\x05",
            "policy: found neither (expected value at line 2 column 1), expected a policy as a JSON \
             object or as a google.protobuf.Struct",
        ),
        (
            b"\xff\xfe",
            "policy: found neither (expected value at line 1 column 1), expected a policy as a JSON object or as \
             a google.protobuf.Struct",
        ),
    ] {
        let errors = Document::parse(bytes).unwrap_err();
        assert_eq!(errors.to_string(), expected);
    }
}

/// A private key in the wrong place is told of and shown nowhere.
#[test]
fn no_problem_shows_a_secret() {
    let private = include_str!("../../../../../host-tests/keys/rsa-1.pem");
    let middle: String = private.lines().nth(5).unwrap().to_owned();
    for keys in [
        json!({ "pem": private }),
        json!({ "pem": private.replace("-----BEGIN PRIVATE KEY-----", "-----BEGIN PUBLIC KEY-----") }),
        json!({ "pem": private.replace("-----END PRIVATE KEY-----", "") }),
        // Without its dashes the line seems to go on to the end of the block.
        json!({ "pem": private.replace("-----BEGIN PRIVATE KEY-----", "-----BEGIN PRIVATE KEY") }),
        json!({ "pem": private.replace("-----BEGIN PRIVATE KEY-----", "-----BEGIN ") }),
        json!({ "pem": private.replace("PRIVATE KEY-----\n", "KEY\n") }),
        json!({ "pem": [private] }),
        json!({ "jwks": { "keys": [{ "kty": "oct", "k": middle }] } }),
    ] {
        let mut document = document_with(json!({}));
        document["issuers"][0]["keys"] = keys.clone();
        let errors = compiled(&document).unwrap_err().to_string();
        for start in 0..middle.len() - 8 {
            assert!(!errors.contains(&middle[start..start + 8]), "{errors}");
        }
    }
}

/// A new field goes into [`PLACES`], and a mistake in it into one of the documents.
#[test]
fn every_path_of_a_document_has_been_wrong_once() {
    let mut told_of = BTreeSet::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(name) = name.strip_suffix(".yaml") {
            for problem in problems(&read(name)) {
                let path: String = problem.path.chars().filter(|c| !c.is_ascii_digit()).collect();
                told_of.insert(path);
            }
        }
    }
    let missing: Vec<&&str> = PLACES.iter().filter(|place| !told_of.contains(**place)).collect();
    assert!(missing.is_empty(), "no document is wrong at {missing:?}");
}

/// Every place of a document that can be wrong.
const PLACES: [&str; 75] = [
    "",
    "cors_preflight",
    "forward",
    "forward.claims",
    "forward.claims[]",
    "forward.claims[].claim",
    "forward.claims[].filter_state",
    "forward.claims[].header",
    "forward.claims[].separator",
    "forward.payload",
    "forward.remove_headers",
    "forward.remove_headers[]",
    "issuers",
    "issuers[]",
    "issuers[].algorithms",
    "issuers[].algorithms[]",
    "issuers[].audiences",
    "issuers[].audiences[]",
    "issuers[].clock_skew",
    "issuers[].issuer",
    "issuers[].keys",
    "issuers[].keys.discovery",
    "issuers[].keys.discovery.cluster",
    "issuers[].keys.discovery.jwks_cluster",
    "issuers[].keys.discovery.metadata",
    "issuers[].keys.discovery.timeout",
    "issuers[].keys.discovery.uri",
    "issuers[].keys.jwks",
    "issuers[].keys.jwks.keys[]",
    "issuers[].keys.pem",
    "issuers[].keys.remote",
    "issuers[].keys.remote.cluster",
    "issuers[].keys.remote.max_bytes",
    "issuers[].keys.remote.min_refetch_interval",
    "issuers[].keys.remote.refresh",
    "issuers[].keys.remote.refresh_max",
    "issuers[].keys.remote.retry",
    "issuers[].keys.remote.retry_max",
    "issuers[].keys.remote.stale_for",
    "issuers[].keys.remote.timeout",
    "issuers[].keys.remote.uri",
    "issuers[].max_lifetime",
    "issuers[].name",
    "issuers[].scope_claims[]",
    "issuers[].types[]",
    "jwt_gate",
    "jwt_gate.rule",
    "limits.token_bytes",
    "limits.waiting_requests",
    "limits.waiting_time",
    "metrics",
    "mode",
    "on_ambiguous_path",
    "on_ambiguous_path.allow[]",
    "on_spoofed_header",
    "reply.body.content_type",
    "reply.detail",
    "reply.realm",
    "reply.resource_metadata",
    "rules",
    "rules[].access",
    "rules[].match",
    "rules[].match.hosts[]",
    "rules[].match.methods[]",
    "rules[].match.template",
    "rules[].name",
    "rules[].require",
    "rules[].require.claims[]",
    "rules[].require.scopes",
    "shared_data",
    "shared_data.fetch",
    "shared_data.prefix",
    "shared_data.use",
    "token.from[]",
    "token.from[].header",
];

fn read(name: &str) -> Value {
    let text = fs::read_to_string(folder().join(format!("{name}.yaml"))).unwrap();
    let mut value: Value = serde_saphyr::from_str(&text).unwrap_or_else(|e| panic!("{name}: {e}"));
    fill(&mut value);
    value
}

/// `${certificate}` stands for the certificate of `rsa-1`.
fn fill(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace("${certificate}", CERTIFICATE),
        Value::Array(items) => items.iter_mut().for_each(fill),
        Value::Object(members) => members.values_mut().for_each(fill),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What a route says stands below `jwt_gate`, as in the metadata of an Envoy route.
fn is_route(value: &Value) -> bool {
    value.get("jwt_gate").is_some()
}

fn told(value: &Value) -> String {
    problems(value).iter().map(|problem| format!("{problem}\n")).collect()
}

/// Errors; warnings, if there are none.
fn problems(value: &Value) -> Vec<Problem> {
    let list = |errors: ConfigErrors| errors.problems().to_vec();
    if is_route(value) {
        let gate = Gate::new(&document_with(json!({ "route_metadata": true })));
        return gate.policy.compile_route(&metadata(value)).map_or_else(list, |_| Vec::new());
    }
    match compiled(value) {
        Err(errors) => list(errors),
        Ok(compiled) => {
            assert!(!compiled.warnings.is_empty(), "a good document has no place here");
            compiled.warnings
        }
    }
}

/// The `envoy.config.core.v3.Metadata` with this `filter_metadata`.
fn metadata(filter_metadata: &Value) -> Vec<u8> {
    #[derive(Clone, PartialEq, prost::Message)]
    struct Metadata {
        #[prost(btree_map = "string, message", tag = "1")]
        filter_metadata: std::collections::BTreeMap<String, prost_types::Struct>,
    }
    let members = filter_metadata.as_object().unwrap();
    let entries = members.iter().map(|(name, value)| (name.clone(), structs::structure(value)));
    Metadata { filter_metadata: entries.collect() }.encode_to_vec()
}
