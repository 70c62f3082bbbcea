//! Every scenario on the filter's native code, in both forms of the configuration.

use std::{path::Path, process::ExitCode};

use host_tests::native;
use libtest_mimic::Arguments;
use proxy_host_model::Model;
use scenario_corpus::{Form, Way, play, suite};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let ways = Form::ALL.map(|form| {
        Way::new(form.name(), move |scenario| {
            native::run(Model::default(), |mut host| play(&mut host, scenario, form))
        })
    });
    let exceptions = Path::new(env!("CARGO_MANIFEST_DIR")).join("lanes/native.toml");
    match suite(&exceptions, &ways) {
        Ok(trials) => libtest_mimic::run(&arguments, trials).exit_code(),
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
