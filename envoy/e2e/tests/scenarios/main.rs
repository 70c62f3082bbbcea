//! Every scenario through a real Envoy: each policy in each form in which Envoy can hand it over,
//! each request over HTTP/1.1 and HTTP/2. Envoy's wall clock stands at the scenario's own time.
//!
//! `host-tests/lanes/envoy.toml` lists what cannot be run here, with the reason; the entries are
//! run all the same, and one that passes is a failure.

mod lane;
mod observe;
mod refusals;

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use envoy_e2e::checkout;
use libtest_mimic::{Arguments, Conclusion, Failed, Trial};
use scenario_corpus::{Case, Exceptions, Scenario};

use crate::lane::{Form, Lane, Protocol};
use crate::refusals::Refusals;

fn main() -> Result<()> {
    let mut arguments = Arguments::from_args();
    // One after the other: the clock and the log belong to whoever is running.
    arguments.test_threads = Some(1);
    if arguments.list {
        libtest_mimic::run(&arguments, trials(None)?).exit();
    }
    let conclusion = run(&arguments)?;
    conclusion.exit()
}

fn run(arguments: &Arguments) -> Result<Conclusion> {
    let scenarios = scenarios()?;
    let running = Running { lane: Lane::start(&scenarios)?, refusals: Refusals::start()? };
    // Ends both Envoys when the last trial has let go of it.
    Ok(libtest_mimic::run(arguments, trials(Some(Arc::new(running)))?))
}

/// The two Envoys: one serves every policy, the other is shown the bad ones.
struct Running {
    lane: Lane,
    refusals: Refusals,
}

fn scenarios() -> Result<Vec<Scenario>> {
    let cases = scenario_corpus::load().context("reading the scenarios")?;
    ensure!(!cases.is_empty(), "found no scenario");
    Ok(cases.iter().map(|case: &Case| case.mint(0)).collect::<Result<_, _>>()?)
}

fn trials(running: Option<Arc<Running>>) -> Result<Vec<Trial>> {
    let list = checkout().join("host-tests/lanes/envoy.toml");
    let exceptions = Arc::new(Exceptions::load(&list)?);
    let scenarios = scenarios()?;
    let mut trials = Vec::new();
    let mut names = Vec::new();
    for scenario in scenarios.into_iter().map(Arc::new) {
        names.push(scenario.name.clone());
        let refused = scenario.refused.is_some();
        for form in Form::all(&scenario.policy).iter().copied() {
            if refused || !scenario.warned.is_empty() {
                let (scenario, name) =
                    (Arc::clone(&scenario), format!("{} [configuration]", scenario.name));
                let job = judged(&exceptions, &running, &scenario.clone(), &name, move |running| {
                    running.refusals.differences(&scenario, form)
                });
                trials.push(Trial::test(format!("{name} {form}"), job));
                names.push(name);
            }
            for protocol in [Protocol::Http1, Protocol::Http2] {
                // A refused policy never serves in Envoy.
                if refused {
                    continue;
                }
                let name = format!("{} [{protocol}]", scenario.name);
                let sayable = lane::sayable(&scenario, protocol);
                let of_trial = Arc::clone(&scenario);
                let job = judged(&exceptions, &running, &scenario, &name, move |running| {
                    running.lane.differences(&of_trial, form, protocol)
                });
                trials.push(Trial::test(format!("{name} {form}"), job).with_ignored_flag(!sayable));
                names.push(name);
            }
        }
    }
    let unknown = exceptions.unknown(names.iter().map(String::as_str));
    ensure!(unknown.is_empty(), "{}", unknown.join("\n"));
    Ok(trials)
}

/// A trial's body: differences become a failure, unless the list of exceptions says otherwise.
fn judged(
    exceptions: &Arc<Exceptions>,
    running: &Option<Arc<Running>>,
    scenario: &Arc<Scenario>,
    name: &str,
    differences: impl FnOnce(&Running) -> Result<Vec<String>> + Send + 'static,
) -> impl FnOnce() -> Result<(), Failed> + Send + 'static {
    let (exceptions, running) = (Arc::clone(exceptions), running.clone());
    let (scenario, name) = (Arc::clone(scenario), name.to_owned());
    move || {
        let running = running.as_ref().ok_or("listing runs nothing")?;
        let result = match differences(running) {
            Ok(found) if found.is_empty() => Ok(()),
            Ok(found) => Err(format!("{}\n{}", scenario.why, found.join("\n"))),
            // Not a difference but a broken run: no exception excuses it.
            Err(error) => return Err(format!("{error:#}").into()),
        };
        Ok(exceptions.judge(&scenario.name, &name, result)?)
    }
}
