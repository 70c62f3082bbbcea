//! One Envoy for all programs: a listener for each, with the probe in a VM of its own.
//!
//! Envoy is kept from adding what would differ from run to run or say nothing about the filter:
//! no request id, no `x-envoy-*` headers. What it adds all the same is the list in `lane.rs`.

use std::path::Path;

use probe_corpus::{Program, ROOT_ID};
use serde_json::{Value, json};

const HTTP: &str = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
const MANAGER: &str = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
const ROUTER: &str = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
const WASM: &str = "type.googleapis.com/envoy.extensions.filters.http.wasm.v3.Wasm";
const TEXT: &str = "type.googleapis.com/google.protobuf.StringValue";

/// The bootstrap, with the ports of the upstream, of the service, and one where nobody listens.
pub(crate) fn bootstrap(
    programs: &[Program],
    module: &Path,
    upstream: u16,
    service: u16,
    nobody: u16,
) -> Value {
    let listeners: Vec<_> = programs.iter().map(|program| listener(program, module)).collect();
    json!({
        "admin": { "address": address(0) },
        "static_resources": {
            "listeners": listeners,
            "clusters": [
                cluster("upstream", upstream),
                cluster("service", service),
                cluster("nobody", nobody),
            ],
        },
    })
}

fn listener(program: &Program, module: &Path) -> Value {
    let text = |text: &str| json!({ "@type": TEXT, "value": text });
    let filter = json!({
        "@type": WASM,
        "config": {
            "name": program.name,
            "root_id": ROOT_ID,
            "vm_config": {
                "vm_id": program.name,
                "runtime": "envoy.wasm.runtime.v8",
                "code": { "local": { "filename": module } },
                "configuration": text(&program.vm_configuration()),
            },
            "configuration": text(&program.configuration),
        },
    });
    let manager = json!({
        "@type": MANAGER,
        "stat_prefix": "probe",
        "generate_request_id": false,
        "http_protocol_options": { "enable_trailers": true },
        "route_config": { "name": "routes", "virtual_hosts": [{
            "name": "all",
            "domains": ["*"],
            "routes": [{
                "name": "route",
                "match": { "prefix": "/" },
                "route": { "cluster": "upstream", "timeout": "0s" },
            }],
        }] },
        "http_filters": [
            { "name": "probe", "typed_config": filter },
            {
                "name": "envoy.filters.http.router",
                "typed_config": { "@type": ROUTER, "suppress_envoy_headers": true },
            },
        ],
    });
    json!({
        "name": program.name,
        "address": address(0),
        "filter_chains": [{ "filters": [{
            "name": "envoy.filters.network.http_connection_manager",
            "typed_config": manager,
        }] }],
    })
}

fn cluster(name: &str, port: u16) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "load_assignment": { "cluster_name": name, "endpoints": [{ "lb_endpoints": [
            { "endpoint": { "address": address(port) } },
        ] }] },
        "typed_extension_protocol_options": {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                "@type": HTTP,
                "explicit_http_config": { "http_protocol_options": { "enable_trailers": true } },
            },
        },
    })
}

fn address(port: u16) -> Value {
    json!({ "socket_address": { "address": "127.0.0.1", "port_value": port } })
}
