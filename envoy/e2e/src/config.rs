//! Envoy configurations made for a test.
//!
//! Path normalisation stays off here, unlike in the shipped files: the filter shall see the path
//! that the client wrote, and refuse it by itself.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::module;

/// How the policy stands in Envoy's configuration.
#[derive(Clone, Debug)]
pub enum Policy {
    /// As a `google.protobuf.Struct`, which reaches the filter as protobuf bytes.
    Struct(Value),
    /// As a `google.protobuf.StringValue`, which reaches the filter as it is.
    Text(String),
    /// In a watched file of its own (ECDS); [`extension_file`] gives the text.
    Watched(PathBuf),
}

/// One listener on a free port of 127.0.0.1 with JWT Gate in front of the upstream.
#[derive(Clone, Debug)]
pub struct Listener {
    name: String,
    policy: Policy,
    routes: Value,
    before: Vec<Value>,
    after: Vec<Value>,
    extra: Vec<(String, Value)>,
    states: Vec<String>,
}

impl Listener {
    /// A listener that sends what the filter allows to the upstream.
    #[must_use]
    pub fn new(name: &str, policy: Policy) -> Self {
        let routes = json!([{ "match": { "prefix": "/" }, "route": { "cluster": "upstream" } }]);
        Self {
            name: name.to_owned(),
            policy,
            routes,
            before: Vec::new(),
            after: Vec::new(),
            extra: Vec::new(),
            states: Vec::new(),
        }
    }

    /// Replaces the routes.
    #[must_use]
    pub fn routes(mut self, routes: Value) -> Self {
        self.routes = routes;
        self
    }

    /// Puts `filter_metadata.jwt_gate` on the one route.
    #[must_use]
    pub fn route_metadata(self, filter_metadata: &Value) -> Self {
        self.routes(json!([{
            "match": { "prefix": "/" },
            "route": { "cluster": "upstream" },
            "metadata": { "filter_metadata": filter_metadata },
        }]))
    }

    /// Shows what the filter has published, in a response header `x-test-state-<name>` each.
    #[must_use]
    pub fn show_filter_state(mut self, names: &[String]) -> Self {
        self.states = names.to_vec();
        self
    }

    /// Adds an HTTP filter behind JWT Gate.
    #[must_use]
    pub fn then(mut self, filter: Value) -> Self {
        self.after.push(filter);
        self
    }

    /// Adds an HTTP filter in front of JWT Gate.
    #[must_use]
    pub fn first(mut self, filter: Value) -> Self {
        self.before.push(filter);
        self
    }

    /// Sets a field of the HTTP connection manager.
    #[must_use]
    pub fn manager(mut self, field: &str, value: Value) -> Self {
        self.extra.push((field.to_owned(), value));
        self
    }

    /// The listener as Envoy's JSON.
    ///
    /// # Errors
    ///
    /// The filter module is not built.
    pub fn build(&self) -> Result<Value> {
        let mut filters = self.before.clone();
        filters.push(gate(&self.name, &self.policy)?);
        filters.extend(self.after.iter().cloned());
        filters.push(json!({
            "name": "envoy.filters.http.router",
            "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
        }));
        let states: Vec<_> = (self.states.iter())
            .map(|name| {
                json!({ "header": {
                    "key": format!("{STATE}{name}"),
                    "value": format!("%FILTER_STATE(wasm.{name}:PLAIN)%"),
                } })
            })
            .collect();
        let mut manager = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": self.name,
            "route_config": {
                "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": self.routes }],
                "response_headers_to_add": states,
            },
            // Shows a refusal's reason to the test. Replies that Envoy makes itself or that a
            // filter makes pass here, replies of the upstream do not.
            "local_reply_config": { "mappers": [{
                "filter": { "status_code_filter": { "comparison": {
                    "op": "GE", "value": { "default_value": 0, "runtime_key": "none" },
                } } },
                "headers_to_add": [{
                    "header": { "key": DETAILS, "value": "%RESPONSE_CODE_DETAILS%" },
                }],
            }] },
            "http_filters": filters,
        });
        for (field, value) in &self.extra {
            manager[field] = value.clone();
        }
        Ok(json!({
            "name": self.name,
            "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } },
            "filter_chains": [{ "filters": [{
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": manager,
            }] }],
        }))
    }
}

/// The header in which [`Listener`]s show the response-code details of a refusal.
pub const DETAILS: &str = "x-test-details";

/// The beginning of the headers in which [`Listener::show_filter_state`] shows.
pub const STATE: &str = "x-test-state-";

