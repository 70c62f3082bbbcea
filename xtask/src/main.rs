//! The commands of the project, run as `cargo xtask COMMAND`; `cargo xtask help` lists them.

use std::process::ExitCode;

use anyhow::{Result, bail};

mod agent;
mod aside;
mod bench;
mod compose;
mod demo;
mod examples;
mod exports;
#[cfg(test)]
mod features;
mod fuzz;
mod link;
mod lint;
mod programs;
mod rustc;
mod scenarios;
mod setup;
mod shell;
mod tally;
mod test;
mod wasm;
mod workspace;

/// One command: its name, its arguments, what it does, and the function that does it.
struct Command {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result<ExitCode>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "test",
        arguments: "[--list] [STAGE...]",
        about: "Run everything that CI runs, or the stages named; the last line is `N passed, N failed`",
        run: test::run,
    },
    Command {
        name: "wasm",
        arguments: "",
        about: "Build the filter for a proxy: target/jwt_gate.wasm, and jwt_gate.simd.wasm for one with relaxed SIMD",
        run: |arguments| {
            no_arguments("wasm", arguments)?;
            wasm::build()?;
            wasm::build_simd()?;
            Ok(ExitCode::SUCCESS)
        },
    },
    Command {
        name: "agent",
        arguments: "",
        about: "Build the agent for HAProxy, optimised: target/jwt-gate-agent",
        run: |arguments| {
            no_arguments("agent", arguments)?;
            agent::build()?;
            Ok(ExitCode::SUCCESS)
        },
    },
    Command {
        name: "examples",
        arguments: "",
        about: "Build the harness's example modules: target/examples/*.wasm",
        run: |arguments| {
            no_arguments("examples", arguments)?;
            examples::build()?;
            Ok(ExitCode::SUCCESS)
        },
    },
    Command {
        name: "scenarios",
        arguments: "",
        about: "Write our scenarios, tokens minted, for `wasmtime-harness run`: target/scenarios",
        run: |arguments| {
            no_arguments("scenarios", arguments)?;
            scenarios::run()?;
            Ok(ExitCode::SUCCESS)
        },
    },
    Command {
        name: "setup",
        arguments: "[PART...]",
        about: "Install what the tests need and the machine lacks: rust, envoy, node, provider, wasm-bindgen, haproxy, wasmtime (default: all)",
        run: setup::run,
    },
    Command {
        name: "lint-envoy",
        arguments: "FILE...",
        about: "Find ways around the filter in Envoy configurations, above all routes that match on its headers",
        run: lint::run,
    },
    Command {
        name: "demo",
        arguments: "[--haproxy] [--once]",
        about: "Guard the hamsters API in a real Envoy, or a real HAProxy: a table of requests and answers, then it serves until Ctrl-C",
        run: demo::run,
    },
    Command {
        name: "bench",
        arguments: "[--quick] [--write] [proxies] [growth] [stages] | core [CRITERION-ARGUMENT...]",
        about: "Measure what the filter costs beside Envoy's and HAProxy's own means; --write rewrites \
                docs/benchmarks.md. `core`: what a decision costs natively",
        run: bench::run,
    },
];

fn main() -> ExitCode {
    match link::if_asked() {
        Ok(false) => {}
        Ok(true) => return ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            return ExitCode::FAILURE;
        }
    }
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_else(|| "help".into());
    let rest: Vec<String> = arguments.collect();
    if matches!(name.as_str(), "help" | "--help" | "-h") {
        print!("{}", help());
        return ExitCode::SUCCESS;
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        eprint!("no command `{name}`; expected one of these\n\n{}", help());
        return ExitCode::from(2);
    };
    match (command.run)(&rest) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("cargo xtask {name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// The list of commands, one a paragraph.
fn help() -> String {
    let mut text = String::from("The commands of JWT Gate. Usage: cargo xtask COMMAND\n");
    for command in COMMANDS {
        text.push_str(
            &format!("\n  {} {}\n", command.name, command.arguments).replace(" \n", "\n"),
        );
        text.push_str(&format!("      {}\n", command.about));
    }
    text
}

/// Refuses arguments of a command that takes none.
fn no_arguments(command: &str, arguments: &[String]) -> Result<()> {
    match arguments.first() {
        None => Ok(()),
        Some(found) => bail!("found argument `{found}`, expected none after `{command}`"),
    }
}
