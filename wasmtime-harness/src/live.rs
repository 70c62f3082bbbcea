//! Calls of filters to real servers: for hosts that drive a model in real time.

mod callouts;
mod client;
pub mod headers;
mod message;

pub use callouts::{Call, Callouts, Network};
pub use client::{Failed, Origin, Secure, Secured, Stream, exchange};
pub use message::{BODY_MAX, Message, Piece, Whole};
