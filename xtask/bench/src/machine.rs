//! What was measured, where and when.

use std::{fs, path::Path, process::Command, thread};

use anyhow::{Context, Result, ensure};
use envoy_e2e::{checkout, envoy_binary, module};

use crate::haproxy;

/// The machine and the programs, as lines of text.
///
/// # Errors
///
/// The module is not built, or a program does not tell its version.
pub(crate) fn describe(haproxy: Option<&Path>, has_agent: bool) -> Result<Vec<String>> {
    let size = fs::metadata(module()?)?.len();
    let mut lines = here()?;
    lines.push(format!("JWT Gate: {size} bytes; Envoy {}, one worker", envoy()?));
    match haproxy {
        Some(binary) => {
            lines.push(format!("HAProxy {}, one thread", haproxy::version(binary)?));
            lines.push(match has_agent {
                true => "JWT Gate's agent for HAProxy with one thread".to_owned(),
                false => "JWT Gate's agent for HAProxy is not built, and was left out: \
                          `cargo xtask agent` builds it"
                    .to_owned(),
            });
        }
        None => lines.push("HAProxy is not installed, and was left out".to_owned()),
    }
    Ok(lines)
}

/// When and on what machine, as lines of text.
///
/// # Errors
///
/// The system does not tell.
pub(crate) fn here() -> Result<Vec<String>> {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = field(&cpus, "model name").unwrap_or("an unknown processor");
    let count = thread::available_parallelism().context("counting processors")?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default();
    Ok(vec![
        format!("{}, commit {}", read(Command::new("date").args(["-u", "+%F"]))?, commit()),
        format!("{count} processors, {model}; Linux {}; load {load} at the start", kernel.trim()),
    ])
}

fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

/// The commit, with a `+` behind it where files differ from it.
fn commit() -> String {
    let git =
        |arguments: &[&str]| read(Command::new("git").args(arguments).current_dir(checkout()));
    // An unpacked archive has none.
    let Ok(commit) = git(&["rev-parse", "--short", "HEAD"]) else {
        return "unknown".to_owned();
    };
    let changes = git(&["status", "--porcelain", "--untracked-files=no"]).unwrap_or_default();
    format!("{commit}{}", if changes.is_empty() { "" } else { "+" })
}

/// The version of Envoy, such as `1.40.0`.
fn envoy() -> Result<String> {
    let text = read(Command::new(envoy_binary()?).arg("--version"))?;
    // `envoy  version: COMMIT/1.40.0/Clean/RELEASE/BoringSSL`
    let version = text.split('/').rev().nth(3);
    version.map(str::to_owned).with_context(|| format!("envoy --version: found `{text}`"))
}

/// What a program prints, without blanks around it.
fn read(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("running {command:?}"))?;
    ensure!(output.status.success(), "{command:?} ended with {}", output.status);
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_the_kernels_list_is_found() {
        assert_eq!(field("a : 1\nmodel name\t: X 2\n", "model name"), Some("X 2"));
        assert_eq!(field("", "model name"), None);
    }
}
