//! Every scenario is explained: the verdict is that of `decide`, and the explanation shows what it is
//! for. The explanation reads and compares on its own, so each of these can fail.

#![allow(
    clippy::arithmetic_side_effects,
    reason = "counts in a test; clippy.toml excuses other lints in test functions alone"
)]

use jwt_gate_core::{
    Document, KeyRing, Outcome, Policy, Request, RouteRule, Stage, UnixTime, Verdict, compile,
    decide, explain,
};
use scenario_corpus::{Exchange, Form, Scenario, load};

/// What an explanation of one request has wrong.
fn faults(
    policy: &Policy,
    keys: &KeyRing,
    scenario: &Scenario,
    exchange: &Exchange,
) -> Vec<String> {
    let headers: Vec<(&[u8], &[u8])> =
        exchange.headers.iter().map(|(name, value)| (name.as_slice(), value.as_slice())).collect();
    let route = scenario.route_metadata_bytes.as_ref().filter(|_| policy.reads_route_metadata());
    let route = route.and_then(|metadata| {
        policy.compile_route(metadata).unwrap_or_else(|_| Some(RouteRule::invalid()))
    });
    let request = Request::new(&headers, route.as_ref());
    let now = UnixTime::from_nanos(scenario.now);
    let decided = decide(policy, keys, &request, now);
    let explained = explain(policy, keys, &request, now, &|time| time.as_secs().to_string());

    let mut faults = Vec::new();
    if format!("{decided:?}") != format!("{:?}", explained.decision) {
        faults.push("another decision".to_owned());
    }
    let Some((last, before)) = explained.steps.split_last() else {
        return vec!["no step at all".to_owned()];
    };
    let fails =
        |step: &jwt_gate_core::Step| step.facts.iter().any(|fact| fact.holds == Some(false));
    for step in before {
        if fails(step) || step.outcome != Outcome::GoesOn {
            faults.push(format!("it should have ended at {step:?}"));
        }
    }
    match decided.verdict {
        Verdict::Allow(_) => {
            if last.outcome != Outcome::Allows || fails(last) {
                faults.push(format!("allowed, but {last:?}"));
            }
        }
        Verdict::Deny(denial) | Verdict::Report(denial) => {
            let reject = denial.reject();
            if last.outcome != Outcome::Rejects(reject) || !Stage::of(reject).contains(&last.stage)
            {
                faults.push(format!("{reject:?}, but {last:?}"));
            }
            if !fails(last) {
                faults.push(format!("{reject:?}, and nothing shows it in {last:?}"));
            }
        }
        Verdict::AwaitKeys(_) => {
            let awaits = matches!(last.outcome, Outcome::Awaits(_)) && last.stage == Stage::Keys;
            if !awaits || !fails(last) {
                faults.push(format!("it waits for keys, but {last:?}"));
            }
        }
    }
    // What is told of a token goes to a terminal, from where it is pasted into tickets.
    let told = format!("{:?}", explained.steps);
    for (_, value) in &exchange.headers {
        for signature in signatures(value) {
            if told.contains(&signature) {
                faults.push("a signature is in it".to_owned());
            }
        }
    }
    faults
}

/// What stands behind the second dot of anything that looks like a token.
fn signatures(value: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(value);
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)));
    let third = words.filter_map(|word| word.splitn(3, '.').nth(2));
    third.filter(|part| part.len() >= 16).map(str::to_owned).collect()
}

#[test]
fn every_decision_of_the_scenarios_is_explained() {
    let (mut requests, mut stages, mut off) = (0, std::collections::BTreeSet::new(), Vec::new());
    for case in load().expect("the scenarios") {
        let scenario = case.mint(0).expect("a scenario");
        let compiled = Document::parse(scenario.policy.bytes(Form::Json)).and_then(|d| compile(&d));
        let (policy, keys) = match compiled {
            Ok(compiled) => (compiled.policy, compiled.keys),
            Err(_) => (Policy::deny_all(), KeyRing::default()),
        };
        for (place, exchange) in scenario.exchanges.iter().enumerate() {
            requests += 1;
            for fault in faults(&policy, &keys, &scenario, exchange) {
                off.push(format!("{}: {}", scenario.name, exchange.place(place, &fault)));
            }
            stages.extend(exchange.reason.clone());
        }
    }
    assert!(off.is_empty(), "{} of {requests} requests:\n{}", off.len(), off.join("\n"));
    assert!(requests > 300 && stages.len() > 25, "{requests} requests, {} reasons", stages.len());
}
