//! One instance of a module.

use std::collections::BTreeMap;

use proxy_host_model::{Callback, Guest, Model, Trap};
use wasmtime::{
    Engine, Extern, Instance, InstancePre, Memory, Store, StoreLimits, StoreLimitsBuilder,
    TypedFunc, Val, WasmBacktrace,
};

use crate::{
    error::Error,
    hosts,
    module::{Limits, Metering},
};

/// The ABI versions that the host speaks, as the markers that a module exports.
const ABI_MARKERS: [&str; 2] = ["proxy_abi_version_0_2_1", "proxy_abi_version_0_2_0"];
/// The names that a module's allocator may have; the second is of before ABI 0.2.1.
const ALLOCATORS: [&str; 2] = ["proxy_on_memory_allocate", "malloc"];

/// What is called while a filter starts or takes a new configuration.
const STARTUP: [&str; 5] =
    ["_initialize", "_start", "main", "proxy_on_vm_start", "proxy_on_configure"];

/// A module in a VM.
pub struct Vm {
    store: Store<State>,
    instance: Instance,
    memory: Memory,
    limits: Limits,
    metering: Metering,
    fuel_used: BTreeMap<&'static str, u64>,
}

/// What host calls find.
pub(crate) struct State {
    pub(crate) model: Model,
    pub(crate) memory: Option<Memory>,
    pub(crate) allocate: Option<TypedFunc<u32, u32>>,
    limits: StoreLimits,
}

impl State {
    /// What host calls find before there is an instance.
    pub(crate) fn new(model: Model, memory_size: usize) -> Self {
        let limits = StoreLimitsBuilder::new().memory_size(memory_size).build();
        Self { model, memory: None, allocate: None, limits }
    }
}

impl std::fmt::Debug for Vm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vm")
            .field("memory", &self.memory_size())
            .field("fuel_used", &self.fuel_used())
            .finish_non_exhaustive()
    }
}

impl Vm {
    pub(crate) fn new(
        engine: &Engine,
        ready: &InstancePre<State>,
        metering: Metering,
        model: Model,
        limits: Limits,
    ) -> Result<Self, Error> {
        let imports = ready.module().imports();
        let imports = imports.map(|import| format!("{}.{}", import.module(), import.name()));
        let why = hosts::refusals(&model.profile, imports);
        if !why.is_empty() {
            return Err(Error::Refused { host: model.profile.name, why });
        }
        let mut store = Store::new(engine, State::new(model, limits.memory));
        store.limiter(|state| &mut state.limits);
        if metering == Metering::Fuel {
            store.set_fuel(limits.startup_fuel).map_err(Error::Link)?;
        }
        let instance = ready.instantiate(&mut store).map_err(Error::Link)?;
        let exported = |store: &mut Store<State>, names: [&str; 2]| {
            names.iter().find_map(|name| instance.get_export(&mut *store, name))
        };
        if exported(&mut store, ABI_MARKERS).is_none() {
            return Err(missing(ready, "proxy_abi_version_0_2_1"));
        }
        let memory = instance.get_memory(&mut store, "memory");
        let memory = memory.ok_or_else(|| missing(ready, "a memory named memory"))?;
        let allocate = exported(&mut store, ALLOCATORS)
            .and_then(Extern::into_func)
            .and_then(|allocate| allocate.typed(&store).ok())
            .ok_or_else(|| missing(ready, "an allocator proxy_on_memory_allocate"))?;
        store.data_mut().memory = Some(memory);
        store.data_mut().allocate = Some(allocate);
        let fuel_used = BTreeMap::new();
        let mut vm = Self { store, instance, memory, limits, metering, fuel_used };
        vm.initialize().map_err(Error::Initialize)?;
        Ok(vm)
    }

    /// The size of the module's memory in bytes.
    #[must_use]
    pub fn memory_size(&self) -> usize {
        self.memory.data_size(&self.store)
    }

    /// The module's memory.
    #[must_use]
    pub fn memory(&self) -> &[u8] {
        self.memory.data(&self.store)
    }

    /// The units of fuel that all callbacks together used up, the same in every run with the same
    /// module and the same wasmtime; 0 if the module is not metered.
    #[must_use]
    pub fn fuel_used(&self) -> u64 {
        self.fuel_used.values().fold(0, |sum, used| sum.saturating_add(*used))
    }

    /// The units of fuel that one exported function, such as `proxy_on_request_headers`, used up in
    /// all its calls.
    #[must_use]
    pub fn fuel_used_by(&self, export: &str) -> u64 {
        self.fuel_used.get(export).copied().unwrap_or_default()
    }

    /// The exported functions that were called, by name, with the units of fuel that each used up in
    /// all its calls.
    pub fn fuel_by_callback(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.fuel_used.iter().map(|(export, used)| (*export, *used))
    }

    /// A reactor initialises itself and may have a `main`; a command starts.
    fn initialize(&mut self) -> Result<(), Trap> {
        if self.run("_initialize", &[])?.is_some() {
            self.run("main", &[0, 0])?;
        } else {
            self.run("_start", &[])?;
        }
        Ok(())
    }

    fn run(&mut self, name: &'static str, arguments: &[u32]) -> Result<Option<u32>, Trap> {
        let Some(function) = self.instance.get_func(&mut self.store, name) else {
            return Ok(None);
        };
        let arguments: Vec<Val> =
            arguments.iter().map(|argument| Val::I32(argument.cast_signed())).collect();
        let mut results = vec![Val::I32(0); function.ty(&self.store).results().len()];
        let fuel = match self.metering {
            Metering::None => 0,
            Metering::Fuel if STARTUP.contains(&name) => self.limits.startup_fuel,
            Metering::Fuel => self.limits.fuel,
        };
        let ended = match self.metering {
            Metering::None => Ok(()),
            Metering::Fuel => self.store.set_fuel(fuel),
        };
        let ended = ended.and_then(|()| function.call(&mut self.store, &arguments, &mut results));
        let left = self.store.get_fuel().unwrap_or_default();
        let used = fuel.saturating_sub(left);
        let sum = self.fuel_used.entry(name).or_default();
        *sum = sum.saturating_add(used);
        match ended {
            Ok(()) => Ok(Some(match results.first() {
                Some(Val::I32(answer)) => answer.cast_unsigned(),
                _ => 0,
            })),
            Err(error) => Err(trap(name, &error)),
        }
    }
}

impl Guest for Vm {
    fn model<R>(&mut self, visit: impl FnOnce(&mut Model) -> R) -> R {
        visit(&mut self.store.data_mut().model)
    }

    fn call(&mut self, callback: Callback) -> Result<Option<u32>, Trap> {
        self.run(callback.export(), &callback.arguments())
    }
}

/// Why a call of an exported function ended, and then where.
fn trap(export: &str, error: &wasmtime::Error) -> Trap {
    let reason = error.root_cause();
    let backtrace = error.downcast_ref::<WasmBacktrace>();
    let place = backtrace.map(|backtrace| format!("\n{backtrace}")).unwrap_or_default();
    Trap(format!("{export}: {reason}{}", place.trim_end()))
}

fn missing(ready: &InstancePre<State>, expected: &'static str) -> Error {
    let exports = ready.module().exports();
    Error::NotAFilter { expected, found: exports.map(|export| export.name().to_owned()).collect() }
}
