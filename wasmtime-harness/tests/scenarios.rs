//! Every scenario on the module that is shipped, in both forms of the configuration, under each
//! profile of a host.
//!
//! Each is played twice: all that passes between the proxy and the filter, the fuel and the memory
//! must be the same to the last byte. What it cost under Envoy's profile is compared with
//! `host-tests/golden/fuel.txt`.
//!
//! What the module cannot show under another profile is listed in `host-tests/lanes`. Whatever the
//! host does, the module must not let through more than the scenario does: no list excuses that.

#![allow(clippy::panic, reason = "a test stops at what it did not expect")]

mod fuel;
mod module;

use std::{process::ExitCode, sync::Arc};

use fuel::{Cost, Fuel};
use libtest_mimic::{Arguments, Trial};
use proxy_host_model::{Host, Model, Profile, Recorder};
use scenario_corpus::{
    Failure, Form, Lane, Scenario, Way, load, passed, play, root, suites, tells_route,
};
use wasmtime_harness::{Limits, Vm};

/// All that one run of a scenario left behind.
#[derive(Eq, PartialEq)]
struct Run {
    result: Result<(), Failure>,
    record: String,
    cost: Cost,
    memory: Vec<u8>,
}

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<ExitCode, String> {
    let arguments = Arguments::from_args();
    let fuel = Arc::new(Fuel::load(&module::bytes())?);
    let envoy = Form::ALL.map(|form| {
        let fuel = Arc::clone(&fuel);
        Way::new(form.name(), move |scenario| {
            let cost = twice(scenario, form, Profile::ENVOY_1_40)?;
            match form {
                Form::Json => fuel.check(&scenario.name, cost).map_err(Failure::from),
                Form::Struct => Ok(()),
            }
        })
    });
    let mut lanes = vec![lane("wasmtime", envoy.to_vec())];
    for profile in Profile::ALL.into_iter().filter(|profile| *profile != Profile::ENVOY_1_40) {
        let ways = Form::ALL.map(|form| {
            let name = format!("{} {}", profile.name, form.name());
            Way::new(name, move |scenario| twice(scenario, form, profile).map(drop))
        });
        lanes.push(lane(&format!("wasmtime-{}", profile.name), ways.to_vec()));
    }
    let mut trials = suites(&lanes).map_err(|e| e.to_string())?;
    let cases = load().map_err(|e| e.to_string())?;
    let figures = Arc::clone(&fuel);
    trials.push(Trial::test("every figure of fuel names a scenario", move || {
        match figures.strangers(cases.iter().map(|case| case.name())).as_slice() {
            [] => Ok(()),
            strangers => Err(format!("no scenario is named {}", strangers.join(", ")).into()),
        }
    }));
    let all = arguments.filter.is_none() && arguments.skip.is_empty() && !arguments.list;
    let conclusion = libtest_mimic::run(&arguments, trials);
    fuel.bless(all)?;
    Ok(conclusion.exit_code())
}

fn lane(name: &str, ways: Vec<Way>) -> Lane {
    Lane { exceptions: root().join("lanes").join(name).with_extension("toml"), ways }
}

fn twice(scenario: &Scenario, form: Form, profile: Profile) -> Result<Cost, Failure> {
    let first = once(scenario, form, profile)?;
    let second = once(scenario, form, profile)?;
    if first != second {
        return Err(format!("two runs differ: {}", difference(&first, &second)).into());
    }
    if !tells_route(&profile, scenario) {
        as_without_route(scenario, form, profile)?;
    }
    first.result?;
    Ok(first.cost)
}

/// A host that cannot tell what a route says must get what Envoy gives a route that says nothing, and
/// no more.
fn as_without_route(scenario: &Scenario, form: Form, profile: Profile) -> Result<(), Failure> {
    let silent = Scenario { route_metadata: None, route_metadata_bytes: None, ..scenario.clone() };
    let envoy = passed(&mut Host::new(vm(Profile::ENVOY_1_40)?), &silent, form);
    let here = passed(&mut Host::new(vm(profile)?), scenario, form);
    match envoy.iter().zip(&here).position(|(there, here)| *here && !there) {
        Some(i) => Err(Failure::Excess(format!(
            "request[{i}] went on, and does not in Envoy where the route says nothing"
        ))),
        None => Ok(()),
    }
}

fn vm(profile: Profile) -> Result<Vm, String> {
    let mut model = Model::default();
    model.profile = profile;
    // Whoever wants counters of nginx declares the zone for them.
    model.settings.zones.insert("metrics".to_owned());
    module::get().vm(model, Limits::default()).map_err(|e| e.to_string())
}

fn once(scenario: &Scenario, form: Form, profile: Profile) -> Result<Run, String> {
    let mut host = Host::new(Recorder::new(vm(profile)?));
    let result = play(&mut host, scenario, form);
    let record = host.guest().record();
    let vm: &mut Vm = host.guest().guest();
    let configure = vm.fuel_used_by("proxy_on_configure");
    let started = ["_initialize", "_start", "main", "proxy_on_vm_start", "proxy_on_configure"];
    let started = started.iter().fold(0, |sum: u64, e| sum.saturating_add(vm.fuel_used_by(e)));
    let requests = vm.fuel_used().saturating_sub(started);
    let cost = Cost { configure, requests };
    Ok(Run { result, record, cost, memory: vm.memory().to_vec() })
}

fn difference(first: &Run, second: &Run) -> String {
    let mut lines = (1..).zip(first.record.lines().zip(second.record.lines()));
    match lines.find(|(_, (first, second))| first != second) {
        Some((number, (first, second))) => {
            format!("line {number} of the record is `{first}`, then `{second}`")
        }
        None if first.record != second.record => "one record goes on".to_owned(),
        None if first.cost != second.cost => {
            format!("the fuel is {:?}, then {:?}", first.cost, second.cost)
        }
        None if first.result != second.result => {
            format!("the result is {:?}, then {:?}", first.result, second.result)
        }
        None => "the filter's memory".to_owned(),
    }
}
