//! `cargo xtask wasm`: the filter as a proxy loads it, and how any package becomes such a module.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

use crate::{link, rustc, setup, shell, workspace};

/// What the module is compiled for: WASI as the proxies offer it.
const TARGET: &str = "wasm32-wasip1";

/// The filter's file without its ending.
const MODULE: &str = "jwt_gate";

/// The callbacks that the filter has work for; each further one would be a call of the proxy's into
/// the module for nothing. Those in which requests come are the filter's own, and not the SDK's
/// (`filter/src/abi/callback.rs`). A body or a trailer must be held as long as its headers are, so those
/// of requests stay; a response is held whole if it is held.
const CALLBACKS: &[&str] = &[
    "proxy_on_configure",
    "proxy_on_context_create=jwt_gate_on_context_create",
    "proxy_on_delete=jwt_gate_on_delete",
    "proxy_on_http_call_response",
    "proxy_on_memory_allocate",
    "proxy_on_request_body=jwt_gate_on_request_body",
    "proxy_on_request_headers=jwt_gate_on_request_headers",
    "proxy_on_request_trailers=jwt_gate_on_request_trailers",
    "proxy_on_response_headers=jwt_gate_on_response_headers",
    "proxy_on_tick",
    "proxy_on_vm_start",
];

/// What a module for proxies with relaxed SIMD may use beside what every proxy knows. A proxy that
/// does not know one instruction refuses the whole module, hence a build of its own.
pub(crate) const SIMD: &str = "-Ctarget-feature=+simd128,+relaxed-simd";

/// Builds the module, puts it at `target/jwt_gate.wasm` and prints its size.
///
/// # Errors
///
/// The build failed, or a path of this machine is in the module.
pub(crate) fn build() -> Result<()> {
    build_as("jwt-gate", &workspace::module(), &workspace::target(), &[])
}

/// Builds the module with relaxed SIMD, puts it at `target/jwt_gate.simd.wasm` and prints its size.
///
/// # Errors
///
/// As of [`build`].
pub(crate) fn build_simd() -> Result<()> {
    build_as("jwt-gate", &workspace::simd_module(), &workspace::simd_target(), &[SIMD])
}

/// Builds the stages that the benchmark measures, with the flags of the filter, puts them at
/// `target/stages.wasm` and prints their size.
///
/// # Errors
///
/// As of [`build`].
pub(crate) fn build_stages() -> Result<()> {
    build_as("bench-stages", &workspace::stages(), &workspace::target(), &[])
}

/// Builds them with relaxed SIMD, puts them at `target/stages.simd.wasm` and prints their size.
///
/// # Errors
///
/// As of [`build`].
pub(crate) fn build_simd_stages() -> Result<()> {
    build_as("bench-stages", &workspace::simd_stages(), &workspace::simd_target(), &[SIMD])
}

fn build_as(package: &str, path: &Path, target: &Path, flags: &[&str]) -> Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    for module in compile(&[package], target, flags)? {
        replace(path, &module)?;
        println!("target/{name}: {} bytes", module.len());
    }
    Ok(())
}

/// Builds packages as modules in a target folder, with these flags of the compiler, and gives their
/// bytes, in the same order. Other flags need another folder: Cargo would build everything anew
/// each time that they change.
///
/// Equal sources give equal bytes on every machine: no flag comes from the environment, and every
/// folder of this machine is replaced by a fixed name.
///
/// # Errors
///
/// The build failed, or a path of this machine is in a module.
pub(crate) fn compile(
    packages: &[&str],
    target: &Path,
    more_flags: &[&str],
) -> Result<Vec<Vec<u8>>> {
    setup::rust_targets()?;
    // The folder of the registry's sources is known only when they are there.
    shell::run(shell::cargo().args(["fetch", "--quiet", "--target", TARGET]))?;

    let mut cargo = shell::cargo();
    for (name, _) in env::vars_os() {
        let name = name.to_string_lossy();
        let is_flags = name.ends_with("RUSTFLAGS") || name.ends_with("RUSTC_WRAPPER");
        if is_flags || name.starts_with("CARGO_PROFILE_") || name == "RUSTC_BOOTSTRAP" {
            cargo.env_remove(&*name);
        }
    }
    // The profile's own settings are in Cargo.toml; these flags alone depend on the machine.
    // `--config` adds to what .cargo/config.toml says where RUSTFLAGS would replace it.
    let keep = format!("-Clink-arg={}", link::keep(MODULE, CALLBACKS));
    let remaps = remaps()?;
    let own = remaps.iter().chain([&keep]).map(String::as_str);
    let flags: Vec<String> = own.chain(more_flags.iter().copied()).map(toml_string).collect();
    let linker = env::current_exe().context("cannot find this program")?;
    cargo
        .args(["build", "--release", "--target", TARGET, "--target-dir"])
        .arg(target)
        .args(packages.iter().flat_map(|package| ["--package", package]))
        .arg("--config")
        .arg(format!("target.{TARGET}.rustflags=[{}]", flags.join(",")))
        .arg("--config")
        .arg(format!("target.{TARGET}.linker={}", toml_string(&linker.to_string_lossy())));
    shell::run(&mut cargo)?;

    let read = |package: &&str| {
        let file = format!("release/{}.wasm", package.replace('-', "_"));
        let built = target.join(TARGET).join(file);
        let bytes = fs::read(&built).with_context(|| format!("cannot read {}", built.display()))?;
        refuse_paths(&bytes).with_context(|| format!("the module of {package}"))?;
        Ok(bytes)
    };
    packages.iter().map(read).collect()
}

