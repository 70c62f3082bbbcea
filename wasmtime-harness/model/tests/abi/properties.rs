//! Properties.

use proxy_host_model::{Callback, Request, Status};

use crate::guest::{filter, get, in_request, refused};

tests! {
    fn properties_come_from_the_request_the_test_and_the_settings() {
        let mut host = filter(|model, callback| {
            if let Callback::RequestHeaders { .. } = callback {
                let mut get = |path: &str| model.get_property(path.replace('.', "\0").as_bytes());
                for (path, expected) in [
                    ("request.path", "/a?b=c"),
                    ("request.url_path", "/a"),
                    ("request.query", "b=c"),
                    ("request.host", "a.test"),
                    ("request.method", "GET"),
                    ("request.scheme", "https"),
                    ("request.referer", "r"),
                    ("request.useragent", "u"),
                    ("request.id", "i"),
                    ("request.headers.x", "1,2"),
                    ("xds.route_name", "r1"),
                    ("xds.node.id", "n1"),
                    ("plugin_name", "filter"),
                    ("plugin_root_id", ""),
                    ("plugin_vm_id", "vm"),
                ] {
                    assert_eq!(get(path), Ok(expected.into()), "{path}");
                }
                for parent in ["", "request", "request.headers", "response", "xds", "xds.node"] {
                    assert_eq!(refused(get(parent)), Status::SERIALIZATION_FAILURE, "{parent}");
                }
                for absent in ["route_name", "request.nothing", "request.headers.y", "xd"] {
                    assert_eq!(refused(get(absent)), Status::NOT_FOUND, "{absent}");
                }
            }
            None
        });
        host.model(|model| model.properties.set(&["xds", "node", "id"], b"n1"));
        let request = Request::from_iter([
            (":path", "/a?b=c"),
            (":authority", "a.test"),
            (":method", "GET"),
            (":scheme", "https"),
            ("referer", "r"),
            ("user-agent", "u"),
            ("x-request-id", "i"),
            ("x", "1"),
            ("x", "2"),
        ]);
        assert!(host.request(request.property(&["xds", "route_name"], b"r1")).continued());
    }

    /// They are those of the headers as the filter sees them.
    fn properties_of_the_request_follow_its_headers_while_they_are_there() {
        let mut seen = Vec::new();
        let mut host = filter(|model, callback| {
            if let Callback::RequestHeaders { .. } = callback {
                model.replace_header_map_value(0, b":path", b"/new").unwrap();
            }
            seen.push((callback.export(), model.get_property(b"request\0path").ok()));
            None
        });
        host.request(get());
        drop(host);
        seen.retain(|(_, path)| path.is_some());
        let path = Some(b"/new".to_vec());
        assert_eq!(seen, [("proxy_on_request_headers", path.clone()), ("proxy_on_log", path)]);
    }

    fn what_is_published_is_there_for_the_rest_of_the_request() {
        let mut host = filter(|model, callback| {
            match callback {
                Callback::RequestHeaders { .. } => {
                    assert_eq!(refused(model.get_property(b"sub")), Status::NOT_FOUND);
                    model.set_property(b"sub", b"eve").unwrap();
                    model.set_property(b"sub", b"alice").unwrap();
                    model.set_property(b"a\0b", b"1").unwrap();
                    model.set_property(b"request\0path", b"/lie").unwrap();
                    assert_eq!(model.get_property(b"request\0path"), Ok(b"/".to_vec()));
                    // The name has a NUL in it, and no way leads there.
                    assert_eq!(refused(model.get_property(b"a\0b")), Status::NOT_FOUND);
                }
                Callback::Log { .. } => {
                    assert_eq!(model.get_property(b"sub"), Ok(b"alice".to_vec()));
                }
                _ => {}
            }
            None
        });
        let published = host.request(get()).published;
        assert_eq!(published[&b"sub"[..]], b"alice");
        assert_eq!(published[&b"a\0b"[..]], b"1");
    }

    fn nothing_is_published_outside_of_a_request() {
        let mut host = filter(|model, callback| match callback {
            Callback::Configure { .. } => {
                model.set_tick_period_milliseconds(1).unwrap();
                Some(1)
            }
            Callback::Tick { .. } => {
                assert_eq!(refused(model.set_property(b"sub", b"")), Status::NOT_FOUND);
                assert_eq!(refused(model.get_property(b"request\0path")), Status::NOT_FOUND);
                assert_eq!(model.get_property(b"plugin_vm_id"), Ok(b"vm".to_vec()));
                None
            }
            _ => None,
        });
        host.tick();
    }

    fn values_are_bytes() {
        in_request(|model| {
            model.set_property(b"sub", b"\0\xff").unwrap();
            assert_eq!(model.get_property(b"sub"), Ok(b"\0\xff".to_vec()));
            model.set_property(b"sub", b"").unwrap();
            assert_eq!(model.get_property(b"sub"), Ok(Vec::new()));
        });
    }
}
