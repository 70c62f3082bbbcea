//! `jwt-gate`: the operators' command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    jwt_gate_cli::main()
}
