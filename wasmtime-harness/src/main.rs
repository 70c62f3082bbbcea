//! The command line of the harness.

mod bench;
mod cli;
mod serve;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    match cli::Arguments::parse().run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            // Apart from 1, "a scenario failed": this one was never played.
            ExitCode::from(2)
        }
    }
}
