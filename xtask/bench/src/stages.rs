//! What each stage of a decision costs, natively and inside the module.
//!
//! The stages are the library `bench-stages`: one source for all engines. A runner of each engine
//! waits to be told which stage to run and how often, so that all engines take turns, and whatever
//! else the machine does meets all of them.

use std::{env, ffi::OsString, path::PathBuf, time::Duration};

use anyhow::{Context, Result, ensure};

use crate::spread::Spread;

mod input;
mod runner;
mod text;

use input::input;
use runner::{Hello, Runner};
pub(crate) use text::text;

/// What is measured of a stage, and where.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Column {
    Native,
    V8,
    V8Simd,
    Wasmtime,
    WasmtimeSimd,
    Fuel,
    FuelSimd,
}

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// How often each stage has its turn.
    pub(crate) rounds: usize,
    /// How long it runs in one, at least.
    pub(crate) turn: Duration,
    /// Tokens that come one after the other in stages for new ones; the cache is smaller.
    pub(crate) tokens: usize,
}

/// Runs before a stage is timed: a key on a curve has its table then, and code its place in memory.
const WARM_UP: u32 = 200;

/// What was found.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) stages: Vec<String>,
    pub(crate) engines: Vec<Engine>,
    /// What was left out, and why.
    pub(crate) left_out: Vec<String>,
}

/// What was found in one column.
#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) column: Column,
    /// The arithmetic of RSA keys that this build has on this machine.
    pub(crate) arithmetic: String,
    /// The name and the version of what runs it.
    pub(crate) version: Option<String>,
    /// Of each stage, one run: nanoseconds, or units of fuel.
    pub(crate) figures: Vec<Spread>,
}

impl Column {
    /// All of them, in the order in which they are shown.
    const ALL: [Self; 7] = [
        Self::Native,
        Self::V8,
        Self::V8Simd,
        Self::Wasmtime,
        Self::WasmtimeSimd,
        Self::Fuel,
        Self::FuelSimd,
    ];

    /// What stands above it.
    pub(crate) fn heading(self) -> &'static str {
        match self {
            Self::Native => "native, µs",
            Self::V8 => "V8, µs",
            Self::V8Simd => "V8, SIMD, µs",
            Self::Wasmtime => "wasmtime, µs",
            Self::WasmtimeSimd => "wasmtime, SIMD, µs",
            Self::Fuel => "fuel",
            Self::FuelSimd => "fuel, SIMD",
        }
    }

    /// What it is called elsewhere.
    pub(crate) fn name(self) -> &'static str {
        self.heading().trim_end_matches(", µs")
    }

    /// Whether it counts what is the same in every run, and not time.
    pub(crate) fn is_fuel(self) -> bool {
        matches!(self, Self::Fuel | Self::FuelSimd)
    }

    /// The variables of the environment that name what runs its stages and the module to run.
    fn needs(self) -> (&'static str, Option<&'static str>) {
        let module = match self {
            Self::Native => None,
            Self::V8 | Self::Wasmtime | Self::Fuel => Some("STAGES_MODULE"),
            Self::V8Simd | Self::WasmtimeSimd | Self::FuelSimd => Some("STAGES_SIMD_MODULE"),
        };
        let program = match self {
            Self::Native => "STAGES_BIN",
            Self::V8 | Self::V8Simd => "NODE_BIN",
            Self::Wasmtime | Self::WasmtimeSimd | Self::Fuel | Self::FuelSimd => "WASMTIME_PYTHON",
        };
        (program, module)
    }

    /// What its program is told, but for the module.
    fn arguments(self) -> Vec<OsString> {
        let script = |name: &str| {
            envoy_e2e::checkout().join("xtask/bench/stages").join(name).into_os_string()
        };
        match self {
            Self::Native => Vec::new(),
            // As Envoy runs it: no code of the first, quick compiler is timed, nor a compiler.
            Self::V8 | Self::V8Simd => vec![
                "--no-warnings".into(),
                "--no-liftoff".into(),
                "--no-wasm-lazy-compilation".into(),
                script("in-v8.mjs"),
            ],
            Self::Wasmtime | Self::WasmtimeSimd => vec![script("in-wasmtime.py"), "time".into()],
            Self::Fuel | Self::FuelSimd => vec![script("in-wasmtime.py"), "fuel".into()],
        }
    }

    /// Starts its runner; the error inside says why there is none.
    fn start(self, input: &str) -> Result<Result<(Runner, Hello), String>> {
        let (program, module) = self.needs();
        let Some(program) = env::var_os(program).map(PathBuf::from) else {
            return Ok(Err(format!("found no {program}")));
        };
        let mut arguments = self.arguments();
        if let Some(module) = module {
            let Some(path) = env::var_os(module) else {
                return Ok(Err(format!("found no {module}")));
            };
            arguments.push(path);
        }
        Runner::start(&program, &arguments, input)
    }
}

