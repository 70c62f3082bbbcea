//! What the command line offers.

use std::{fs, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use wasmtime_harness::Inspection;

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

/// Tell what a module asks for and offers, and which hosts would refuse it.
#[derive(Args)]
struct Inspect {
    /// The module.
    #[arg(value_name = "FILE.wasm")]
    module: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Arguments {
    /// Does what was asked for.
    pub(crate) fn run(self) -> Result<ExitCode, String> {
        match self.command {
            Command::Inspect(inspect) => inspect.run(),
        }
    }
}

impl Inspect {
    fn run(self) -> Result<ExitCode, String> {
        let error = |error: &dyn std::fmt::Display| format!("{}: {error}", self.module.display());
        let bytes = fs::read(&self.module).map_err(|e| error(&e))?;
        let inspection = Inspection::of(&bytes).map_err(|e| error(&e))?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&inspection).map_err(|e| error(&e))?);
        } else {
            print!("{inspection}");
        }
        Ok(ExitCode::SUCCESS)
    }
}
