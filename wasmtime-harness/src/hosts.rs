//! What known hosts offer to a module, and where they differ. Found by trying: Envoy 1.40, nginx
//! 1.22 with ngx_wasm_module, and the sources of proxy-wasm/test-framework.

use crate::inspect::{Item, Verdict};

/// The functions of ABI 0.2.1 with their types.
pub(crate) const PROXY: [(&str, &str); 39] = [
    ("proxy_log", "(i32, i32, i32) -> i32"),
    ("proxy_get_log_level", "(i32) -> i32"),
    ("proxy_get_status", "(i32, i32, i32) -> i32"),
    ("proxy_get_property", "(i32, i32, i32, i32) -> i32"),
    ("proxy_set_property", "(i32, i32, i32, i32) -> i32"),
    ("proxy_send_local_response", "(i32, i32, i32, i32, i32, i32, i32, i32) -> i32"),
    ("proxy_continue_stream", "(i32) -> i32"),
    ("proxy_close_stream", "(i32) -> i32"),
    ("proxy_get_shared_data", "(i32, i32, i32, i32, i32) -> i32"),
    ("proxy_set_shared_data", "(i32, i32, i32, i32, i32) -> i32"),
    ("proxy_register_shared_queue", "(i32, i32, i32) -> i32"),
    ("proxy_resolve_shared_queue", "(i32, i32, i32, i32, i32) -> i32"),
    ("proxy_enqueue_shared_queue", "(i32, i32, i32) -> i32"),
    ("proxy_dequeue_shared_queue", "(i32, i32, i32) -> i32"),
    ("proxy_get_header_map_value", "(i32, i32, i32, i32, i32) -> i32"),
    ("proxy_add_header_map_value", "(i32, i32, i32, i32, i32) -> i32"),
    ("proxy_replace_header_map_value", "(i32, i32, i32, i32, i32) -> i32"),
    ("proxy_remove_header_map_value", "(i32, i32, i32) -> i32"),
    ("proxy_get_header_map_pairs", "(i32, i32, i32) -> i32"),
    ("proxy_set_header_map_pairs", "(i32, i32, i32) -> i32"),
    ("proxy_get_header_map_size", "(i32, i32) -> i32"),
    ("proxy_get_buffer_status", "(i32, i32, i32) -> i32"),
    ("proxy_get_buffer_bytes", "(i32, i32, i32, i32, i32) -> i32"),
    ("proxy_set_buffer_bytes", "(i32, i32, i32, i32, i32) -> i32"),
    ("proxy_http_call", "(i32, i32, i32, i32, i32, i32, i32, i32, i32, i32) -> i32"),
    ("proxy_grpc_call", "(i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32) -> i32"),
    ("proxy_grpc_stream", "(i32, i32, i32, i32, i32, i32, i32, i32, i32) -> i32"),
    ("proxy_grpc_send", "(i32, i32, i32, i32) -> i32"),
    ("proxy_grpc_cancel", "(i32) -> i32"),
    ("proxy_grpc_close", "(i32) -> i32"),
    ("proxy_set_tick_period_milliseconds", "(i32) -> i32"),
    ("proxy_get_current_time_nanoseconds", "(i32) -> i32"),
    ("proxy_define_metric", "(i32, i32, i32, i32) -> i32"),
    ("proxy_increment_metric", "(i32, i64) -> i32"),
    ("proxy_record_metric", "(i32, i64) -> i32"),
    ("proxy_get_metric", "(i32, i32) -> i32"),
    ("proxy_set_effective_context", "(i32) -> i32"),
    ("proxy_done", "() -> i32"),
    ("proxy_call_foreign_function", "(i32, i32, i32, i32, i32, i32) -> i32"),
];

/// The names under which modules import WASI preview 1.
const WASI: [&str; 2] = ["wasi_snapshot_preview1", "wasi_unstable"];

/// The markers that hosts know.
const MARKERS: [&str; 3] =
    ["proxy_abi_version_0_1_0", "proxy_abi_version_0_2_0", "proxy_abi_version_0_2_1"];

