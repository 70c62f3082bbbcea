//! The measurements.

use std::{
    collections::BTreeMap,
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use proxy_host_model::{Fate, Host, Model, Outcome, Request};
use wasmtime_harness::{Limits, Metering, Module, Vm};

use super::{
    report::{Fuel, HostCalls, Measured, Memory, Report, Time},
    spread::Spread,
};

/// How many VMs are made and started to tell what that costs.
const STARTS: usize = 20;
/// How long a request may be held, on the virtual clock.
const HELD_AT_MOST: Duration = Duration::from_secs(10);
/// Bytes of a page of WebAssembly memory.
const PAGE: usize = 65_536;

/// What to measure.
pub(crate) struct Plan {
    pub(crate) module: PathBuf,
    /// The proxy around the filter.
    pub(crate) model: Model,
    pub(crate) vm_configuration: Vec<u8>,
    pub(crate) configuration: Vec<u8>,
    /// The requests, over and over in this order.
    pub(crate) requests: Vec<Request>,
    /// How many are measured.
    pub(crate) count: usize,
    /// How many come before them.
    pub(crate) warm_up: usize,
}

/// Measures everything: with fuel what is the same in every run, without fuel what takes time.
///
/// # Errors
///
/// The module cannot be run, refuses its configuration, or ends.
pub(crate) fn measure(plan: &Plan) -> Result<Report, String> {
    let file = plan.module.display().to_string();
    let error = |error: &dyn std::fmt::Display| format!("{file}: {error}");
    if plan.requests.is_empty() {
        return Err(error(&"found no request to measure, expected one or more"));
    }
    let bytes = fs::read(&plan.module).map_err(|e| error(&format!("cannot read it: {e}")))?;
    // Not from the folder of compiled modules: the time that it takes is asked for.
    let (compile, bare) = timed(|| Module::from_bytes_metered(&bytes, Metering::None));
    let bare = bare.map_err(|e| error(&e))?;
    let metered = Module::load(&plan.module).map_err(|e| error(&e))?;

    let (instantiate, start) = starts(plan, &bare).map_err(|e| error(&e))?;
    let counted = Run::of(plan, &metered).map_err(|e| error(&e))?;
    let timed = Run::of(plan, &bare).map_err(|e| error(&e))?;
    Ok(Report {
        module: Measured { file, size: bytes.len() },
        requests: plan.count,
        warm_up: plan.warm_up,
        fuel: Fuel {
            start: counted.start_fuel,
            request: Spread::of(counted.requests.iter().map(Sample::fuel).collect()),
            callbacks: by_name(&counted.requests, |sample| &sample.fuel),
        },
        host_calls: HostCalls {
            request: Spread::of(counted.requests.iter().map(Sample::calls).collect()),
            functions: by_name(&counted.requests, |sample| &sample.calls),
        },
        memory: counted.memory,
        outcomes: counted.outcomes,
        time: Time {
            harness: if cfg!(debug_assertions) { "debug" } else { "release" },
            request: Spread::of(timed.requests.iter().map(|sample| sample.time).collect()),
            request_with_fuel: Spread::of(
                counted.requests.iter().map(|sample| sample.time).collect(),
            ),
            compile,
            instantiate,
            start,
        },
    })
}

/// One host and its requests.
struct Run {
    start_fuel: u64,
    memory: Memory,
    outcomes: BTreeMap<String, usize>,
    requests: Vec<Sample>,
}

/// One request.
struct Sample {
    /// Nanoseconds.
    time: u64,
    /// By exported function.
    fuel: BTreeMap<&'static str, u64>,
    /// By host function.
    calls: BTreeMap<&'static str, u64>,
}

impl Run {
    fn of(plan: &Plan, module: &Module) -> Result<Self, String> {
        let mut host = started(plan, module)?;
        let start_fuel = host.guest().fuel_used();
        let pages_at_start = pages(&mut host);
        let mut requests = plan.requests.iter().cycle();
        let mut next = |host: &mut Host<Vm>| {
            let request =
                requests.next().cloned().unwrap_or_else(|| [("", ""); 0].into_iter().collect());
            let before: BTreeMap<_, _> = host.guest().fuel_by_callback().collect();
            let (time, outcome) = timed(|| serve(host, request));
            if let Some(trap) = &outcome.trap {
                return Err(format!("a request ended the filter: {trap}"));
            }
            let fuel = host.guest().fuel_by_callback().filter_map(|(name, after)| {
                let used = after.saturating_sub(before.get(name).copied().unwrap_or_default());
                (used > 0).then_some((name, used))
            });
            let fuel = fuel.collect();
            let mut calls = BTreeMap::<_, u64>::new();
            for call in &outcome.trace {
                let sum = calls.entry(call.name).or_default();
                *sum = sum.saturating_add(1);
            }
            Ok((Sample { time, fuel, calls }, outcome))
        };
        for _ in 0..plan.warm_up {
            next(&mut host)?;
        }
        let pages_after_warm_up = pages(&mut host);
        let mut outcomes = BTreeMap::<_, usize>::new();
        let mut samples = Vec::with_capacity(plan.count);
        for _ in 0..plan.count {
            let (sample, outcome) = next(&mut host)?;
            samples.push(sample);
            let sum = outcomes.entry(end(&outcome)).or_default();
            *sum = sum.saturating_add(1);
        }
        let memory = Memory { pages_at_start, pages_after_warm_up, pages_at_end: pages(&mut host) };
        Ok(Self { start_fuel, memory, outcomes, requests: samples })
    }
}

/// Takes a request through its whole life; one that the filter holds gets as much virtual time as
/// the longest calls to other services take.
fn serve(host: &mut Host<Vm>, request: Request) -> Outcome {
    let stream = host.open_whole(request);
    if host.fate(&stream) == Fate::Paused {
        host.advance(HELD_AT_MOST);
    }
    host.finish(stream)
}

impl Sample {
    fn fuel(&self) -> u64 {
        self.fuel.values().fold(0, |sum, used| sum.saturating_add(*used))
    }

    fn calls(&self) -> u64 {
        self.calls.values().fold(0, |sum, calls| sum.saturating_add(*calls))
    }
}

/// What a VM costs before its first request.
fn starts(plan: &Plan, module: &Module) -> Result<(Spread, Spread), String> {
    let (mut instantiate, mut start) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let model = plan.model.clone();
        let (time, host) = timed(|| module.host(model));
        let mut host = host.map_err(|error| error.to_string())?;
        instantiate.push(time);
        let (time, _) = timed(|| host.start(&plan.vm_configuration, &plan.configuration));
        start.push(time);
    }
    Ok((Spread::of(instantiate), Spread::of(start)))
}

