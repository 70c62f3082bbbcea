//! The identity provider of the end-to-end tests.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};

use super::{debian_packages, node};
use crate::{shell, workspace};

/// The packages of the end-to-end tests' identity provider, `envoy/e2e/provider`, installed under
/// `target/tools/provider` when they are not there yet, or not those of the lock file.
///
/// # Errors
///
/// Node or npm is missing, or npm failed.
pub(crate) fn provider() -> Result<PathBuf> {
    let source = workspace::root().join("envoy/e2e/provider");
    let target = workspace::tools().join("provider");
    let wanted = fs::read(source.join("package-lock.json"))
        .with_context(|| format!("cannot read the lock file in {}", source.display()))?;
    // Written last: what an interrupted run left is not taken for an installation.
    let stamp = target.join("installed-lock.json");
    if fs::read(&stamp).is_ok_and(|installed| installed == wanted) {
        return Ok(target);
    }
    node()?;
    if shell::which("npm").is_none() {
        debian_packages(&["npm"], "npm")?;
    }
    println!("provider: installing its packages into target/tools/provider");
    fs::create_dir_all(&target)?;
    for file in ["package.json", "package-lock.json"] {
        fs::copy(source.join(file), target.join(file))?;
    }
    // The lock file says what is installed, by hash. No package has a build step of its own.
    shell::run(
        shell::command("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
            .current_dir(&target),
    )?;
    fs::write(&stamp, wanted)?;
    Ok(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_file_names_packages_by_their_hashes_and_no_place() {
        let lock = workspace::root().join("envoy/e2e/provider/package-lock.json");
        let lock: serde_json::Value = serde_json::from_slice(&fs::read(lock).unwrap()).unwrap();
        let packages = lock["packages"].as_object().unwrap();
        assert!(packages.len() > 3, "{packages:?}");
        for (name, package) in packages.iter().filter(|(name, _)| !name.is_empty()) {
            assert!(package["integrity"].is_string(), "{name}");
            assert!(package["resolved"].is_null(), "{name}");
        }
    }
}
