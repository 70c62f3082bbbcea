//! Properties.

use proxy_host_model::{Model, Profile, Request, Status};

use crate::{ENVOY, HOSTILE, NGX, SPEC, in_headers_of, in_request, in_root, is_trap, refused};

fn request() -> Request {
    crate::script::get()
        .property(&["xds", "route_name"], b"r")
        .property(&["route_name"], b"r")
        .property(&["connection", "mtls"], &[1])
        .property(&["source", "address"], b"192.0.2.1:33964")
}

fn property(profile: Profile, path: &'static [u8]) -> Result<Vec<u8>, proxy_host_model::Refusal> {
    in_headers_of(request(), profile, move |model| model.get_property(path))
}

#[test]
fn hosts_know_different_properties() {
    let r = || Ok(b"r".to_vec());
    let missing = || refused(Status::NOT_FOUND);
    for (profile, xds, bare, path) in [
        (ENVOY, r(), missing(), Ok(b"/".to_vec())),
        (NGX, missing(), missing(), Ok(b"/".to_vec())),
        (SPEC, missing(), missing(), missing()),
        (HOSTILE, Ok(Vec::new()), Ok(Vec::new()), Ok(Vec::new())),
    ] {
        let name = profile.name;
        assert_eq!(property(profile, b"xds\0route_name"), xds, "{name}");
        assert_eq!(property(profile, b"route_name"), bare, "{name}");
        assert_eq!(property(profile, b"request\0path"), path, "{name}");
    }
}

#[test]
fn hosts_write_the_same_property_in_different_ways() {
    for (profile, mtls, address) in [
        (ENVOY, &[1][..], &b"192.0.2.1:33964"[..]),
        (NGX, b"true", b"192.0.2.1"),
        (SPEC, &[1], b"192.0.2.1"),
    ] {
        let name = profile.name;
        assert_eq!(property(profile, b"connection\0mtls"), Ok(mtls.to_vec()), "{name}");
        assert_eq!(property(profile, b"source\0address"), Ok(address.to_vec()), "{name}");
    }
}

#[test]
fn the_parent_of_properties_is_none_in_nginx() {
    for (profile, status) in [
        (ENVOY, Status::SERIALIZATION_FAILURE),
        (SPEC, Status::SERIALIZATION_FAILURE),
        (NGX, Status::NOT_FOUND),
    ] {
        assert_eq!(property(profile, b"connection"), refused(status), "{}", profile.name);
    }
}

#[test]
fn a_root_has_no_properties_in_nginx_and_asking_for_its_own_ends_the_process() {
    let ask = |profile, path: &'static [u8]| {
        in_root(profile, move |model: &mut Model| {
            model.properties.set(&["node", "id"], b"n");
            model.properties.set(&["source", "port"], b"1");
            model.get_property(path)
        })
    };
    assert_eq!(ask(ENVOY, b"source\0port"), Ok(b"1".to_vec()));
    assert_eq!(ask(NGX, b"source\0port"), refused(Status::INTERNAL_FAILURE));
    assert_eq!(ask(ENVOY, b"plugin_name"), Ok(b"filter".to_vec()));
    let own = ask(NGX, b"plugin_name");
    assert!(is_trap(&own, "the process of the host ends: plugin_name"), "{own:?}");
    let in_request = property(NGX, b"plugin_name");
    assert_eq!(in_request, Ok(b"filter".to_vec()), "a request may ask for it");
}

#[test]
fn hosts_let_different_properties_be_set() {
    let set = |profile, path: &'static [u8]| {
        in_request(profile, move |model| {
            let set = model.set_property(path, b"v");
            (set, model.get_property(path))
        })
    };
    let v = || Ok(b"v".to_vec());
    let missing = || refused(Status::NOT_FOUND);
    let no = || (refused(Status::NOT_FOUND), missing());
    assert_eq!(set(ENVOY, b"sub"), (Ok(()), v()));
    assert_eq!(set(NGX, b"sub"), no());
    assert_eq!(set(SPEC, b"sub"), no());
    assert_eq!(set(ENVOY, b"wasmx\0sub"), (Ok(()), missing()), "Envoy keeps the NUL in the name");
    assert_eq!(set(NGX, b"wasmx\0sub"), (Ok(()), v()));
    assert_eq!(set(SPEC, b"plugin_name"), (Ok(()), v()), "it exists");
    assert_eq!(set(ENVOY, b"plugin_name"), (Ok(()), Ok(b"filter".to_vec())), "set and not seen");
    assert_eq!(set(HOSTILE, b"sub").0, refused(Status::INTERNAL_FAILURE));
}
