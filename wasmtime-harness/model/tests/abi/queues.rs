//! Shared queues.

use proxy_host_model::{Callback, Status};

use crate::guest::{filter, in_request, refused};

tests! {
    fn a_queue_gives_what_it_got_in_order() {
        in_request(|model| {
            let queue = model.register_shared_queue(b"q").unwrap();
            assert_eq!(refused(model.dequeue_shared_queue(queue)), Status::EMPTY);
            model.enqueue_shared_queue(queue, b"a").unwrap();
            model.enqueue_shared_queue(queue, b"").unwrap();
            assert_eq!(model.dequeue_shared_queue(queue), Ok(b"a".to_vec()));
            assert_eq!(model.dequeue_shared_queue(queue), Ok(Vec::new()));
            assert_eq!(refused(model.dequeue_shared_queue(queue)), Status::EMPTY);
        });
    }

    fn a_queue_is_found_by_its_name_and_vm() {
        in_request(|model| {
            let queue = model.register_shared_queue(b"q").unwrap();
            assert_eq!(model.register_shared_queue(b"q"), Ok(queue), "with what is in it");
            assert_eq!(model.resolve_shared_queue(b"", b"q"), Ok(queue));
            assert_eq!(model.resolve_shared_queue(b"vm", b"q"), Ok(queue));
            let missing = Status::NOT_FOUND;
            assert_eq!(refused(model.resolve_shared_queue(b"other", b"q")), missing);
            assert_eq!(refused(model.resolve_shared_queue(b"", b"p")), missing);
            assert_eq!(refused(model.enqueue_shared_queue(queue + 1, b"")), missing);
            assert_eq!(refused(model.dequeue_shared_queue(queue + 1)), missing);
            assert_ne!(model.register_shared_queue(b"p"), Ok(queue));
        });
    }

    fn one_root_is_told_of_each_item_the_last_that_registered() {
        let mut told = Vec::new();
        let mut host = filter(|model, callback| {
            match callback {
                Callback::Configure { .. } => {
                    let queue = model.register_shared_queue(b"q").unwrap();
                    model.enqueue_shared_queue(queue, b"a").unwrap();
                    model.enqueue_shared_queue(queue, b"b").unwrap();
                    return Some(1);
                }
                Callback::Done { context: 1 } => return Some(0),
                Callback::QueueReady { context, queue } => {
                    told.push((context, model.dequeue_shared_queue(queue).unwrap()));
                }
                _ => {}
            }
            None
        });
        host.deliver_queues();
        host.deliver_queues();
        assert!(host.reconfigure(b"").accepted);
        host.deliver_queues();
        drop(host);
        let told: Vec<_> = told.iter().map(|(root, item)| (*root, item.as_slice())).collect();
        assert_eq!(told, [(1, &b"a"[..]), (1, b"b"), (2, b"a"), (2, b"b")]);
    }
}
