//! `cargo xtask examples`: the harness's example modules, as proxies load them.
//!
//! Each folder below `wasmtime-harness/examples` with a `Cargo.toml` is one, and its package has the
//! folder's name.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, bail};

use crate::{wasm, workspace};

/// Builds each example and puts it at `target/examples/NAME.wasm`, with `_` for `-` in its name.
///
/// # Errors
///
/// A build failed, or a module holds a path of this machine.
pub(crate) fn build() -> Result<()> {
    let names = names()?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let folder = folder();
    fs::create_dir_all(&folder).with_context(|| format!("cannot write {}", folder.display()))?;
    for (name, module) in names.iter().zip(wasm::compile(&names, &workspace::target(), &[])?) {
        let file = format!("{}.wasm", name.replace('-', "_"));
        wasm::replace(&folder.join(&file), &module)?;
        println!("target/examples/{file}: {} bytes", module.len());
    }
    Ok(())
}

/// Where the modules go.
fn folder() -> PathBuf {
    workspace::root().join("target/examples")
}

/// The folders of the examples' scenarios, in order; not every example has some.
pub(crate) fn scenarios() -> Result<Vec<PathBuf>> {
    let folders = names()?.into_iter().map(|name| sources().join(name).join("scenarios"));
    Ok(folders.filter(|folder| folder.is_dir()).collect())
}

fn sources() -> PathBuf {
    workspace::root().join("wasmtime-harness/examples")
}

/// The examples' packages, in order.
pub(crate) fn names() -> Result<Vec<String>> {
    let sources = sources();
    let mut names = Vec::new();
    for entry in
        fs::read_dir(&sources).with_context(|| format!("cannot read {}", sources.display()))?
    {
        let folder = entry?.path();
        if folder.join("Cargo.toml").is_file() {
            names.push(folder.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    if names.is_empty() {
        bail!("found no package under {}, expected the examples", sources.display());
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_example_is_a_package_of_the_name_of_its_folder() {
        let names = names().unwrap();
        assert!(names.contains(&"add-header".to_owned()), "{names:?}");
        for name in names {
            let manifest = format!("wasmtime-harness/examples/{name}/Cargo.toml");
            let text = fs::read_to_string(workspace::root().join(&manifest)).unwrap();
            assert!(text.contains(&format!("\nname = \"{name}\"\n")), "{manifest}");
            let members = fs::read_to_string(workspace::root().join("Cargo.toml")).unwrap();
            let folder = manifest.trim_end_matches("/Cargo.toml");
            assert!(members.contains(&format!("\"{folder}\"")), "{folder}");
        }
    }
}
