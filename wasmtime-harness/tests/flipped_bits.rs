//! A real token is accepted as it is, and with any one bit of its text flipped it never is.
//!
//! Every bit of every character: those of the header and the payload, those of the signature, the
//! dots, and the bits of a character that stand for no bit of the bytes.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test; clippy does not see that its helpers are part of it"
)]

mod module;

use std::thread;

use proxy_host_model::{Clock, Fate, Guest, Host, Model, Outcome, Request};
use scenario_corpus::{named_policy, real_token};
use wasmtime_harness::{Module, Vm};

/// 2018-11-07T12:00:00Z, within the lifetime of the token.
const NOW_SECONDS: u64 = 1_541_592_000;

#[test]
fn no_flipped_bit_is_accepted() {
    let module = module::get();
    let token = real_token("auth0").unwrap().into_bytes();

    let mut host = start(module);
    let outcome = send(&mut host, &token);
    assert_eq!(outcome.fate, Fate::Continued, "the token itself: {:?}", outcome.reply);

    let flips: Vec<(usize, u8)> =
        (0..token.len()).flat_map(|at| (0..8).map(move |bit| (at, 1 << bit))).collect();
    let workers = thread::available_parallelism().map_or(1, usize::from);
    let share = flips.len().div_ceil(workers);
    let tried: usize = thread::scope(|scope| {
        let running: Vec<_> = flips
            .chunks(share)
            .map(|flips| scope.spawn(|| try_all(module, &token, flips)))
            .collect();
        running.into_iter().map(|worker| worker.join().unwrap()).sum()
    });
    assert_eq!(tried, token.len() * 8);
}

fn try_all(module: &Module, token: &[u8], flips: &[(usize, u8)]) -> usize {
    let mut host = start(module);
    for (at, mask) in flips {
        let mut flipped = token.to_vec();
        flipped[*at] ^= mask;
        let outcome = send(&mut host, &flipped);
        let status = outcome.reply.as_ref().map(|reply| reply.status);
        assert!(
            outcome.fate == Fate::Replied && matches!(status, Some(400 | 401)),
            "character {at} with bits {mask:#010b} flipped: {:?} {status:?} {:?}",
            outcome.fate,
            outcome.trap,
        );
    }
    flips.len()
}

fn start(module: &Module) -> Host<Vm> {
    let mut host = module.host(Model::default()).unwrap();
    host.model(|model| model.clock = Clock::at_secs(NOW_SECONDS));
    let startup = host.start(b"", &named_policy("auth0").unwrap().json);
    assert!(startup.accepted, "{:?}", startup.logs);
    host
}

fn send<G: Guest>(host: &mut Host<G>, token: &[u8]) -> Outcome {
    let authorization = [b"Bearer ", token].concat();
    host.request(Request::from_iter([
        (":method", b"DELETE".as_slice()),
        (":scheme", b"http"),
        (":authority", b"api.test"),
        (":path", b"/api/hamsters/turbo"),
        ("authorization", &authorization),
    ]))
}
