//! `cargo xtask bench`: what JWT Gate costs, beside what proxies bring themselves.
//!
//! Three parts. `proxies` sends the same requests through Envoy without a filter, with its own
//! filters and with JWT Gate, and through HAProxy with its own lines and
//! with JWT Gate's agent, and reads from the kernel how long the serving threads ran. `growth` counts what a request costs inside the module as
//! rules, keys, issuers and tokens grow, in units of fuel, which no other load on the machine
//! changes. `stages` measures each stage of a decision natively, in V8 and under wasmtime.

use std::{env, path::PathBuf, process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail};

mod agent;
mod client;
mod cpu;
mod envoy;
mod fresh;
mod growth;
mod haproxy;
mod machine;
mod page;
mod plot;
mod report;
mod rounds;
mod setups;
mod spread;
mod stages;
mod table;
mod tokens;
mod upstream;
mod workload;
mod zipf;

use rounds::{Effort, Figures};
use tokens::SIGNERS;

/// Enough rounds that a quarter of them may be disturbed, and that a difference of a microsecond shows: the
/// quartiles of single rounds are six apart.
const FULL: Effort =
    Effort { least_rounds: 9, most_rounds: 31, time: Duration::from_secs(260), requests: 800 };
/// Enough to see that everything works.
const QUICK: Effort =
    Effort { least_rounds: 2, most_rounds: 2, time: Duration::ZERO, requests: 40 };

/// Whatever else the machine does meets whole turns, so the median of many short ones is free of it;
/// and each is so long that calling into an engine does not count. The tokens take memory as those of
/// a busy worker do.
const STAGES: stages::Effort =
    stages::Effort { rounds: 100, turn: Duration::from_millis(1), tokens: 4000 };
/// As above.
const STAGES_QUICK: stages::Effort =
    stages::Effort { rounds: 2, turn: Duration::from_micros(50), tokens: 80 };

/// What the command line asks for.
#[derive(Debug, Default, PartialEq)]
struct Options {
    is_quick: bool,
    is_written: bool,
    proxies: bool,
    growth: bool,
    stages: bool,
}

impl Options {
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self::default();
        for argument in arguments {
            match argument.as_str() {
                "--quick" => options.is_quick = true,
                "--write" => options.is_written = true,
                "proxies" => options.proxies = true,
                "growth" => options.growth = true,
                "stages" => options.stages = true,
                other => bail!(
                    "found the argument `{other}`, expected some of: --quick, --write, proxies, \
                     growth, stages"
                ),
            }
        }
        if options.is_quick && options.is_written {
            bail!("found --quick with --write, expected one: quick figures are no figures to show");
        }
        if !options.proxies && !options.growth && !options.stages {
            (options.proxies, options.growth, options.stages) = (true, true, true);
        }
        Ok(options)
    }
}

fn main() -> Result<ExitCode> {
    let options = Options::parse(env::args().skip(1))?;
    let figures = options.proxies.then(|| proxies(&options)).transpose()?;
    let points = options.growth.then(|| growth(&options)).transpose()?;
    if options.stages {
        stages(&options)?;
    }
    if let Some((figures, points)) = figures.zip(points) {
        let text = report::acceptance(&figures, &points).to_string();
        println!("\n{text}");
        if options.is_written {
            page::write("acceptance", &text)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn proxies(options: &Options) -> Result<Figures> {
    let haproxy = env::var_os("HAPROXY_BIN").map(PathBuf::from);
    let has_agent = env::var_os("JWT_GATE_AGENT").is_some();
    let machine = machine::describe(haproxy.as_deref(), has_agent)?;
    println!("Starting the proxies and checking that each of them guards the service ...");
    let proxies = setups::Proxies::start(haproxy.as_deref(), has_agent)?;
    let (effort, starts) = if options.is_quick { (QUICK, 1) } else { (FULL, 5) };
    let figures = Figures::measure(&proxies, &SIGNERS, effort, |line| println!("{line} ..."))?;
    println!("first answers of {starts} fresh proxies ...");
    let first = fresh::First::measure(&proxies, SIGNERS[0], starts)?;
    let text = report::proxies(&figures, &first, &machine)?;
    let plot = plot::draw(&figures)?;
    println!("\n{text}");
    if options.is_written {
        page::write("proxies", &text)?;
        page::write_plot(&plot)?;
    }
    Ok(figures)
}

fn growth(options: &Options) -> Result<Vec<growth::Point>> {
    let harness = env::var_os("HARNESS_BIN").map(PathBuf::from).context(
        "found no HARNESS_BIN, expected the path of wasmtime-harness; `cargo xtask bench` sets it",
    )?;
    println!("Growing the policy and the token, in units of fuel ...\n");
    let points = growth::measure(&harness, options.is_quick)?;
    let text = report::growth(&points).to_string();
    println!("{text}");
    if options.is_written {
        page::write("growth", &text)?;
    }
    Ok(points)
}

fn stages(options: &Options) -> Result<()> {
    println!("Running each stage natively, in V8 and under wasmtime ...\n");
    let effort = if options.is_quick { STAGES_QUICK } else { STAGES };
    let machine = machine::here()?;
    let text = stages::text(&stages::measure(effort)?, &machine);
    println!("{text}");
    if options.is_written {
        page::write("stages", &text)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options> {
        Options::parse(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    #[test]
    fn all_parts_run_unless_one_is_named() {
        let all = Options { proxies: true, growth: true, stages: true, ..Options::default() };
        assert_eq!(parse(&[]).unwrap(), all);
        let quick = Options { is_quick: true, growth: true, ..Options::default() };
        assert_eq!(parse(&["growth", "--quick"]).unwrap(), quick);
    }

    #[test]
    fn quick_figures_are_not_written() {
        assert!(parse(&["--quick", "--write"]).is_err());
        let error = parse(&["fast"]).unwrap_err().to_string();
        assert!(error.starts_with("found the argument `fast`"), "{error}");
    }
}
