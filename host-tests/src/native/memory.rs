//! The model of the calling thread, and memory between it and the filter.

use std::{cell::RefCell, process, ptr, slice};

use proxy_host_model::{Model, Refusal, Status};

thread_local! {
    static MODEL: RefCell<Model> = RefCell::new(Model::default());
}

/// Makes `model` the proxy of the calling thread.
pub(super) fn install(model: Model) {
    MODEL.set(model);
}

/// Gives `visit` the proxy of the calling thread.
pub(super) fn with_model<R>(visit: impl FnOnce(&mut Model) -> R) -> R {
    MODEL.with_borrow_mut(visit)
}

/// A number of the ABI as this machine's size; `u32::MAX` means "as much as there is".
pub(super) fn size(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// A size of this machine as a number of the ABI.
pub(super) fn number(size: usize) -> u32 {
    u32::try_from(size).unwrap_or(u32::MAX)
}

/// Makes a host call and, if it succeeded, hands its result over.
///
/// The model is free again before the result is handed over, since that calls the filter's allocator.
/// When that gives nothing the call ends with a status after all, which is in the trace.
pub(super) fn answer<T, H: HandedOver>(
    call: impl FnOnce(&mut Model) -> Result<T, Refusal>,
    hand_over: impl FnOnce(T) -> H,
) -> u32 {
    let handed_over = with_model(call).map(|result| hand_over(result).outcome());
    if let Ok(Err(Refusal::Status(status))) = handed_over {
        with_model(|model| model.amend(status));
    }
    match handed_over.flatten() {
        Ok(()) => Status::OK.0,
        Err(Refusal::Status(status)) => status.0,
        Err(Refusal::Trap(reason)) => {
            // Nothing may unwind through the filter's `extern "C"` frames.
            eprintln!("the host ends the filter: {reason}");
            process::abort();
        }
    }
}

/// What handing over a result comes to; numbers always arrive.
pub(super) trait HandedOver {
    /// What the host call ends with if not OK.
    fn outcome(self) -> Result<(), Refusal>;
}

impl HandedOver for () {
    fn outcome(self) -> Result<(), Refusal> {
        Ok(())
    }
}

impl HandedOver for Result<(), Refusal> {
    fn outcome(self) -> Result<(), Refusal> {
        self
    }
}

pub(super) fn nothing((): ()) {}

/// What the filter passed as a pointer and a length.
///
/// # Safety
///
/// `data` is null or valid for reading `size` bytes, for as long as the call lasts.
pub(super) unsafe fn read<'a>(data: *const u8, size: usize) -> &'a [u8] {
    if data.is_null() || size == 0 {
        return &[];
    }
    // SAFETY: as for this function.
    unsafe { slice::from_raw_parts(data, size) }
}

/// Hands bytes over in memory of the filter's own allocator, which is what it frees them with.
///
/// Nothing is handed over as a null pointer, as in Envoy.
///
/// # Errors
///
/// A fault says that the allocator gives nothing; nothing is written then.
///
/// # Safety
///
/// `data` and `size` are valid for writing.
pub(super) unsafe fn give(
    bytes: &[u8],
    data: *mut *mut u8,
    size: *mut usize,
) -> Result<(), Refusal> {
    // SAFETY: as for this function; the allocator gives as many bytes as it was asked for.
    unsafe {
        let copy = if bytes.is_empty() {
            ptr::null_mut()
        } else {
            with_model(|model| model.allocation(number(bytes.len())))?;
            let copy = proxy_on_memory_allocate(bytes.len());
            ptr::copy_nonoverlapping(bytes.as_ptr(), copy, bytes.len());
            copy
        };
        data.write(copy);
        size.write(bytes.len());
    }
    Ok(())
}

unsafe extern "C" {
    /// The SDK's allocator (proxy-wasm `src/allocator.rs`).
    fn proxy_on_memory_allocate(size: usize) -> *mut u8;
}
