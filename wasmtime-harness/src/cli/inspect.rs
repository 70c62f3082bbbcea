//! `wasmtime-harness inspect`.

use std::{fs, path::PathBuf, process::ExitCode};

use clap::Args;
use wasmtime_harness::Inspection;

/// Tell what a module asks for and offers, and which hosts would refuse it.
#[derive(Args)]
pub(super) struct Inspect {
    /// The module.
    #[arg(value_name = "FILE.wasm")]
    module: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub(super) fn run(self) -> Result<ExitCode, String> {
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
