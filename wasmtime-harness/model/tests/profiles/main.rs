//! What profiles change: each field under at least two of them.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test; clippy does not see that its helpers are part of it"
)]

mod calls;
mod contexts;
mod data;
mod messages;
mod properties;
#[path = "../script/mod.rs"]
mod script;
mod table;

use proxy_host_model::{Callback, Model, Profile, Refusal, Request, Status};

const ENVOY: Profile = Profile::ENVOY_1_40;
const NGX: Profile = Profile::NGX_WASM;
const SPEC: Profile = Profile::SPEC_STRICT;
const HOSTILE: Profile = Profile::HOSTILE;

/// What `ask` finds in the headers callback of a plain request, under this profile.
fn in_request<T>(profile: Profile, ask: impl FnOnce(&mut Model) -> T) -> T {
    in_headers_of(script::get(), profile, ask)
}

/// What `ask` finds in the headers callback of this request.
fn in_headers_of<T>(request: Request, profile: Profile, ask: impl FnOnce(&mut Model) -> T) -> T {
    let (mut ask, mut found) = (Some(ask), None);
    let mut host = script::host(|model: &mut Model, callback| {
        if matches!(callback, Callback::RequestHeaders { .. })
            && let Some(ask) = ask.take()
        {
            found = Some(ask(model));
        }
        Ok(Some(u32::from(!matches!(callback, Callback::RequestHeaders { .. }))))
    });
    host.model(|model| model.profile = profile);
    host.start(b"vm", b"plugin");
    host.request(request);
    drop(host);
    found.expect("the filter saw the headers")
}

/// What `ask` finds while the filter is being configured.
fn in_root<T>(profile: Profile, ask: impl FnOnce(&mut Model) -> T) -> T {
    let (mut ask, mut found) = (Some(ask), None);
    let mut host = script::host(|model: &mut Model, callback| {
        if matches!(callback, Callback::Configure { .. })
            && let Some(ask) = ask.take()
        {
            found = Some(ask(model));
        }
        Ok(Some(1))
    });
    host.model(|model| model.profile = profile);
    host.start(b"vm", b"plugin");
    drop(host);
    found.expect("the filter was configured")
}

/// A call that ended with this status.
fn refused<T>(status: Status) -> Result<T, Refusal> {
    Err(Refusal::Status(status))
}

/// Whether a call ended the VM, for a reason that says this.
fn is_trap<T>(found: &Result<T, Refusal>, why: &str) -> bool {
    matches!(found, Err(Refusal::Trap(reason)) if reason.contains(why))
}
