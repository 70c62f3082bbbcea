//! The record of host calls, and calls that are made to fail.

use std::{fmt, ops::Range};

use crate::status::Status;

/// One host call and how it ended.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Call {
    /// The function's name, such as `proxy_log`.
    pub name: &'static str,
    /// Its arguments as text, if the model was asked to keep them and the call got that far.
    pub arguments: Option<String>,
    /// What it returned.
    pub status: Status,
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)?;
        if let Some(arguments) = &self.arguments {
            write!(f, "({arguments})")?;
        }
        write!(f, " -> {}", self.status)
    }
}

/// Host calls that fail: they return a status and have no effect.
///
/// Calls are counted from 0, beginning when the fault is injected. Any number may be the status;
/// [`Status::OK`] makes a host that lies: it says it did what it did not do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// Which calls fail.
    pub calls: Range<u64>,
    /// What they return.
    pub status: Status,
}

impl Fault {
    /// The `n`-th call alone fails, counted from 0.
    #[must_use]
    pub fn at(n: u64, status: Status) -> Self {
        Self { calls: n..n.saturating_add(1), status }
    }

    /// The `n`-th call and all after it fail, counted from 0.
    #[must_use]
    pub fn from(n: u64, status: Status) -> Self {
        Self { calls: n..u64::MAX, status }
    }
}
