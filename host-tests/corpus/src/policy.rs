//! Policies: YAML files in which `${pem:rsa-1}` stands for a key, in the forms that hosts hand over.

use std::fs;

use serde_json::Value;

use crate::{Error, case::root, change, file::ScenarioFile, key, proto, text};

/// The shortest line that is looked for in logs; those of a PEM block have 64 characters.
const KEY_LINE: usize = 60;

/// The form in which a configuration is handed over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// JSON text.
    Json,
    /// The bytes of a `google.protobuf.Struct`.
    Struct,
}

impl Form {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Json, Self::Struct];

    /// A name for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Struct => "struct",
        }
    }
}

/// A plugin configuration in every form that a host may hand over.
#[derive(Clone, Debug)]
pub struct PolicyDocument {
    /// The name of the policy file, `document` where the scenario spells the bytes out.
    pub name: String,
    /// The document; `None` where the scenario spells out bytes that are none.
    pub value: Option<Value>,
    /// The document as JSON text.
    pub json: Vec<u8>,
    /// The document as the bytes of a `google.protobuf.Struct`.
    pub structure: Vec<u8>,
}

impl PolicyDocument {
    /// The document in this form.
    pub fn bytes(&self, form: Form) -> &[u8] {
        match form {
            Form::Json => &self.json,
            Form::Struct => &self.structure,
        }
    }

    /// The lines of its texts that are as long as those of keys, none of which belongs into a log.
    pub(crate) fn long_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(value) = &self.value {
            collect_long_lines(value, &mut lines);
        }
        lines
    }

    fn of(name: &str, value: Value) -> Result<Self, String> {
        let object = value.as_object().ok_or("expected a mapping at the top")?;
        Ok(Self {
            name: name.to_owned(),
            json: value.to_string().into_bytes(),
            structure: proto::structure(object),
            value: Some(value),
        })
    }
}

/// The policy `scenarios/policies/NAME.yaml` with its keys filled in.
///
/// # Errors
///
/// The file is not there, is no YAML mapping, or names a key that is not there.
pub fn named_policy(name: &str) -> Result<PolicyDocument, Error> {
    let file = file_name(name);
    let value = read(name)?;
    PolicyDocument::of(name, value).map_err(|e| Error::file(file, e))
}

/// The policy of a scenario, with its changes made.
pub(crate) fn of_scenario(file: &str, scenario: &ScenarioFile) -> Result<PolicyDocument, Error> {
    let changed = !scenario.change.is_empty() || !scenario.remove.is_empty();
    match (&scenario.policy, &scenario.document) {
        (Some(name), None) => {
            let mut value = read(name)?;
            for (path, new) in &scenario.change {
                let mut new = new.clone();
                fill(&mut new).map_err(|e| Error::field(file, format!("change.{path:?}"), e))?;
                change::set(&mut value, path, new).map_err(|e| Error::field(file, "change", e))?;
            }
            for path in &scenario.remove {
                change::remove(&mut value, path).map_err(|e| Error::field(file, "remove", e))?;
            }
            PolicyDocument::of(name, value).map_err(|e| Error::field(file, "policy", e))
        }
        (None, Some(document)) if !changed => {
            let bytes =
                text::bytes(document, &lookup).map_err(|e| Error::field(file, "document", e))?;
            Ok(PolicyDocument {
                name: "document".to_owned(),
                value: None,
                json: bytes.clone(),
                structure: bytes,
            })
        }
        _ => Err(Error::field(
            file,
            "policy",
            "expected `policy` (with `change` and `remove`, if wanted) or `document` alone",
        )),
    }
}

fn read(name: &str) -> Result<Value, Error> {
    let file = file_name(name);
    let path = root().join("scenarios/policies").join(format!("{name}.yaml"));
    let text = fs::read_to_string(path).map_err(|e| Error::file(&file, e))?;
    let mut value: Value = serde_saphyr::from_str(&text).map_err(|e| Error::file(&file, e))?;
    fill(&mut value).map_err(|e| Error::file(&file, e))?;
    Ok(value)
}

fn file_name(name: &str) -> String {
    format!("scenarios/policies/{name}.yaml")
}

fn collect_long_lines(value: &Value, lines: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            let long = text.lines().filter(|line| line.len() >= KEY_LINE);
            lines.extend(long.map(str::to_owned));
        }
        Value::Array(items) => items.iter().for_each(|item| collect_long_lines(item, lines)),
        Value::Object(members) => {
            members.values().for_each(|member| collect_long_lines(member, lines));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Fills in the placeholders of every string; a `${jwk:…}` alone becomes the key's object.
fn fill(value: &mut Value) -> Result<(), String> {
    match value {
        Value::String(text) => {
            let filled = text::plain(text, &lookup)?;
            let is_jwk = text::sole_placeholder(text).is_some_and(|name| name.starts_with("jwk:"));
            *value = if is_jwk {
                serde_json::from_str(&filled).map_err(|e| e.to_string())?
            } else {
                Value::String(filled)
            };
        }
        Value::Array(items) => items.iter_mut().try_for_each(fill)?,
        Value::Object(members) => members.values_mut().try_for_each(fill)?,
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
    Ok(())
}

fn lookup(name: &str) -> Result<Vec<u8>, String> {
    text::repeated(name).or_else(|| key::placeholder(name)).unwrap_or_else(|| {
        Err(format!(
            "found ${{{name}}}, expected one of ${{pem:KEY}}, ${{der:KEY}}, ${{pkcs1:KEY}}, \
             ${{jwk:KEY}}, ${{file:NAME}}, ${{vector:FILE}}, ${{repeat:TEXT:COUNT}}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn keys_are_filled_in() {
        let mut value = json!({"a": ["${jwk:rsa-1}", "x"], "pem": "${pem:rsa-1}${file:rsa-1.crt}"});
        fill(&mut value).unwrap();
        assert_eq!(value["a"][0]["kid"], "rsa-1");
        let pem = value["pem"].as_str().unwrap();
        assert!(pem.starts_with("-----BEGIN PUBLIC KEY-----\n"), "{pem}");
        assert!(pem.contains("\n-----BEGIN CERTIFICATE-----\n"), "{pem}");
        for unknown in ["${alice}", "${pem:nobody}", "${pem"] {
            assert!(fill(&mut json!(unknown)).is_err(), "{unknown}");
        }
    }
}
