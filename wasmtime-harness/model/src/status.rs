//! What a host function answers.

use std::fmt;

/// A status of the proxy-wasm ABI, as the number that travels.
///
/// A number and not an enum, because a host may answer with one that nobody has named.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Status(pub u32);

impl Status {
    /// The call did what it was asked for.
    pub const OK: Self = Self(0);
    /// The header, property, key or queue does not exist.
    pub const NOT_FOUND: Self = Self(1);
    /// An argument is out of range, or not available in this phase.
    pub const BAD_ARGUMENT: Self = Self(2);
    /// The value cannot be expressed as bytes.
    pub const SERIALIZATION_FAILURE: Self = Self(3);
    /// The bytes cannot be read.
    pub const PARSE_FAILURE: Self = Self(4);
    /// A pointer leads outside the filter's memory.
    pub const INVALID_MEMORY_ACCESS: Self = Self(6);
    /// The queue holds nothing.
    pub const EMPTY: Self = Self(7);
    /// The shared value changed since it was read.
    pub const CAS_MISMATCH: Self = Self(8);
    /// The host failed.
    pub const INTERNAL_FAILURE: Self = Self(10);
    /// The other side of a call went away.
    pub const BROKEN_CONNECTION: Self = Self(11);
    /// The host does not offer this function.
    pub const UNIMPLEMENTED: Self = Self(12);

    /// The name of the status in the ABI, if it has one.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            0 => "OK",
            1 => "NOT_FOUND",
            2 => "BAD_ARGUMENT",
            3 => "SERIALIZATION_FAILURE",
            4 => "PARSE_FAILURE",
            5 => "BAD_EXPRESSION",
            6 => "INVALID_MEMORY_ACCESS",
            7 => "EMPTY",
            8 => "CAS_MISMATCH",
            9 => "RESULT_MISMATCH",
            10 => "INTERNAL_FAILURE",
            11 => "BROKEN_CONNECTION",
            12 => "UNIMPLEMENTED",
            _ => return None,
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "status {}", self.0),
        }
    }
}

/// Why a host function gave no answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Refusal {
    /// The call returns this status and has no effect.
    Status(Status),
    /// The host ends the VM in the middle of the call.
    Trap(String),
}

impl From<Status> for Refusal {
    fn from(status: Status) -> Self {
        Self::Status(status)
    }
}
