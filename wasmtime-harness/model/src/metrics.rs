//! Counters, gauges and histograms.

use std::collections::BTreeMap;

use crate::{profile::RecordedCounter, status::Status};

/// The low bits of a metric's id tell its kind (proxy-wasm-cpp-host `kMetricTypeMask`).
const KIND_MASK: u32 = 3;
/// Ids of one kind are this far apart (proxy-wasm-cpp-host `kMetricIdIncrement`).
const ID_STEP: u32 = 4;

/// The kind of a metric.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum MetricKind {
    /// A number that only grows.
    Counter,
    /// A number that goes up and down.
    Gauge,
    /// A set of samples.
    Histogram,
}

/// The value of a metric.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum MetricValue {
    /// A counter's or a gauge's value.
    Number(u64),
    /// A histogram's samples in order.
    Samples(Vec<u64>),
}

/// All metrics that a filter defined.
///
/// The ids belong to one VM, the values to the whole proxy: what two VMs define under one name is
/// one metric (Envoy `Context::defineMetric`).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Metrics {
    names: BTreeMap<u32, (MetricKind, Vec<u8>)>,
    numbers: BTreeMap<(MetricKind, Vec<u8>), u64>,
    samples: BTreeMap<Vec<u8>, Vec<u64>>,
    last: [u32; 3],
}

impl Metrics {
    /// The value of the counter of this name, if one was defined.
    #[must_use]
    pub fn counter(&self, name: &str) -> Option<u64> {
        self.numbers.get(&(MetricKind::Counter, name.as_bytes().to_vec())).copied()
    }

    /// The value of the gauge of this name, if one was defined.
    #[must_use]
    pub fn gauge(&self, name: &str) -> Option<u64> {
        self.numbers.get(&(MetricKind::Gauge, name.as_bytes().to_vec())).copied()
    }

    /// All metrics by kind and name.
    pub fn iter(&self) -> impl Iterator<Item = (MetricKind, &[u8], MetricValue)> {
        let numbers = self
            .numbers
            .iter()
            .map(|((kind, name), value)| (*kind, name.as_slice(), MetricValue::Number(*value)));
        let samples = self.samples.iter().map(|(name, samples)| {
            let value = MetricValue::Samples(samples.clone());
            (MetricKind::Histogram, name.as_slice(), value)
        });
        numbers.chain(samples)
    }

    /// Adds to the counter of this name, for what the proxy itself counts.
    pub(crate) fn count(&mut self, name: &str, offset: u64) {
        let number = self.numbers.entry((MetricKind::Counter, name.as_bytes().to_vec()));
        let number = number.or_default();
        *number = number.saturating_add(offset);
    }

    /// Exchanges the values with those of `other`; ids stay.
    pub(crate) fn swap_values(&mut self, other: &mut Self) {
        std::mem::swap(&mut self.numbers, &mut other.numbers);
        std::mem::swap(&mut self.samples, &mut other.samples);
    }

    /// Gives the metric a new id; a name that is known already keeps its value.
    pub(crate) fn define(&mut self, kind: u32, name: &[u8]) -> Result<u32, Status> {
        let kind = kind_of(kind).ok_or(Status::BAD_ARGUMENT)?;
        let [counter, gauge, histogram] = &mut self.last;
        let (last, tag) = match kind {
            MetricKind::Counter => (counter, 0),
            MetricKind::Gauge => (gauge, 1),
            MetricKind::Histogram => (histogram, 2),
        };
        *last = last.wrapping_add(ID_STEP);
        let id = *last | tag;
        self.names.insert(id, (kind, name.to_vec()));
        match kind {
            MetricKind::Histogram => {
                self.samples.entry(name.to_vec()).or_default();
            }
            MetricKind::Counter | MetricKind::Gauge => {
                self.numbers.entry((kind, name.to_vec())).or_default();
            }
        }
        Ok(id)
    }

    /// Adds to a counter (by 1 or more) or moves a gauge, if gauges move.
    pub(crate) fn increment(&mut self, id: u32, offset: i64, gauges: bool) -> Result<(), Status> {
        let number = self.number(id)?;
        match (kind_of(id & KIND_MASK), offset) {
            (Some(MetricKind::Counter), ..=0) => return Err(Status::BAD_ARGUMENT),
            (Some(MetricKind::Gauge), _) if !gauges => return Err(Status::BAD_ARGUMENT),
            // A gauge goes round below 0: probe `metrics`.
            (Some(MetricKind::Gauge), _) => *number = number.wrapping_add_signed(offset),
            _ => *number = number.saturating_add_signed(offset),
        }
        Ok(())
    }

