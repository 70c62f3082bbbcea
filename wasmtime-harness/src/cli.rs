//! What the command line offers.

mod inspect;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::inspect::Inspect;

/// A deterministic host for proxy-wasm modules.
#[derive(Parser)]
#[command(name = "wasmtime-harness", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Inspect(Inspect),
}

impl Arguments {
    /// Does what was asked for.
    pub(crate) fn run(self) -> Result<ExitCode, String> {
        match self.command {
            Command::Inspect(inspect) => inspect.run(),
        }
    }
}
