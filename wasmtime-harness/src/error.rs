//! Why a module cannot be run.

use std::{fmt, io, path::PathBuf};

use proxy_host_model::Trap;

/// Why a module cannot be run; what happens once it runs is an outcome and not an error.
#[derive(Debug)]
pub enum Error {
    /// The file cannot be read.
    Read {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        error: io::Error,
    },
    /// The bytes are not a valid module.
    Parse(wasmparser::BinaryReaderError),
    /// The bytes are not a module that wasmtime compiles.
    Compile(wasmtime::Error),
    /// The module cannot be linked or instantiated.
    Link(wasmtime::Error),
    /// The module is not a filter of an ABI that the host speaks.
    NotAFilter {
        /// What is missing.
        expected: &'static str,
        /// What the module exports.
        found: Vec<String>,
    },
    /// The host of the profile would not link the module.
    Refused {
        /// The profile's name.
        host: &'static str,
        /// Why.
        why: Vec<String>,
    },
    /// The module ended while it initialised itself.
    Initialize(Trap),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, error } => write!(f, "cannot read {}: {error}", path.display()),
            Self::Parse(error) => {
                write!(f, "found no WebAssembly module, expected one: {error}")
            }
            Self::Compile(error) => write!(f, "cannot compile the module: {error:?}"),
            Self::Link(error) => write!(f, "cannot link the module: {error:?}"),
            Self::NotAFilter { expected, found } => {
                write!(
                    f,
                    "the module is not a proxy-wasm filter: expected {expected}, found the exports {}",
                    found.join(", ")
                )
            }
            Self::Refused { host, why } => {
                write!(
                    f,
                    "a host of the profile {host} does not load the module: {}",
                    why.join("; ")
                )
            }
            Self::Initialize(trap) => write!(f, "the module ended while initialising: {trap}"),
        }
    }
}

impl std::error::Error for Error {}
