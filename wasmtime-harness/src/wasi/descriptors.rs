//! File descriptors: standard output and standard error, which are the log, and no others.

use proxy_host_model::LogLevel;
use wasmtime::{Caller, Linker};

use crate::{memory::Filter, vm::State};

use super::{BADF, FAULT, NOSYS, NOTDIR, NOTSUP, SUCCESS, errno, unless_faulty};

/// `fs_rights_base` with `fd_write` alone, in the middle of an otherwise empty `fdstat`.
const WRITE_ONLY: [u64; 3] = [0, 64, 0];

pub(super) fn link(linker: &mut Linker<State>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(
        module,
        "fd_write",
        |caller: Caller<'_, State>, fd: u32, vectors: u32, count: u32, written: u32| {
            unless_faulty(caller, "fd_write", |caller| {
                fd_write(caller, fd, vectors, count, written)
            })
        },
    )?;
    linker.func_wrap(module, "fd_pwrite", fd_pwrite)?;
    linker.func_wrap(module, "fd_read", |_: u32, _: u32, _: u32, _: u32| NOSYS)?;
    linker.func_wrap(module, "fd_pread", |_: u32, _: u32, _: u32, _: u64, _: u32| NOSYS)?;
    linker.func_wrap(module, "fd_seek", |_: u32, _: i64, _: u32, _: u32| SUCCESS)?;
    linker.func_wrap(module, "fd_tell", fd_tell)?;
    linker.func_wrap(module, "fd_close", |_: u32| SUCCESS)?;
    linker.func_wrap(module, "fd_sync", |fd: u32| output(fd))?;
    linker.func_wrap(module, "fd_datasync", |fd: u32| output(fd))?;
    linker.func_wrap(module, "fd_advise", |_: u32, _: u64, _: u64, _: u32| SUCCESS)?;
    linker.func_wrap(module, "fd_allocate", |fd: u32, _: u64, _: u64| output(fd))?;
    linker.func_wrap(module, "fd_fdstat_get", fd_fdstat_get)?;
    linker.func_wrap(module, "fd_fdstat_set_flags", |_: u32, _: u32| NOSYS)?;
    linker.func_wrap(module, "fd_fdstat_set_rights", |fd: u32, _: u64, _: u64| output(fd))?;
    linker.func_wrap(module, "fd_filestat_get", |_: u32, _: u32| BADF)?;
    linker.func_wrap(module, "fd_filestat_set_size", |fd: u32, _: u64| output(fd))?;
    linker
        .func_wrap(module, "fd_filestat_set_times", |fd: u32, _: u64, _: u64, _: u32| output(fd))?;
    linker.func_wrap(module, "fd_prestat_get", |_: u32, _: u32| BADF)?;
    linker.func_wrap(module, "fd_prestat_dir_name", |_: u32, _: u32, _: u32| NOSYS)?;
    linker.func_wrap(module, "fd_readdir", fd_readdir)?;
    linker.func_wrap(module, "fd_renumber", |fd: u32, to: u32| {
        match output(fd).max(output(to)) {
            SUCCESS => NOTSUP,
            errno => errno,
        }
    })?;
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

/// A log has no places in it: the offset is ignored.
fn fd_pwrite(
    caller: Caller<'_, State>,
    fd: u32,
    vectors: u32,
    count: u32,
    _offset: u64,
    written: u32,
) -> u32 {
    fd_write(caller, fd, vectors, count, written)
}

fn gather(filter: &Filter<'_>, mut vectors: u32, count: u32) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    for _ in 0..count {
        let vector = filter.read(vectors, 8).ok()?;
        let (address, size) = vector.split_first_chunk::<4>()?;
        let (size, _) = size.split_first_chunk::<4>()?;
        let size = u32::from_le_bytes(*size);
        // An empty one may lead anywhere.
        if size > 0 {
            text.extend(filter.read(u32::from_le_bytes(*address), size).ok()?);
        }
        vectors = vectors.checked_add(8)?;
    }
    Some(text)
}

fn fd_tell(caller: Caller<'_, State>, fd: u32, offset: u32) -> u32 {
    match output(fd) {
        SUCCESS => errno(Filter::new(caller).write_u64(offset, 0)),
        errno => errno,
    }
}

fn fd_fdstat_get(caller: Caller<'_, State>, fd: u32, stat: u32) -> u32 {
    if output(fd) != SUCCESS {
        return BADF;
    }
    let bytes: Vec<u8> = WRITE_ONLY.into_iter().flat_map(u64::to_le_bytes).collect();
    errno(Filter::new(caller).write(stat, &bytes))
}

fn fd_readdir(
    caller: Caller<'_, State>,
    _fd: u32,
    _buffer: u32,
    _size: u32,
    _cookie: u64,
    read: u32,
) -> u32 {
    match errno(Filter::new(caller).write_u32(read, 0)) {
        SUCCESS => NOTDIR,
        errno => errno,
    }
}

/// Whether this is standard output or standard error.
fn output(fd: u32) -> u32 {
    if fd == 1 || fd == 2 { SUCCESS } else { BADF }
}
