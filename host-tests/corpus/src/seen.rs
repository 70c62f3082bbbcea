//! What whoever runs a scenario reports: facts only, to be compared with what was expected.

use std::collections::BTreeMap;

use crate::Header;

/// What became of one request.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Where the request ended.
    pub fate: Fate,
    /// The reason code that the gate gave.
    pub reason: Reason,
    /// Every line that the gate logged meanwhile.
    pub logs: Vec<String>,
}

/// Where a request ended.
#[derive(Clone, Debug)]
pub enum Fate {
    /// The gate answered it.
    Replied(Reply),
    /// It went on, with these headers.
    Passed {
        /// The request as it arrived upstream, pseudo-headers included.
        headers: Vec<Header>,
        /// The headers of the answer as they came back to the caller; `None` if not observable.
        answer: Option<Vec<Header>>,
        /// What was published for later filters; `None` if not observable.
        filter_state: Option<BTreeMap<String, Vec<u8>>>,
    },
    /// Neither: a trap, a hang, a connection cut off. Always a failure; the text says what.
    Broken(String),
}

/// An answer of the gate itself.
#[derive(Clone, Debug)]
pub struct Reply {
    /// The status; `None` where the host turns it into something else (gRPC).
    pub status: Option<u16>,
    /// The headers of the answer.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Vec<u8>,
    /// The gRPC status; `None` if the gate gave none.
    pub grpc_status: Option<u32>,
}

/// A reason code, as far as it can be observed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reason {
    /// There is a code, and it is this one.
    Is(String),
    /// There is none.
    None,
    /// It cannot be observed.
    Unseen,
}

/// What became of the configuration.
#[derive(Clone, Debug, Default)]
pub struct SeenConfiguration {
    /// Whether it was accepted.
    pub accepted: bool,
    /// The problems that were reported, one text each; `None` if not observable.
    pub problems: Option<Vec<String>>,
    /// The warnings that were reported, one text each; `None` if not observable.
    pub warnings: Option<Vec<String>>,
}
