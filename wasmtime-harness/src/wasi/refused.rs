//! Files and sockets, of which there are none.

use wasmtime::{Caller, Linker};

use crate::{memory::Filter, vm::State};

use super::{NOENT, NOTSUP, SUCCESS, errno};

pub(super) fn link(linker: &mut Linker<State>, module: &str) -> wasmtime::Result<()> {
    linker.func_wrap(
        module,
        "path_open",
        |_: u32, _: u32, _: u32, _: u32, _: u32, _: i64, _: i64, _: u32, _: u32| NOENT,
    )?;
    linker.func_wrap(module, "path_create_directory", |_: u32, _: u32, _: u32| NOTSUP)?;
    linker
        .func_wrap(module, "path_filestat_get", |_: u32, _: u32, _: u32, _: u32, _: u32| NOTSUP)?;
    linker.func_wrap(
        module,
        "path_filestat_set_times",
        |_: u32, _: u32, _: u32, _: u32, _: u64, _: u64, _: u32| NOTSUP,
    )?;
    linker.func_wrap(
        module,
        "path_link",
        |_: u32, _: u32, _: u32, _: u32, _: u32, _: u32, _: u32| NOTSUP,
    )?;
    linker.func_wrap(module, "path_readlink", path_readlink)?;
    linker.func_wrap(module, "path_remove_directory", |_: u32, _: u32, _: u32| NOTSUP)?;
    linker.func_wrap(module, "path_rename", |_: u32, _: u32, _: u32, _: u32, _: u32, _: u32| {
        NOTSUP
    })?;
    linker.func_wrap(module, "path_symlink", |_: u32, _: u32, _: u32, _: u32, _: u32| NOTSUP)?;
    linker.func_wrap(module, "path_unlink_file", |_: u32, _: u32, _: u32| NOTSUP)?;
    linker.func_wrap(module, "sock_accept", sock_accept)?;
    linker.func_wrap(module, "sock_recv", sock_recv)?;
    linker.func_wrap(module, "sock_send", sock_send)?;
    linker.func_wrap(module, "sock_shutdown", |_: u32, _: u32| NOTSUP)?;
    Ok(())
}

fn path_readlink(
    caller: Caller<'_, State>,
    _fd: u32,
    _path: u32,
    _path_size: u32,
    _buffer: u32,
    _buffer_size: u32,
    read: u32,
) -> u32 {
    refused(caller, read)
}

fn sock_accept(caller: Caller<'_, State>, _fd: u32, _flags: u32, socket: u32) -> u32 {
    refused(caller, socket)
}

fn sock_recv(
    caller: Caller<'_, State>,
    _fd: u32,
    _vectors: u32,
    _count: u32,
    _flags: u32,
    received: u32,
    flags_found: u32,
) -> u32 {
    let mut filter = Filter::new(caller);
    let written = filter.write_u32(received, 0);
    match errno(written.and_then(|()| filter.write(flags_found, &[0, 0]))) {
        SUCCESS => NOTSUP,
        errno => errno,
    }
}

fn sock_send(
    caller: Caller<'_, State>,
    _fd: u32,
    _vectors: u32,
    _count: u32,
    _flags: u32,
    sent: u32,
) -> u32 {
    refused(caller, sent)
}

/// Says that nothing came of it, where the filter asked to be told, and why.
fn refused(caller: Caller<'_, State>, result: u32) -> u32 {
    match errno(Filter::new(caller).write_u32(result, 0)) {
        SUCCESS => NOTSUP,
        errno => errno,
    }
}
