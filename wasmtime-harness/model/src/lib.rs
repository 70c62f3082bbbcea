//! A proxy-wasm host as plain data: what a proxy does when a filter calls it.
//!
//! [`Model`] answers the 39 host functions of ABI 0.2.1 the way Envoy 1.40 does, without a proxy, a
//! clock, a thread or a WebAssembly engine. [`Host`] drives a filter through its life (start,
//! configure, requests, end) and hands back an [`Outcome`] for each request. What runs the filter is
//! a [`Guest`]: wasmtime in one crate, native code in another. Both are thin, so there is one model
//! of a host and no second mock to drift from it. A [`Fleet`] is a proxy with several VMs: workers, a
//! main thread and a canary, which share a clock, data, queues and metrics.
//!
//! ```text
//!            calls exports                 host functions
//! Host<G> ----------------> Guest (filter) ---------------> Model
//!    \________________________ reads and sets ______________^
//! ```
//!
//! Everything is deterministic: time stands still unless told otherwise, random bytes follow a
//! seed, and any host call can be made to fail with any status (see [`Fault`]). What a filter asks of
//! other services is answered as a [`Service`] or [`GrpcService`] says.

mod arguments;
mod arrival;
mod callback;
mod callouts;
mod calls;
mod clock;
mod connection;
mod context;
mod fault;
mod fleet;
mod flow;
mod foreign;
mod grpc_service;
mod headers;
mod host;
mod journal;
mod local_reply;
mod metrics;
mod model;
mod outcome;
mod pairs;
mod place;
pub mod profile;
mod properties;
mod random;
mod recorder;
mod request;
mod services;
mod settings;
mod shared;
mod status;
mod trace;
mod wish;
mod world;

pub use callback::Callback;
pub use callouts::{Callouts, GrpcCall, HttpCall};
pub use calls::HOST_FUNCTIONS;
pub use clock::Clock;
pub use fault::{ALLOCATOR, Effect, Fault, WASI_FUNCTIONS};
pub use fleet::{Fleet, FleetConnection, FleetStream, OnTrap, Plan, Reload, Spawn, Started};
pub use flow::Sent;
pub use foreign::Foreign;
pub use headers::Headers;
pub use host::{Guest, Host, OpenConnection, OpenStream, Peer, Progress};
pub use metrics::{MetricKind, MetricValue, Metrics};
pub use model::Model;
pub use outcome::{ConnectionOutcome, Fate, LogLevel, LogLine, Outcome, Reply, Startup, Trap};
pub use pairs::{PAIRS_MAX_BYTES, PAIRS_MAX_COUNT, decode_pairs, encode_pairs};
pub use place::Place;
pub use profile::Profile;
pub use properties::Properties;
pub use random::Random;
pub use recorder::{Recorded, Recorder};
pub use request::{Request, Response};
pub use services::{Answered, GrpcAnswer, GrpcEvent, GrpcService, Service, ServiceAnswer};
pub use settings::Settings;
pub use shared::Shared;
pub use status::{Refusal, Status};
pub use trace::Call;
pub use world::World;
