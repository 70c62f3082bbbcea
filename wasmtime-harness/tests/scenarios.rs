//! Every scenario on the module that is shipped, in both forms of the configuration.

use std::{path::Path, process::ExitCode};

use libtest_mimic::Arguments;
use proxy_host_model::Model;
use scenario_corpus::{Form, Way, play, root, suite};
use wasmtime_harness::Module;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let exceptions = root().join("lanes/wasmtime.toml");
    let module = match load() {
        Ok(module) => module,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::FAILURE;
        }
    };
    let ways = Form::ALL.map(|form| {
        let module = module.clone();
        Way::new(form.name(), move |scenario| {
            let mut host = module.host(Model::default()).map_err(|e| e.to_string())?;
            play(&mut host, scenario, form)
        })
    });
    match suite(&exceptions, &ways) {
        Ok(trials) => libtest_mimic::run(&arguments, trials).exit_code(),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn load() -> Result<Module, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/jwt_gate.wasm");
    Module::load(&path).map_err(|e| {
        format!("found no usable module ({e}); `cargo xtask wasm` builds target/jwt_gate.wasm")
    })
}
