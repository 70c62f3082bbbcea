//! JWT Gate as a proxy-wasm module: the adapter between a proxy and `jwt-gate-core`.
//!
//! The core decides; this crate asks the host for what the decision needs and carries it out. It
//! holds no check of its own: what reads a token, a path or a policy document belongs in the core.
//!
//! # One request
//!
//! ```text
//! host --on_request_headers--> streams, stream: whole header map, route metadata, clock
//!                                |
//!                                v
//!                         jwt_gate_core::decide
//!                                |
//!                                v
//! host <--host calls---------- judgement: header patch, filter state, reply, counter, log line
//! ```
//!
//! Where the keys of an issuer are fetched, a request may have to wait for them: it is put on hold,
//! and judged once more when they are there, or will not be:
//!
//! ```text
//! host --on_tick, on_http_call_response--> follower: jwt_gate_core::Keeper
//!                                            |
//!                                            v
//! host <--shared data, calls---------------- follower, then judgement of those who waited
//! ```
//!
//! # Where to look
//!
//! - `stream`: one request, start to end. Begin here. `streams` has those that are under way.
//! - `judgement`: what the core decides, carried out; `waiting` has the requests on hold.
//! - `root`: one configuration: the document is compiled once, or refused with every problem in
//!   the log.
//! - `follower`: drives the core's machine for keys that are fetched; `keys` has what it keeps, and
//!   `callouts` the calls under way.
//! - `gate`: what requests share: policy, keys, compiled route rules, metrics.
//! - `signatures`: the host's function that checks signatures, if the policy wants it.
//! - `abi`: every host call, the callbacks in which requests come, and the only unsafe code. The SDK
//!   has the callbacks of root contexts. `pairs` is the form in which the ABI
//!   writes a header map.
//!
//! # Rules of this crate
//!
//! - **Anything unexpected denies.** A host call that fails, a header map that is empty or
//!   malformed, a clock that shows nothing: 503 with the reason `host_error`, in report mode too. If
//!   even the reply fails, the stream stays where it is; it is never continued.
//! - **Nothing panics.** A panic traps, and a trap takes the proxy's worker with it. The SDK's own
//!   getters and setters panic on a status they do not know and on a header that is not UTF-8, so
//!   they are not used (`clippy.toml` bans them), but for the one that sends a request: without it
//!   the SDK's dispatcher would panic on the answer (`abi/callout.rs`).
//! - **Nothing outlives a configuration.** A configuration update makes a new root context in the
//!   same VM, and whatever requests share hangs off the root context. The one static (`streams`) lists
//!   the contexts that there are, and nothing of a context stays when the host deletes it.
//! - **Nobody waits for ever.** A request that waits ends with the keys, with a fetch that fails, or
//!   with its time, under a configuration that was replaced too; the root that it came to goes on
//!   ticking for it.
//! - **Few crossings.** One call for the whole header map (the single-header call shows only the
//!   first of several), one for the clock; properties, filter state, metrics, ticks, shared data, foreign
//!   functions and requests to issuers only if the policy asks for them. Some hosts end their process on a call
//!   they do not know.
//! - **Token bytes go nowhere**, nor do paths and header values: log lines and the names of metrics
//!   are made of names from the configuration and of fixed codes, and lines of the names of keys.

mod abi;
mod callouts;
#[cfg(target_arch = "wasm32")]
mod entry;
mod follower;
mod gate;
mod host_error;
mod judgement;
mod keys;
mod metrics;
mod pairs;
mod root;
mod route_cache;
mod signatures;
mod stream;
mod streams;
mod text;
mod waiting;

use crate::root::Root;

/// Registers the filter with the SDK's dispatcher, on the calling thread.
///
/// The module does this itself when the host initialises it. A native test calls it once in each
/// thread that drives the entry points, because what knows the contexts is thread-local: a
/// thread is to a native test what a VM is to a proxy.
pub fn start() {
    proxy_wasm::set_root_context(|context_id| Box::new(Root::new(context_id)));
}
