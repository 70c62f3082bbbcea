//! Host calls, and the filter's allocator, that are made to fail.

use std::ops::Range;

use crate::status::{Refusal, Status};

/// The name under which a fault means the filter's allocator instead of a host function.
///
/// A module may export it as `malloc`; a fault knows it by this name all the same.
pub const ALLOCATOR: &str = "proxy_on_memory_allocate";

/// The functions of WASI that a fault can name; the status is WASI's `errno` then.
///
/// A host that denies them answers 76, `NOTCAPABLE`: a filter that asks for the system's time or
/// for a hash map with random state panics.
pub const WASI_FUNCTIONS: [&str; 3] = ["clock_time_get", "fd_write", "random_get"];

/// Something that goes wrong at certain calls.
///
/// Calls are counted from 0, beginning when the fault is given to the
/// [`Model`](crate::Model::add_fault); each fault counts those that it could hit and no others.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fault {
    /// The function whose calls count: one of the host's, such as `proxy_log`, one of
    /// [`WASI_FUNCTIONS`], or [`ALLOCATOR`]. `None` counts all of the host's and no others.
    pub function: Option<String>,
    /// Which of its calls go wrong.
    pub calls: Range<u64>,
    /// For the allocator: of those calls, only the ones by which the host has asked for more bytes
    /// than this in all. Other functions have no use for it.
    pub beyond: u64,
    /// What happens then.
    pub effect: Effect,
}

/// How a call goes wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Effect {
    /// It returns this status, any number, and has no effect. [`Status::OK`] makes a host that
    /// lies: it says it did what it did not do.
    Status(Status),
    /// The filter's VM ends in the middle of it, for this reason.
    Trap(String),
}

impl Fault {
    /// The `n`-th call of all alone returns a status, counted from 0.
    #[must_use]
    pub fn at(n: u64, status: Status) -> Self {
        Self::on(n..n.saturating_add(1), Effect::Status(status))
    }

    /// The `n`-th call of all and those after it return a status, counted from 0.
    #[must_use]
    pub fn from(n: u64, status: Status) -> Self {
        Self::on(n..u64::MAX, Effect::Status(status))
    }

    /// The VM ends in the `n`-th call of all, counted from 0.
    #[must_use]
    pub fn trap_at(n: u64, reason: &str) -> Self {
        Self::on(n..n.saturating_add(1), Effect::Trap(reason.to_owned()))
    }

    /// These calls of all go wrong.
    #[must_use]
    pub fn on(calls: Range<u64>, effect: Effect) -> Self {
        Self { function: None, calls, beyond: 0, effect }
    }

    /// The filter's allocator gives nothing, at these of the host's demands.
    ///
    /// A host answers the call that it wanted the memory for with
    /// [`Status::INVALID_MEMORY_ACCESS`] then (proxy-wasm-cpp-host `exports.cc`).
    #[must_use]
    pub fn allocator(calls: Range<u64>) -> Self {
        Self::on(calls, Effect::Status(Status::INVALID_MEMORY_ACCESS)).of(ALLOCATOR)
    }

    /// The filter's allocator gives nothing once the host has asked for more bytes than this in all.
    #[must_use]
    pub fn allocator_beyond(bytes: u64) -> Self {
        Self { beyond: bytes, ..Self::allocator(0..u64::MAX) }
    }

    /// The same for the calls of one function, counted by themselves.
    #[must_use]
    pub fn of(mut self, function: &str) -> Self {
        self.function = Some(function.to_owned());
        self
    }
}

/// The faults in force, each with its count.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Faults(Vec<Counted>);

#[derive(Clone, Debug, Eq, PartialEq)]
struct Counted {
    fault: Fault,
    calls: u64,
    bytes: u64,
}

impl Faults {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.0.push(Counted { fault, calls: 0, bytes: 0 });
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    /// Counts a call of a host function and says what goes wrong with it.
    pub(crate) fn call(&mut self, function: &str) -> Option<Refusal> {
        self.count(function, 0, |named| named.is_none_or(|named| named == function))
    }

    /// Counts a call of a function of WASI and says what goes wrong with it.
    pub(crate) fn wasi_call(&mut self, function: &str) -> Option<Refusal> {
        self.count(function, 0, |named| named == Some(function))
    }

    /// Counts a demand for so many bytes and says what goes wrong with it.
    pub(crate) fn allocation(&mut self, size: u32) -> Option<Refusal> {
        self.count(ALLOCATOR, size.into(), |named| named == Some(ALLOCATOR))
    }

    /// Every fault counts on, also behind one that hits; of several that hit, the first wins.
    fn count(
        &mut self,
        function: &str,
        bytes: u64,
        concerns: impl Fn(Option<&str>) -> bool,
    ) -> Option<Refusal> {
        let mut found = None;
        for counted in &mut self.0 {
            if !concerns(counted.fault.function.as_deref()) {
                continue;
            }
            let call = counted.calls;
            counted.calls = call.saturating_add(1);
            counted.bytes = counted.bytes.saturating_add(bytes);
            let enough = counted.fault.beyond == 0 || counted.bytes > counted.fault.beyond;
            if enough && counted.fault.calls.contains(&call) {
                found = found.or_else(|| Some(counted.fault.effect.refusal(function)));
            }
        }
        found
    }
}

impl Effect {
    fn refusal(&self, function: &str) -> Refusal {
        match self {
            Self::Status(status) => Refusal::Status(*status),
            Self::Trap(reason) => Refusal::Trap(format!("{function}: {reason}")),
        }
    }
}
