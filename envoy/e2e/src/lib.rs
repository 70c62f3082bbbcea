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
//! Everything listens on 127.0.0.1 on a free port and ends with its value; logs stay in
//! `target/e2e/<test>/`.

mod admin;
mod clock;
mod echo;
mod envoy;
mod places;
mod provider;
mod reply;

pub mod config;
pub mod http1;
pub mod http2;
pub mod readme;
pub mod shipped;
pub mod tokens;

pub use clock::Clock;
pub use echo::{Received, Upstream};
pub use envoy::{Envoy, Place};
pub use places::{checkout, envoy_binary, module};
pub use provider::{Answer, Asked, Page, Provider};
pub use reply::Reply;
