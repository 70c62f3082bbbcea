//! The values that all VMs with one `vm_id` share.

use std::ptr;

use super::{NOT_FOUND, OK, check, raw, take};
use crate::host_error::{Fault, HostError};

/// A shared value and its CAS number; `None` if nobody has written it.
///
/// # Errors
///
/// Any status but OK and NOT_FOUND, and a value without a CAS number, which means "whatever is
/// there": that is what a host leaves behind that answers OK and writes nothing.
pub(crate) fn shared_data(key: &[u8]) -> Result<Option<(Vec<u8>, u32)>, HostError> {
    const CALL: &str = "proxy_get_shared_data";
    let (mut data, mut size, mut cas) = (ptr::null_mut(), 0, 0);
    // SAFETY: pointer and length describe `key`, which the host only reads; it writes through the
    // three others, which are valid for the call.
    let status = unsafe {
        raw::proxy_get_shared_data(key.as_ptr(), key.len(), &mut data, &mut size, &mut cas)
    };
    if status == NOT_FOUND {
        return Ok(None);
    }
    check(CALL, status)?;
    // SAFETY: the host answered OK, so both values are its answer.
    let value = unsafe { take(CALL, data, size) }?;
    if cas == ANY {
        return Err(HostError::Answer { call: CALL, fault: Fault::NoCas });
    }
    Ok(Some((value, cas)))
}

/// Writes a shared value, whatever is there.
///
/// # Errors
///
/// Any status but OK; CAS_MISMATCH only if others write all the time.
pub(crate) fn set_shared_data(key: &[u8], value: &[u8]) -> Result<(), HostError> {
    let mut cas = ANY;
    for _ in 0..TRIES {
        match set(key, value, cas) {
            // ngx_wasm_module wants the number of the value that is there, and takes 0 for a key
            // that is not.
            CAS_MISMATCH => cas = shared_data(key)?.map_or(ANY, |(_, cas)| cas),
            status => return check(SET, status),
        }
    }
    check(SET, CAS_MISMATCH)
}

/// Writes a shared value in place of the one with this CAS number, or where there is none; tells
/// whether it did, or somebody else was faster.
///
/// # Errors
///
/// Any status but OK and CAS_MISMATCH.
pub(crate) fn replace_shared_data(
    key: &[u8],
    value: &[u8],
    cas: Option<u32>,
) -> Result<bool, HostError> {
    // Envoy lets any number write a key that is not there, and only the right one a key that is: so
    // of two VMs that write the first value, the second finds out. No value has this number before
    // it was written four billion times.
    match set(key, value, cas.unwrap_or(u32::MAX)) {
        OK => Ok(true),
        CAS_MISMATCH if cas.is_none() && shared_data(key)?.is_none() => {
            // Other hosts let no number but 0 write a key that is not there.
            set_shared_data(key, value).map(|()| true)
        }
        CAS_MISMATCH => Ok(false),
        status => Err(HostError::Status { call: SET, status }),
    }
}

fn set(key: &[u8], value: &[u8], cas: u32) -> u32 {
    // SAFETY: pointers and lengths describe `key` and `value`, which the host only reads.
    unsafe { raw::proxy_set_shared_data(key.as_ptr(), key.len(), value.as_ptr(), value.len(), cas) }
}

const SET: &str = "proxy_set_shared_data";

const CAS_MISMATCH: u32 = 8;

/// The CAS number that stands for any.
const ANY: u32 = 0;

/// How often a write is tried that others come before.
const TRIES: usize = 8;
