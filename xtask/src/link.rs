//! This program as the linker of a proxy's module: what the filter does not use is left out.
//!
//! The SDK exports every callback of the ABI, and a proxy calls each one that it finds: twice for
//! each response, once for the log and once for the end of each request, only to hear that there is
//! nothing to do. Rust marks all of them for export, and no flag of the compiler or of the linker
//! takes one back; so the compiler is given this program as the linker, which drops the marks and
//! hands over to the real one.

use std::{
    env,
    ffi::{OsStr, OsString},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::rustc;

/// Says which callbacks stay, as an argument of the linker: a change of the list is a change of the
/// build's flags, so that Cargo links anew.
const KEEP: &str = "--callbacks=";

/// What begins the name of every callback.
const CALLBACK: &str = "proxy_on_";

/// The argument for the linker that keeps these callbacks in the module, and no other.
pub(crate) fn keep(module: &str, callbacks: &[&str]) -> String {
    format!("{KEEP}{module}:{}", callbacks.join(","))
}

/// Links, if that is what this program was started for; does not come back then.
///
/// # Errors
///
/// The real linker is not there.
pub(crate) fn if_asked() -> Result<()> {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    if !arguments.iter().any(|argument| kept(argument).is_some()) {
        return Ok(());
    }
    let linker = linker()?;
    let error = Command::new(&linker).args(without(&arguments)).exec();
    Err(error).with_context(|| format!("cannot start {}", linker.display()))
}

/// The linker that comes with the compiler.
fn linker() -> Result<PathBuf> {
    Ok(rustc::sysroot()?.join("lib/rustlib").join(rustc::fact("host")?).join("bin/rust-lld"))
}

/// The module and the callbacks of the argument that [`keep`] made.
fn kept(argument: &OsStr) -> Option<(&str, Vec<&str>)> {
    let (module, callbacks) = argument.to_str()?.strip_prefix(KEEP)?.split_once(':')?;
    Some((module, callbacks.split(',').collect()))
}

/// The arguments of the linker, without the exports that the module does not need.
fn without(arguments: &[OsString]) -> Vec<&OsStr> {
    let output = arguments.iter().skip_while(|argument| *argument != "-o").nth(1);
    let output = output.and_then(|path| Path::new(path).file_stem()).and_then(OsStr::to_str);
    let wanted = arguments
        .iter()
        .filter_map(|argument| kept(argument))
        .find(|(module, _)| output == Some(module));
    let is_unwanted = |name: &OsStr| match (&wanted, name.to_str()) {
        (Some((_, callbacks)), Some(name)) => {
            name.starts_with(CALLBACK) && !callbacks.contains(&name)
        }
        _ => false,
    };
    let mut rest: Vec<&OsStr> = Vec::with_capacity(arguments.len());
    for argument in arguments.iter().filter(|argument| kept(argument).is_none()) {
        let after_export = rest.last().is_some_and(|last| *last == "--export");
        if after_export && is_unwanted(argument) {
            rest.pop();
            continue;
        }
        let joined = argument.to_str().and_then(|text| text.strip_prefix("--export="));
        if !joined.is_some_and(|name| is_unwanted(OsStr::new(name))) {
            rest.push(argument);
        }
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(arguments: &[&str]) -> Vec<String> {
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        without(&arguments).iter().map(|argument| argument.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn only_the_callbacks_that_are_kept_stay() {
        let keep = keep("gate", &["proxy_on_tick", "proxy_on_delete"]);
        let arguments = [
            "--export",
            "proxy_on_log",
            "--export",
            "proxy_on_tick",
            "--export=proxy_on_done",
            "--export=proxy_on_delete",
            "--export",
            "proxy_abi_version_0_2_1",
            &keep,
            "-o",
            "deps/gate.wasm",
        ];
        assert_eq!(
            link(&arguments),
            [
                "--export",
                "proxy_on_tick",
                "--export=proxy_on_delete",
                "--export",
                "proxy_abi_version_0_2_1",
                "-o",
                "deps/gate.wasm",
            ]
        );
    }

    #[test]
    fn another_module_is_linked_as_it_is() {
        let keep = keep("gate", &["proxy_on_tick"]);
        let arguments = ["--export", "proxy_on_log", &keep, "-o", "deps/other.wasm"];
        assert_eq!(link(&arguments), ["--export", "proxy_on_log", "-o", "deps/other.wasm"]);
    }

    #[test]
    fn a_command_of_the_project_is_no_link() {
        for argument in ["wasm", "--list", "--callbacks", "--callbacks=gate"] {
            assert_eq!(kept(OsStr::new(argument)), None);
        }
    }
}
