//! What can be said of an issuer's keys from outside.

use std::time::Duration;

use super::Cause;

/// Whether new keys may come soon.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outlook {
    /// A fetch is under way, or about to be: worth a wait.
    Pending,
    /// The set in force is as new as it may be.
    Current,
    /// The last fetch failed, and the next one is made in this time.
    Failing(Duration),
}

impl Outlook {
    /// `Retry-After`, in seconds.
    pub(crate) fn retry_after(&self) -> u64 {
        match self {
            Self::Pending | Self::Current => 1,
            Self::Failing(wait) => {
                let started = u64::from(wait.subsec_nanos() > 0);
                wait.as_secs().saturating_add(started).max(1)
            }
        }
    }
}

/// The state of an issuer's keys, for gauges.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Status {
    /// Keys in force; 0 if there are none or they are too old.
    pub keys: usize,
    /// Seconds since the set in force was fetched, if there is one.
    pub age: Option<u64>,
    /// Why the last fetch failed, if it did.
    pub error: Option<Cause>,
}
