//! Calls to other services.

use std::time::Duration;

use proxy_host_model::{
    Callback, Headers, Model, Profile, Refusal, ServiceAnswer, Status, encode_pairs,
};

use crate::{ENVOY, HOSTILE, NGX, SPEC, in_request, in_root, is_trap, refused, script};

fn call(model: &mut Model, cluster: &str, complete: bool) -> Result<u32, Refusal> {
    let path = [(":method", "GET"), (":path", "/")];
    let all = [&path[..], &[(":authority", "a.test")]].concat();
    let headers: Headers = if complete { all } else { path.to_vec() }.into_iter().collect();
    model.http_call(cluster.as_bytes(), &encode_pairs(&headers), b"", b"", 100)
}

/// The numbers of headers of the answers to one call from a request.
fn answers(profile: Profile, cluster: &str, service: ServiceAnswer) -> Vec<u32> {
    let mut told = Vec::new();
    let mut host = script::host(|model: &mut Model, callback| {
        match callback {
            Callback::RequestHeaders { .. } => drop(call(model, cluster, true).unwrap()),
            Callback::HttpCallResponse { headers, .. } => told.push(headers),
            _ => {}
        }
        Ok(Some(1))
    });
    host.model(|model| {
        model.profile = profile;
        model.callouts.services.insert("known".to_owned(), service.into());
    });
    host.start(b"", b"");
    let stream = host.open(script::get());
    host.advance(Duration::from_secs(1));
    let _ = host.finish(stream);
    drop(host);
    told
}

#[test]
fn a_name_that_no_cluster_has_is_looked_up_in_nginx_and_not_found() {
    let unknown = |model: &mut Model| call(model, "unknown", true).map(|_| ());
    assert_eq!(in_request(ENVOY, unknown), refused(Status::BAD_ARGUMENT));
    assert_eq!(in_request(SPEC, unknown), refused(Status::BAD_ARGUMENT));
    assert_eq!(in_request(NGX, unknown), Ok(()));
    assert_eq!(answers(NGX, "unknown", ServiceAnswer::status(200)), [0], "it fails later");
}

#[test]
fn a_call_that_lacks_a_pseudo_header_is_refused_in_each_hosts_way() {
    for (profile, status) in [
        (ENVOY, Status::BAD_ARGUMENT),
        (SPEC, Status::BAD_ARGUMENT),
        (NGX, Status::INTERNAL_FAILURE),
        (HOSTILE, Status(77)),
    ] {
        let found = in_request(profile, |model| {
            model.settings.clusters.insert("known".to_owned());
            call(model, "known", false).map(|_| ())
        });
        assert_eq!(found, refused(status), "{}", profile.name);
    }
}

#[test]
fn nginx_ends_the_vm_when_it_calls_while_it_is_configured() {
    let ask = |model: &mut Model| {
        model.settings.clusters.insert("known".to_owned());
        call(model, "known", true).map(|_| ())
    };
    assert_eq!(in_root(ENVOY, ask), Ok(()));
    let found = in_root(NGX, ask);
    assert!(is_trap(&found, "a call to a service in this callback"), "{found:?}");
}

#[test]
fn a_service_that_cannot_be_reached_is_a_response_in_envoy_alone() {
    for failure in [ServiceAnswer::connect_failure(), ServiceAnswer::never()] {
        assert_eq!(answers(ENVOY, "known", failure.clone()), [3], "a 503 or 504");
        for profile in [NGX, SPEC, HOSTILE] {
            assert_eq!(answers(profile, "known", failure.clone()), [0], "{}", profile.name);
        }
    }
    let own = ServiceAnswer::status(503);
    assert_eq!(answers(SPEC, "known", own), [1], "a 503 of the service's own is a response");
}

#[test]
fn pairs_that_cannot_be_read_are_none_or_refused() {
    let many: Headers = (0..65).map(|i| (format!("h{i}"), "")).collect();
    let pairs = encode_pairs(&many);
    let send = |model: &mut Model| model.send_local_response(401, b"", b"", &pairs, -1);
    for profile in [ENVOY, NGX, SPEC] {
        assert_eq!(in_request(profile, send), Ok(()), "{}", profile.name);
    }
    assert_eq!(in_request(HOSTILE, send), refused(Status(77)));
}