/// The flags that replace the folders of this machine; of several that fit, rustc takes the last.
fn remaps() -> Result<Vec<String>> {
    let sysroot = rustc::sysroot()?;
    let commit = rustc::fact("commit-hash")?;

    let mut pairs: Vec<(PathBuf, String)> = Vec::new();
    if let Some(home) = env::home_dir() {
        pairs.push((home.clone(), "/home".into()));
        let cargo_home =
            env::var_os("CARGO_HOME").map_or_else(|| home.join(".cargo"), PathBuf::from);
        pairs.push((cargo_home.clone(), "/cargo".into()));
        // Each registry has a folder whose name depends on how this machine reaches it.
        if let Ok(registries) = fs::read_dir(cargo_home.join("registry/src")) {
            for registry in registries {
                pairs.push((registry?.path(), "/crates".into()));
            }
        }
    }
    pairs.push((sysroot.clone(), "/sysroot".into()));
    // The name that the distributed standard library already has inside; a machine with the
    // component rust-src would show its own folder instead.
    pairs.push((sysroot.join("lib/rustlib/src/rust"), format!("/rustc/{commit}")));
    pairs.push((workspace::root(), "/jwt-gate".into()));
    Ok(pairs
        .into_iter()
        .map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display()))
        .collect())
}

/// Refuses a module that tells where it was built: panic texts go to the proxy's log.
fn refuse_paths(module: &[u8]) -> Result<()> {
    let root = workspace::root();
    let mut folders = vec![root];
    folders.extend(env::home_dir());
    folders.extend(env::var_os("CARGO_HOME").map(PathBuf::from));
    for folder in folders {
        let text = folder.to_string_lossy();
        // A home such as `/` says nothing.
        if text.len() < 4 {
            continue;
        }
        if let Some(at) = find_folder(module, text.as_bytes()) {
            let end = module.len().min(at + 120);
            bail!(
                "found the path {text} in the module at byte {at}, expected no path of this machine: {}",
                String::from_utf8_lossy(&module[at..end]).escape_debug()
            );
        }
    }
    Ok(())
}

/// The place of the first occurrence of a folder, which is not empty: `/root`, but not in
/// `src/root.rs`.
fn find_folder(haystack: &[u8], folder: &[u8]) -> Option<usize> {
    let in_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    let is_there = |at: usize| !haystack.get(at + folder.len()).is_some_and(in_name);
    let places = haystack.windows(folder.len()).enumerate().filter(|(_, found)| *found == folder);
    places.map(|(at, _)| at).find(|at| is_there(*at))
}

/// Writes the file in one step: a proxy or a test that reads it sees the old or the new one whole.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let fresh = path.with_extension("wasm.new");
    fs::write(&fresh, bytes).with_context(|| format!("cannot write {}", fresh.display()))?;
    fs::rename(&fresh, path).with_context(|| format!("cannot write {}", path.display()))
}

/// A text as a basic string of TOML.
fn toml_string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_this_machine_is_found_and_named() {
        let root = workspace::root();
        let module = format!("\0asm panicked at {}/filter/src/abi.rs", root.display());
        let error = refuse_paths(module.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(&format!("found the path {}", root.display())), "{error}");
        assert!(error.contains("filter/src/abi.rs"), "{error}");
    }

    #[test]
    fn replaced_paths_pass() {
        refuse_paths(b"\0asm /crates/serde_json-1/src/de.rs /rustc/0123/library/core").unwrap();
    }

    #[test]
    fn a_file_is_not_taken_for_a_folder() {
        assert_eq!(find_folder(b"src/root.rs /root/x", b"/root"), Some(12));
        assert_eq!(find_folder(b"/root", b"/root"), Some(0));
        assert_eq!(find_folder(b"src/root.rs /roots/x", b"/root"), None);
    }

    #[test]
    fn a_quote_in_a_folder_does_not_end_the_flag() {
        assert_eq!(toml_string(r#"a"b\c"#), r#""a\"b\\c""#);
    }
}
