//! The stories of keys that are fetched, on the module that is shipped.
//!
//! Each is played twice: all that passes between the proxy and the filter must be the same to the
//! last byte.

#![allow(clippy::panic, reason = "a test stops at what it did not expect")]

mod module;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use proxy_host_model::Recorded;
use scenario_corpus::story::stories;
use wasmtime_harness::Spawner;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let trials = stories::<Recorded<Spawner>>().into_iter().map(|story| {
        Trial::test(story.name, move || {
            let play = || story.play(Recorded(Spawner::from(module::get().clone())));
            if play() == play() { Ok(()) } else { Err("two runs differ".into()) }
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}
