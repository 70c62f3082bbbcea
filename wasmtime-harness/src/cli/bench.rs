//! `wasmtime-harness bench`.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use proxy_host_model::{Headers, Model, Profile, Request};
use proxy_scenario::Scenario;

use super::plugin::Plugin;
use crate::bench;

/// Measure what a module costs: instructions, host calls, memory and time for each request.
///
/// Fuel (about one unit for an instruction), host calls and memory are the same in every run with
/// the same module and the same harness; times are of this machine and this build.
#[derive(Args)]
pub(super) struct Bench {
    #[command(flatten)]
    plugin: Plugin,
    /// A scenario whose proxy and requests are taken, over and over; the other steps are left out.
    #[arg(
        long,
        value_name = "FILE.toml",
        conflicts_with_all = [
            "config", "config_text", "vm_config", "vm_config_text", "vm_id", "root_id", "name",
            "properties", "request", "headers", "now",
        ]
    )]
    scenario: Option<PathBuf>,
    /// The request: a method and a path.
    #[arg(long, value_name = "METHOD PATH", default_value = "GET /", value_parser = request_line)]
    request: (String, String),
    /// A header of the request, as often as needed.
    #[arg(long = "header", value_name = "NAME:VALUE", value_parser = header)]
    headers: Vec<(String, String)>,
    /// How many requests are measured.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    requests: usize,
    /// How many come before them, unmeasured.
    #[arg(long, value_name = "N", default_value_t = 100)]
    warm_up: usize,
    /// The time that the filter sees, in seconds since 1970; it stands still.
    #[arg(long, value_name = "SECONDS", default_value_t = 1_700_000_000)]
    now: u64,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

impl Bench {
    pub(super) fn run(self) -> Result<ExitCode, String> {
        let report = bench::measure(&match &self.scenario {
            Some(file) => self.of_scenario(file)?,
            None => self.of_options()?,
        })?;
        if self.json {
            println!("{}", serde_json::to_string_pretty(&report).map_err(|e| e.to_string())?);
        } else {
            print!("{report}");
        }
        Ok(ExitCode::SUCCESS)
    }

    fn of_options(&self) -> Result<bench::Plan, String> {
        let mut model = Model::at_secs(self.now);
        self.plugin.apply(&mut model);
        let (method, path) = &self.request;
        let mut headers = Headers::from_iter([
            (":method", method.as_str()),
            (":scheme", "http"),
            (":authority", "localhost"),
            (":path", path.as_str()),
        ]);
        for (name, value) in &self.headers {
            headers.add(name.as_bytes(), value.as_bytes());
        }
        Ok(bench::Plan {
            module: self.plugin.module.clone(),
            model,
            vm_configuration: self.plugin.vm_configuration()?,
            configuration: self.plugin.configuration()?,
            requests: vec![Request::new(headers)],
            count: self.requests,
            warm_up: self.warm_up,
        })
    }

    fn of_scenario(&self, file: &Path) -> Result<bench::Plan, String> {
        let scenario = Scenario::load(file).map_err(|error| error.to_string())?;
        let requests: Vec<Request> = scenario.requests().collect();
        if requests.is_empty() {
            let file = file.display();
            return Err(format!("{file}: found no step with `request`, expected one or more"));
        }
        let profile = scenario.profiles.first().copied().unwrap_or(Profile::ENVOY_1_40);
        let mut model = scenario.model(profile);
        // Nobody reads them, and they take time.
        model.trace_arguments = false;
        Ok(bench::Plan {
            module: self.plugin.module.clone(),
            model,
            vm_configuration: scenario.vm_configuration,
            configuration: scenario.configuration,
            requests,
            count: self.requests,
            warm_up: self.warm_up,
        })
    }
}

/// Reads `GET /path`.
fn request_line(text: &str) -> Result<(String, String), String> {
    match text.split_once(' ') {
        Some((method, path)) if !method.is_empty() && path.starts_with('/') => {
            Ok((method.to_owned(), path.to_owned()))
        }
        _ => Err(format!("found {text:?}, expected a method and a path, such as `GET /`")),
    }
}

/// Reads `name: value`.
fn header(text: &str) -> Result<(String, String), String> {
    match text.split_once(':') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.trim().to_owned())),
        _ => Err(format!("found {text:?}, expected a name, `:` and a value")),
    }
}
