//! Every scenario on the module that is shipped, in both forms of the configuration.
//!
//! Each is played twice: all that passes between the proxy and the filter, the fuel and the memory
//! must be the same to the last byte. What it cost is compared with `host-tests/golden/fuel.txt`.

#![allow(clippy::panic, reason = "a test stops at what it did not expect")]

mod fuel;
mod module;

use std::{process::ExitCode, sync::Arc};

use fuel::{Cost, Fuel};
use libtest_mimic::{Arguments, Trial};
use proxy_host_model::{Host, Model, Recorder};
use scenario_corpus::{Form, Scenario, Way, load, play, root, suite};
use wasmtime_harness::{Limits, Vm};

/// All that one run of a scenario left behind.
#[derive(Eq, PartialEq)]
struct Run {
    result: Result<(), String>,
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
    let ways = Form::ALL.map(|form| {
        let fuel = Arc::clone(&fuel);
        Way::new(form.name(), move |scenario| twice(scenario, form, &fuel))
    });
    let mut trials =
        suite(&root().join("lanes/wasmtime.toml"), &ways).map_err(|e| e.to_string())?;
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

fn twice(scenario: &Scenario, form: Form, fuel: &Fuel) -> Result<(), String> {
    let first = once(scenario, form)?;
    let second = once(scenario, form)?;
    if first != second {
        return Err(format!("two runs differ: {}", difference(&first, &second)));
    }
    first.result?;
    match form {
        Form::Json => fuel.check(&scenario.name, first.cost),
        Form::Struct => Ok(()),
    }
}

fn once(scenario: &Scenario, form: Form) -> Result<Run, String> {
    let vm = module::get().vm(Model::default(), Limits::default()).map_err(|e| e.to_string())?;
    let mut host = Host::new(Recorder::new(vm));
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
