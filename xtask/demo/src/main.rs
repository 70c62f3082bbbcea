//! `cargo xtask demo`: the hamsters API behind JWT Gate, in a real Envoy or, with `--haproxy`, behind a
//! real HAProxy, on 127.0.0.1.
//!
//! It runs the shipped example, `envoy/examples/hamsters` or `haproxy/examples/oauth`, with one more issuer
//! whose key is made at the start, sends requests of every kind, and shows what was sent, what was
//! expected and what came back. Then it serves until Ctrl-C; with `--once` it ends there.

use std::{
    io::{IsTerminal, stdout},
    process::ExitCode,
    sync::mpsc::{self, Receiver, TryRecvError},
};

use anyhow::{Context, Result, bail};

mod cases;
mod issuer;
mod proxy;
mod table;

use cases::cases;
use issuer::Tokens;
use proxy::{Kind, Proxy};
use table::Row;

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (mut is_once, mut kind) = (false, Kind::Envoy);
    for argument in &arguments {
        match argument.as_str() {
            "--once" => is_once = true,
            "--haproxy" => kind = Kind::HaProxy,
            _ => bail!("found the argument {argument}, expected --once or --haproxy"),
        }
    }
    let interrupted = interrupts()?;

    println!("Making keys and starting {kind} with {} ...", kind.example());
    let tokens = Tokens::make()?;
    let mut proxy = Proxy::start(kind, &tokens)?;
    let port = proxy.port();

    let mut rows = Vec::new();
    for case in cases(&tokens, kind)? {
        if !matches!(interrupted.try_recv(), Err(TryRecvError::Empty)) {
            return Ok(ExitCode::from(130));
        }
        let came = proxy.send(&case)?;
        rows.push(Row::judge(case, came));
    }
    table::print(&rows, stdout().is_terminal());
    let off = rows.iter().filter(|row| !row.is_ok()).count();
    println!("\n{} requests, {off} OFF\n", rows.len());

    if !is_once {
        print_hints(port, &tokens, kind);
        println!("\nServing on http://127.0.0.1:{port} until Ctrl-C.");
        // The channel closes with the handler, which ends with this process.
        let _ = interrupted.recv();
        println!("\nStopped.");
    }
    Ok(if off == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A channel that hears of Ctrl-C and of a polite kill, so that the proxy is ended on the way out.
fn interrupts() -> Result<Receiver<()>> {
    let (sender, receiver) = mpsc::channel();
    ctrlc::set_handler(move || {
        // Fails only when nobody listens any more, at the very end.
        let _ = sender.send(());
    })
    .context("cannot handle interrupts")?;
    Ok(receiver)
}

/// Commands to paste, with fresh tokens.
fn print_hints(port: u16, tokens: &Tokens, kind: Kind) {
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
    println!("\nWhy each was refused: tail -f target/e2e/demo/{}", kind.log());
}
