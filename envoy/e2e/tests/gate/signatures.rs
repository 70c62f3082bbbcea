//! Envoy's own function checks signatures.

use envoy_e2e::config::{Listener, Policy};
use envoy_e2e::http1;
use envoy_e2e::tokens::{policy, token};
use serde_json::{Value, json};

use crate::Gate;

fn listener(verify: &str) -> Listener {
    let mut document = policy(json!({ "verify": verify })).expect("a policy");
    document["issuers"][0]["algorithms"] =
        json!(["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "ES512", "EdDSA",]);
    Listener::new(verify, Policy::Struct(document))
}

/// The verdicts are those of the scenarios in `verify`; who gave them only the log tells.
#[test]
fn the_log_says_who_checks_what() {
    let gate = Gate::start("signatures", &[listener("host"), listener("auto")]);
    let good = token(json!({})).expect("a token");
    let forged = format!("{}AA", &good[..good.len() - 2]);
    for verify in ["host", "auto"] {
        for (token, status) in [(&good, 200), (&forged, 401)] {
            let bearer = format!("Bearer {token}");
            let port = gate.envoy.port(verify);
            let reply = http1::send(port, &[("authorization", &bearer)]).expect("an answer");
            assert_eq!(reply.status, status, "{verify}");
        }
    }
    let log = gate.envoy.log();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(": signatures:")).collect();
    // Envoy is faster with RSA than the arithmetic of this module, or it is not.
    let auto =
        if log.contains(" rsa=fused") { "ES384,ES512" } else { "RS256,RS384,RS512,ES384,ES512" };
    for (verify, host) in [("host", "RS256,RS384,RS512,ES256,ES384,ES512"), ("auto", auto)] {
        let of_mode = |line: &&&str| line.contains(&format!("verify={verify} "));
        let found: Vec<_> = lines.iter().filter(of_mode).collect();
        // The canary, the main thread and each worker.
        assert!(found.len() >= 3, "{verify}: {lines:#?}");
        let end = format!("jwt-gate: signatures: verify={verify} host={host}");
        assert!(found.iter().all(|line| line.trim_end().ends_with(&end)), "{found:#?}");
    }
}

/// A policy that leaves all to the module makes no such line.
#[test]
fn nobody_is_asked_by_default() {
    let document: Value = policy(json!({})).expect("a policy");
    let gate = Gate::start("signatures-module", &[Listener::new("gate", Policy::Struct(document))]);
    assert!(!gate.envoy.log().contains(": signatures:"));
}
