//! Every scenario through a real HAProxy and the agent, each request over HTTP/1.1 and HTTP/2. The
//! agent's wall clock stands at the scenario's own time.
//!
//! `host-tests/lanes/haproxy.toml` lists the requests that come to another end here, with the reason;
//! they are run all the same, one that passes is a failure, and none may let through more than the
//! scenario does.

mod config;
mod lane;
mod observe;
mod services;

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use e2e_wire::checkout;
use libtest_mimic::{Arguments, Conclusion, Failed, Trial};
use scenario_corpus::{Case, Exceptions, Failure, Scenario};

use crate::lane::{Lane, Protocol};

fn main() -> Result<()> {
    let mut arguments = Arguments::from_args();
    // One after the other: the clock, the agent and the log belong to whoever is running.
    arguments.test_threads = Some(1);
    if arguments.list {
        libtest_mimic::run(&arguments, trials(&scenarios()?, None)?).exit();
    }
    let conclusion = run(&arguments)?;
    conclusion.exit()
}

fn run(arguments: &Arguments) -> Result<Conclusion> {
    let scenarios = scenarios()?;
    let lane = Arc::new(Lane::start(&scenarios)?);
    // Ends HAProxy when the last trial has let go of it.
    Ok(libtest_mimic::run(arguments, trials(&scenarios, Some(lane))?))
}

fn scenarios() -> Result<Vec<Scenario>> {
    let cases = scenario_corpus::load().context("reading the scenarios")?;
    ensure!(!cases.is_empty(), "found no scenario");
    Ok(cases.iter().map(|case: &Case| case.mint(0)).collect::<Result<_, _>>()?)
}

fn trials(scenarios: &[Scenario], lane: Option<Arc<Lane>>) -> Result<Vec<Trial>> {
    let list = checkout().join("host-tests/lanes/haproxy.toml");
    let exceptions = Arc::new(Exceptions::load(&list)?);
    let mut trials = Vec::new();
    let mut known = Vec::new();
    for scenario in scenarios.iter().cloned().map(Arc::new) {
        let refused = scenario.refused.is_some();
        let mut trial = |name: &str, sayable: bool, run: Run| {
            let name = format!("{} [{name}]", scenario.name);
            let (scenario, lane) = (Arc::clone(&scenario), lane.clone());
            let exceptions = Arc::clone(&exceptions);
            let job = move || {
                let lane = lane.as_ref().ok_or("listing runs nothing")?;
                judge(&exceptions, &scenario, run(lane, &scenario)?)
            };
            trials.push(Trial::test(name, job).with_ignored_flag(!sayable));
        };
        if refused || !scenario.warned.is_empty() {
            trial("configuration", true, Box::new(Lane::check));
        }
        // An agent with a refused policy does not start.
        for protocol in [Protocol::Http1, Protocol::Http2].into_iter().filter(|_| !refused) {
            // Over HTTP/1.1 everything is tried: what it cannot say has to be listed.
            let sayable = matches!(protocol, Protocol::Http1)
                || scenario.exchanges.iter().any(|e| lane::sayable(e, protocol));
            let run = move |lane: &Lane, scenario: &Scenario| lane.play(scenario, protocol);
            trial(&protocol.to_string(), sayable, Box::new(run));
        }
        known.extend(Part::all(&scenario).flat_map(|part| part.names(&scenario)));
    }
    let unknown = exceptions.unknown(known.iter().map(String::as_str));
    ensure!(unknown.is_empty(), "{}", unknown.join("\n"));
    Ok(trials)
}

type Run = Box<dyn FnOnce(&Lane, &Scenario) -> Result<Vec<Finding>> + Send>;

/// What is wrong with one part of a run; nothing, if all is well.
pub(crate) struct Finding {
    part: Part,
    differences: Vec<String>,
    /// What was let through that should not: no list excuses it.
    excess: Vec<String>,
}

impl Finding {
    fn new(part: Part, differences: Vec<String>) -> Self {
        Self { part, differences, excess: Vec::new() }
    }
}

/// What can be listed as an exception.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part {
    /// The agent judges the configuration.
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
    for Finding { part, differences, excess } in findings {
        let [both, this] = part.names(scenario);
        let result = if !excess.is_empty() {
            Err(Failure::Excess([excess, differences].concat().join("\n")))
        } else if !differences.is_empty() {
            Err(Failure::Difference(differences.join("\n")))
        } else {
            Ok(())
        };
        if let Err(text) = exceptions.judge(&both, &this, result) {
            wrong.push(format!("{this}: {text}"));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("{}\n{}", scenario.why, wrong.join("\n")).into())
}
