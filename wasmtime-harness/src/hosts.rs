//! What known hosts make of a module before it runs. What they do differently comes from their
//! profiles; proxy-wasm/test-framework is judged by its sources.

use proxy_host_model::{
    Profile,
    profile::{Denial, Settable, UnknownUpstream},
};

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

/// The hosts that a module is judged for, which are real ones.
const HOSTS: [Profile; 2] = [Profile::ENVOY_1_40, Profile::NGX_WASM];

/// What each known host makes of a module with these imports and exports.
pub(crate) fn judge(imports: &[Item], exports: &[Item]) -> Vec<Verdict> {
    let known = HOSTS.iter().map(|profile| Verdict {
        host: profile.name,
        refuses: [
            unlinkable(imports),
            refusals(profile, imports.iter().map(|item| item.name.as_str())),
            incomplete(exports, &ALLOCATORS),
        ]
        .concat(),
        beware: [habits(profile, imports), silence(profile, exports), passive(exports)].concat(),
    });
    let framework = Verdict {
        host: "test-framework",
        refuses: imports
            .iter()
            .filter(|item| wasi(&item.name).is_some())
            .map(|item| format!("it asks for {}; this host offers nothing of WASI", item.name))
            .chain(incomplete(exports, &["malloc"]))
            .collect(),
        beware: Vec::new(),
    };
    known.chain([framework]).collect()
}

/// Why a host of this profile would not link a module that imports these.
pub(crate) fn refusals<'a>(
    profile: &Profile,
    imports: impl Iterator<Item = &'a str>,
) -> Vec<String> {
    let why = |import: &str| {
        let name = import.strip_prefix("env.")?;
        if profile.missing.contains(&name) {
            return Some(format!("it asks for {import}, which this host does not offer"));
        }
        let (_, other) = profile.retyped.iter().find(|(known, _)| *known == name)?;
        let (_, kind) = PROXY.iter().find(|(known, _)| *known == name)?;
        let count = kind.matches("i32").count().saturating_sub(1);
        Some(format!("it asks for {import} with {count} parameter(s); this host has {other}"))
    };
    imports.filter_map(why).collect()
}

/// What the host does in its own way with what the module asks for.
fn habits(profile: &Profile, imports: &[Item]) -> Vec<String> {
    let without = |denial: Option<Denial>, what: &str| {
        denial.map(|denial| format!("{what} that is not declared is refused: {denial}"))
    };
    let habit = |name: &str| match name {
        name if profile.unimplemented.contains(&name) => {
            Some(format!("it does not work in this host: {}", profile.unimplemented_call))
        }
        "proxy_define_metric" => without(profile.metrics_without_zone, "a metric in a zone"),
        "proxy_get_shared_data" | "proxy_set_shared_data" => {
            without(profile.shared_without_zone, "a key in a zone")
        }
        "proxy_register_shared_queue" => without(profile.shared_without_zone, "a queue in a zone"),
        "proxy_call_foreign_function" => match profile.unknown_foreign_function {
            Denial::Status(_) => None,
            denial => Some(format!("an unknown foreign function is no NOT_FOUND: {denial}")),
        },
        "proxy_set_property" => match profile.settable {
            Settable::Any => None,
            settable => Some(format!("{settable} can be set, other properties are NOT_FOUND")),
        },
        "proxy_http_call" if profile.unknown_upstream == UnknownUpstream::FailsLater => {
            Some("a call goes to an address, not to the name of a cluster".to_owned())
        }
        _ => None,
    };
    let names = imports.iter().filter_map(|item| item.name.strip_prefix("env."));
    names.filter_map(|name| habit(name).map(|habit| format!("env.{name}: {habit}"))).collect()
}

/// What the module offers and the host never calls.
fn silence(profile: &Profile, exports: &[Item]) -> Vec<String> {
    let silent = exports.iter().map(|item| item.name.as_str());
    let silent: Vec<&str> = silent.filter(|name| profile.silent_callbacks.contains(name)).collect();
    if silent.is_empty() {
        return Vec::new();
    }
    vec![format!("this host never calls {}", silent.join(", "))]
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

/// The name of a function of WASI preview 1.
fn wasi(name: &str) -> Option<&str> {
    WASI.iter().find_map(|module| name.strip_prefix(module)?.strip_prefix('.'))
}
