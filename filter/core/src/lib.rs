//! The verdict of JWT Gate: may this OAuth 2 access token do what this request asks?
//!
//! Pure: no clock, no host, no log, no globals. The bytes of the request, the keys and the time
//! come in as arguments, a [`Decision`] goes out, so the same answer comes out of every proxy.
//!
//! ```text
//! headers -> Request -> &Rule -> Bearer -> Unverified -> Verified -> Valid -> Permit -> Decision
//! ```
//!
//! Each stage consumes the one before it and has no other constructor, so that code which skips a
//! check does not compile. [`decide`] is the whole road, read from top to bottom:
//!
//! | stage | file | question |
//! |---|---|---|
//! | request | `request.rs`, `path.rs` | does every server read this request the same way? |
//! | rule | `rule.rs`, `pattern.rs` | which rule speaks for it? |
//! | bearer | `bearer.rs` | is there exactly one usable token? |
//! | parse | `jws.rs`, `tape.rs` | is it a JWT, strictly? |
//! | verify | `verify.rs`, `key.rs` | did a key of its issuer sign these bytes? |
//! | validate | `validate.rs` | is it meant for us, now? |
//! | authorize | `authorize.rs` | may it do this? |
//! | forward | `forward.rs` | what does the upstream learn? |
//!
//! A host may be asked to check a signature in the core's place, by a function that comes in as an
//! argument too (`host_crypto.rs`); the decision is then as pure as that function.
//!
//! Configuration is read once, by [`compile`], into a [`Policy`] and a [`KeyRing`]; nothing parses
//! configuration per request.

mod algorithm;
mod authorize;
mod base64url;
mod bearer;
mod bytes;
mod claims;
mod config;
mod decide;
mod decision;
mod explain;
mod forward;
mod host;
mod host_crypto;
mod issuer;
mod json;
mod jwk;
mod jws;
mod key;
mod key_source;
mod names;
mod oid;
mod path;
mod pattern;
mod pem;
mod policy;
mod refresh;
mod reject;
mod reply;
mod request;
mod rule;
mod rules;
mod tape;
mod time;
mod token_cache;
mod tree;
mod validate;
mod verify;

pub use algorithm::Algorithm;
pub use config::{Compiled, ConfigErrors, Document, Problem, compile};
pub use decide::{Tools, decide, decide_cached, decide_with};
pub use decision::{Awaiting, Decision, Denial, HeaderOp, Patch, Permit, Verdict};
pub use explain::{
    Explanation, Fact, IssuerOutline, Outcome, Outline, RuleOutline, Stage, Step, explain,
};
pub use host_crypto::{Ask, Entrusted, HostCheck, HostCrypto, Probe};
pub use key::{KeyRing, KeySet};
pub use policy::{Policy, VerifyBy};
pub use refresh::{
    Answer, Cause, Command, Event, Fetch, Followed, Keeper, Notice, Origin, Outlook, Severity,
    Status, Stored, Written,
};
pub use reject::Reject;
pub use reply::Reply;
pub use request::Request;
pub use rule::RouteRule;
pub use time::UnixTime;
pub use token_cache::{CacheCounts, TokenCache};

/// Which arithmetic computes with RSA keys on this machine, for whoever wants to log it.
pub use rsa_verify::variant as rsa_variant;

#[doc(hidden)]
pub mod stages;
