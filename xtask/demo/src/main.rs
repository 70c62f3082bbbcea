//! `cargo xtask demo`: the hamsters API behind JWT Gate, in a real Envoy on 127.0.0.1.
//!
//! It runs `envoy/examples/hamsters` as it is shipped, with one more issuer whose key is made at
//! the start, sends requests of every kind, and shows what was sent, what was expected and what
//! came back. Then it serves until Ctrl-C; with `--once` it ends there.

use std::{
    io::{IsTerminal, stdout},
    process::ExitCode,
    sync::mpsc::{self, Receiver, TryRecvError},
};

use anyhow::{Context, Result, bail};
use envoy_e2e::{Envoy, Place, http1, shipped::Shipped};

mod cases;
mod issuer;
mod table;

use cases::{Case, cases};
use issuer::Tokens;
use table::{Came, Row};

/// The example that is run.
const EXAMPLE: &str = "envoy/examples/hamsters/envoy.yaml";
/// The listener in it that the filter guards.
const LISTENER: &str = "gate";
/// Begins a line of the access log, to tell it from Envoy's own log in the same file.
const MARK: &str = "access: ";

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_once = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [] => false,
        ["--once"] => true,
        _ => bail!("found the arguments {arguments:?}, expected none or --once"),
    };
    let interrupted = interrupts()?;

    println!("Making keys and starting Envoy with {EXAMPLE} ...");
    let tokens = Tokens::make()?;
    let place = Place::new("demo")?;
    let envoy = start(&tokens, &place)?;
    let port = envoy.port(LISTENER);

    let mut rows = Vec::new();
    for case in cases(&tokens)? {
        if !matches!(interrupted.try_recv(), Err(TryRecvError::Empty)) {
            return Ok(ExitCode::from(130));
        }
        let came = send(&envoy, port, &case, rows.len())?;
        rows.push(Row::judge(case, came));
    }
    table::print(&rows, stdout().is_terminal());
    let off = rows.iter().filter(|row| !row.is_ok()).count();
    println!("\n{} requests, {off} OFF\n", rows.len());

    if !is_once {
        print_hints(port, &tokens);
        println!("\nServing on http://127.0.0.1:{port} until Ctrl-C.");
        // The channel closes with the handler, which ends with this process.
        let _ = interrupted.recv();
        println!("\nStopped.");
    }
    Ok(if off == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A channel that hears of Ctrl-C and of a polite kill, so that Envoy is ended on the way out.
fn interrupts() -> Result<Receiver<()>> {
    let (sender, receiver) = mpsc::channel();
    ctrlc::set_handler(move || {
        // Fails only when nobody listens any more, at the very end.
        let _ = sender.send(());
    })
    .context("cannot handle interrupts")?;
    Ok(receiver)
}

/// Starts the shipped example with the demonstration's own issuer in front of its issuers.
fn start(tokens: &Tokens, place: &Place) -> Result<Envoy> {
    let issuers = "                    issuers:\n";
    Shipped::read(EXAMPLE)?
        .with(issuers, &format!("{issuers}{}", tokens.issuer_yaml(20)))?
        .with("inline_string: \"%REQ(:METHOD)%", &format!("inline_string: \"{MARK}%REQ(:METHOD)%"))?
        .start(place)
}

/// Sends one request and waits for the line about it in the access log, the `index`th.
fn send(envoy: &Envoy, port: u16, case: &Case, index: usize) -> Result<Came> {
    let reply =
        http1::send(port, &case.headers).with_context(|| format!("in the case `{}`", case.sent))?;
    let line = envoy.wait_for("a line in the access log", || {
        envoy.log().lines().filter_map(|line| line.strip_prefix(MARK)).nth(index).map(str::to_owned)
    })?;
    Ok(Came { reply, details: details(&line)? })
}

/// The response-code details in a line: method, path, status, details, subject. A path holds no
/// blank.
fn details(line: &str) -> Result<String> {
    let found = line.split(' ').nth(3);
    found
        .map(str::to_owned)
        .with_context(|| format!("access log: found `{line}`, expected five words"))
}

/// Commands to paste, with fresh tokens.
fn print_hints(port: u16, tokens: &Tokens) {
    let url = format!("http://127.0.0.1:{port}");
    println!("Try it yourself. These tokens are good for an hour:\n");
    println!("READER={}\nWRITER={}\n", tokens.reader, tokens.writer);
    for line in [
        format!("curl -i {url}/api/hamsters"),
        format!("curl -i -X DELETE {url}/api/hamsters/turbo"),
        format!("curl -i -X DELETE {url}/api/hamsters/turbo -H \"Authorization: Bearer $READER\""),
        format!("curl -i -X DELETE {url}/api/hamsters/turbo -H \"Authorization: Bearer $WRITER\""),
        format!("curl -i {url}/api/gerbils -H \"Authorization: Bearer $WRITER\""),
    ] {
        println!("{line}");
    }
    println!("\nWhy each was refused: tail -f target/e2e/demo/envoy.log");
}
