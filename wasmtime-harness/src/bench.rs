//! What a module costs: instructions, time, memory and host calls for each request.
//!
//! Fuel, host calls and memory are the same in every run; times are not.

mod measure;
mod report;
mod spread;
mod table;

pub(crate) use measure::{Plan, measure};
