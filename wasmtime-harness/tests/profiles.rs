//! What a profile changes in the engine's part of a host, and what our module makes of it.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

mod filter;
mod module;

use proxy_host_model::{Fate, Host, Model, Profile, Request};
use scenario_corpus::{Form, load};
use wasmtime_harness::{Error, Limits, Module};

use filter::on_headers;

fn under(profile: Profile) -> Model {
    let mut model = Model::default();
    model.profile = profile;
    model
}

#[test]
fn a_module_that_asks_for_what_a_host_has_otherwise_is_not_loaded_there() {
    let bytes = wat::parse_str(include_str!("fixtures/all_imports.wat")).expect("valid");
    let module = Module::from_bytes(&bytes).expect("links");
    for profile in Profile::ALL {
        let loaded = module.vm(under(profile), Limits::default());
        if profile == Profile::NGX_WASM {
            let Err(Error::Refused { host, why }) = loaded else {
                panic!("expected a refusal, found {loaded:?}");
            };
            assert_eq!(host, "ngx_wasm");
            assert_eq!(why.len(), 3, "{why:?}");
            assert!(why.iter().any(|why| why.contains("proxy_get_log_level")), "{why:?}");
        } else {
            assert!(loaded.is_ok(), "{}", profile.name);
        }
    }
}

#[test]
fn a_host_gives_as_many_random_bytes_as_its_profile_says() {
    const INVAL: u32 = 28;
    // Without a limit, it is the filter's memory that is too small for so many.
    const FAULT: u32 = 21;
    for (profile, size, errno) in [
        (Profile::ENVOY_1_40, 60_000, 0),
        (Profile::ENVOY_1_40, 65_537, INVAL),
        (Profile::HOSTILE, 256, 0),
        (Profile::HOSTILE, 257, INVAL),
        (Profile::NGX_WASM, 65_537, FAULT),
    ] {
        let random = r#"(import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))"#;
        let code = format!("(call $random (i32.const 8) (i32.const {size}))");
        let mut host = on_headers(random, &code);
        host.model(|model| model.profile = profile);
        assert_eq!(host.request(filter::get()).action, Some(errno), "{} {size}", profile.name);
    }
}

/// Hosts cut the list of headers that a filter sees; what is behind the cut goes upstream.
#[test]
fn our_module_lets_no_identity_through_behind_the_last_header_that_it_sees() {
    let cases = load().expect("scenarios");
    let case = cases.iter().find(|case| case.name() == "access/public").expect("a scenario");
    let scenario = case.mint(0).expect("minted");
    let sent: Vec<_> = scenario.exchanges[0].headers.clone();
    for profile in Profile::ALL {
        let vm = module::get().vm(under(profile), Limits::default()).expect("loads");
        let mut host = Host::new(vm);
        host.model(|model| model.clock.set_nanos(scenario.now));
        assert!(host.start(b"", scenario.policy.bytes(Form::Json)).accepted);
        let mut send = |fillers: usize, claim: &[(&[u8], &[u8])]| {
            let fillers = (0..fillers).map(|i| (format!("filler-{i}").into_bytes(), b"x".to_vec()));
            let claim = claim.iter().map(|(name, value)| (name.to_vec(), value.to_vec()));
            host.request(Request::new(sent.iter().cloned().chain(fillers).chain(claim).collect()))
        };
        assert!(send(0, &[]).continued(), "{}: an honest request", profile.name);
        for fillers in 85..110 {
            let outcome = send(fillers, &[(b"X-User", b"mallory")]);
            assert_eq!(outcome.fate, Fate::Replied, "{}: {fillers} fillers", profile.name);
        }
    }
}
