//! The eight WASI functions that the specification asks of a host.

/// A piece of memory to write.
#[repr(C)]
pub(crate) struct Piece {
    pub(crate) at: *const u8,
    pub(crate) size: usize,
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    pub(crate) fn fd_write(fd: u32, pieces: *const Piece, count: usize, written: *mut u32) -> u32;
    pub(crate) fn clock_time_get(clock: u32, precision: u64, time: *mut u64) -> u32;
    pub(crate) fn random_get(bytes: *mut u8, size: usize) -> u32;
    pub(crate) fn environ_sizes_get(count: *mut u32, size: *mut u32) -> u32;
    pub(crate) fn environ_get(environ: *mut usize, bytes: *mut u8) -> u32;
    pub(crate) fn args_sizes_get(count: *mut u32, size: *mut u32) -> u32;
    pub(crate) fn args_get(arguments: *mut usize, bytes: *mut u8) -> u32;
    pub(crate) fn proc_exit(code: u32) -> !;
}
