//! What the operator is told.

use std::{fmt, time::Duration};

/// Something worth a line in the log and a counter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Notice {
    /// A fetch brought a usable set, new or not.
    Fetched,
    /// Another set than before is in force.
    Changed {
        /// The names of its keys, as far as they have one.
        kids: Vec<String>,
        /// How many keys it has.
        keys: usize,
        /// How many entries were passed over.
        skipped: usize,
        /// Who brought it.
        origin: Origin,
    },
    /// A fetch brought none.
    Failed {
        /// Why.
        cause: Cause,
        /// What was found, for people: short, plain, nothing of a body.
        detail: String,
        /// When the next one is made.
        retry_in: Duration,
    },
    /// The set in force is too old to be used any longer.
    Expired,
    /// The host's shared data cannot be used: this VM fetches for itself from now on.
    Alone,
}

/// Where a set came from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Origin {
    /// This VM fetched it.
    Issuer,
    /// Another VM did.
    Shared,
}

/// How much a notice matters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// In the ordinary course.
    Info,
    /// The operator should know.
    Warn,
    /// The operator has to act: requests are refused.
    Error,
}

/// Why a fetch brought no set.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Cause {
    /// No connection.
    Connect,
    /// No answer in time.
    Timeout,
    /// The connection broke.
    Reset,
    /// Another status than 200.
    Status,
    /// More than `max_bytes`.
    TooLarge,
    /// Not JSON, or not an object.
    NotJson,
    /// A set without a key that can be used.
    NoUsableKey,
    /// Metadata of another issuer.
    MetadataIssuer,
    /// Metadata without a usable `jwks_uri`.
    MetadataJwksUri,
    /// The host did not take the request, as for an unknown cluster.
    NotSent,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
