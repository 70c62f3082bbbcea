//! This program as the linker of a proxy's module: what the filter does not use is left out, and what
//! it does itself stands in the place of what the SDK does.
//!
//! The SDK exports every callback of the ABI, and a proxy calls each one that it finds: twice for
//! each response, once for the log and once for the end of each request, only to hear that there is
//! nothing to do. Rust marks all of them for export, and no flag of the compiler or of the linker
//! takes one back; so the compiler is given this program as the linker, which drops the marks and
//! has the real one link. Nor can a function of ours have the name of one of the SDK's; so it gets the
//! name when all is linked.

use std::{
    env,
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail};

use crate::{exports, rustc};

/// Says which callbacks stay, as an argument of the linker: a change of the list is a change of the
/// build's flags, so that Cargo links anew.
const KEEP: &str = "--callbacks=";

/// What begins the name of every callback.
const CALLBACK: &str = "proxy_on_";

/// The argument for the linker that keeps these callbacks in the module, and no other; `name=function`
/// for one that another function of the module stands for.
pub(crate) fn keep(module: &str, callbacks: &[&str]) -> String {
    format!("{KEEP}{module}:{}", callbacks.join(","))
}

/// Links, if that is what this program was started for, and tells whether it was.
///
/// # Errors
///
/// The real linker is not there, or fails; or a function is not in the module.
pub(crate) fn if_asked() -> Result<bool> {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    if !arguments.iter().any(|argument| kept(argument).is_some()) {
        return Ok(false);
    }
    let linker = linker()?;
    let status = Command::new(&linker).args(without(&arguments)).status();
    let status = status.with_context(|| format!("cannot start {}", linker.display()))?;
    if !status.success() {
        bail!("{} ended with {status}", linker.display());
    }
    let Some(output) = output(&arguments) else {
        return Ok(true);
    };
    let renames: Vec<_> = wanted(&arguments).into_iter().flatten().filter_map(renamed).collect();
    if !renames.is_empty() {
        let module =
            fs::read(output).with_context(|| format!("cannot read {}", output.display()))?;
        let module = exports::rename(&module, &renames)
            .with_context(|| format!("the exports of {}", output.display()))?;
        fs::write(output, module).with_context(|| format!("cannot write {}", output.display()))?;
    }
    Ok(true)
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

/// What the linker is to write.
fn output(arguments: &[OsString]) -> Option<&Path> {
    arguments.iter().skip_while(|argument| *argument != "-o").nth(1).map(Path::new)
}

/// The callbacks that are kept of the module that is linked; `None` if all are.
fn wanted(arguments: &[OsString]) -> Option<Vec<&str>> {
    let module = output(arguments)?.file_stem()?.to_str()?;
    let mut lists = arguments.iter().filter_map(|argument| kept(argument));
    lists.find(|(known, _)| *known == module).map(|(_, callbacks)| callbacks)
}

/// The function that stands for a callback, and the callback's name.
fn renamed(callback: &str) -> Option<(&str, &str)> {
    callback.split_once('=').map(|(name, function)| (function, name))
}

/// The arguments of the linker, without the exports that the module does not need.
fn without(arguments: &[OsString]) -> Vec<&OsStr> {
    let wanted = wanted(arguments);
    let is_unwanted = |name: &OsStr| match (&wanted, name.to_str()) {
        (Some(callbacks), Some(name)) => name.starts_with(CALLBACK) && !callbacks.contains(&name),
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
    fn a_function_of_ours_stands_in_the_place_of_the_sdks() {
        let keep = keep("gate", &["proxy_on_tick", "proxy_on_delete=gate_on_delete"]);
        let exports = ["proxy_on_tick", "proxy_on_delete", "gate_on_delete"];
        let exports = exports.map(|name| format!("--export={name}"));
        let mut arguments: Vec<&str> = exports.iter().map(String::as_str).collect();
        arguments.extend([keep.as_str(), "-o", "deps/gate.wasm"]);
        let left = ["--export=proxy_on_tick", "--export=gate_on_delete", "-o", "deps/gate.wasm"];
        assert_eq!(link(&arguments), left);
        let arguments: Vec<OsString> = arguments.iter().map(OsString::from).collect();
        let wanted = wanted(&arguments).unwrap();
        let renames: Vec<_> = wanted.into_iter().filter_map(renamed).collect();
        assert_eq!(renames, [("gate_on_delete", "proxy_on_delete")]);
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
