//! What a fleet consists of.

use std::time::Duration;

/// What a fleet consists of and what it does about VMs that end.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Plan {
    /// Worker threads, which serve requests.
    pub workers: usize,
    /// Whether the main thread has a VM too, as in Envoy: configured and ticked, without requests.
    pub main: bool,
    /// Whether a configuration is tried in a VM of its own first, which is thrown away, as in Envoy.
    ///
    /// Without one each VM decides for itself.
    pub canary: bool,
    /// What becomes of streams when the VM of their worker has ended.
    pub on_trap: OnTrap,
    /// What random bytes and the spread of reloads follow.
    pub seed: u64,
}

impl Default for Plan {
    /// One worker, which does as its host does.
    fn default() -> Self {
        Self { workers: 1, main: false, canary: false, on_trap: OnTrap::AsHost, seed: 0 }
    }
}

/// What a proxy does with new streams once the VM of their worker has ended by a trap.
///
/// The stream that the VM ended in is answered with an error whatever the policy (hosts.md 4), as
/// are those that are answered with one below. The status is that of the profile, 503 in Envoy.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OnTrap {
    /// What the host does that the profile describes: as `Closed` where a trap costs the VM; where
    /// it costs a request, the next stream gets a new VM at once.
    #[default]
    AsHost,
    /// `FAIL_CLOSED`: answers with an error until a new configuration brings a new VM.
    Closed,
    /// `FAIL_OPEN`: passes them on, unseen by any filter.
    Open,
    /// `FAIL_RELOAD`: loads a new VM for the next stream, or answers with an error if the last
    /// loading is not long enough ago.
    Reload {
        /// The shortest time from one loading to the next; at most half as long again is added at
        /// random, in milliseconds (Envoy `JitteredLowerBoundBackOffStrategy`, which knows no
        /// upper bound: `max_interval` of the configuration is read by nobody).
        base: Duration,
    },
}

impl OnTrap {
    /// `FAIL_RELOAD` with the one second that Envoy takes by default.
    pub const RELOAD: Self = Self::Reload { base: Duration::from_secs(1) };
}
