//! Scenarios for proxy-wasm filters: what a proxy does to a filter, and what must come of it.
//!
//! A scenario is a TOML file: the filter's configuration, the proxy around it, steps, and what is
//! expected of each. [`Scenario::load`] reads one, [`play`] plays it in whatever runs filters (a
//! [`Spawn`](proxy_host_model::Spawn)) and gives a [`Report`] with all that was not as expected and
//! a record of all that passed between the proxy and the filter.
//!
//! ```toml
//! why = "A request without the key is refused"
//! configuration = { key = "s3cret" }
//!
//! [[step]]
//! request = "GET /"
//! expect = { reply = 401 }
//!
//! [[step]]
//! request = "GET /"
//! headers = { x-key = "s3cret" }
//! expect = { upstream = { removed = ["x-key"] } }
//! ```
//!
//! Nothing here depends on an engine, on the machine or on the time of day: a scenario that is
//! played twice gives the same record, byte for byte.

mod compare;
mod error;
mod expect;
mod fields;
mod golden;
mod message;
mod play;
mod read;
mod report;
mod scenario;
mod service;
mod step;
mod streams;
mod units;
mod watch;

pub use error::{Error, Problem};
pub use expect::{Body, Changes, Check, Ending, Expect, Passed, Reply, Waiting};
pub use fields::fields;
pub use golden::Golden;
pub use message::{Exchange, Message, Property};
pub use play::play;
pub use report::{Difference, Report, StepReport};
pub use scenario::{Limits, Scenario, profile};
pub use step::{Action, Jump, Part, Side, Step};
