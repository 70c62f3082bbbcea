//! A proxy-wasm filter that limits how many requests a client makes in a window of time.
//!
//! ```text
//! request -> bucket of the client in shared data
//!              |- something left: one less, goes on
//!              |- empty: 429 with retry-after
//!              `- none in this window: paused, and a service is asked how many there may be
//! tick    -> the window is over: the next one begins, and every bucket of the old one is void
//! ```
//!
//! Shared data is seen by all workers of a proxy, so a client has one bucket and not one for each
//! worker. Whoever changes a bucket names the version that it read (CAS), and begins again if another
//! worker was faster.
//!
//! What the filter does when the service does not answer is the operator's choice and never an
//! accident: see `OnFailure` in `config.rs`.

#![allow(missing_docs, reason = "the SDK's `main!` makes a public function without a text")]

mod bucket;
mod config;
mod metrics;
mod root;
mod store;
mod stream;

use proxy_wasm::types::LogLevel;

use crate::root::Root;

proxy_wasm::main! {{
    proxy_wasm::set_log_level(LogLevel::Info);
    proxy_wasm::set_root_context(|_| Box::new(Root::default()));
}}
