//! Counters, for whoever runs the proxy.

use proxy_wasm::{hostcalls, types::MetricType};

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// A request went on.
    Allowed,
    /// A request was over the limit.
    Limited,
    /// The limit was not known: the service failed.
    Failed,
}

/// The counters' numbers, or none of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Metrics(Option<[u32; 3]>);

impl Metrics {
    /// Defines the counters. A name that exists already keeps its count.
    pub(crate) fn define() -> Self {
        let counter = |name| hostcalls::define_metric(MetricType::Counter, name).ok();
        let all = || {
            Some([
                counter("rate_limit.allowed")?,
                counter("rate_limit.limited")?,
                counter("rate_limit.service_failed")?,
            ])
        };
        Self(all())
    }

    pub(crate) fn count(&self, event: Event) {
        let Some([allowed, limited, failed]) = self.0 else { return };
        let id = match event {
            Event::Allowed => allowed,
            Event::Limited => limited,
            Event::Failed => failed,
        };
        // A request is not worth less because it could not be counted.
        let _ = hostcalls::increment_metric(id, 1);
    }
}