fn started(plan: &Plan, module: &Module) -> Result<Host<Vm>, String> {
    let vm = module.vm(plan.model.clone(), Limits::default()).map_err(|error| error.to_string())?;
    let mut host = Host::new(vm);
    let startup = host.start(&plan.vm_configuration, &plan.configuration);
    if startup.accepted {
        return Ok(host);
    }
    let mut message = match startup.trap {
        Some(trap) => format!("the filter ended while it was configured: {trap}"),
        None => "the filter refused its configuration".to_owned(),
    };
    for line in startup.logs {
        message.push_str(&format!("\n  {line}"));
    }
    Err(message)
}

/// How a request ended, in few words.
fn end(outcome: &Outcome) -> String {
    match (outcome.fate, &outcome.reply) {
        (Fate::Replied, Some(reply)) => format!("replied {}", reply.status),
        (fate, _) => format!("{fate:?}").to_lowercase(),
    }
}

fn pages(host: &mut Host<Vm>) -> usize {
    host.guest().memory_size().div_ceil(PAGE)
}

/// The spread of each name's figures, where a request without the name counts as 0.
fn by_name<'a>(
    samples: &'a [Sample],
    part: impl Fn(&'a Sample) -> &'a BTreeMap<&'static str, u64>,
) -> BTreeMap<String, Spread> {
    let mut names: Vec<&str> =
        samples.iter().flat_map(|sample| part(sample).keys().copied()).collect();
    names.sort_unstable();
    names.dedup();
    let figures = |name: &str| {
        samples.iter().map(|sample| part(sample).get(name).copied().unwrap_or_default()).collect()
    };
    names.into_iter().map(|name| (name.to_owned(), Spread::of(figures(name)))).collect()
}

/// What something gives, and how many nanoseconds it took.
fn timed<T>(what: impl FnOnce() -> T) -> (u64, T) {
    let start = Instant::now();
    let result = what();
    (nanos(start.elapsed()), result)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
