//! The tests call every host function, and see every status that its documentation names.

use std::collections::BTreeSet;

use proxy_host_model::HOST_FUNCTIONS;

use crate::guest::{Seen, watch};

const SOURCES: [&str; 7] = [
    include_str!("../../src/calls/callouts.rs"),
    include_str!("../../src/calls/data.rs"),
    include_str!("../../src/calls/general.rs"),
    include_str!("../../src/calls/http.rs"),
    include_str!("../../src/calls/metrics.rs"),
    include_str!("../../src/calls/properties.rs"),
    include_str!("../../src/calls/shared.rs"),
];

const TESTS: [&[fn()]; 14] = [
    crate::buffers::ALL,
    crate::callouts::ALL,
    crate::contexts::ALL,
    crate::foreign::ALL,
    crate::grpc::ALL,
    crate::headers::ALL,
    crate::metrics::ALL,
    crate::properties::ALL,
    crate::queues::ALL,
    crate::replies::ALL,
    crate::resumption::ALL,
    crate::shared_data::ALL,
    crate::tcp::ALL,
    crate::time::ALL,
];

/// The statuses that the documentation of each function names, and OK.
fn promised() -> BTreeSet<Seen> {
    let mut promised = BTreeSet::new();
    for source in SOURCES {
        let mut named: Vec<String> = Vec::new();
        for line in source.lines().map(str::trim) {
            if let Some(text) = line.strip_prefix("///") {
                // Every second part is between backquotes.
                let quoted = text.split('`').skip(1).step_by(2);
                named.extend(quoted.filter(|name| is_status(name)).map(str::to_owned));
                continue;
            }
            if let Some(name) = line.strip_prefix("pub fn ").and_then(|rest| rest.split('(').next())
            {
                let function = format!("proxy_{name}");
                promised.insert((function.clone(), "OK".to_owned()));
                promised.extend(named.iter().map(|status| (function.clone(), status.clone())));
            }
            named.clear();
        }
    }
    promised
}

fn is_status(name: &str) -> bool {
    name.len() > 1 && name.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

#[test]
fn every_function_is_called_and_gives_each_status_that_it_names() {
    let promised = promised();
    let functions: BTreeSet<&str> = promised.iter().map(|(name, _)| name.as_str()).collect();
    let all: BTreeSet<&str> = HOST_FUNCTIONS.into_iter().collect();
    assert_eq!(functions, all, "the functions that are documented");

    let seen = watch(TESTS.into_iter().flatten().copied());
    let untested: Vec<&Seen> = promised.difference(&seen).collect();
    assert!(untested.is_empty(), "documented, and seen in no test: {untested:?}");
    let undocumented: Vec<&Seen> = seen.difference(&promised).collect();
    assert!(undocumented.is_empty(), "seen, and not documented: {undocumented:?}");
}
