//! A compiled module, ready to be instantiated any number of times.

use std::{fs, path::Path};

use proxy_host_model::{Host, Model};
use wasmtime::{Config, Engine, InstancePre, Linker};

use crate::{
    abi,
    cache::Cache,
    error::Error,
    vm::{State, Vm},
    wasi,
};

/// The folder, beside a module, that keeps its compiled form.
const CACHE: &str = "wasmtime-cache";

/// Far more fuel than any callback should need.
const A_FEW_SECONDS: u64 = 4_000_000_000;

/// Whether the instructions of a module are counted while it runs.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Metering {
    /// By fuel, which [`Limits::fuel`] caps: the same figure in every run, at some cost in time.
    #[default]
    Fuel,
    /// Not at all, as in a proxy: for measuring time. A filter that loops for ever does so.
    None,
}

/// What a filter may use up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Limits {
    /// Units of fuel for one callback, about one for an instruction; it traps when they are gone,
    /// at the next loop or call.
    ///
    /// Without effect on a module that is not metered.
    pub fuel: u64,
    /// Units of fuel for one call while the filter starts or takes a new configuration:
    /// `_initialize`, `_start`, `main`, `proxy_on_vm_start` and `proxy_on_configure`.
    pub startup_fuel: u64,
    /// Bytes of memory; growing beyond fails, as it does in Envoy.
    pub memory: usize,
}

impl Default for Limits {
    /// A few seconds, and the 1 GiB of proxy-wasm-cpp-host.
    fn default() -> Self {
        Self { fuel: A_FEW_SECONDS, startup_fuel: A_FEW_SECONDS, memory: 1024 * 1024 * 1024 }
    }
}

/// A proxy-wasm module.
#[derive(Clone)]
pub struct Module {
    engine: Engine,
    ready: InstancePre<State>,
    metering: Metering,
}

impl std::fmt::Debug for Module {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.ready.module().name();
        f.debug_struct("Module").field("name", &name).finish()
    }
}

impl Module {
    /// Reads and compiles a module, or finds the compiled form of an earlier time beside it.
    ///
    /// # Errors
    ///
    /// The file cannot be read, is no module, or asks for something that cannot be linked.
    pub fn load(path: &Path) -> Result<Self, Error> {
        Self::load_metered(path, Metering::default())
    }

    /// As [`Module::load`], with or without fuel.
    ///
    /// # Errors
    ///
    /// As for [`Module::load`].
    pub fn load_metered(path: &Path, metering: Metering) -> Result<Self, Error> {
        let bytes = fs::read(path).map_err(|error| Error::Read { path: path.to_owned(), error })?;
        let engine = engine(metering)?;
        let folder = path.parent().unwrap_or(Path::new("")).join(CACHE);
        let cache = Cache::new(&folder, &bytes, &engine);
        let module = match cache.load(&engine) {
            Some(module) => module,
            None => {
                let module = compile(&engine, &bytes)?;
                cache.store(&module);
                module
            }
        };
        Self::link(engine, &module, metering)
    }

    /// Compiles a module that is in memory.
    ///
    /// # Errors
    ///
    /// It is no module, or asks for something that cannot be linked.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        Self::from_bytes_metered(bytes, Metering::default())
    }

    /// As [`Module::from_bytes`], with or without fuel.
    ///
    /// # Errors
    ///
    /// As for [`Module::from_bytes`].
    pub fn from_bytes_metered(bytes: &[u8], metering: Metering) -> Result<Self, Error> {
        let engine = engine(metering)?;
        let module = compile(&engine, bytes)?;
        Self::link(engine, &module, metering)
    }

    /// A proxy with this module in a VM of its own, initialised and not yet started.
    ///
    /// # Errors
    ///
    /// The module is not a filter, cannot be instantiated, or ends while initialising.
    pub fn host(&self, model: Model) -> Result<Host<Vm>, Error> {
        self.host_within(model, Limits::default())
    }

    /// As [`Module::host`], with other limits.
    ///
    /// # Errors
    ///
    /// As for [`Module::host`].
    pub fn host_within(&self, model: Model, limits: Limits) -> Result<Host<Vm>, Error> {
        Ok(Host::new(self.vm(model, limits)?))
    }

    /// A VM of its own with this module, initialised; for a proxy with something in between, such
    /// as a [`Recorder`](proxy_host_model::Recorder).
    ///
    /// # Errors
    ///
    /// As for [`Module::host`].
    pub fn vm(&self, model: Model, limits: Limits) -> Result<Vm, Error> {
        Vm::new(&self.engine, &self.ready, self.metering, model, limits)
    }

    /// What the module imports, as `env.proxy_log`, in its own order.
    pub fn imports(&self) -> impl Iterator<Item = String> {
        let imports = self.ready.module().imports();
        imports.map(|import| format!("{}.{}", import.module(), import.name()))
    }

    /// The names of what the module exports, in its own order.
    pub fn exports(&self) -> impl Iterator<Item = &str> {
        self.ready.module().exports().map(|export| export.name())
    }

    fn link(engine: Engine, module: &wasmtime::Module, metering: Metering) -> Result<Self, Error> {
        let mut linker = Linker::new(&engine);
        let ready = abi::link(&mut linker)
            .and_then(|()| wasi::link(&mut linker))
            // A module may import what it never calls.
            .and_then(|()| linker.define_unknown_imports_as_traps(module))
            .and_then(|()| linker.instantiate_pre(module))
            .map_err(Error::Link)?;
        Ok(Self { engine, ready, metering })
    }
}

fn engine(metering: Metering) -> Result<Engine, Error> {
    let mut config = Config::new();
    config.consume_fuel(metering == Metering::Fuel);
    Engine::new(&config).map_err(Error::Compile)
}

fn compile(engine: &Engine, bytes: &[u8]) -> Result<wasmtime::Module, Error> {
    wasmtime::Module::from_binary(engine, bytes).map_err(Error::Compile)
}
