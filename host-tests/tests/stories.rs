//! The stories of keys that are fetched, on the filter's native code: each VM is a thread.
//!
//! Those in which a VM traps end the process natively; the wasmtime lane plays them.

use std::process::ExitCode;

use host_tests::native;
use libtest_mimic::{Arguments, Trial};
use scenario_corpus::story::stories;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = stories::<native::Spawner>().into_iter().map(|story| {
        let (name, traps) = (story.name, story.traps);
        let test = move || {
            story.play(native::Spawner);
            Ok(())
        };
        Trial::test(name, test).with_ignored_flag(traps)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
