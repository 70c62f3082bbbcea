//! WASI preview 1 as proxy-wasm-cpp-host has it (`src/exports.cc`): 45 functions, of which those for
//! output, time, random bytes and the process work; there are no files and no sockets.

mod descriptors;
mod refused;

use std::collections::BTreeMap;

use proxy_host_model::{Model, Refusal};
use wasmtime::{Caller, Engine, Extern, Linker, Store, ValType};

use crate::{memory::Filter, vm::State};

/// The names under which modules import WASI.
pub(crate) const MODULES: [&str; 2] = ["wasi_snapshot_preview1", "wasi_unstable"];

const SUCCESS: u32 = 0;
const BADF: u32 = 8;
const NOTDIR: u32 = 20;
const FAULT: u32 = 21;
const INVAL: u32 = 28;
const NOENT: u32 = 44;
const NOSYS: u32 = 52;
const NOTSUP: u32 = 58;

/// Defines the functions.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    for module in MODULES {
        linker.func_wrap(
            module,
            "clock_time_get",
            |caller: Caller<'_, State>, clock: u32, precision: u64, time: u32| {
                unless_faulty(caller, "clock_time_get", |caller| {
                    clock_time_get(caller, clock, precision, time)
                })
            },
        )?;
        linker.func_wrap(module, "clock_res_get", clock_res_get)?;
        linker.func_wrap(
            module,
            "random_get",
            |caller: Caller<'_, State>, buffer: u32, size: u32| {
                unless_faulty(caller, "random_get", |caller| random_get(caller, buffer, size))
            },
        )?;
        linker.func_wrap(module, "environ_sizes_get", no_strings)?;
        linker.func_wrap(module, "environ_get", |_: u32, _: u32| SUCCESS)?;
        linker.func_wrap(module, "args_sizes_get", no_strings)?;
        linker.func_wrap(module, "args_get", |_: u32, _: u32| SUCCESS)?;
        linker.func_wrap(module, "sched_yield", || SUCCESS)?;
        linker.func_wrap(module, "poll_oneoff", poll_oneoff)?;
        linker.func_wrap(module, "proc_exit", proc_exit)?;
        descriptors::link(linker, module)?;
        refused::link(linker, module)?;
    }
    Ok(())
}

/// Carries out a function that a fault may name.
fn unless_faulty(
    mut caller: Caller<'_, State>,
    function: &str,
    call: impl FnOnce(Caller<'_, State>) -> u32,
) -> wasmtime::Result<u32> {
    match caller.data_mut().model.wasi_call(function) {
        Ok(()) => Ok(call(caller)),
        Err(Refusal::Status(errno)) => Ok(errno.0),
        Err(Refusal::Trap(reason)) => Err(wasmtime::Error::msg(reason)),
    }
}

/// The types of all functions that [`link`] defines, by name, such as `(i32, i32) -> i32`.
pub(crate) fn functions() -> BTreeMap<String, String> {
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    if let Err(error) = link(&mut linker) {
        // Two functions of one name: every module that asks for WASI would fail, too.
        debug_assert!(false, "WASI cannot be linked: {error}");
    }
    let mut store = Store::new(&engine, State::new(Model::default(), 0));
    let items: Vec<(String, Extern)> =
        linker.iter(&mut store).map(|(_, name, item)| (name.to_owned(), item)).collect();
    let functions = items.into_iter().filter_map(|(name, item)| Some((name, item.into_func()?)));
    let names = |types: &mut dyn Iterator<Item = ValType>| {
        types.map(|kind| kind.to_string()).collect::<Vec<_>>().join(", ")
    };
    functions
        .map(|(name, function)| {
            let kind = function.ty(&store);
            let parameters = names(&mut kind.params());
            let results = names(&mut kind.results());
            let arrow = if results.is_empty() { "" } else { " -> " };
            (name, format!("({parameters}){arrow}{results}"))
        })
        .collect()
}

fn clock_time_get(caller: Caller<'_, State>, clock: u32, _precision: u64, time: u32) -> u32 {
    let mut filter = Filter::new(caller);
    let now = match clock {
        0 => filter.model().read_wall(),
        1 => filter.model().clock.read_monotonic(),
        _ => return NOTSUP,
    };
    errno(filter.write_u64(time, now))
}

fn clock_res_get(caller: Caller<'_, State>, clock: u32, resolution: u32) -> u32 {
    match clock {
        0 | 1 => errno(Filter::new(caller).write_u64(resolution, 1)),
        _ => NOTSUP,
    }
}

fn random_get(caller: Caller<'_, State>, buffer: u32, size: u32) -> u32 {
    let mut filter = Filter::new(caller);
    let most = filter.model().profile.random_most;
    let Some(size) = usize::try_from(size).ok().filter(|_| size <= most) else {
        return INVAL;
    };
    let mut bytes = vec![0; size];
    filter.model().random.fill(&mut bytes);
    errno(filter.write(buffer, &bytes))
}

fn no_strings(caller: Caller<'_, State>, count: u32, size: u32) -> u32 {
    let mut filter = Filter::new(caller);
    let written = filter.write_u32(count, 0);
    errno(written.and_then(|()| filter.write_u32(size, 0)))
}

/// Nothing ever happens; the runtime of Go wants to hear that all is well.
fn poll_oneoff(
    caller: Caller<'_, State>,
    _subscriptions: u32,
    _events: u32,
    _count: u32,
    happened: u32,
) -> u32 {
    errno(Filter::new(caller).write_u32(happened, 0))
}

/// Envoy logs it and returns, and the filter runs into the `unreachable` that compilers put behind.
fn proc_exit(code: u32) -> wasmtime::Result<()> {
    Err(wasmtime::Error::msg(format!("the filter called proc_exit({code})")))
}

fn errno<E>(written: Result<(), E>) -> u32 {
    match written {
        Ok(()) => SUCCESS,
        Err(_) => FAULT,
    }
}
