//! Shared data.

use proxy_host_model::Status;

use crate::guest::{in_request, refused};

tests! {
    fn a_value_is_there_once_it_is_set() {
        in_request(|model| {
            assert_eq!(refused(model.get_shared_data(b"k")), Status::NOT_FOUND);
            model.set_shared_data(b"k", b"v", 0).unwrap();
            let (value, cas) = model.get_shared_data(b"k").unwrap();
            assert_eq!(value, b"v");
            assert_ne!(cas, 0);
            // An empty value is one.
            model.set_shared_data(b"", b"", 0).unwrap();
            assert_eq!(model.get_shared_data(b"").unwrap().0, b"");
        });
    }

    fn a_value_that_changed_meanwhile_is_left_alone() {
        in_request(|model| {
            model.set_shared_data(b"k", b"1", 99).expect("there is nothing to compare with");
            let (_, cas) = model.get_shared_data(b"k").unwrap();
            model.set_shared_data(b"k", b"2", cas).unwrap();
            let stale = model.set_shared_data(b"k", b"3", cas);
            assert_eq!(refused(stale), Status::CAS_MISMATCH);
            assert_eq!(model.get_shared_data(b"k").unwrap().0, b"2");
            model.set_shared_data(b"k", b"4", 0).unwrap();
            assert_eq!(model.get_shared_data(b"k").unwrap().0, b"4");
        });
    }

    fn vms_of_another_id_have_their_own() {
        in_request(|model| {
            model.set_shared_data(b"k", b"v", 0).unwrap();
            model.settings.vm_id = "other".to_owned();
            assert_eq!(refused(model.get_shared_data(b"k")), Status::NOT_FOUND);
        });
    }
}
