//! An SPOP agent: lets HAProxy, which has no WebAssembly in it, ask a proxy-wasm module about each
//! request.
//!
//! ```text
//! HAProxy -SPOP-> Connection (Session) -> Worker -> Engine (VM) -> filter
//!         <-ACK--            <-Answer--
//! ```
//!
//! Each thread has its own connections and its own VM, so that none waits for another.

mod agent;
mod answer;
mod cluster;
mod connection;
mod counters;
mod engine;
mod factory;
mod guest;
mod health;
mod listen;
pub mod policy;
mod ready;
mod request;
mod session;
pub mod spop;
mod threads;
mod worker;

pub use agent::{Options, check, run};
pub use cluster::cluster;
pub use listen::Address;
