//! Runs the filter inside the Envoy that users run, and looks at it from both sides: from the
//! client's (over HTTP/1.1 and HTTP/2) and from the upstream's.
//!
//! A test needs three things: an [`Upstream`] that answers with what it received, an [`Envoy`]
//! with a configuration, and a client that sends bytes exactly as they are written ([`http1`],
//! [`http2`]). Configurations come from [`config`] (made for the test) or from [`shipped`] (the
//! files that users start from, with only addresses, paths and keys replaced).
//!
//! Tests of keys that are fetched have a fourth: a [`Provider`], a real OpenID Connect provider whose
//! keys and answers change as the test says.
//!
//! What tests with any proxy need is in `e2e-wire`, and given on from here.

mod admin;
mod envoy;
mod places;
mod provider;

pub mod config;
pub mod shipped;

pub use e2e_wire::{
    Clock, Place, Process, Received, Reply, Upstream, checkout, http1, http2, module, readme,
    tokens,
};
pub use envoy::Envoy;
pub use places::envoy_binary;
pub use provider::{Answer, Asked, Page, Provider};