/// Measures all stages in all engines that are there.
///
/// # Errors
///
/// No engine is there, or a stage has not the outcome that it has to have.
pub(crate) fn measure(effort: Effort) -> Result<Figures> {
    let input = serde_json::to_string(&input(effort.tokens)?)?;
    let (mut running, mut left_out) = (Vec::new(), Vec::new());
    for column in Column::ALL {
        let name = column.name();
        match column.start(&input).context(name)? {
            Ok((runner, hello)) => running.push((column, runner, hello)),
            Err(why) => left_out.push(format!("{name} was left out: {why}")),
        }
    }
    let (_, _, first) = running.first().context("found no engine, expected one at least")?;
    let stages = first.stages.clone();
    for (column, _, hello) in &running {
        ensure!(hello.stages == stages, "{}: found {:?}", column.name(), hello.stages);
    }
    // For each engine and each stage, how often it runs in a turn, and what its turns took.
    let mut turns = Vec::new();
    for (column, runner, _) in &mut running {
        let times = (0..stages.len())
            .map(|stage| {
                let found = match column.is_fuel() {
                    true => whole_turn(runner, stage, effort),
                    false => timed_turn(runner, stage, effort),
                };
                found.with_context(|| format!("{}: {}", column.name(), stages[stage]))
            })
            .collect::<Result<Vec<u32>>>()?;
        turns.push((times, vec![Vec::new(); stages.len()]));
    }
    for round in 0..effort.rounds {
        for stage in 0..stages.len() {
            for ((column, runner, _), (times, figures)) in running.iter_mut().zip(&mut turns) {
                // One is as good as a hundred.
                if round > 0 && column.is_fuel() {
                    continue;
                }
                let times = times[stage];
                let all = runner.run(stage, times)? as f64;
                figures[stage].push(all / f64::from(times));
            }
        }
    }
    let engine = |((column, _, hello), (_, figures)): ((_, _, Hello), (_, Vec<Vec<f64>>))| {
        let figures = figures.iter().map(|figures| Spread::of(figures)).collect::<Option<_>>();
        let figures = figures.context("found no round, expected one at least")?;
        Ok(Engine { column, arithmetic: hello.arithmetic, version: hello.engine, figures })
    };
    let engines = running.into_iter().zip(turns).map(engine).collect::<Result<_>>()?;
    Ok(Figures { stages, engines, left_out })
}

/// How often a stage has to run that it takes as long as a turn should, by the quickest of three: one that
/// was held up would make all turns short.
fn timed_turn(runner: &mut Runner, stage: usize, effort: Effort) -> Result<u32> {
    runner.run(stage, WARM_UP)?;
    let mut times = 1;
    while times < u32::MAX / 2 {
        let mut least = u64::MAX;
        for _ in 0..3 {
            least = least.min(runner.run(stage, times)?);
        }
        if u128::from(least) >= effort.turn.as_nanos() {
            break;
        }
        times *= 2;
    }
    Ok(times)
}

/// Each token once: what makes room in the cache makes it for several at a time.
fn whole_turn(runner: &mut Runner, stage: usize, effort: Effort) -> Result<u32> {
    runner.run(stage, WARM_UP)?;
    Ok(u32::try_from(effort.tokens)?)
}
