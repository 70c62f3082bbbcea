//! The commands and their options.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::{check::Check, explain::Explain, import::Import, words};

/// Nothing wrong.
pub(crate) const GOOD: u8 = 0;
/// What was looked at is not good: the policy, the request, or what could be imported.
pub(crate) const BAD: u8 = 1;
/// It could not be looked at: no such file, a broken one, a wrong option.
pub(crate) const UNUSABLE: u8 = 2;

/// Checks JWT Gate policies, explains what they decide, and makes them from HAProxy's and Envoy's own configurations
#[derive(Parser)]
#[command(name = "jwt-gate", version, arg_required_else_help = true, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Check(Check),
    Explain(Box<Explain>),
    Import(Import),
}

/// Runs the command that the program's arguments name.
#[must_use]
pub fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Check(check) => check.run(),
        Command::Explain(explain) => explain.run(),
        Command::Import(import) => import.run(),
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(problem) => {
            anstream::eprintln!("{} {problem}", words::paint(words::BAD, "error:"));
            ExitCode::from(UNUSABLE)
        }
    }
}