    /// Does with a counter as told, sets a gauge or takes a sample.
    pub(crate) fn record(
        &mut self,
        id: u32,
        value: u64,
        counters: RecordedCounter,
    ) -> Result<(), Status> {
        let (kind, name) = self.names.get(&id).cloned().ok_or(Status::NOT_FOUND)?;
        match kind {
            MetricKind::Counter => {
                let number = self.numbers.entry((kind, name)).or_default();
                *number = match counters {
                    RecordedCounter::Added => number.saturating_add(value),
                    RecordedCounter::Set => value,
                    RecordedCounter::Misuse => return Err(Status::BAD_ARGUMENT),
                };
            }
            MetricKind::Gauge => {
                self.numbers.insert((kind, name), value);
            }
            MetricKind::Histogram => self.samples.entry(name).or_default().push(value),
        }
        Ok(())
    }

    /// The value of a counter or a gauge.
    pub(crate) fn get(&mut self, id: u32) -> Result<u64, Status> {
        self.number(id).map(|number| *number)
    }

    fn number(&mut self, id: u32) -> Result<&mut u64, Status> {
        match kind_of(id & KIND_MASK) {
            Some(MetricKind::Counter | MetricKind::Gauge) => {}
            Some(MetricKind::Histogram) | None => return Err(Status::BAD_ARGUMENT),
        }
        let key = self.names.get(&id).ok_or(Status::NOT_FOUND)?;
        self.numbers.get_mut(key).ok_or(Status::NOT_FOUND)
    }
}

fn kind_of(number: u32) -> Option<MetricKind> {
    Some(match number {
        0 => MetricKind::Counter,
        1 => MetricKind::Gauge,
        2 => MetricKind::Histogram,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_tell_the_kind_and_names_share_a_value() {
        let mut metrics = Metrics::default();
        let counter = metrics.define(0, b"n").unwrap();
        let gauge = metrics.define(1, b"n").unwrap();
        let again = metrics.define(0, b"n").unwrap();
        assert_eq!((counter, gauge, again), (4, 5, 8));
        metrics.increment(counter, 2, true).unwrap();
        metrics.increment(again, 3, true).unwrap();
        assert_eq!(metrics.counter("n"), Some(5));
        assert_eq!(metrics.gauge("n"), Some(0));
        assert_eq!(metrics.define(3, b"n"), Err(Status::BAD_ARGUMENT));
    }

    #[test]
    fn a_counter_never_goes_down() {
        let mut metrics = Metrics::default();
        let counter = metrics.define(0, b"n").unwrap();
        let gauge = metrics.define(1, b"n").unwrap();
        for offset in [0, -1, i64::MIN] {
            assert_eq!(metrics.increment(counter, offset, true), Err(Status::BAD_ARGUMENT));
            assert_eq!(metrics.increment(gauge, offset, true), Ok(()));
        }
        assert_eq!(metrics.increment(400, 1, true), Err(Status::NOT_FOUND));
    }

    #[test]
    fn hosts_differ_in_what_recording_a_counter_does() {
        let mut metrics = Metrics::default();
        let counter = metrics.define(0, b"n").unwrap();
        let gauge = metrics.define(1, b"n").unwrap();
        metrics.record(counter, 5, RecordedCounter::Added).unwrap();
        metrics.record(counter, 2, RecordedCounter::Added).unwrap();
        assert_eq!(metrics.counter("n"), Some(7));
        metrics.record(counter, 2, RecordedCounter::Set).unwrap();
        assert_eq!(metrics.counter("n"), Some(2));
        let misuse = metrics.record(counter, 2, RecordedCounter::Misuse);
        assert_eq!(misuse, Err(Status::BAD_ARGUMENT));
        metrics.record(gauge, 9, RecordedCounter::Misuse).unwrap();
        assert_eq!(metrics.increment(gauge, 1, false), Err(Status::BAD_ARGUMENT));
        assert_eq!(metrics.gauge("n"), Some(9));
        assert_eq!(metrics.increment(counter, 1, false), Ok(()));
    }

    #[test]
    fn a_histogram_takes_samples_only() {
        let mut metrics = Metrics::default();
        let id = metrics.define(2, b"h").unwrap();
        metrics.record(id, 7, RecordedCounter::Added).unwrap();
        assert_eq!(metrics.increment(id, 1, true), Err(Status::BAD_ARGUMENT));
        assert_eq!(metrics.get(id), Err(Status::BAD_ARGUMENT));
        let all: Vec<_> = metrics.iter().collect();
        let samples = MetricValue::Samples(vec![7]);
        assert_eq!(all, [(MetricKind::Histogram, &b"h"[..], samples)]);
    }
}