/// Names of the allocator, the usual one first.
const ALLOCATORS: [&str; 2] = ["proxy_on_memory_allocate", "malloc"];

/// What ngx_wasm_module does in its own way, by the import that asks for it.
const NGINX_HABITS: [(&str, &str); 4] = [
    (
        "env.proxy_define_metric",
        "defining a metric ends the process unless a metrics zone is declared",
    ),
    ("env.proxy_call_foreign_function", "an unknown foreign function is a trap, not NOT_FOUND"),
    ("env.proxy_set_property", "properties outside wasmx and ngx are NOT_FOUND when set"),
    ("env.proxy_http_call", "a call goes to an address, not to the name of a cluster"),
];

/// What each known host makes of a module with these imports and exports.
pub(crate) fn judge(imports: &[Item], exports: &[Item]) -> Vec<Verdict> {
    vec![
        Verdict {
            host: "envoy-1.40",
            refuses: [unlinkable(imports), incomplete(exports, &ALLOCATORS)].concat(),
            beware: passive(exports),
        },
        Verdict {
            host: "ngx_wasm",
            refuses: [
                unlinkable(imports),
                incomplete(exports, &ALLOCATORS),
                asks(imports, "env.proxy_get_log_level", |item| {
                    format!("it asks for {} with one parameter; this host has two", item.name)
                }),
            ]
            .concat(),
            beware: NGINX_HABITS
                .into_iter()
                .flat_map(|(name, habit)| {
                    asks(imports, name, |item| format!("{}: {habit}", item.name))
                })
                .chain(passive(exports))
                .collect(),
        },
        Verdict {
            host: "test-framework",
            refuses: imports
                .iter()
                .filter(|item| wasi(&item.name).is_some())
                .map(|item| format!("it asks for {}; this host offers nothing of WASI", item.name))
                .chain(incomplete(exports, &["malloc"]))
                .collect(),
            beware: Vec::new(),
        },
    ]
}

/// Imports that neither the ABI nor WASI has, or has with another type.
fn unlinkable(imports: &[Item]) -> Vec<String> {
    let why = |Item { name, kind }: &Item| {
        if wasi(name).is_some() {
            return None;
        }
        let known = PROXY.iter().find(|(known, _)| name.strip_prefix("env.") == Some(*known));
        match known {
            None => Some(format!("it asks for {name}, which this host does not offer")),
            Some((_, expected)) if kind != expected => {
                Some(format!("it asks for {name}{kind}; the ABI has {expected}"))
            }
            Some(_) => None,
        }
    };
    imports.iter().filter_map(why).collect()
}

fn incomplete(exports: &[Item], allocators: &[&str]) -> Vec<String> {
    let lacks = |names: &[&str]| !exports.iter().any(|item| names.contains(&&*item.name));
    let mut found = Vec::new();
    if lacks(&MARKERS) {
        found.push(format!("it exports no marker of its ABI, such as {}", MARKERS[2]));
    }
    if lacks(&["memory"]) {
        found.push("it exports no memory".to_owned());
    }
    if lacks(allocators) {
        found.push(format!("it exports no allocator {}", allocators.join(" or ")));
    }
    found
}

/// A filter without this callback loads, and sees nothing.
fn passive(exports: &[Item]) -> Vec<String> {
    let sees = exports.iter().any(|item| item.name == "proxy_on_request_headers");
    let warning = "it exports no proxy_on_request_headers: every request passes unseen";
    if sees { Vec::new() } else { vec![warning.to_owned()] }
}

fn asks(imports: &[Item], name: &str, why: impl Fn(&Item) -> String) -> Vec<String> {
    imports.iter().filter(|item| item.name == name).map(why).collect()
}

/// The name of a function of WASI preview 1.
fn wasi(name: &str) -> Option<&str> {
    WASI.iter().find_map(|module| name.strip_prefix(module)?.strip_prefix('.'))
}

#[cfg(test)]
mod tests {
    use proxy_host_model::HOST_FUNCTIONS;

    use super::*;

    #[test]
    fn the_functions_are_those_of_the_model() {
        assert_eq!(PROXY.map(|(name, _)| name), HOST_FUNCTIONS);
    }
}
