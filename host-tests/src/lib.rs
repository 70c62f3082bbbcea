//! Native tests of the whole pipeline: what they share.

pub mod native;
