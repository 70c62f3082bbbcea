//! `wasmtime-harness run`.

mod find;
mod fuel;
mod json;
mod junit;
mod meter;
mod played;
mod text;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use proxy_host_model::Profile;
use proxy_scenario::{Golden, Report, Scenario, play, profile};
use wasmtime_harness::{Limits, Module, Spawner};

use self::{
    fuel::Fuel,
    meter::Metered,
    played::{Played, Playing},
};

/// Play scenarios and tell what was not as expected.
///
/// Exit code 0: all passed; 1: at least one failed; 2: at least one could not be played.
#[derive(Args)]
pub(super) struct Run {
    /// Scenario files, and folders with scenario files anywhere below.
    #[arg(required = true, value_name = "SCENARIO")]
    paths: Vec<PathBuf>,
    /// The module to play them with, whatever they name.
    #[arg(long, value_name = "FILE.wasm")]
    module: Option<PathBuf>,
    /// A host to play them under, instead of those that they name; again for more, or `all`.
    #[arg(long, value_name = "NAME", value_parser = profiles)]
    profile: Vec<Profiles>,
    /// Only scenarios whose path has this in it.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Print all that passes between the proxy and the filter.
    #[arg(long, conflicts_with = "json")]
    trace: bool,
    /// Keep the records of scenarios beside them, and the figures of --fuel.
    #[arg(long)]
    bless: bool,
    /// Print one JSON document and nothing else.
    #[arg(long)]
    json: bool,
    /// Write the results as JUnit XML too.
    #[arg(long, value_name = "FILE.xml")]
    junit: Option<PathBuf>,
    /// Play each scenario twice; everything must be the same to the last byte.
    #[arg(long)]
    twice: bool,
    /// Compare what each scenario costs, in units of fuel, with the figures in this file.
    #[arg(long, value_name = "FILE")]
    fuel: Option<PathBuf>,
}

/// The profiles that one `--profile` stands for.
type Profiles = Vec<Profile>;

impl Run {
    pub(super) fn run(self) -> Result<ExitCode, String> {
        let files = find::scenarios(&self.paths, self.filter.as_deref())?;
        let fuel = self.fuel.as_deref().map(|file| Fuel::load(file, self.bless)).transpose()?;
        let mut session =
            Session { run: &self, fuel, modules: BTreeMap::new(), all: Playing::default() };
        for file in &files {
            session.file(file);
        }
        let Session { fuel, all, .. } = session;
        if let Some(fuel) = &fuel
            && self.bless
        {
            fuel.write(self.filter.is_none())?;
        }
        if let Some(file) = &self.junit {
            fs::write(file, junit::document(&all))
                .map_err(|error| format!("{}: {error}", file.display()))?;
        }
        if self.json {
            println!("{}", json::document(&all)?);
        } else {
            text::summary(&all);
        }
        Ok(all.exit_code())
    }
}

/// One call of the command.
struct Session<'a> {
    run: &'a Run,
    fuel: Option<Fuel>,
    /// Modules by path, each compiled once.
    modules: BTreeMap<PathBuf, Module>,
    all: Playing,
}

impl Session<'_> {
    fn file(&mut self, file: &Path) {
        let scenario = match Scenario::load(file) {
            Ok(scenario) => scenario,
            Err(error) => return self.unplayable(file, &error.to_string()),
        };
        let module = match self.module(&scenario) {
            Ok(module) => module,
            Err(error) => return self.unplayable(file, &error),
        };
        let profiles = match self.run.profile.as_slice() {
            [] => scenario.profiles.clone(),
            given => given.concat(),
        };
        for (i, profile) in profiles.iter().enumerate() {
            let several = profiles.len() > 1;
            match self.play(&scenario, &module, *profile, i == 0) {
                Ok(played) => {
                    if !self.run.json {
                        text::scenario(&played, several, self.run.trace);
                    }
                    self.all.played.push(played);
                }
                Err(error) => self.unplayable(file, &error),
            }
        }
    }

    fn play(
        &mut self,
        scenario: &Scenario,
        module: &Module,
        profile: Profile,
        first: bool,
    ) -> Result<Played, String> {
        let once = || -> Result<(Report, fuel::Cost), String> {
            let metered =
                Metered::new(Spawner { module: module.clone(), limits: limits(scenario) });
            let meter = metered.meter();
            let report = play(scenario, profile, metered)?;
            let cost = meter.borrow().clone();
            Ok((report, cost))
        };
        let (report, cost) = once()?;
        let mut played = Played { report, cost, differences: Vec::new(), blessed: false };
        if self.run.twice {
            let (report, cost) = once()?;
            played.compare_again(&report, &cost);
        }
        let golden = Golden::new(scenario, profile);
        if !self.run.bless {
            played.differences.extend(golden.compare(&played.report)?);
        } else if played.passed() {
            // What was not as expected must not become what is expected.
            golden.bless(&played.report, first)?;
            played.blessed = true;
        }
        if let Some(fuel) = &mut self.fuel {
            played.differences.extend(fuel.judge(&played.report, &played.cost));
        }
        Ok(played)
    }

    fn module(&mut self, scenario: &Scenario) -> Result<Module, String> {
        let path = self.run.module.as_ref().or(scenario.module.as_ref()).ok_or_else(|| {
            "module: found none, expected `module = \"FILE.wasm\"` in the scenario or --module"
                .to_owned()
        })?;
        if let Some(module) = self.modules.get(path) {
            return Ok(module.clone());
        }
        let module = Module::load(path).map_err(|error| format!("module: {error}"))?;
        self.modules.insert(path.clone(), module.clone());
        Ok(module)
    }

    fn unplayable(&mut self, file: &Path, error: &str) {
        let prefix = file.display().to_string();
        let error = match error.starts_with(&prefix) {
            true => error.to_owned(),
            false => format!("{prefix}: {error}"),
        };
        text::unplayable(&error);
        self.all.unplayable.push((file.to_owned(), error));
    }
}

fn limits(scenario: &Scenario) -> Limits {
    let default = Limits::default();
    let given = scenario.limits;
    Limits {
        fuel: given.fuel.unwrap_or(default.fuel),
        startup_fuel: given.start_fuel.unwrap_or(default.startup_fuel),
        memory: given.memory.unwrap_or(default.memory),
    }
}

fn profiles(name: &str) -> Result<Profiles, String> {
    match name {
        "all" => Ok(Profile::ALL.to_vec()),
        name => profile(name).map(|profile| vec![profile]),
    }
}
