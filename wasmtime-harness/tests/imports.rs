//! What the release module and a host ask of each other: each import is one more thing that a host
//! may lack, each callback one more call for each request.

#![allow(clippy::panic, reason = "a test stops at what it did not expect")]

use std::{env, fs};

#[path = "module/mod.rs"]
mod module;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../host-tests/golden");

/// Imports that keep the module from running somewhere, and why.
const FORBIDDEN: [(&str, &str); 4] = [
    ("env.proxy_get_log_level", "nginx has it with another signature and refuses to link"),
    (
        "wasi_snapshot_preview1.random_get",
        "a hash map with random state traps where WASI is denied",
    ),
    ("wasi_snapshot_preview1.clock_time_get", "the time comes from the proxy alone"),
    ("wasi_snapshot_preview1.path_open", "there are no files"),
];

#[test]
fn the_imports_are_those_of_the_golden_file() {
    compare("imports.txt", module::get().imports().collect());
}

#[test]
fn the_exports_are_those_of_the_golden_file() {
    compare("exports.txt", module::get().exports().map(str::to_owned).collect());
}

fn compare(file: &str, mut names: Vec<String>) {
    let golden = format!("{GOLDEN}/{file}");
    names.sort();
    let found = names.join("\n") + "\n";
    if env::var_os("BLESS").is_some() {
        fs::write(&golden, &found).unwrap_or_else(|error| panic!("{golden}: {error}"));
    }
    let expected = fs::read_to_string(&golden).unwrap_or_default();
    assert_eq!(found, expected, "{file} changed; if that is meant, run again with BLESS=1");
}

#[test]
fn no_import_is_one_that_hosts_lack() {
    let imports: Vec<String> = module::get().imports().collect();
    for (name, reason) in FORBIDDEN {
        assert!(!imports.iter().any(|import| import == name), "{name} is imported: {reason}");
    }
    let proxy = |import: &&String| import.starts_with("env.proxy_");
    assert_ne!(imports.iter().filter(proxy).count(), 0, "found {imports:?}");
}
