//! The little of WASI preview 1 that a filter may rely on, as in proxy-wasm-cpp-host.

use proxy_host_model::LogLevel;
use wasmtime::{Caller, Linker};

use crate::{memory::Filter, vm::State};

/// The names under which modules import WASI.
const MODULES: [&str; 2] = ["wasi_snapshot_preview1", "wasi_unstable"];

const SUCCESS: u32 = 0;
const BADF: u32 = 8;
const FAULT: u32 = 21;
const INVAL: u32 = 28;
const NOTSUP: u32 = 58;

/// `fs_rights_base` with `fd_write` alone, in the middle of an otherwise empty `fdstat`.
const WRITE_ONLY: [u64; 3] = [0, 64, 0];

/// Defines the functions; all others of WASI stay undefined.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    for module in MODULES {
        linker.func_wrap(module, "fd_write", fd_write)?;
        linker.func_wrap(module, "fd_fdstat_get", fd_fdstat_get)?;
        linker.func_wrap(module, "fd_prestat_get", |_: u32, _: u32| BADF)?;
        linker.func_wrap(module, "fd_close", |_: u32| SUCCESS)?;
        linker.func_wrap(module, "clock_time_get", clock_time_get)?;
        linker.func_wrap(module, "clock_res_get", clock_res_get)?;
        linker.func_wrap(module, "random_get", random_get)?;
        linker.func_wrap(module, "environ_sizes_get", no_strings)?;
        linker.func_wrap(module, "environ_get", |_: u32, _: u32| SUCCESS)?;
        linker.func_wrap(module, "args_sizes_get", no_strings)?;
        linker.func_wrap(module, "args_get", |_: u32, _: u32| SUCCESS)?;
        linker.func_wrap(module, "sched_yield", || SUCCESS)?;
        linker.func_wrap(module, "proc_exit", proc_exit)?;
    }
    Ok(())
}

/// What the filter prints goes to the log: standard output as info, standard error as error.
fn fd_write(caller: Caller<'_, State>, fd: u32, vectors: u32, count: u32, written: u32) -> u32 {
    let level = match fd {
        1 => LogLevel::Info,
        2 => LogLevel::Error,
        _ => return BADF,
    };
    let mut filter = Filter::new(caller);
    let Some(text) = gather(&filter, vectors, count) else {
        return FAULT;
    };
    if !text.is_empty() {
        filter.model().print(level, &text);
    }
    let size = u32::try_from(text.len()).unwrap_or(u32::MAX);
    errno(filter.write_u32(written, size))
}

fn gather(filter: &Filter<'_>, mut vectors: u32, count: u32) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    for _ in 0..count {
        let vector = filter.read(vectors, 8).ok()?;
        let (address, size) = vector.split_first_chunk::<4>()?;
        let (size, _) = size.split_first_chunk::<4>()?;
        let part = filter.read(u32::from_le_bytes(*address), u32::from_le_bytes(*size));
        text.extend(part.ok()?);
        vectors = vectors.checked_add(8)?;
    }
    Some(text)
}

fn fd_fdstat_get(caller: Caller<'_, State>, fd: u32, stat: u32) -> u32 {
    if fd != 1 && fd != 2 {
        return BADF;
    }
    let stat_bytes: Vec<u8> = WRITE_ONLY.into_iter().flat_map(u64::to_le_bytes).collect();
    errno(Filter::new(caller).write(stat, &stat_bytes))
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

fn proc_exit(code: u32) -> wasmtime::Result<()> {
    Err(wasmtime::Error::msg(format!("the filter called proc_exit({code})")))
}

fn errno<E>(written: Result<(), E>) -> u32 {
    match written {
        Ok(()) => SUCCESS,
        Err(_) => FAULT,
    }
}
