//! Metrics.

use crate::{
    model::Model,
    status::{Refusal, Status},
};

impl Model {
    /// Gives a metric an id: kind 0 is a counter, 1 a gauge, 2 a histogram.
    ///
    /// # Errors
    ///
    /// `BAD_ARGUMENT` for another kind, or what the profile says in its place, as below; what it says
    /// where no zone for metrics is declared.
    pub fn define_metric(&mut self, kind: u32, name: &[u8]) -> Result<u32, Refusal> {
        self.denied_call("proxy_define_metric", &[&kind, &name], |model| {
            if let Some(denial) = model.profile.metrics_without_zone
                && !model.settings.zones.contains("metrics")
            {
                return Err(denial.of("no zone for metrics is declared"));
            }
            let defined = model.metrics.define(kind, name);
            defined.map_err(|status| model.metric_refusal(status))
        })
    }

    /// Adds to a counter or moves a gauge.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND`; `BAD_ARGUMENT` for a histogram, or a counter by less than 1.
    pub fn increment_metric(&mut self, metric: u32, offset: i64) -> Result<(), Refusal> {
        self.denied_call("proxy_increment_metric", &[&metric, &offset], |model| {
            let moved = model.metrics.increment(metric, offset, model.profile.gauges_move);
            moved.map_err(|status| model.metric_refusal(status))
        })
    }

    /// Adds to a counter in most profiles, sets a gauge or takes a sample.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND`; `BAD_ARGUMENT` for a counter where the profile says so.
    pub fn record_metric(&mut self, metric: u32, value: u64) -> Result<(), Refusal> {
        self.denied_call("proxy_record_metric", &[&metric, &value], |model| {
            let recorded = model.metrics.record(metric, value, model.profile.recorded_counter);
            recorded.map_err(|status| model.metric_refusal(status))
        })
    }

    /// The value of a counter or gauge.
    ///
    /// # Errors
    ///
    /// `NOT_FOUND`; `BAD_ARGUMENT` for a histogram.
    pub fn get_metric(&mut self, metric: u32) -> Result<u64, Refusal> {
        self.denied_call("proxy_get_metric", &[&metric], |model| {
            model.metrics.get(metric).map_err(|status| model.metric_refusal(status))
        })
    }

    fn metric_refusal(&self, status: Status) -> Refusal {
        match status {
            Status::NOT_FOUND => self.profile.unknown_metric.of("there is no such metric"),
            _ => self.profile.metric_misuse.of("a metric of this kind has no such thing"),
        }
    }
}
