//! A filter that runs for weeks must not grow: memory after 100,000 requests is that of the first
//! thousand.

#![allow(clippy::panic, clippy::unwrap_used, reason = "a test stops at what it did not expect")]

mod module;

use proxy_host_model::{Clock, Fate, Host, Model, Request};
use scenario_corpus::{named_policy, real_token};
use wasmtime_harness::Vm;

/// 2018-11-07T12:00:00Z, within the lifetime of the token.
const NOW_SECONDS: u64 = 1_541_592_000;
const WARM_UP: usize = 1_000;
const REQUESTS: usize = 100_000;
/// One request in so many verifies a signature, which takes as long as hundreds of others.
const SIGNATURES: usize = 200;

#[test]
fn memory_is_flat_over_a_hundred_thousand_requests() {
    let mut host = module::get().host(Model::default()).unwrap();
    host.model(|model| model.clock = Clock::at_secs(NOW_SECONDS));
    let startup = host.start(b"", &named_policy("auth0").unwrap().json);
    assert!(startup.accepted, "{:?}", startup.logs);
    let requests = requests();

    send(&mut host, &requests, 0..WARM_UP);
    let warm = host.guest().memory_size();
    send(&mut host, &requests, WARM_UP..REQUESTS);
    assert_eq!(host.guest().memory_size(), warm, "bytes of memory after {REQUESTS} requests");
}

/// Requests of every kind with what comes of them; the first alone verifies a signature.
fn requests() -> Vec<(Request, Fate)> {
    let token = real_token("auth0").unwrap();
    let good = format!("Bearer {token}");
    let header_alone = format!("Bearer {}", token.split('.').next().unwrap());
    let long = format!("Bearer {}", "a".repeat(7000));
    let request = |method: &str, path: &str, authorization: Option<&str>| {
        let head = [(":method", method), (":scheme", "http"), (":authority", "api.test")];
        let token = authorization.map(|value| ("authorization", value));
        let headers = head.into_iter().chain([(":path", path)]).chain(token);
        headers.collect::<Request>()
    };
    let hamster = "/api/hamsters/turbo";
    vec![
        (request("DELETE", hamster, Some(&good)), Fate::Continued),
        (request("GET", hamster, None), Fate::Continued),
        (request("DELETE", hamster, None), Fate::Replied),
        (request("DELETE", hamster, Some(&header_alone)), Fate::Replied),
        (request("DELETE", hamster, Some(&long)), Fate::Replied),
        (request("GET", "/api/gerbils", None), Fate::Replied),
        (request("GET", "//api/hamsters", None), Fate::Replied),
    ]
}

fn send(host: &mut Host<Vm>, requests: &[(Request, Fate)], numbers: std::ops::Range<usize>) {
    let (signed, unsigned) = requests.split_first().unwrap();
    for (number, unsigned) in numbers.zip(unsigned.iter().cycle()) {
        let (request, fate) = if number % SIGNATURES == 0 { signed } else { unsigned };
        let outcome = host.request(request.clone());
        assert_eq!(outcome.fate, *fate, "request {number}: {:?} {:?}", request, outcome.trap);
    }
}
