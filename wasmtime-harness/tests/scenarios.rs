//! Every scenario on the module that is shipped, in both forms of the configuration.

#![allow(clippy::panic, reason = "a test stops at what it did not expect")]

mod module;

use std::process::ExitCode;

use libtest_mimic::Arguments;
use proxy_host_model::Model;
use scenario_corpus::{Form, Way, play, root, suite};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let exceptions = root().join("lanes/wasmtime.toml");
    let ways = Form::ALL.map(|form| {
        Way::new(form.name(), move |scenario| {
            let mut host = module::get().host(Model::default()).map_err(|e| e.to_string())?;
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
