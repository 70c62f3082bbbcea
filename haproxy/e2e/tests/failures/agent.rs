//! The real agent, stopped, killed, reloaded, out of fuel.

use std::time::Duration;

use e2e_wire::tokens::token;
use serde_json::json;

use crate::gate::{Gate, TIMEOUT};

fn bearer() -> String {
    format!("Bearer {}", token(json!({})).expect("a token"))
}

#[test]
fn an_agent_that_stands_still_refuses_and_goes_on() {
    let gate = Gate::start("stopped").expect("HAProxy");
    let agent = gate.agent(json!({}), &[]).expect("the agent");
    agent.process().signal("STOP").expect("a signal");
    let (took, outcome) = gate.refuses("the agent stands still").expect("503");
    assert!(took >= TIMEOUT - Duration::from_millis(100), "{took:?}");
    assert_eq!(outcome.error.as_deref(), Some("1"), "{outcome:?}");
    agent.process().signal("CONT").expect("a signal");
    gate.recovers("standing still").expect("an answer");
}

#[test]
fn an_agent_that_is_killed_refuses_and_comes_back() {
    let gate = Gate::start("killed").expect("HAProxy");
    let agent = gate.agent(json!({}), &[]).expect("the agent");
    agent.process().signal("KILL").expect("a signal");
    for _ in 0..3 {
        gate.refuses("the agent was killed").expect("503");
    }
    drop(agent);
    let _agent = gate.agent(json!({}), &[]).expect("the agent again");
    let (reply, _) = gate.send(&[("authorization", &bearer())]).expect("an answer");
    assert_eq!(reply.status, 200, "{reply:?}");
}

#[test]
fn an_agent_that_is_asked_to_end_ends_with_0() {
    let gate = Gate::start("ended").expect("HAProxy");
    let mut agent = gate.agent(json!({}), &[]).expect("the agent");
    agent.process().signal("TERM").expect("a signal");
    assert_eq!(agent.process_mut().ended().expect("its end"), 0);
    gate.refuses("the agent has ended").expect("503");
}

#[test]
fn a_policy_is_taken_over_and_a_bad_one_is_not() {
    let gate = Gate::start("reload").expect("HAProxy");
    let agent = gate.agent(json!({}), &[]).expect("the agent");
    let status = |path: &str| gate.send(&[(":path", path)]).expect("an answer").0.status;
    assert_eq!((status("/public"), status("/closed")), (200, 401));

    let closed = json!([{ "match": { "prefix": "/" }, "access": "deny" }]);
    gate.policy(json!({ "rules": closed })).expect("a file");
    agent.process().signal("HUP").expect("a signal");
    let in_force = || (status("/public") == 403).then_some(());
    agent.process().wait_for("the new policy", in_force).expect("the new policy");

    let mark = agent.process().log_mark().expect("the log");
    gate.place
        .write("policy.json", r#"{"rules":[{"match":{"prefix":"/"},"acess":"public"}]}"#)
        .expect("a file");
    agent.process().signal("HUP").expect("a signal");
    let told = || {
        let log = agent.process().log_since(mark).ok()?;
        log.iter().any(|line| line.contains("stays in force")).then_some(())
    };
    agent.process().wait_for("a refusal of the policy", told).expect("a line");
    assert_eq!(status("/public"), 403, "the policy before it is in force");
}

/// A request that costs more than the filter may use up is refused, and the next one is not.
#[test]
fn a_request_without_fuel_is_refused_alone() {
    let gate = Gate::start("fuel").expect("HAProxy");
    // Enough to start and to look at a rule, and too little for a signature.
    let agent = gate.agent(json!({}), &["--fuel", "300000"]).expect("the agent");
    let served = gate.upstream.served();
    let (reply, outcome) = gate.send(&[("authorization", &bearer())]).expect("an answer");
    assert_eq!(reply.status, 503, "{reply:?} {outcome:?}\n{}", agent.process().log());
    assert_eq!(outcome.verdict.as_deref(), Some("error"), "{outcome:?}");
    assert_eq!(gate.upstream.served(), served, "the upstream was asked");
    gate.recovers("a request without fuel").expect("an answer");
}
