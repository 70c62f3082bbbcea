//! The configuration changes while requests wait for keys.

use std::time::{Duration, Instant};

use envoy_e2e::config::{self, Listener, Policy};
use envoy_e2e::{Answer, Envoy, Page, Place, Provider, Upstream};
use serde_json::json;

use crate::{WORKERS, policy, send};

const FILE: &str = "listeners.json";

/// The listeners of the first configuration are being drained while their requests wait: their own
/// root goes on and ends the requests, with the keys or, where none come, at the deadline.
#[test]
fn a_request_that_waits_ends_though_its_configuration_is_replaced() {
    let place = Place::new("keys-update").expect("a folder");
    let upstream = Upstream::start().expect("the upstream");
    let mut cases: Vec<_> = [("late", Duration::from_secs(5)), ("never", Duration::from_secs(600))]
        .into_iter()
        .map(|(name, delay)| {
            let mut provider = Provider::start(&place, &[]).expect("the provider");
            let token = provider.token().expect("a token");
            provider.answer(Page::Keys, Answer::Slow(delay)).expect("the provider obeys");
            (name, provider, token)
        })
        .collect();
    let [first, second, third] = ["1", "2", "3"].map(|version| {
        let listeners: Vec<_> = (cases.iter())
            .map(|(name, provider, _)| {
                let changes = json!({
                    "rules": [{ "name": version, "match": { "prefix": "/" }, "access": "token" }],
                    "limits": { "waiting_time": "8s" },
                });
                let discovery = json!({ "cluster": name, "timeout": "30s" });
                Listener::new(name, Policy::Struct(policy(provider, discovery, changes)))
            })
            .collect();
        config::listener_file(version, &listeners).expect("the listeners")
    });
    let path = place.write(FILE, &first).expect("the file");
    let mut bootstrap = config::bootstrap(upstream.port(), &[]).expect("a configuration");
    for (name, provider, _) in &cases {
        bootstrap =
            config::with_cluster(bootstrap, name, provider.port()).expect("a configuration");
    }
    let bootstrap = config::watching(bootstrap, &path);
    place.write("envoy.json", &bootstrap.to_string()).expect("the file");
    let envoy = Envoy::start_with_workers(&place, "envoy.json", WORKERS).expect("Envoy");

    let mut held = Vec::new();
    for (name, _, token) in &cases {
        let port = envoy.port_now(name).expect("the listener");
        held.extend((0..8).map(|_| {
            let (name, token) = (*name, token.clone());
            let client = std::thread::spawn(move || {
                let start = Instant::now();
                (send(port, &token), start.elapsed())
            });
            (name, client)
        }));
    }
    std::thread::sleep(Duration::from_millis(300));
    place.write(FILE, &second).expect("the file");
    let updates = || envoy.stat("listener_manager.lds.update_success").ok();
    envoy.wait_for("the update", || (updates()? == 2).then_some(())).expect("it is taken");
    assert!(held.iter().all(|(_, client)| !client.is_finished()), "nobody waited");
    for (name, client) in held {
        let (reply, after) = client.join().expect("a client");
        assert_eq!(reply.status, if name == "late" { 200 } else { 503 }, "{name}: {reply:?}");
        assert!(after < Duration::from_secs(12), "{name}: ended after {after:?}");
    }

    // What one configuration fetched is there for the next, without the provider: as for a filter
    // that is loaded anew.
    let (name, provider, token) = cases.first_mut().expect("a case");
    let asked = provider.asked().expect("the provider's notes");
    assert_eq!((asked.metadata.len(), asked.keys.len()), (1, 1), "{asked:?}");
    provider.stop().expect("the provider stops");
    let (name, token) = (*name, token.clone());
    place.write(FILE, &third).expect("the file");
    envoy.wait_for("the update", || (updates()? == 3).then_some(())).expect("it is taken");
    let port = envoy.port_now(name).expect("the listener");
    for _ in 0..20 {
        assert_eq!(send(port, &token).status, 200);
    }
    let reloads = envoy.stats("vm_reload").expect("counters");
    assert!(reloads.values().all(|count| *count == 0), "the filter crashed: {reloads:?}");
}
