//! What can be wrong with a host.

use std::fmt;

use crate::pairs::Malformed;

/// A host call that did not give what it should.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum HostError {
    /// It answered OK, with something that cannot be.
    Answer {
        /// The host function.
        call: &'static str,
        /// What is wrong with the answer.
        fault: Fault,
    },
    /// It answered another status than OK.
    Status {
        /// The host function.
        call: &'static str,
        /// What it answered.
        status: u32,
    },
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer { call, fault } => write!(f, "{call} gave {fault}"),
            Self::Status { call, status } => {
                write!(f, "{call} answered with status {status}, expected 0")
            }
        }
    }
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Fault {
    /// The time was not set.
    ClockAtZero,
    /// There are more or fewer bytes than announced.
    Length {
        /// Bytes that came.
        found: usize,
        /// Bytes that were announced.
        expected: usize,
    },
    /// A header map contradicts itself.
    Map(Malformed),
    /// A shared value has no CAS number.
    NoCas,
    /// It is neither that a signature is good nor why it is not.
    NoVerdict,
    /// A buffer does not lie in the memory of the module.
    OutOfMemory {
        /// The size of the buffer in bytes.
        size: usize,
    },
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ClockAtZero => f.write_str("the time 0, expected a clock that is set"),
            Self::Length { found, expected } => write!(f, "{found} bytes, expected {expected}"),
            Self::Map(malformed) => malformed.fmt(f),
            Self::NoCas => f.write_str("a value with the CAS number 0, expected another"),
            Self::NoVerdict => f.write_str("no verdict, expected that of verify_signature"),
            Self::OutOfMemory { size } => {
                write!(f, "a buffer of {size} bytes outside of memory, expected one inside")
            }
        }
    }
}
