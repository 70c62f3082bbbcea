//! Foreign functions, both ways.

use proxy_host_model::{Callback, Foreign, Status};

use crate::guest::{filter, get, in_request, refused};

const CALL_DATA: u32 = 8;

tests! {
    fn foreign_functions_are_those_of_the_test() {
        in_request(|model| {
            let twice = |arguments: &[u8]| match arguments {
                b"" => Err(Status::NOT_FOUND),
                some => Ok([some, some].concat()),
            };
            model.foreign.insert(b"twice".to_vec(), Foreign::new(twice));
            model.foreign.insert(b"nothing".to_vec(), Ok(Vec::new()).into());
            model.foreign.insert(b"refuse".to_vec(), Err(Status::NOT_FOUND).into());
            assert_eq!(model.call_foreign_function(b"twice", b"ab"), Ok(b"abab".to_vec()));
            assert_eq!(refused(model.call_foreign_function(b"twice", b"")), Status::NOT_FOUND);
            assert_eq!(model.call_foreign_function(b"nothing", b""), Ok(Vec::new()));
            for name in [&b"refuse"[..], b"unknown", b"", b"\xff"] {
                let called = model.call_foreign_function(name, b"");
                assert_eq!(refused(called), Status::NOT_FOUND, "{name:?}");
            }
        });
    }

    fn a_foreign_function_calls_back_with_its_arguments() {
        let mut seen = Vec::new();
        let mut host = filter(|model, callback| {
            match callback {
                Callback::ForeignFunction { context, function, size } => {
                    assert_eq!(model.get_buffer_status(CALL_DATA), Ok((size, 0)));
                    let data = model.get_buffer_bytes(CALL_DATA, 0, size).unwrap();
                    seen.push((context, function, data));
                }
                Callback::RequestHeaders { .. } => {
                    assert_eq!(model.get_buffer_status(CALL_DATA), Ok((0, 0)), "it has gone");
                }
                _ => {}
            }
            None
        });
        host.foreign_callback(1, 42, b"data");
        let stream = host.open(get());
        host.foreign_callback(stream.context(), 7, b"");
        drop(host.finish(stream));
        drop(host);
        assert_eq!(seen, [(1, 42, b"data".to_vec()), (2, 7, Vec::new())]);
    }
}
