//! `wasmtime-harness serve`.

use std::{collections::BTreeMap, net::SocketAddr, process::ExitCode, time::Duration};

use clap::{Args, ValueEnum};
use proxy_host_model::{LogLevel, Model, OnTrap, Plan, Profile};
use wasmtime_harness::{Limits, Module, Spawner, live::Origin};

use super::plugin::{Plugin, pair};
use crate::serve::{self, Upstream};

/// Serve HTTP with a module in front of an upstream, so that it can be tried with `curl`.
///
/// The filter sees every request and response as in a proxy: headers, body, trailers, ticks, real
/// time, calls to other servers. Without an upstream, requests that pass are answered with what the
/// upstream would have seen, as JSON. Log lines go to standard error, one a request.
#[derive(Args)]
pub(super) struct Serve {
    #[command(flatten)]
    plugin: Plugin,
    /// The address to listen on; port 0 is any that is free, and the one taken is printed.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// The server behind the filter, such as http://127.0.0.1:9000.
    #[arg(long, value_name = "URL", value_parser = origin)]
    upstream: Option<Origin>,
    /// A server that the filter may call, by the name of its cluster, such as
    /// keys=http://127.0.0.1:9001.
    #[arg(long = "cluster", value_name = "NAME=URL", value_parser = cluster)]
    clusters: Vec<(String, Origin)>,
    /// The host to behave like.
    #[arg(long, value_name = "NAME", default_value = Profile::ENVOY_1_40.name, value_parser = profile)]
    profile: Profile,
    /// How many VMs take turns.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,
    /// What becomes of requests once the filter has ended by a trap.
    #[arg(long, value_name = "POLICY", value_enum, default_value_t = Policy::Closed)]
    on_trap: Policy,
    /// How many units of fuel, about one for an instruction, a callback may use up; it traps then.
    #[arg(long, value_name = "UNITS", default_value_t = Limits::default().fuel)]
    fuel: u64,
    /// The lowest level of the filter's log lines that is shown.
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = Level::Info)]
    log_level: Level,
    /// How many seconds a client may be silent in the middle of a request.
    #[arg(long, value_name = "SECONDS", default_value_t = 30)]
    client_timeout: u64,
}

/// Envoy's failure policies.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Policy {
    /// Every request is answered with 503.
    #[value(name = "fail-closed")]
    Closed,
    /// Every request passes, unseen by the filter.
    #[value(name = "fail-open")]
    Open,
    /// The filter is loaded anew for the next request, at most once in a second or so.
    #[value(name = "fail-reload")]
    Reload,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Critical,
}

impl Serve {
    pub(super) fn run(self) -> Result<ExitCode, String> {
        let file = &self.plugin.module;
        let (vm_configuration, configuration) =
            (self.plugin.vm_configuration()?, self.plugin.configuration()?);
        let module = Module::load(file).map_err(|error| format!("{}: {error}", file.display()))?;
        let level = match self.log_level {
            Level::Trace => LogLevel::Trace,
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
            Level::Critical => LogLevel::Critical,
        };
        let on_trap = match self.on_trap {
            Policy::Closed => OnTrap::Closed,
            Policy::Open => OnTrap::Open,
            Policy::Reload => OnTrap::RELOAD,
        };
        let mut model = Model::default();
        model.profile = self.profile;
        model.settings.log_level = level;
        self.plugin.apply(&mut model);
        serve::serve(serve::Plot {
            spawner: Spawner { module, limits: Limits { fuel: self.fuel, ..Limits::default() } },
            plan: Plan { workers: usize::from(self.workers), on_trap, ..Plan::default() },
            model,
            vm_configuration,
            configuration,
            listen: self.listen,
            upstream: self.upstream.map_or(Upstream::Echo, Upstream::Server),
            clusters: self.clusters.into_iter().collect::<BTreeMap<_, _>>(),
            level,
            patience: Duration::from_secs(self.client_timeout),
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Reads `NAME=URL`.
fn cluster(text: &str) -> Result<(String, Origin), String> {
    let (name, url) = pair(text)?;
    Ok((name, origin(&url)?))
}

/// Reads the URL of a server.
fn origin(text: &str) -> Result<Origin, String> {
    let origin: Origin = text.parse()?;
    if origin.tls() {
        return Err(format!(
            "found {text:?}, expected a URL such as http://127.0.0.1:9000: TLS is not spoken here"
        ));
    }
    Ok(origin)
}

/// Finds a profile by its name.
fn profile(name: &str) -> Result<Profile, String> {
    Profile::named(name).ok_or_else(|| {
        let known: Vec<&str> = Profile::ALL.iter().map(|profile| profile.name).collect();
        format!("found {name:?}, expected one of {}", known.join(", "))
    })
}
