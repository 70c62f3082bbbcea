//! Requests that wait for keys: how many, how long, and what is left of those whose client goes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread::sleep;
use std::time::{Duration, Instant};

use envoy_e2e::config::{self, Listener, Policy};
use envoy_e2e::{Answer, Envoy, Page, Place, Provider, Upstream};
use serde_json::json;

use crate::{WORKERS, for_a_while, policy, send};

/// Longer than it takes until all clients of a crowd are served or put on hold.
const MOMENT: Duration = Duration::from_millis(500);

/// A request that is under way, and ends with this value if it has not been answered.
struct Client(TcpStream);

impl Client {
    fn send(port: u16, token: &str) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        let head =
            format!("GET / HTTP/1.1\r\nhost: api.test\r\nauthorization: Bearer {token}\r\n\r\n");
        stream.write_all(head.as_bytes()).expect("the request goes out");
        Self(stream)
    }

    /// What has come back within the time, if anything has.
    fn answer(&mut self, time: Duration) -> Option<String> {
        self.0.set_read_timeout(Some(time)).expect("a time");
        let mut bytes = [0; 4096];
        let length = self.0.read(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes[..length]).into_owned())
    }
}

/// The provider keeps the gate waiting. At both listeners each worker has one place for a request
/// that waits: at `long` it may for a minute, at `short` for two seconds.
#[test]
fn waiting_has_a_limit_and_an_end() {
    let place = Place::new("keys-waiting").expect("a folder");
    let upstream = Upstream::start().expect("the upstream");
    let mut provider = Provider::start(&place, &[]).expect("the provider");
    let token = provider.token().expect("a token");
    let never = Answer::Slow(Duration::from_secs(600));
    provider.answer(Page::Keys, never).expect("the provider obeys");
    let listeners = [("long", "60s"), ("short", "2s")].map(|(name, waiting_time)| {
        let limits = json!({ "waiting_requests": 1, "waiting_time": waiting_time });
        let changes = json!({ "limits": limits });
        let document = policy(&provider, json!({ "timeout": "60s" }), changes);
        Listener::new(name, Policy::Struct(document))
    });
    let bootstrap = config::bootstrap(upstream.port(), &listeners)
        .and_then(|bootstrap| config::with_cluster(bootstrap, "issuer", provider.port()))
        .expect("a configuration");
    place.write("envoy.json", &bootstrap.to_string()).expect("the file");
    let envoy = Envoy::start_with_workers(&place, "envoy.json", WORKERS).expect("Envoy");

    who_finds_no_place_is_answered_at_once(envoy.port("long"), &token);
    who_leaves_gives_the_place_back(envoy.port("long"), &token);
    nobody_waits_longer_than_the_limit(envoy.port("short"), &token);
    let reloads = envoy.stats("vm_reload").expect("counters");
    assert!(reloads.values().all(|count| *count == 0), "the filter crashed: {reloads:?}");
}

/// A worker takes the connections that the kernel gives it: with so many, both have theirs.
fn crowd(port: u16, token: &str) -> Vec<Client> {
    let clients = (0..16).map(|_| Client::send(port, token)).collect();
    sleep(MOMENT);
    clients
}

fn who_finds_no_place_is_answered_at_once(port: u16, token: &str) {
    let mut clients = crowd(port, token);
    let answers: Vec<_> = clients.iter_mut().filter_map(|c| c.answer(MOMENT / 5)).collect();
    assert_eq!(clients.len() - answers.len(), WORKERS, "held, and not answered: {answers:#?}");
    for answer in &answers {
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert!(answer.contains("\r\nretry-after: "), "{answer}");
    }
}

fn who_leaves_gives_the_place_back(port: u16, token: &str) {
    for _ in 0..4 {
        // Those of the last round have gone.
        sleep(MOMENT);
        let mut clients = crowd(port, token);
        let held = clients.iter_mut().map(|client| client.answer(MOMENT / 5));
        assert_eq!(
            held.filter(Option::is_none).count(),
            WORKERS,
            "a place was lost with its client"
        );
    }
}

fn nobody_waits_longer_than_the_limit(port: u16, token: &str) {
    let mut late = 0;
    for_a_while(Duration::from_secs(5), || {
        let start = Instant::now();
        let reply = send(port, token);
        let waited = start.elapsed();
        assert_eq!(reply.status, 503, "{reply:?}");
        assert!(reply.header("retry-after").is_some(), "{reply:?}");
        assert!(waited < Duration::from_secs(4), "after {waited:?}");
        late += u32::from(waited > Duration::from_millis(1500));
    });
    assert!(late >= 2, "only {late} requests waited");
}
