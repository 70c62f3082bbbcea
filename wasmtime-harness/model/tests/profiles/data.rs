//! Shared data, queues and metrics.

use proxy_host_model::{Model, Status};

use crate::{ENVOY, HOSTILE, NGX, SPEC, in_request, in_root, is_trap, refused};

#[test]
fn shared_data_and_queues_need_a_zone_in_nginx() {
    let set = |model: &mut Model| model.set_shared_data(b"zone/k", b"v", 0);
    let queue = |model: &mut Model| model.register_shared_queue(b"q").map(|_| ());
    let envoy = (in_request(ENVOY, set), in_request(ENVOY, queue));
    assert_eq!(envoy, (Ok(()), Ok(())));
    for found in [in_request(NGX, set), in_request(NGX, queue)] {
        assert!(is_trap(&found, "in no zone that is declared"), "{found:?}");
    }
    for zone in ["zone", "*"] {
        let found = in_request(NGX, |model| {
            model.settings.zones.insert(zone.to_owned());
            (set(model), model.get_shared_data(b"zone/k").map(|(value, _)| value))
        });
        assert_eq!(found, (Ok(()), Ok(b"v".to_vec())));
    }
    let declared = in_request(NGX, |model| {
        model.settings.zones.insert("q".to_owned());
        queue(model)
    });
    assert_eq!(declared, Ok(()));
}

#[test]
fn a_queue_that_does_not_exist_ends_the_vm_in_nginx() {
    let calls = |model: &mut Model| {
        (model.enqueue_shared_queue(9, b"x"), model.dequeue_shared_queue(9).map(|_| ()))
    };
    let missing = || refused(Status::NOT_FOUND);
    assert_eq!(in_request(ENVOY, calls), (missing(), missing()));
    let (put, taken) = in_request(NGX, calls);
    assert!(is_trap(&put, "no queue 9") && is_trap(&taken, "no queue 9"));
}

#[test]
fn hosts_differ_in_what_a_compare_and_swap_number_means() {
    let sets = |model: &mut Model| {
        model.settings.zones.insert("*".to_owned());
        let new = model.set_shared_data(b"a", b"1", 7);
        let zero = model.set_shared_data(b"b", b"1", 0);
        (new, zero, model.set_shared_data(b"b", b"2", 0))
    };
    let mismatch = || refused(Status::CAS_MISMATCH);
    assert_eq!(in_request(ENVOY, sets), (Ok(()), Ok(()), Ok(())));
    assert_eq!(in_request(SPEC, sets), (mismatch(), Ok(()), Ok(())));
    assert_eq!(in_request(NGX, sets), (mismatch(), Ok(()), mismatch()));
}

#[test]
fn somebody_else_writes_shared_data_in_a_hostile_host() {
    let reads = |model: &mut Model| {
        model.set_shared_data(b"k", b"key", 0).unwrap();
        let (first, cas) = model.get_shared_data(b"k").unwrap();
        let (second, _) = model.get_shared_data(b"k").unwrap();
        (first, second, model.set_shared_data(b"k", b"mine", cas))
    };
    let key = b"key".to_vec();
    assert_eq!(in_request(ENVOY, reads), (key.clone(), key.clone(), Ok(())));
    let changed = b"kex".to_vec();
    assert_eq!(in_request(HOSTILE, reads), (changed, key, refused(Status::CAS_MISMATCH)));
}

#[test]
fn a_metric_needs_a_zone_in_nginx_and_misuse_ends_the_vm() {
    let define = |model: &mut Model| model.define_metric(0, b"n");
    assert_eq!(in_root(ENVOY, define), Ok(4));
    let found = in_root(NGX, define);
    assert!(is_trap(&found, "the process of the host ends: no zone for metrics"), "{found:?}");

    let misuse = |model: &mut Model| {
        model.settings.zones.insert("metrics".to_owned());
        let counter = model.define_metric(0, b"c").unwrap();
        let gauge = model.define_metric(1, b"g").unwrap();
        model.increment_metric(counter, 3).unwrap();
        (
            model.get_metric(404).map(|_| ()),
            model.define_metric(9, b"x").map(|_| ()),
            model.increment_metric(gauge, 1),
            model.record_metric(counter, 5),
            model.get_metric(counter),
        )
    };
    let (missing, bad) = (|| refused(Status::NOT_FOUND), || refused(Status::BAD_ARGUMENT));
    assert_eq!(in_root(ENVOY, misuse), (missing(), bad(), Ok(()), Ok(()), Ok(8)), "it adds");
    assert_eq!(in_root(SPEC, misuse), (missing(), bad(), Ok(()), Ok(()), Ok(5)), "it sets");
    let (unknown, kind, gauge, recorded, value) = in_root(NGX, misuse);
    assert!(is_trap(&unknown, "no such metric"));
    for found in [kind, gauge, recorded] {
        assert!(is_trap(&found, "a metric of this kind"), "{found:?}");
    }
    assert_eq!(value, Ok(3));
}
