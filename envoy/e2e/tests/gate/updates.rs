//! A configuration changes while Envoy runs.

use envoy_e2e::config::{self, Listener, Policy};
use envoy_e2e::tokens::{policy, token};
use envoy_e2e::{Envoy, Place, Upstream, http1};
use serde_json::{Value, json};

const FILE: &str = "listeners.json";

fn wanting(scope: &str) -> Value {
    let rules = json!([
        { "name": scope, "match": { "prefix": "/" }, "require": { "scopes": { "all": [scope] } } },
    ]);
    policy(json!({ "rules": rules, "metrics": true })).expect("a policy")
}

fn file(version: &str, document: Value) -> String {
    let listener = Listener::new("gate", Policy::Struct(document));
    config::listener_file(version, &[listener]).expect("a listener")
}

fn updates(envoy: &Envoy) -> (u64, u64) {
    let get = |name: &str| envoy.stat(&format!("listener_manager.lds.{name}")).expect("a counter");
    (get("update_success"), get("update_rejected"))
}

#[test]
fn a_bad_update_changes_nothing_and_a_good_one_everything() {
    let place = Place::new("updates").expect("a folder");
    let upstream = Upstream::start().expect("the upstream");
    let path = place.write(FILE, &file("1", wanting("one"))).expect("the file");
    let bootstrap = config::bootstrap(upstream.port(), &[]).expect("a configuration");
    let bootstrap = config::watching(bootstrap, &path);
    place.write("envoy.json", &bootstrap.to_string()).expect("the file");
    let envoy = Envoy::start(&place, "envoy.json").expect("Envoy");

    let bearer =
        |scope: &str| format!("Bearer {}", token(json!({ "scope": scope })).expect("a token"));
    let (one, two) = (bearer("one"), bearer("two"));
    let statuses = |envoy: &Envoy| {
        [&one, &two].map(|bearer| {
            let port = envoy.port_now("gate").expect("the listener");
            http1::send(port, &[("authorization", bearer)]).expect("an answer").status
        })
    };
    assert_eq!(statuses(&envoy), [200, 403]);
    let (taken, refused) = updates(&envoy);
    assert_eq!((taken, refused), (1, 0));

    // Several things wrong at once: all are named, and the old policy goes on.
    let mut bad = wanting("two");
    bad["issuers"][0]["algorithms"] = json!(["none"]);
    bad["rules"][0]["acess"] = json!("public");
    let mark = envoy.log_mark().expect("the log");
    place.write(FILE, &file("2", bad)).expect("the file");
    envoy
        .wait_for("the refusal", || (updates(&envoy).1 == refused + 1).then_some(()))
        .expect("the update is refused");
    let log = envoy.log_since(mark).expect("the log").join("\n");
    for problem in ["policy: issuers[0].algorithms", "policy: rules[0].acess"] {
        assert!(log.contains(problem), "no {problem:?} in:\n{log}");
    }
    for _ in 0..20 {
        assert_eq!(statuses(&envoy), [200, 403], "the old policy must go on");
    }
    assert_eq!(updates(&envoy), (taken, refused + 1));

    // The good one takes over in the same VM.
    place.write(FILE, &file("3", wanting("two"))).expect("the file");
    envoy
        .wait_for("the update", || (updates(&envoy).0 == taken + 1).then_some(()))
        .expect("the update is taken");
    envoy
        .wait_for("the new policy", || (statuses(&envoy) == [403, 200]).then_some(()))
        .expect("the new policy serves");
    for _ in 0..20 {
        assert_eq!(statuses(&envoy), [403, 200], "and it stays");
    }

    // Metric ids of the old configuration are not mistaken for those of the new one.
    let counters = envoy.stats("wasmcustom.jwt_gate.allowed").expect("counters");
    for rule in ["one", "two"] {
        let name = format!("wasmcustom.jwt_gate.allowed.rule.{rule}.issuer.test");
        assert!(counters.get(&name).is_some_and(|count| *count >= 20), "{name}: {counters:?}");
    }
    let reloads = envoy.stats("vm_reload").expect("counters");
    assert!(reloads.values().all(|count| *count == 0), "the filter crashed: {reloads:?}");
}

/// The same with the filter alone in a watched file (ECDS), and everything else standing still.
#[test]
fn an_extension_file_is_updated_alike() {
    let place = Place::new("updates-extension").expect("a folder");
    let upstream = Upstream::start().expect("the upstream");
    let write = |version: &str, document: Value| {
        let text = config::extension_file(version, &Policy::Struct(document)).expect("the text");
        place.write("gate.json", &text).expect("the file")
    };
    let path = write("1", wanting("one"));
    let listener = Listener::new("gate", Policy::Watched(path));
    let mut bootstrap = config::bootstrap(upstream.port(), &[listener]).expect("a configuration");
    bootstrap["node"] = json!({ "id": "test", "cluster": "test" });
    place.write("envoy.json", &bootstrap.to_string()).expect("the file");
    let envoy = Envoy::start(&place, "envoy.json").expect("Envoy");

    let count = |what: &str| -> u64 {
        let stats = envoy.stats("extension_config_discovery").expect("counters");
        let found: Vec<_> = stats.iter().filter(|(name, _)| name.ends_with(what)).collect();
        assert_eq!(found.len(), 1, "{what}: {stats:?}");
        *found[0].1
    };
    let status = |scope: &str| {
        let bearer = format!("Bearer {}", token(json!({ "scope": scope })).expect("a token"));
        let port = envoy.port("gate");
        http1::send(port, &[("authorization", bearer)]).expect("an answer").status
    };
    assert_eq!([status("one"), status("two")], [200, 403]);
    let (taken, refused) = (count("update_success"), count("update_rejected"));

    let mut bad = wanting("two");
    bad["rules"][0]["acess"] = json!("public");
    write("2", bad);
    envoy
        .wait_for("the refusal", || (count("update_rejected") == refused + 1).then_some(()))
        .expect("the update is refused");
    for _ in 0..20 {
        assert_eq!([status("one"), status("two")], [200, 403], "the old policy must go on");
    }

    write("3", wanting("two"));
    envoy
        .wait_for("the update", || (count("update_success") == taken + 1).then_some(()))
        .expect("the update is taken");
    envoy
        .wait_for("the new policy", || ([status("one"), status("two")] == [403, 200]).then_some(()))
        .expect("the new policy serves");
}

/// At the start there is no old policy to go on with: Envoy does not start.
#[test]
fn a_bad_policy_at_the_start_stops_envoy() {
    let place = Place::new("updates-bad-start").expect("a folder");
    let mut bad = wanting("one");
    bad["issuers"][0]["keys"]["pem"] = json!("-----BEGIN PRIVATE KEY-----\n");
    let listener = Listener::new("gate", Policy::Struct(bad));
    let bootstrap = config::bootstrap(1, &[listener]).expect("a configuration");
    place.write("envoy.json", &bootstrap.to_string()).expect("the file");
    let error = match Envoy::start(&place, "envoy.json") {
        Ok(_) => panic!("Envoy started on a bad policy"),
        Err(error) => format!("{error:#}"),
    };
    assert!(error.contains("policy: issuers[0].keys.pem: found "), "{error}");
}
