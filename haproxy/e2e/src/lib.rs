//! Runs the filter where HAProxy's users run it: in the agent, behind a real HAProxy, seen from both
//! sides, the client's and the upstream's.
//!
//! Configurations are the files that users start from ([`shipped`]), with only addresses, paths and
//! keys replaced. Where a test needs an agent that misbehaves, a [`standin`] takes its place. Where an
//! example follows a published text, that text's own lines run beside it, and [`compare`] holds the
//! table of what the two answered.

mod agent;
mod haproxy;
mod outcome;

pub mod compare;
pub mod shipped;
pub mod standin;

pub use agent::{Agent, Options, agent_binary};
pub use haproxy::{HaProxy, haproxy_binary};
pub use outcome::Outcome;
