//! Metrics.

use proxy_host_model::{Profile, Status, profile::RecordedCounter};

use crate::guest::{in_request, in_request_of, refused};

const COUNTER: u32 = 0;
const GAUGE: u32 = 1;
const HISTOGRAM: u32 = 2;

tests! {
    fn a_counter_counts_up_and_never_down() {
        in_request(|model| {
            let counter = model.define_metric(COUNTER, b"n").unwrap();
            assert_eq!(model.get_metric(counter), Ok(0));
            model.increment_metric(counter, 2).unwrap();
            model.record_metric(counter, 3).unwrap();
            for offset in [0, -1, i64::MIN] {
                let down = model.increment_metric(counter, offset);
                assert_eq!(refused(down), Status::BAD_ARGUMENT, "{offset}");
            }
            assert_eq!(model.get_metric(counter), Ok(5));
            let again = model.define_metric(COUNTER, b"n").unwrap();
            assert_ne!(again, counter);
            assert_eq!(model.get_metric(again), Ok(5), "another id of the same counter");
        });
    }

    fn a_gauge_goes_both_ways() {
        in_request(|model| {
            let gauge = model.define_metric(GAUGE, b"n").unwrap();
            model.record_metric(gauge, 7).unwrap();
            model.increment_metric(gauge, 3).unwrap();
            model.increment_metric(gauge, -4).unwrap();
            assert_eq!(model.get_metric(gauge), Ok(6));
            model.record_metric(gauge, 1).unwrap();
            assert_eq!(model.get_metric(gauge), Ok(1));
        });
    }

    fn a_histogram_takes_samples_and_tells_nothing() {
        in_request(|model| {
            let histogram = model.define_metric(HISTOGRAM, b"n").unwrap();
            model.record_metric(histogram, 7).unwrap();
            assert_eq!(refused(model.increment_metric(histogram, 1)), Status::BAD_ARGUMENT);
            assert_eq!(refused(model.get_metric(histogram)), Status::BAD_ARGUMENT);
        });
    }

    fn a_metric_of_another_kind_or_id_is_refused() {
        in_request(|model| {
            for kind in [3, u32::MAX] {
                assert_eq!(refused(model.define_metric(kind, b"n")), Status::BAD_ARGUMENT);
            }
            for metric in [COUNTER, GAUGE] {
                let missing = Status::NOT_FOUND;
                assert_eq!(refused(model.get_metric(metric)), missing);
                assert_eq!(refused(model.record_metric(metric, 1)), missing);
                assert_eq!(refused(model.increment_metric(metric, 1)), missing);
            }
            assert_eq!(refused(model.record_metric(HISTOGRAM, 1)), Status::NOT_FOUND);
        });
    }

    fn some_hosts_do_not_set_counters() {
        let profile =
            Profile { recorded_counter: RecordedCounter::Misuse, ..Profile::ENVOY_1_40 };
        in_request_of(profile, |model| {
            let counter = model.define_metric(COUNTER, b"n").unwrap();
            assert_eq!(refused(model.record_metric(counter, 3)), Status::BAD_ARGUMENT);
        });
    }
}
