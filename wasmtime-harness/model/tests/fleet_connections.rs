//! TCP connections on the workers of a fleet, and what becomes of them when a VM has ended.

#![allow(
    clippy::unwrap_used,
    reason = "a test; clippy does not see that its helpers are part of it"
)]

mod script;

use proxy_host_model::{
    Callback, ConnectionOutcome, Fleet, Model, OnTrap, Peer, Plan, Recorded, Spawn, Trap,
};

use script::{Answer, CONTINUE, PAUSE, Scripts};

/// Traps at a `!` from the client, holds what does not end in a full stop.
fn filter(model: &mut Model, callback: Callback) -> Answer {
    match callback {
        Callback::Configure { .. } => Ok(Some(1)),
        Callback::DownstreamData { .. } => {
            let bytes = model.get_buffer_bytes(2, 0, 100).unwrap();
            match bytes.last() {
                Some(b'!') => Err(Trap("asked for".to_owned())),
                Some(b'.') => Ok(Some(CONTINUE)),
                _ => Ok(Some(PAUSE)),
            }
        }
        _ => Ok(None),
    }
}

type Run = fn(&mut Model, Callback) -> Answer;

fn fleet(on_trap: OnTrap) -> Fleet<Recorded<Scripts<Run>>> {
    let plan = Plan { workers: 2, on_trap, ..Plan::default() };
    let run: Run = filter;
    let mut fleet = Fleet::new(Recorded(Scripts(run)), plan, Model::default()).unwrap();
    assert!(fleet.start(b"", b"").accepted);
    fleet
}

/// Sends this and ends.
fn send<S: Spawn>(fleet: &mut Fleet<S>, worker: usize, bytes: &[u8]) -> ConnectionOutcome {
    let connection = fleet.open_connection(worker);
    let _ = fleet.downstream_data(&connection, bytes, false);
    fleet.finish_connection(connection)
}

#[track_caller]
fn closed_by_the_proxy(outcome: &ConnectionOutcome) {
    assert!(outcome.failed && !outcome.closed_by_filter);
    assert!(outcome.to_upstream.is_empty());
}

#[test]
fn connections_interleave_on_one_worker_and_on_several() {
    let mut fleet = fleet(OnTrap::Closed);
    let [a, b, c] = [0, 0, 1].map(|worker| fleet.open_connection(worker));
    assert_eq!(fleet.downstream_data(&a, b"one", false), Some(PAUSE));
    assert_eq!(fleet.downstream_data(&b, b"two.", false), Some(CONTINUE));
    assert_eq!(fleet.downstream_data(&c, b"three", false), Some(PAUSE));
    assert_eq!(fleet.downstream_data(&a, b".", true), Some(CONTINUE));
    assert_eq!(fleet.upstream_data(&b, b"back", false), Some(CONTINUE));
    fleet.upstream_close(&a, Peer::Remote);
    fleet.downstream_close(&c, Peer::Remote);
    let [a, b, c] = [a, b, c].map(|connection| fleet.finish_connection(connection));
    assert_eq!([&*a.to_upstream, &*b.to_upstream, &*c.to_upstream], [&b"one."[..], b"two.", b""]);
    assert_eq!((&*b.to_downstream, &*c.held), (&b"back"[..], &b"three"[..]));
    assert!(!a.failed && !b.failed && !c.failed);
}

#[test]
fn a_vm_that_ends_closes_its_connections_as_soon_as_it_would_see_more_of_them() {
    let mut fleet = fleet(OnTrap::Closed);
    let [busy, idle] = [0, 0].map(|worker| fleet.open_connection(worker));
    assert_eq!(fleet.downstream_data(&busy, b"before.", false), Some(CONTINUE));
    closed_by_the_proxy(&send(&mut fleet, 0, b"!"));
    assert_eq!(fleet.upstream_data(&busy, b"after", false), None);
    let busy = fleet.finish_connection(busy);
    assert_eq!((&*busy.to_upstream, &*busy.to_downstream), (&b"before."[..], &b""[..]));
    assert!(busy.failed && busy.trap.is_some());
    let idle = fleet.finish_connection(idle);
    assert!(!idle.failed, "its client went away first");
    assert_eq!(&*send(&mut fleet, 1, b"fine.").to_upstream, b"fine.");
}

#[test]
fn new_connections_follow_the_policy() {
    let mut closed = fleet(OnTrap::Closed);
    closed_by_the_proxy(&send(&mut closed, 0, b"!"));
    closed_by_the_proxy(&send(&mut closed, 0, b"fine."));

    let mut open = fleet(OnTrap::Open);
    closed_by_the_proxy(&send(&mut open, 0, b"!"));
    assert_eq!(&*send(&mut open, 0, b"anything").to_upstream, b"anything");
    assert_eq!(open.unseen(), 1);

    let mut reload = fleet(OnTrap::RELOAD);
    reload.advance(std::time::Duration::from_secs(2));
    let old = reload.open_connection(0);
    closed_by_the_proxy(&send(&mut reload, 0, b"!"));
    assert_eq!(&*send(&mut reload, 0, b"fine.").to_upstream, b"fine.");
    // The new VM has a connection of the same id; this one is not it.
    assert_eq!(reload.downstream_data(&old, b"more.", false), None);
    closed_by_the_proxy(&reload.finish_connection(old));
}