/// The text of a file for [`Policy::Watched`], with the policy in one of the other forms.
///
/// # Errors
///
/// The filter module is not built, or the policy is in a file again.
pub fn extension_file(version: &str, policy: &Policy) -> Result<String> {
    let gate = gate(GATE, policy)?;
    ensure!(!gate["typed_config"].is_null(), "a watched file cannot name another");
    let resource = json!({
        "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
        "name": GATE,
        "typed_config": gate["typed_config"],
    });
    Ok(serde_json::to_string_pretty(&json!({ "version_info": version, "resources": [resource] }))?)
}

const GATE: &str = "jwt_gate";

/// JWT Gate as an entry of `http_filters`; Envoy knows the plugin by `name`.
///
/// # Errors
///
/// The filter module is not built.
pub fn gate(name: &str, policy: &Policy) -> Result<Value> {
    const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
    let configuration = match policy {
        Policy::Struct(value) => {
            json!({ "@type": "type.googleapis.com/google.protobuf.Struct", "value": value })
        }
        Policy::Text(text) => {
            json!({ "@type": "type.googleapis.com/google.protobuf.StringValue", "value": text })
        }
        Policy::Watched(path) => {
            return Ok(json!({
                "name": GATE,
                "config_discovery": {
                    "config_source": {
                        "path_config_source": { "path": path }, "resource_api_version": "V3",
                    },
                    "type_urls": [WASM],
                },
            }));
        }
    };
    Ok(json!({
        "name": GATE,
        "typed_config": {
            "@type": WASM,
            "config": {
                // Envoy remembers that it refused a configuration under this name, and says no more
                // why.
                "name": name,
                "failure_policy": "FAIL_RELOAD",
                "vm_config": {
                    "vm_id": "jwt-gate.test",
                    "runtime": "envoy.wasm.runtime.v8",
                    "code": { "local": { "filename": module()? } },
                },
                "configuration": configuration,
            },
        },
    }))
}

/// A bootstrap with these listeners and the cluster `upstream` on a port of 127.0.0.1.
///
/// # Errors
///
/// The filter module is not built.
pub fn bootstrap(upstream: u16, listeners: &[Listener]) -> Result<Value> {
    let listeners: Vec<_> = listeners.iter().map(Listener::build).collect::<Result<_>>()?;
    Ok(bootstrap_of(upstream, &listeners))
}

/// As [`bootstrap`], for listeners that are written out.
#[must_use]
pub fn bootstrap_of(upstream: u16, listeners: &[Value]) -> Value {
    json!({
        "admin": { "address": { "socket_address": { "address": "127.0.0.1", "port_value": 0 } } },
        "static_resources": {
            "listeners": listeners,
            "clusters": [cluster("upstream", upstream)],
        },
    })
}

/// A cluster of one server on a port of 127.0.0.1.
fn cluster(name: &str, port: u16) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": [
            { "endpoint": { "address": { "socket_address": {
                "address": "127.0.0.1", "port_value": port,
            } } } },
        ] }] },
    })
}

/// Adds a cluster of one server on a port of 127.0.0.1 to a bootstrap.
///
/// # Errors
///
/// The bootstrap has no list of clusters.
pub fn with_cluster(mut bootstrap: Value, name: &str, port: u16) -> Result<Value> {
    let clusters = bootstrap["static_resources"]["clusters"].as_array_mut();
    clusters.context("found no list of clusters")?.push(cluster(name, port));
    Ok(bootstrap)
}

/// Makes a bootstrap read more listeners from a watched file (LDS).
#[must_use]
pub fn watching(mut bootstrap: Value, listeners: &Path) -> Value {
    // Watched by folder: a rename inside it is what Envoy takes for an update.
    bootstrap["dynamic_resources"] = json!({ "lds_config": {
        "path_config_source": { "path": listeners },
        "resource_api_version": "V3",
    } });
    bootstrap["node"] = json!({ "id": "test", "cluster": "test" });
    bootstrap
}

/// The text of a file for [`watching`].
///
/// # Errors
///
/// The filter module is not built.
pub fn listener_file(version: &str, listeners: &[Listener]) -> Result<String> {
    let resources: Vec<_> = (listeners.iter())
        .map(|listener| {
            let mut resource = listener.build()?;
            resource["@type"] = json!("type.googleapis.com/envoy.config.listener.v3.Listener");
            Ok(resource)
        })
        .collect::<Result<_>>()?;
    Ok(serde_json::to_string_pretty(&json!({ "version_info": version, "resources": resources }))?)
}
