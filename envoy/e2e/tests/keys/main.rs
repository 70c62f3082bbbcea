//! Keys that live: fetched from a real identity provider, shared by two workers, followed through
//! rotations, outages and bad answers.
//!
//! Timings are short, so that a refresh takes seconds; Envoy's timers run on the real clock. What a
//! busy machine may delay is given time in every test, what must not happen is given none.

mod examples;
mod faults;
mod flood;
mod load;
mod outage;
mod rotation;
mod start;
mod updates;
mod waiting;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use envoy_e2e::config::{self, Listener, Policy};
use envoy_e2e::{Envoy, Place, Provider, Reply, Upstream, http1, tokens};
use serde_json::{Map, Value, json};

/// Both fetch for one process: what they share is what is tested.
const WORKERS: usize = 2;

/// An Envoy with two workers, an upstream, and the provider whose keys the gate follows.
struct Gate {
    envoy: Envoy,
    provider: Provider,
    _upstream: Upstream,
}

impl Gate {
    /// Starts all of it; `discovery` is laid over the fields of `keys.discovery`, `changes` over
    /// those of the policy.
    fn start(place: &Place, provider: Provider, discovery: Value, changes: Value) -> Self {
        let listener = Listener::new("gate", Policy::Struct(policy(&provider, discovery, changes)));
        let upstream = Upstream::start().expect("the upstream");
        let bootstrap = config::bootstrap(upstream.port(), &[listener])
            .and_then(|bootstrap| config::with_cluster(bootstrap, "issuer", provider.port()))
            .expect("a configuration");
        place.write("envoy.json", &bootstrap.to_string()).expect("the file");
        let envoy =
            Envoy::start_with_workers(place, "envoy.json", WORKERS).expect("Envoy with the gate");
        Self { envoy, provider, _upstream: upstream }
    }

    fn port(&self) -> u16 {
        self.envoy.port("gate")
    }

    fn send(&self, token: &str) -> Reply {
        send(self.port(), token)
    }

    /// Waits until a request with the token is answered with the status.
    fn wait_for_status(&self, token: &str, status: u16) -> Reply {
        let what = format!("an answer with status {status}");
        let found = || Some(self.send(token)).filter(|reply| reply.status == status);
        self.envoy.wait_for(&what, found).expect("the status")
    }

    /// How often the key set was asked for.
    fn fetches(&mut self) -> usize {
        self.provider.asked().expect("the provider's notes").keys.len()
    }

    /// Waits until the key set has been asked for once more, and the answer has arrived everywhere.
    fn wait_for_fetch(&mut self) {
        let before = self.fetches();
        let provider = &mut self.provider;
        let fetched = || (provider.asked().ok()?.keys.len() > before).then_some(());
        self.envoy.wait_for("another fetch", fetched).expect("a fetch");
        std::thread::sleep(SETTLED);
    }

    /// A counter or gauge of the gate's.
    fn stat(&self, name: &str) -> u64 {
        self.envoy.stat(&format!("wasmcustom.jwt_gate.{name}")).expect("the counters")
    }

    /// No filter crashed: a worker that is loaded anew would hide it.
    fn assert_no_crash(&self) {
        let reloads = self.envoy.stats("vm_reload").expect("counters");
        assert!(reloads.values().all(|count| *count == 0), "the filter crashed: {reloads:?}");
    }
}

/// Longer than it takes an answer of the provider's to be in force in every worker: a tick is a
/// tenth of a second.
const SETTLED: Duration = Duration::from_millis(800);

fn send(port: u16, token: &str) -> Reply {
    send_to(port, "/", token)
}

fn send_to(port: u16, path: &str, token: &str) -> Reply {
    let bearer = format!("Bearer {token}");
    http1::send(port, &[(":path", path), ("authorization", &bearer)]).expect("an answer")
}

fn policy(provider: &Provider, discovery: Value, changes: Value) -> Value {
    let mut keys = object(json!({ "cluster": "issuer" }));
    keys.extend(object(discovery));
    let mut whole = object(json!({
        "issuers": [{
            "name": "test",
            "issuer": provider.issuer(),
            "audiences": [tokens::AUDIENCE],
            "algorithms": ["RS256"],
            "types": ["at+jwt"],
            "keys": { "discovery": keys },
        }],
        "rules": [{ "name": "all", "match": { "prefix": "/" }, "access": "token" }],
        "metrics": true,
    }));
    whole.extend(object(changes));
    Value::Object(whole)
}

/// A token like the provider's own but for its signature, which is by another key.
fn forged(provider: &Provider, kid: &str) -> String {
    let now = tokens::now().expect("the clock");
    let header = object(json!({ "typ": "at+jwt", "kid": kid }));
    let claims = object(json!({
        "iss": provider.issuer(), "aud": tokens::AUDIENCE, "sub": "caller",
        "scope": "read:hamsters write:hamsters", "iat": now, "exp": now + 600,
    }));
    scenario_corpus::mint(&tokens::key().expect("a key"), &header, &claims)
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        other => panic!("expected an object, found {other}"),
    }
}

/// Milliseconds since the Unix epoch, as the provider counts.
fn millis() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a time after 1970");
    u64::try_from(now.as_millis()).expect("a time before the sun goes out")
}

/// Calls every 50 ms until the time is up.
fn for_a_while(time: Duration, mut call: impl FnMut()) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        call();
        std::thread::sleep(Duration::from_millis(50));
    }
}
