//! `jwt-gate-agent`: see `haproxy/README.md`.

use std::{
    net::SocketAddr, num::NonZero, path::PathBuf, process::ExitCode, thread, time::Duration,
};

use clap::{Parser, ValueEnum};
use jwt_gate_agent::{Address, Options};
use tracing::Level;
use wasmtime_harness::{Limits, live::Origin};

/// Fuel for a callback, about one for an instruction.
const FUEL: u64 = 1_000_000_000;
/// Memory for a VM, in MiB.
const MEMORY: usize = 128;

/// Lets HAProxy ask JWT Gate about each request, over SPOP.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The module, `jwt_gate.wasm`.
    #[arg(long, value_name = "FILE")]
    module: PathBuf,
    /// The policy, YAML or JSON. It is read anew when it changes and on SIGHUP.
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Where HAProxy finds the agent: 127.0.0.1:9000 or unix:/path; may be given several times.
    #[arg(long, value_name = "ADDRESS", required_unless_present = "check")]
    listen: Vec<Address>,
    /// Tries the policy and ends: 0 if it is taken, 1 with all its problems if not.
    #[arg(long)]
    check: bool,
    /// Tells over HTTP whether the agent is well, at /healthz, and what it counts, at /metrics.
    #[arg(long, value_name = "ADDRESS")]
    health: Option<SocketAddr>,
    /// A server that the filter may call for keys, by the name of its cluster in the policy, such as
    /// auth0=https://tenant.auth0.com; may be given several times.
    #[arg(long = "cluster", value_name = "NAME=URL", value_parser = jwt_gate_agent::cluster)]
    clusters: Vec<(String, Origin)>,
    /// Certificates in PEM of issuers to trust beside the system's; may be given several times.
    #[arg(long = "ca", value_name = "FILE")]
    trusted: Vec<PathBuf>,
    /// How many threads serve connections, each with a VM; as many as there are cores by default.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// How many units of fuel, about one for an instruction, the filter may use up for one callback.
    #[arg(long, value_name = "UNITS", default_value_t = FUEL)]
    fuel: u64,
    /// How much memory a VM may take.
    #[arg(long, value_name = "MIB", default_value_t = MEMORY)]
    memory: usize,
    /// The most bytes of a frame: at most `tune.bufsize` of HAProxy less 4.
    #[arg(long, value_name = "BYTES", default_value_t = 16_380, value_parser = clap::value_parser!(u32).range(256..=1_048_576))]
    max_frame_size: u32,
    /// How long the filter may hold a request, in milliseconds: not less than HAProxy's `timeout
    /// processing`, which ends the wait first then.
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    hold: u64,
    /// How long the requests under way may take when the agent is told to end, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 5_000)]
    grace: u64,
    /// The permissions of Unix sockets, in octal.
    #[arg(long, value_name = "MODE", default_value = "660", value_parser = octal)]
    socket_mode: u32,
    /// Keeps the compiled module in a folder beside the module, for a faster start. Whoever can write
    /// there decides what runs.
    #[arg(long)]
    cache: bool,
    /// The lowest level of the lines that are logged.
    #[arg(long, value_name = "LEVEL", value_enum, default_value_t = LogLevel::Info)]
    log_level: LogLevel,
    /// The form of the log, which goes to standard error.
    #[arg(long, value_name = "FORM", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum LogFormat {
    /// A line a time.
    Text,
    /// An object a line.
    Json,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let level = match arguments.log_level {
        LogLevel::Trace => Level::TRACE,
        LogLevel::Debug => Level::DEBUG,
        LogLevel::Info => Level::INFO,
        LogLevel::Warn => Level::WARN,
        LogLevel::Error => Level::ERROR,
    };
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_ansi(false)
        .with_writer(std::io::stderr);
    match arguments.log_format {
        LogFormat::Text => log.init(),
        LogFormat::Json => log.json().init(),
    }
    let check = arguments.check;
    let options = options(arguments);
    let done = if check {
        jwt_gate_agent::check(&options)
            .map(|lines| lines.iter().for_each(|line| println!("{line}")))
    } else {
        jwt_gate_agent::run(&options)
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problems) => {
            for problem in problems {
                eprintln!("{problem}");
            }
            ExitCode::FAILURE
        }
    }
}

fn options(arguments: Arguments) -> Options {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    Options {
        module: arguments.module,
        policy: arguments.policy,
        listen: arguments.listen,
        socket_mode: arguments.socket_mode,
        health: arguments.health,
        threads: arguments.threads.map_or(cores, usize::from),
        clusters: arguments.clusters.into_iter().collect(),
        trusted: arguments.trusted,
        limits: Limits {
            fuel: arguments.fuel,
            memory: arguments.memory.saturating_mul(1024 * 1024),
            ..Limits::default()
        },
        max_frame_size: arguments.max_frame_size,
        patience: Duration::from_millis(arguments.hold),
        grace: Duration::from_millis(arguments.grace),
        cache: arguments.cache,
    }
}

fn octal(text: &str) -> Result<u32, String> {
    let refuse = || format!("found {text:?}, expected permissions such as 660");
    let mode = u32::from_str_radix(text, 8).map_err(|_| refuse())?;
    if mode > 0o777 { Err(refuse()) } else { Ok(mode) }
}
