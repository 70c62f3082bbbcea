//! What known hosts offer to a module, and where they differ: the hosts of the profiles, and
//! proxy-wasm/test-framework by its sources.

use proxy_host_model::{
    Profile, Status,
    profile::{Denial, Settable, UnknownUpstream},
};

use crate::{
    inspect::{Item, Verdict},
    wasi,
};

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

/// The markers that hosts know.
const MARKERS: [&str; 3] =
    ["proxy_abi_version_0_1_0", "proxy_abi_version_0_2_0", "proxy_abi_version_0_2_1"];

/// Names of the allocator, the usual one first.
const ALLOCATORS: [&str; 2] = ["proxy_on_memory_allocate", "malloc"];

/// What each known host makes of a module with these imports and exports: those that profiles
/// describe, and the framework that tests of filters were written with before.
pub(crate) fn judge(imports: &[Item], exports: &[Item]) -> Vec<Verdict> {
    let framework = Verdict {
        host: "test-framework",
        refuses: imports
            .iter()
            .filter(|item| wasi_name(&item.name).is_some())
            .map(|item| format!("it asks for {}; this host offers nothing of WASI", item.name))
            .chain(incomplete(exports, &["malloc"]))
            .collect(),
        beware: Vec::new(),
    };
    let profiles = Profile::ALL.iter().map(|profile| Verdict {
        host: profile.name,
        refuses: [unlinkable(imports), incomplete(exports, &ALLOCATORS), unlike(profile, imports)]
            .concat(),
        beware: [habits(profile, imports), silence(profile, exports), passive(exports)].concat(),
    });
    profiles.chain([framework]).collect()
}

/// Why a host of this profile would not link a module that imports these, by their full names.
pub(crate) fn refusals(profile: &Profile, imports: impl Iterator<Item = String>) -> Vec<String> {
    let items = imports.map(|name| {
        let known = PROXY.iter().find(|(known, _)| name.strip_prefix("env.") == Some(*known));
        let kind = known.map(|(_, kind)| (*kind).to_owned()).unwrap_or_default();
        Item { name, kind }
    });
    unlike(profile, &items.collect::<Vec<_>>())
}

/// Functions of the ABI that a host does not have, or not as the ABI has them.
fn unlike(profile: &Profile, imports: &[Item]) -> Vec<String> {
    let missing = profile.missing.iter().flat_map(|name| {
        asks(imports, name, |item| {
            format!("it asks for {}, which this host does not offer", item.name)
        })
    });
    let retyped = profile.retyped.iter().flat_map(|(name, parameters)| {
        asks(imports, name, |item| {
            let found = item.kind.split(" ->").next().unwrap_or_default();
            format!("it asks for {}{found}; this host has {parameters} parameters", item.name)
        })
    });
    missing.chain(retyped).collect()
}

/// What a host does in a way of its own when a function is called.
fn habits(profile: &Profile, imports: &[Item]) -> Vec<String> {
    let broken = imports.iter().map(|item| item.name.as_str()).filter(|name| {
        profile.unimplemented.iter().any(|broken| name.strip_prefix("env.") == Some(*broken))
    });
    let broken = together(broken).map(|names| {
        let ends = ending(profile.unimplemented_call);
        format!("not working, a call {ends}: {names}")
    });
    let usual = Denial::Status(Status::NOT_FOUND);
    let habits = [
        (
            "proxy_define_metric",
            profile.metrics_without_zone.map(|denial| {
                format!(
                    "defining a metric {} unless a zone for metrics is declared",
                    ending(denial)
                )
            }),
        ),
        (
            "proxy_set_shared_data",
            profile.shared_without_zone.map(|denial| {
                format!("setting a value {} unless a zone for its key is declared", ending(denial))
            }),
        ),
        (
            "proxy_call_foreign_function",
            Some(profile.unknown_foreign_function)
                .filter(|denial| *denial != usual)
                .map(|denial| format!("calling an unknown function {}", ending(denial))),
        ),
        (
            "proxy_set_property",
            match profile.settable {
                Settable::Any => None,
                Settable::Under(_) | Settable::Existing => {
                    Some(format!("no properties can be set but {}", profile.settable))
                }
            },
        ),
        (
            "proxy_http_call",
            match profile.unknown_upstream {
                UnknownUpstream::BadArgument => None,
                UnknownUpstream::FailsLater => {
                    Some("a call goes to an address, not to the name of a cluster".to_owned())
                }
            },
        ),
        (
            "proxy_set_effective_context",
            (!profile.effective_context).then(|| "it has no effect".to_owned()),
        ),
    ];
    let habits = habits.iter().filter_map(|(name, habit)| Some((name, habit.as_ref()?)));
    broken
        .into_iter()
        .chain(habits.flat_map(|(name, habit)| {
            asks(imports, name, |item| format!("{}: {habit}", item.name))
        }))
        .collect()
}

/// Callbacks of a module that a host never makes.
fn silence(profile: &Profile, exports: &[Item]) -> Vec<String> {
    let names = exports.iter().map(|item| item.name.as_str());
    let silent = together(names.filter(|name| profile.silent_callbacks.contains(name)));
    silent.map(|names| format!("never called: {names}")).into_iter().collect()
}

/// Names with a comma between them, if there are any.
fn together<'a>(names: impl Iterator<Item = &'a str>) -> Option<String> {
    Some(names.collect::<Vec<_>>().join(", ")).filter(|names| !names.is_empty())
}

fn ending(denial: Denial) -> String {
    match denial {
        Denial::Status(status) => format!("answers {status}"),
        Denial::Trap => "ends the filter's VM".to_owned(),
        Denial::Exit => "ends the process".to_owned(),
    }
}

/// Imports that neither the ABI nor WASI has, or has with another type.
fn unlinkable(imports: &[Item]) -> Vec<String> {
    let functions = wasi::functions();
    let why = |Item { name, kind }: &Item| {
        let (owner, known) = match wasi_name(name) {
            Some(function) => ("WASI", functions.get(function).map(String::as_str)),
            None => {
                let known =
                    PROXY.iter().find(|(known, _)| name.strip_prefix("env.") == Some(*known));
                ("the ABI", known.map(|(_, kind)| *kind))
            }
        };
        match known {
            None => Some(format!("it asks for {name}, which this host does not offer")),
            Some(expected) if kind != expected => {
                Some(format!("it asks for {name}{kind}; {owner} has {expected}"))
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
    let asked = imports.iter().filter(|item| item.name.strip_prefix("env.") == Some(name));
    asked.map(why).collect()
}

/// The name of a function of WASI preview 1.
fn wasi_name(name: &str) -> Option<&str> {
    wasi::MODULES.iter().find_map(|module| name.strip_prefix(module)?.strip_prefix('.'))
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
