//! What the command line offers.

mod bench;
mod inspect;
mod plugin;
mod run;
mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use self::{bench::Bench, inspect::Inspect, run::Run, serve::Serve};

/// A deterministic host for proxy-wasm modules.
#[derive(Parser)]
#[command(name = "wasmtime-harness", version, arg_required_else_help = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Bench(Box<Bench>),
    Inspect(Inspect),
    Run(Run),
    Serve(Box<Serve>),
}

impl Arguments {
    /// Does what was asked for.
    pub(crate) fn run(self) -> Result<ExitCode, String> {
        match self.command {
            Command::Bench(bench) => bench.run(),
            Command::Inspect(inspect) => inspect.run(),
            Command::Run(run) => run.run(),
            Command::Serve(serve) => serve.run(),
        }
    }
}
