//! Every scenario through a real Envoy: each policy in each form in which Envoy can hand it over,
//! each request over HTTP/1.1 and HTTP/2. Envoy's wall clock stands at the scenario's own time.
//!
//! `host-tests/lanes/envoy.toml` lists the requests that come to another end here, with the reason;
//! they are run all the same, and one that passes is a failure.

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
    let mut trials = Vec::new();
    let mut known = Vec::new();
    for scenario in scenarios()?.into_iter().map(Arc::new) {
        let refused = scenario.refused.is_some();
        for form in Form::all(&scenario.policy).iter().copied() {
            let mut trial = |name: &str, sayable: bool, run: Run| {
                let name = format!("{} [{name}] {form}", scenario.name);
                let (scenario, running) = (Arc::clone(&scenario), running.clone());
                let exceptions = Arc::clone(&exceptions);
                let job = move || {
                    let running = running.as_ref().ok_or("listing runs nothing")?;
                    judge(&exceptions, &scenario, run(running, &scenario)?)
                };
                trials.push(Trial::test(name, job).with_ignored_flag(!sayable));
            };
            if refused || !scenario.warned.is_empty() {
                let run = move |running: &Running, scenario: &Scenario| {
                    running.refusals.offer(scenario, form)
                };
                trial("configuration", true, Box::new(run));
            }
            // A refused policy never serves in Envoy.
            for protocol in [Protocol::Http1, Protocol::Http2].into_iter().filter(|_| !refused) {
                // Over HTTP/1.1 everything is tried: what it cannot say has to be listed.
                let sayable = matches!(protocol, Protocol::Http1)
                    || scenario.exchanges.iter().any(|e| lane::sayable(e, protocol));
                let run = move |running: &Running, scenario: &Scenario| {
                    running.lane.play(scenario, form, protocol)
                };
                trial(&protocol.to_string(), sayable, Box::new(run));
            }
        }
        known.extend(Part::all(&scenario).flat_map(|part| part.names(&scenario)));
    }
    let unknown = exceptions.unknown(known.iter().map(String::as_str));
    ensure!(unknown.is_empty(), "{}", unknown.join("\n"));
    Ok(trials)
}

type Run = Box<dyn FnOnce(&Running, &Scenario) -> Result<Vec<Finding>> + Send>;

/// What is wrong with one part of a run; nothing, if all is well.
pub(crate) struct Finding {
    part: Part,
    differences: Vec<String>,
}

/// What can be listed as an exception.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    /// The configuration is offered.
    Configuration,
    /// One request, counted from 0, in one protocol.
    Request(usize, Protocol),
    /// The counters at the end, in one protocol.
    Counters(Protocol),
}

impl Part {
    fn all(scenario: &Scenario) -> impl Iterator<Item = Self> {
        let requests = 0..scenario.exchanges.len();
        let of = move |protocol| {
            let request = move |i| Self::Request(i, protocol);
            requests.clone().map(request).chain([Self::Counters(protocol)])
        };
        [Protocol::Http1, Protocol::Http2].into_iter().flat_map(of).chain([Self::Configuration])
    }

    /// The names that an exception may have: for both protocols, and for this one.
    fn names(self, scenario: &Scenario) -> [String; 2] {
        let name = &scenario.name;
        match self {
            Self::Configuration => [name.clone(), format!("{name} configuration")],
            Self::Request(i, protocol) => {
                [format!("{name} request {i}"), format!("{name} request {i} {protocol}")]
            }
            Self::Counters(protocol) => {
                [format!("{name} counters"), format!("{name} counters {protocol}")]
            }
        }
    }
}

/// Differences are a failure unless they are listed, and so is a listed part without any.
fn judge(
    exceptions: &Exceptions,
    scenario: &Scenario,
    findings: Vec<Finding>,
) -> Result<(), Failed> {
    let mut wrong = Vec::new();
    for Finding { part, differences } in findings {
        let [both, this] = part.names(scenario);
        let result = if differences.is_empty() { Ok(()) } else { Err(differences.join("\n")) };
        if let Err(text) = exceptions.judge(&both, &this, result) {
            wrong.push(format!("{this}: {text}"));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("{}\n{}", scenario.why, wrong.join("\n")).into())
}
