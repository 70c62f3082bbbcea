//! A named test for each scenario and each way to run it.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use libtest_mimic::Trial;

use crate::{Case, Error, Exceptions, Failure, Scenario, load};

/// One way to run scenarios, such as with the configuration in one of its forms.
#[derive(Clone)]
pub struct Way {
    name: String,
    run: Arc<Run>,
}

/// Runs a scenario and says what is wrong.
type Run = dyn Fn(&Scenario) -> Result<(), Failure> + Send + Sync;

impl Way {
    /// A way with a name that tells it from the others; `run` says what is wrong.
    pub fn new<E: Into<Failure>>(
        name: impl Into<String>,
        run: impl Fn(&Scenario) -> Result<(), E> + Send + Sync + 'static,
    ) -> Self {
        let run = move |scenario: &Scenario| run(scenario).map_err(Into::into);
        Self { name: name.into(), run: Arc::new(run) }
    }
}

/// Ways to run scenarios that share a list of exceptions.
#[derive(Clone)]
pub struct Lane {
    /// The file that lists what the ways cannot show.
    pub exceptions: PathBuf,
    /// The ways.
    pub ways: Vec<Way>,
}

/// Every scenario in every way, as tests named `SCENARIO [WAY]`, judged by the exceptions in the
/// file at `exceptions`; and one test more for exceptions that name nothing.
///
/// # Errors
///
/// A scenario file or the list of exceptions cannot be read.
pub fn suite(exceptions: &Path, ways: &[Way]) -> Result<Vec<Trial>, Error> {
    suites(&[Lane { exceptions: exceptions.to_owned(), ways: ways.to_vec() }])
}

/// As [`suite`], for several lanes that share the minted scenarios.
///
/// # Errors
///
/// As for [`suite`].
pub fn suites(lanes: &[Lane]) -> Result<Vec<Trial>, Error> {
    let mut judged = Vec::new();
    for lane in lanes {
        let exceptions = Arc::new(Exceptions::load(&lane.exceptions)?);
        judged.push((lane, exceptions, Vec::new()));
    }
    let mut trials = Vec::new();
    for case in load()? {
        // Minted once, by whichever of its tests comes first: a signature takes milliseconds.
        let minted = Arc::new((case, OnceLock::new()));
        for (lane, exceptions, names) in &mut judged {
            names.push(minted.0.name().to_owned());
            for way in &lane.ways {
                let name = format!("{} [{}]", minted.0.name(), way.name);
                names.push(name.clone());
                let (way, exceptions) = (way.clone(), Arc::clone(exceptions));
                let minted = Arc::clone(&minted);
                trials.push(Trial::test(name.clone(), move || {
                    let (case, scenario) = &*minted;
                    let result = run(case, scenario, &way);
                    exceptions.judge(case.name(), &name, result).map_err(Into::into)
                }));
            }
        }
    }
    for (lane, exceptions, names) in judged {
        let file = lane.exceptions.file_name().unwrap_or_default().to_string_lossy();
        trials.push(Trial::test(
            format!("every exception in {file} names a scenario"),
            move || {
                let unknown = exceptions.unknown(names.iter().map(String::as_str));
                if unknown.is_empty() { Ok(()) } else { Err(unknown.join("\n").into()) }
            },
        ));
    }
    Ok(trials)
}

fn run(
    case: &Case,
    scenario: &OnceLock<Result<Scenario, Error>>,
    way: &Way,
) -> Result<(), Failure> {
    let scenario = scenario.get_or_init(|| case.mint(0)).as_ref();
    let scenario = scenario.map_err(ToString::to_string)?;
    (way.run)(scenario).map_err(|failure| failure.below(&scenario.why))
}
