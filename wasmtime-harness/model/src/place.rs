//! The threads of a proxy.

use std::fmt;

/// A thread of a proxy that has a VM of the filter.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Place {
    /// The main thread: configured and ticked like a worker, without requests (hosts.md 3.2).
    Main,
    /// A worker thread, counted from 0.
    Worker(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Main => f.write_str("main"),
            Self::Worker(number) => write!(f, "worker {number}"),
        }
    }
}
