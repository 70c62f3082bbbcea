//! The scenarios show every reason there is to refuse a request.

use std::collections::BTreeSet;

use jwt_gate_core::Reject;
use scenario_corpus::load;

/// Reasons that no scenario can bring about, each with where it is shown instead.
const ELSEWHERE: [Reject; 1] = [
    Reject::HostError, // tests/faults.rs makes host calls fail
];

#[test]
fn every_reason_has_a_scenario() {
    let shown: BTreeSet<String> =
        load().unwrap().iter().flat_map(|case| case.reasons().unwrap()).collect();
    for reject in Reject::ALL {
        let reason = reject.reason();
        assert_eq!(shown.contains(reason), !ELSEWHERE.contains(&reject), "{reason}");
    }
    for reason in &shown {
        let known = Reject::ALL.iter().any(|reject| reject.reason() == reason);
        assert!(known, "no such reason: {reason}");
    }
}
