//! A named test for each scenario and each way to run it.

use std::{
    path::Path,
    sync::{Arc, OnceLock},
};

use libtest_mimic::Trial;

use crate::{Case, Error, Exceptions, Scenario, load};

/// One way to run scenarios, such as with the configuration in one of its forms.
#[derive(Clone)]
pub struct Way {
    name: String,
    run: Arc<Run>,
}

/// Runs a scenario and says what is wrong.
type Run = dyn Fn(&Scenario) -> Result<(), String> + Send + Sync;

impl Way {
    /// A way with a name that tells it from the others; `run` says what is wrong.
    pub fn new(
        name: impl Into<String>,
        run: impl Fn(&Scenario) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), run: Arc::new(run) }
    }
}

/// Every scenario in every way, as tests named `SCENARIO [WAY]`, judged by the exceptions in the
/// file at `exceptions`; and one test more for exceptions that name nothing.
///
/// # Errors
///
/// A scenario file or the list of exceptions cannot be read.
pub fn suite(exceptions: &Path, ways: &[Way]) -> Result<Vec<Trial>, Error> {
    let exceptions = Arc::new(Exceptions::load(exceptions)?);
    let mut trials = Vec::new();
    let mut names = Vec::new();
    for case in load()? {
        names.push(case.name().to_owned());
        // Minted once, by whichever of its tests comes first: a signature takes milliseconds.
        let minted = Arc::new((case, OnceLock::new()));
        for way in ways {
            let name = format!("{} [{}]", minted.0.name(), way.name);
            names.push(name.clone());
            let (way, exceptions) = (way.clone(), Arc::clone(&exceptions));
            let minted = Arc::clone(&minted);
            trials.push(Trial::test(name.clone(), move || {
                let (case, scenario) = &*minted;
                let result = run(case, scenario, &way);
                exceptions.judge(case.name(), &name, result).map_err(Into::into)
            }));
        }
    }
    trials.push(Trial::test("every exception names a scenario", move || {
        let unknown = exceptions.unknown(names.iter().map(String::as_str));
        if unknown.is_empty() { Ok(()) } else { Err(unknown.join("\n").into()) }
    }));
    Ok(trials)
}

fn run(case: &Case, scenario: &OnceLock<Result<Scenario, Error>>, way: &Way) -> Result<(), String> {
    let scenario = scenario.get_or_init(|| case.mint(0)).as_ref();
    let scenario = scenario.map_err(ToString::to_string)?;
    (way.run)(scenario).map_err(|differences| format!("{}\n{differences}", scenario.why))
}
