//! Runs any proxy-wasm module on wasmtime, under the model of a proxy.
//!
//! The module is taken by path or as bytes, and nothing is assumed about what it does. Time is
//! virtual, random bytes follow a seed, the environment is empty, and what a module needs beyond
//! proxy-wasm and a little WASI is a trap when called. A trap is a result, not a panic.
//!
//! ```no_run
//! use proxy_host_model::{Model, Request};
//! use wasmtime_harness::Module;
//!
//! let module = Module::load("target/filter.wasm".as_ref())?;
//! let mut host = module.host(Model::default())?;
//! assert!(host.start(b"", b"{}").accepted);
//! let request = Request::from_iter([(":method", "GET"), (":path", "/")]);
//! let outcome = host.request(request);
//! println!("{:?}: {:?}", outcome.fate, outcome.reply);
//! # Ok::<(), wasmtime_harness::Error>(())
//! ```
//!
//! Compiling takes seconds, so [`Module::load`] keeps the compiled form in a folder
//! `wasmtime-cache` beside the module.

mod abi;
mod cache;
mod error;
mod hosts;
mod inspect;
pub mod live;
mod memory;
mod module;
mod spawn;
mod vm;
mod wasi;

pub use error::Error;
pub use inspect::{Inspection, Item, Verdict};
pub use module::{Limits, Metering, Module};
pub use spawn::Spawner;
pub use vm::Vm;
