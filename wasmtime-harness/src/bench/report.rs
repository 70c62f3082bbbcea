//! What was measured.

use std::collections::BTreeMap;

use serde::Serialize;

use super::spread::Spread;

/// Everything that was measured of one module; as JSON, the output of `bench --json`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) module: Measured,
    /// Requests that were measured.
    pub(crate) requests: usize,
    /// Requests before them, which were not.
    pub(crate) warm_up: usize,
    /// How the measured requests ended, such as `replied 401`, and how many did.
    pub(crate) outcomes: BTreeMap<String, usize>,
    pub(crate) fuel: Fuel,
    pub(crate) host_calls: HostCalls,
    pub(crate) memory: Memory,
    pub(crate) time: Time,
}

/// The module.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) file: String,
    /// Bytes.
    pub(crate) size: usize,
}

/// Units of fuel, about one for an instruction; the same in every run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Fuel {
    /// Everything before the first request: initialising, starting, configuring.
    pub(crate) start: u64,
    pub(crate) request: Spread,
    /// The part of each exported function in a request, by name.
    pub(crate) callbacks: BTreeMap<String, Spread>,
}

/// Calls from the filter to the host; the same in every run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct HostCalls {
    pub(crate) request: Spread,
    /// The calls of each function in a request, by name.
    pub(crate) functions: BTreeMap<String, Spread>,
}

/// The filter's memory in pages of 64 KiB; the same in every run.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Memory {
    pub(crate) pages_at_start: usize,
    pub(crate) pages_after_warm_up: usize,
    pub(crate) pages_at_end: usize,
}

/// Times in nanoseconds on this machine, with this build of the harness.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Time {
    /// `debug` or `release`: in a debug build the host's part of a request is many times as slow.
    pub(crate) harness: &'static str,
    /// One whole request, in an engine that does not count instructions.
    pub(crate) request: Spread,
    /// The same in an engine that counts them.
    pub(crate) request_with_fuel: Spread,
    /// Compiling the module, once, without fuel.
    pub(crate) compile: u64,
    /// A new VM: memory, data, and the module's own initialisation.
    pub(crate) instantiate: Spread,
    /// Starting a VM and giving it its configuration.
    pub(crate) start: Spread,
}
