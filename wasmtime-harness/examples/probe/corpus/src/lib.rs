//! The programs of the probe, and the records of what came of them.
//!
//! A program is a file `programs/NAME.toml`: what the probe does in which callback, and what
//! happens around it. `programs/NAME.record` beside it is what a real Envoy made of it. Two tests
//! hold onto the record: one plays the program in Envoy again, the other in the harness under the
//! profile `envoy-1.40`.

mod program;
mod record;

pub use program::{Headers, Program, Request, Response, Service, Step, load};
pub use record::{Message, Record, Section, differences};

/// The second at which all programs are played, since the Unix epoch.
pub const NOW: u64 = 1_700_000_000;

/// The root id of the probe in every program.
pub const ROOT_ID: &str = "root";
