//! Where a provider's keys come from.

use serde_json::{Value, json};

use crate::{
    import::{
        draft::{Keys, Remote},
        keys::{self, Files},
        remark::{Kind, Remarks},
    },
    tree::Tree,
};

use super::provider::millis;

/// The keys of a provider.
pub(super) fn keys(name: &str, tree: &Tree, files: &Files, remarks: &mut Remarks) -> Keys {
    if let Some(remote) = tree.get("remote_jwks") {
        let text =
            |field: &str| remote.at(&["http_uri", field]).and_then(Tree::text).map(str::to_owned);
        for (field, value) in remote.members() {
            match field.as_str() {
                "http_uri" | "cache_duration" => {}
                "async_fetch" => {
                    let text = "the gate fetches keys before the first request, always";
                    remarks.add(value.line, Kind::Stays, text);
                }
                "retry_policy" => {
                    remarks.add(
                        value.line,
                        Kind::Changed,
                        "the gate has retries of its own: `retry`, `retry_max`",
                    );
                }
                other => {
                    remarks.add(value.line, Kind::NotCarried, format!("`{other}` of `remote_jwks`"))
                }
            }
        }
        let (Some(uri), Some(cluster)) = (text("uri"), text("cluster")) else {
            remarks.add(
                remote.line,
                Kind::Missing,
                format!("provider {name} says not where its keys are fetched"),
            );
            return Keys::Missing("the address of the key set, and the cluster for it".to_owned());
        };
        if uri.starts_with("http://") {
            remarks.add(
                remote.line,
                Kind::Open,
                "keys over plain http: anybody on the way can put in keys of his own",
            );
        }
        let refresh =
            remote.get("cache_duration").and_then(millis).map(|millis| millis.div_ceil(1000));
        let timeout = remote.at(&["http_uri", "timeout"]).and_then(millis);
        return Keys::Remote(Remote {
            uri,
            cluster,
            refresh: refresh.map(|secs| secs.clamp(10, 604_800)),
            timeout: timeout.map(|millis| millis.clamp(100, 60_000)),
        });
    }
    let Some(local) = tree.get("local_jwks") else {
        remarks.add(
            tree.line,
            Kind::Missing,
            format!("provider {name} has no keys that can be read here"),
        );
        return Keys::None;
    };
    let text = match (local.text_of("inline_string"), local.text_of("filename")) {
        (Some(text), _) => Some(text.to_owned()),
        (None, Some(file)) => {
            let text = files.read(file);
            if text.is_none() {
                let text = format!("found no file {file}; say where it is: --path {file}=FILE");
                remarks.add(local.line, Kind::Missing, text);
                return Keys::Missing(format!("the key set in {file}"));
            }
            text
        }
        (None, None) => None,
    };
    let text = text.unwrap_or_default();
    if let Some(pem) = keys::pem(&text) {
        return Keys::Pem(pem);
    }
    match serde_json::from_str::<Value>(&text) {
        Ok(set) if set.get("keys").is_some_and(Value::is_array) => Keys::Set(set),
        _ => {
            remarks.add(
                local.line,
                Kind::Missing,
                format!("found no key set in `local_jwks` of provider {name}"),
            );
            Keys::Missing("the key set, as JSON with `keys`".to_owned())
        }
    }
}

/// Envoy has no list: what the keys go with, and else what most issuers use.
pub(super) fn algorithms(tree: &Tree, keys: &Keys, remarks: &mut Remarks) -> Vec<String> {
    let mut algorithms = match keys {
        Keys::Set(set) => keys::algorithms(&json!({ "jwks": set })),
        Keys::Pem(pem) => keys::algorithms(&json!({ "pem": pem })),
        _ => Vec::new(),
    };
    let is_secret = |name: &String| name.starts_with("HS");
    if algorithms.iter().any(is_secret) {
        if algorithms.iter().all(is_secret) {
            remarks.add(
                tree.line,
                Kind::Open,
                "the secret of the tokens stands in the policy; keep the file like one",
            );
        } else {
            algorithms.retain(|name| !is_secret(name));
            let text = "a secret (`oct`) stands among the public keys, and Envoy takes tokens by it; here no \
                        HMAC is listed, and the secret is passed over";
            remarks.add(tree.line, Kind::Closed, text);
        }
    }
    if algorithms.is_empty() {
        algorithms.push("RS256".to_owned());
        let text = "Envoy takes every algorithm that a key fits, and there is no list to carry over: RS256 is \
                    assumed. Put in what the issuer's tokens have in `alg`";
        remarks.add(tree.line, Kind::Changed, text);
    } else {
        let text = format!(
            "Envoy takes every algorithm that a key fits; here {} alone, as the keys suggest. Put in what the \
             issuer's tokens have in `alg`, if it is another",
            algorithms.join(", ")
        );
        remarks.add(tree.line, Kind::Closed, text);
    }
    algorithms
}
