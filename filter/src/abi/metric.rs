//! Metrics.

use super::{check, raw};
use crate::host_error::HostError;

/// Defines a metric, or finds the one of that name, and gives its number.
pub(crate) fn define_metric(kind: MetricKind, name: &str) -> Result<u32, HostError> {
    let mut id = 0;
    // SAFETY: pointer and length describe `name`, which the host only reads; it writes one u32
    // through the other, which is valid for the call.
    let status =
        unsafe { raw::proxy_define_metric(kind.code(), name.as_ptr(), name.len(), &mut id) };
    check("proxy_define_metric", status)?;
    Ok(id)
}

/// Adds to a counter.
pub(crate) fn increment_counter(id: u32, by: u32) -> Result<(), HostError> {
    // SAFETY: no memory is passed.
    let status = unsafe { raw::proxy_increment_metric(id, i64::from(by)) };
    check("proxy_increment_metric", status)
}

/// Sets a gauge.
pub(crate) fn set_gauge(id: u32, value: u64) -> Result<(), HostError> {
    // SAFETY: no memory is passed.
    let status = unsafe { raw::proxy_record_metric(id, value) };
    check("proxy_record_metric", status)
}

/// What a metric measures.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum MetricKind {
    /// How often something happened.
    Counter,
    /// How much there is of something.
    Gauge,
}

impl MetricKind {
    fn code(self) -> u32 {
        match self {
            Self::Counter => 0,
            Self::Gauge => 1,
        }
    }
}
