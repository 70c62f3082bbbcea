//! The verified identity, as filters behind the gate and access logs read it.

use envoy_e2e::config::{Listener, Policy};
use envoy_e2e::http1;
use envoy_e2e::tokens::{policy, token};
use serde_json::{Value, json};

use crate::{Gate, reason};

fn document(mode: &str) -> Policy {
    let document = policy(json!({
        "mode": mode,
        "forward": { "claims": [
            { "claim": ["sub"], "header": "x-user", "filter_state": "jwt_subject" },
            { "claim": ["roles"], "filter_state": "jwt_roles" },
        ] },
    }));
    Policy::Struct(document.expect("a policy"))
}

/// Lets only alice through, by what the gate has published.
fn only_alice() -> Value {
    json!({
        "name": "envoy.filters.http.rbac",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
            "rules": { "action": "ALLOW", "policies": { "alice": {
                "permissions": [{ "any": true }],
                "principals": [{ "filter_state": {
                    "key": "wasm.jwt_subject", "string_match": { "exact": "alice" },
                } }],
            } } },
        },
    })
}

fn access_log(path: &std::path::Path) -> Value {
    json!([{
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": path,
            "log_format": { "json_format": {
                "status": "%RESPONSE_CODE%",
                "details": "%RESPONSE_CODE_DETAILS%",
                "subject": "%FILTER_STATE(wasm.jwt_subject:PLAIN)%",
                "roles": "%FILTER_STATE(wasm.jwt_roles:PLAIN)%",
                "user": "%REQ(X-USER)%",
            } },
        },
    }])
}

#[test]
fn rbac_and_access_logs_read_what_was_verified() {
    let log = envoy_e2e::checkout().join("target/e2e/identity/access.log");
    let listener = |name: &str, mode: &str| {
        Listener::new(name, document(mode))
            .then(only_alice())
            .manager("access_log", access_log(&log))
    };
    let gate =
        Gate::start("identity", &[listener("gate", "enforce"), listener("report", "report")]);
    let bearer = |sub: &str| {
        let token = token(json!({ "sub": sub, "roles": ["editor", "admin"] }));
        format!("Bearer {}", token.expect("a token"))
    };
    let send = |listener: &str, authorization: &str| {
        let port = gate.envoy.port(listener);
        http1::send(port, &[("authorization", authorization)]).expect("an answer")
    };
    let logged = |count: usize| {
        let lines = || {
            let text = gate.place.read("access.log");
            let lines: Vec<Value> =
                text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            (lines.len() == count).then_some(lines)
        };
        gate.envoy.wait_for("the access log", lines).expect("the line").pop().expect("a line")
    };

    assert_eq!(send("gate", &bearer("alice")).status, 200);
    assert_eq!(
        logged(1),
        json!({
            "status": 200, "details": "via_upstream", "subject": "alice", "roles": "editor,admin",
            "user": "alice",
        })
    );

    let reply = send("gate", &bearer("bob"));
    assert_eq!(reply.status, 403, "RBAC let bob in: {reply:?}");
    assert!(reason(&reply).starts_with("rbac_access_denied"), "{}", reason(&reply));
    assert_eq!(logged(2)["subject"], "bob", "bob is who he says, and not allowed");

    let forged = format!("{}A", bearer("alice"));
    assert_eq!(send("gate", &forged).status, 401);
    let line = logged(3);
    assert_eq!((&line["subject"], &line["user"]), (&Value::Null, &Value::Null));
    assert_eq!(line["details"], "jwt_gate.signature_invalid");

    // Report mode lets it pass the gate, but as nobody.
    let reply = send("report", &forged);
    assert_eq!(reply.status, 403, "RBAC took a forged token for alice: {reply:?}");
    assert_eq!(logged(4)["subject"], Value::Null);
    assert_eq!(send("report", &bearer("alice")).status, 200);
    assert_eq!(logged(5)["subject"], "alice");
}
