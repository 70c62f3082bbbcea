//! Envoy: one listener for each way to guard the same service, all on one worker.

use anyhow::{Context, Result};
use envoy_e2e::{
    Envoy, Place,
    config::{self, Policy},
};
use serde_json::{Value, json};

use crate::{
    setups::REFUSED,
    tokens::{AUDIENCE, ISSUER, SCOPE, SIGNERS, Signer},
};

/// The thread that serves.
pub(crate) const WORKER: &str = "wrk:worker_0";
/// The listener without a filter.
pub(crate) const BARE: &str = "envoy";
/// `jwt_authn` with its cache, RBAC.
pub(crate) const NATIVE_CACHED: &str = "native-cached";
/// `jwt_authn` without a cache, RBAC.
pub(crate) const NATIVE: &str = "native";
/// JWT Gate.
pub(crate) const GATE: &str = "gate";
/// JWT Gate, the module with relaxed SIMD.
pub(crate) const GATE_SIMD: &str = "gate-simd";
/// JWT Gate that lets Envoy check the signatures that Envoy checks faster.
pub(crate) const GATE_AUTO: &str = "gate-auto";
/// JWT Gate that counts.
pub(crate) const GATE_METRICS: &str = "gate-metrics";

/// Every listener, and what stands in it.
pub(crate) const LISTENERS: [(&str, &str); 7] = [
    (BARE, "Envoy without a filter"),
    (NATIVE_CACHED, "Envoy's jwt_authn with its cache, RBAC"),
    (NATIVE, "Envoy's jwt_authn, RBAC"),
    (GATE, "JWT Gate in Envoy"),
    (GATE_SIMD, "JWT Gate in Envoy, relaxed SIMD"),
    (GATE_AUTO, "JWT Gate in Envoy, verify: auto"),
    (GATE_METRICS, "JWT Gate in Envoy, with metrics"),
];

/// How many tokens each cache holds.
const CACHE_ENTRIES: u32 = 4096;
/// What the upstream is told of who asks.
const USER: &str = "x-user";

/// Starts an Envoy whose listeners all lead to the upstream, in `target/e2e/NAME`.
///
/// # Errors
///
/// The module is not built, or Envoy did not start.
pub(crate) fn start(name: &str, upstream: u16) -> Result<Envoy> {
    let listeners = LISTENERS
        .iter()
        .map(|(name, _)| Ok(listener(name, filters(name)?)))
        .collect::<Result<Vec<_>>>()?;
    let place = Place::new(name)?;
    let bootstrap = config::bootstrap_of(upstream, &listeners);
    place.write("envoy.json", &serde_json::to_string_pretty(&bootstrap)?)?;
    Envoy::start(&place, "envoy.json")
}

fn filters(listener: &str) -> Result<Vec<Value>> {
    Ok(match listener {
        NATIVE_CACHED => vec![jwt_authn(Some(CACHE_ENTRIES))?, rbac()],
        NATIVE => vec![jwt_authn(None)?, rbac()],
        GATE => vec![gate(listener, "module", false)?],
        GATE_SIMD => vec![with_simd(gate(listener, "module", false)?)?],
        GATE_AUTO => vec![gate(listener, "auto", false)?],
        GATE_METRICS => vec![gate(listener, "module", true)?],
        _ => Vec::new(),
    })
}

fn listener(name: &str, mut filters: Vec<Value>) -> Value {
    filters.push(json!({
        "name": "envoy.filters.http.router",
        "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
    }));
    json!({
        "name": name,
        "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } },
        "filter_chains": [{ "filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                "stat_prefix": name,
                "route_config": { "virtual_hosts": [{
                    "name": "all",
                    "domains": ["*"],
                    "routes": [
                        // What a refusal costs without a reason for it.
                        { "match": { "path": REFUSED }, "direct_response": { "status": 401 } },
                        { "match": { "prefix": "/" }, "route": { "cluster": "upstream" } },
                    ],
                }] },
                "http_filters": filters,
            },
        }] }],
    })
}

fn jwks() -> Result<Value> {
    let keys = SIGNERS.iter().map(|signer| signer.jwk()).collect::<Result<Vec<_>>>()?;
    Ok(json!({ "keys": keys }))
}

/// Verifies, checks issuer, audience and times, puts the subject into a header, and leaves the
/// scopes where [`rbac`] finds them.
fn jwt_authn(cache_entries: Option<u32>) -> Result<Value> {
    let mut provider = json!({
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "local_jwks": { "inline_string": jwks()?.to_string() },
        "payload_in_metadata": "payload",
        // A list of words, so that no scope passes for one that holds its name.
        "normalize_payload_in_metadata": { "space_delimited_claims": ["scope"] },
        "claim_to_headers": [{ "header_name": USER, "claim_name": "sub" }],
    });
    if let Some(entries) = cache_entries {
        provider["jwt_cache_config"] = json!({ "jwt_cache_size": entries });
    }
    Ok(json!({
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": { "test": provider },
            "rules": [{ "match": { "prefix": "/" }, "requires": { "provider_name": "test" } }],
        },
    }))
}

/// Lets in who has the scope.
fn rbac() -> Value {
    let scope = json!({ "list_match": { "one_of": { "string_match": { "exact": SCOPE } } } });
    json!({
        "name": "envoy.filters.http.rbac",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
            "rules": { "policies": { "scope": {
                "permissions": [{ "any": true }],
                "principals": [{ "sourced_metadata": { "metadata_matcher": {
                    "filter": "envoy.filters.http.jwt_authn",
                    "path": [{ "key": "payload" }, { "key": "scope" }],
                    "value": scope,
                } } }],
            } } },
        },
    })
}

/// The same policy for JWT Gate, in a VM of its own: no cache is shared.
fn gate(name: &str, verify: &str, metrics: bool) -> Result<Value> {
    let policy = Policy::Struct(policy(verify, metrics)?);
    let mut filter = config::gate(name, &policy)?;
    filter["typed_config"]["config"]["vm_config"]["vm_id"] = json!(format!("bench.{name}"));
    Ok(filter)
}

/// What the other set-ups check, in JWT Gate's words.
///
/// # Errors
///
/// A key cannot be read.
pub(crate) fn policy(verify: &str, metrics: bool) -> Result<Value> {
    Ok(json!({
        "issuers": [{
            "name": "test",
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "algorithms": SIGNERS.map(Signer::name),
            "keys": { "jwks": jwks()? },
        }],
        "verify": verify,
        "rules": [{
            "name": "orders",
            "match": { "prefix": "/" },
            "require": { "scopes": { "all": [SCOPE] } },
        }],
        "forward": { "claims": [{ "claim": ["sub"], "header": USER }] },
        "metrics": metrics,
    }))
}

/// The filter with the other module.
fn with_simd(mut filter: Value) -> Result<Value> {
    let path = envoy_e2e::checkout().join("target/jwt_gate.simd.wasm");
    let path = path.canonicalize().with_context(|| {
        format!("no module at {}: build it with `cargo xtask wasm`", path.display())
    })?;
    let vm = &mut filter["typed_config"]["config"]["vm_config"];
    vm["code"] = json!({ "local": { "filename": path } });
    Ok(filter)
}
