//! The operators' command line: checks a policy, explains a decision, imports from other gates.
//!
//! Every verdict is the core's, so that this program cannot disagree with the filter. `main.rs`
//! holds nothing but the call; the commands are here for the tests' sake.

mod check;
mod command;
mod explain;
pub mod import;
mod source;
mod time;
mod tree;
mod words;

pub use command::main;
