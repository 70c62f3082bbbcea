//! The scenarios: what is sent to the gate and what must come of it, as plain data.
//!
//! A scenario is one TOML file in `host-tests/scenarios`. It names a policy (a YAML file in
//! `scenarios/policies`), describes tokens to mint from the keys in `host-tests/keys`, and lists
//! requests with what must come back or arrive upstream. [`load`] reads and checks all of them;
//! [`Case::mint`] turns one into a [`Scenario`], in which nothing is left to look up: bytes of
//! headers, bytes of configuration, expectations. Whoever runs it reports what was [`Seen`] and
//! asks [`Exchange::differences`] what is wrong with it.
//!
//! [`play`] does that for anything that runs under the model of a proxy, and [`suite`] makes a
//! named test of each scenario.
//!
//! A scenario has no time in it. What becomes of keys that are fetched, over hours and days, is told
//! by [`story`].
//!
//! The crate depends on no crate of the filter, so that a fault there cannot hide itself here.
//!
//! The file format is described in `host-tests/scenarios/README.md`.

mod base64url;
mod case;
mod change;
mod compare;
mod error;
mod exceptions;
mod export;
mod failure;
mod file;
mod key;
mod play;
mod policy;
mod proto;
mod rows;
mod scenario;
mod seen;
pub mod story;
mod suite;
mod text;
mod token;
mod verify_signature;

pub use case::{Case, Clock, load, root};
pub use error::Error;
pub use exceptions::Exceptions;
pub use failure::Failure;
pub use key::{Key, SigningAlgorithm};
pub use play::{passed, play, reason_in_details, reason_in_logs, tells_route};
pub use policy::{Form, PolicyDocument, named_policy};
pub use proto::{metadata, structure};
pub use rows::{Differs, Row, rows};
pub use scenario::{Answer, Exchange, Header, Scenario, Upstream, UpstreamReply, Verdict};
pub use seen::{Fate, Reason, Reply, Seen, SeenConfiguration};
pub use suite::{Lane, Way, suite, suites};
pub use token::{mint, mint_as, real_token};
pub use verify_signature::{VERIFY_SIGNATURE, verify_signature};
