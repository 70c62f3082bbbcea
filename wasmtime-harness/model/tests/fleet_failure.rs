//! What becomes of streams, and of whole VMs, when a VM has ended.

#![allow(
    clippy::unwrap_used,
    reason = "a test; clippy does not see that its helpers are part of it"
)]

mod script;

use std::time::Duration;

use proxy_host_model::{
    Callback, Fate, Fleet, Headers, Model, OnTrap, Outcome, Place, Plan, Profile, Recorded,
    Request, Spawn, Trap,
};

use script::{Answer, CONTINUE, PAUSE, REQUEST_HEADERS, Scripts, get};

const BASE: Duration = Duration::from_secs(1);
const RELOAD: OnTrap = OnTrap::Reload { base: BASE };

/// Traps at `/trap`, in ticks if shared data says so, and in the response to `/late`; holds `/wait`
/// until its call is answered; marks what it lets pass.
fn filter(model: &mut Model, callback: Callback) -> Answer {
    match callback {
        Callback::Configure { .. } => {
            model.set_tick_period_milliseconds(1000).unwrap();
            match model.get_shared_data(b"refuse") {
                Ok(_) => Ok(Some(0)),
                Err(_) => Ok(Some(1)),
            }
        }
        Callback::Tick { .. } => match model.get_shared_data(b"trap in ticks") {
            Ok(_) => Err(Trap("tick".to_owned())),
            Err(_) => Ok(None),
        },
        Callback::RequestHeaders { .. } => {
            match &*model.get_header_map_value(REQUEST_HEADERS, b":path").unwrap() {
                b"/trap" => {
                    // What it asked for in the same callback goes with it.
                    model.send_local_response(200, b"", b"mine", &[], -1).unwrap();
                    Err(Trap("asked for".to_owned()))
                }
                b"/wait" => {
                    let headers = [(":method", "GET"), (":path", "/"), (":authority", "a.test")];
                    let headers = proxy_host_model::encode_pairs(&Headers::from_iter(headers));
                    model.http_call(b"keys", &headers, b"", b"", 0).unwrap();
                    Ok(Some(PAUSE))
                }
                _ => {
                    model.replace_header_map_value(REQUEST_HEADERS, b"x-seen", b"1").unwrap();
                    Ok(Some(CONTINUE))
                }
            }
        }
        Callback::HttpCallResponse { .. } => Err(Trap("answered".to_owned())),
        Callback::ContextCreate { .. } | Callback::VmStart { .. } => Ok(Some(1)),
        _ => Ok(None),
    }
}

type Run = fn(&mut Model, Callback) -> Answer;

fn fleet(workers: usize, on_trap: OnTrap) -> Fleet<Recorded<Scripts<Run>>> {
    with_model(workers, on_trap, Model::default())
}

fn with_model(workers: usize, on_trap: OnTrap, mut model: Model) -> Fleet<Recorded<Scripts<Run>>> {
    model.settings.clusters.insert("keys".to_owned());
    let plan = Plan { workers, main: true, canary: true, on_trap, seed: 7 };
    let run: Run = filter;
    let mut fleet = Fleet::new(Recorded(Scripts(run)), plan, model).unwrap();
    assert!(fleet.start(b"", b"policy").accepted);
    fleet
}

fn at(path: &str) -> Request {
    let mut request = get();
    request.headers.replace(b":path", path.as_bytes());
    request
}

fn set<S: Spawn>(fleet: &mut Fleet<S>, key: &str) {
    fleet.world(|world| world.shared.set(b"vm", key.as_bytes(), b"", 0)).unwrap();
}

#[track_caller]
fn seen(outcome: &Outcome) {
    assert_eq!(outcome.fate, Fate::Continued);
    assert_eq!(outcome.request_headers.first("x-seen"), Some(&b"1"[..]));
    assert_eq!(outcome.trap, None);
}

#[track_caller]
fn unseen(outcome: &Outcome) {
    assert_eq!(outcome.fate, Fate::Continued);
    assert_eq!(outcome.request_headers.first("x-seen"), None);
    assert_eq!(outcome.response.as_ref().unwrap().first(":status"), Some(&b"200"[..]));
}

#[track_caller]
fn failed(outcome: &Outcome) {
    let reply = outcome.reply.as_ref().unwrap();
    assert_eq!(
        (reply.status, &*reply.body, &*reply.details),
        (503, &b""[..], &b"wasm_fail_stream"[..])
    );
    let response = outcome.response.as_ref().unwrap();
    assert_eq!(response.first(":status"), Some(&b"503"[..]));
    assert!(outcome.response_complete && outcome.response_body.is_empty());
}

#[track_caller]
fn trapped(outcome: &Outcome) {
    failed(outcome);
    assert_eq!(outcome.fate, Fate::Trapped);
    assert!(outcome.trap.is_some());
}

fn counter<S: Spawn>(fleet: &mut Fleet<S>, name: &str) -> Option<u64> {
    fleet.world(|world| world.metrics.counter(&format!("wasm.filter.{name}")))
}

#[test]
fn fail_closed_answers_503_for_ever_and_leaves_other_workers_alone() {
    for on_trap in [OnTrap::Closed, OnTrap::AsHost] {
        let mut fleet = fleet(2, on_trap);
        trapped(&fleet.request(0, at("/trap")));
        for _ in 0..3 {
            fleet.advance(Duration::from_secs(3600));
            let outcome = fleet.request(0, at("/"));
            failed(&outcome);
            assert_eq!(outcome.fate, Fate::Replied);
            seen(&fleet.request(1, at("/")));
        }
        assert!(fleet.reloads().is_empty());
        assert_eq!(fleet.unseen(), 0);
    }
}

#[test]
fn a_new_configuration_brings_a_new_vm() {
    let mut fleet = fleet(2, OnTrap::Closed);
    trapped(&fleet.request(0, at("/trap")));
    let started = fleet.configure(b"policy");
    assert!(started.accepted && started.remembered);
    let asked: Vec<Place> = started.vms.iter().map(|(place, _)| *place).collect();
    assert_eq!(asked, [Place::Worker(0)], "the others serve this configuration already");
    seen(&fleet.request(0, at("/")));
    trapped(&fleet.request(1, at("/trap")));
    assert!(fleet.configure(b"other").accepted);
    seen(&fleet.request(1, at("/")));
}

#[test]
fn fail_open_passes_all_that_follows_unseen() {
    let mut fleet = fleet(2, OnTrap::Open);
    trapped(&fleet.request(0, at("/trap")));
    unseen(&fleet.request(0, at("/")));
    unseen(&fleet.request(0, at("/trap")));
    seen(&fleet.request(1, at("/")));
    assert_eq!(fleet.unseen(), 2);
    let record = fleet.world(|world| world.record.clone());
    let after = record.rsplit("= trap: asked for").next().unwrap();
    assert!(!after.contains("worker 0:"), "nothing calls the VM: {after}");
}

#[test]
fn fail_reload_answers_503_within_the_backoff_and_then_reloads() {
    let mut fleet = fleet(1, RELOAD);
    set(&mut fleet, "kept");
    fleet.advance(BASE * 2);
    trapped(&fleet.request(0, at("/trap")));
    // The VM was loaded longer ago than the longest time.
    seen(&fleet.request(0, at("/")));
    trapped(&fleet.request(0, at("/trap")));
    // Now it was loaded at this instant.
    let outcome = fleet.request(0, at("/"));
    failed(&outcome);
    assert_eq!(outcome.fate, Fate::Replied);
    fleet.advance(BASE - Duration::from_millis(1));
    failed(&fleet.request(0, at("/")));
    fleet.advance(Duration::from_millis(501));
    seen(&fleet.request(0, at("/")));
    assert_eq!(counter(&mut fleet, "vm_reload_success"), Some(2));
    assert_eq!(counter(&mut fleet, "vm_reload_backoff"), Some(2));
    assert_eq!(counter(&mut fleet, "vm_reload_failure"), None);
    assert_eq!(fleet.reloads().len(), 2);
    assert!(fleet.world(|world| world.shared.get(b"vm", b"kept")).is_ok());
}

#[test]
fn the_backoff_is_between_one_and_one_and_a_half_of_its_base() {
    let mut waits = Vec::new();
    let mut fleet = fleet(1, RELOAD);
    fleet.advance(BASE * 2);
    for _ in 0..40 {
        trapped(&fleet.request(0, at("/trap")));
        seen(&fleet.request(0, at("/")));
        trapped(&fleet.request(0, at("/trap")));
        let mut waited = Duration::ZERO;
        let step = Duration::from_millis(25);
        loop {
            let outcome = fleet.request(0, at("/"));
            if outcome.fate == Fate::Continued {
                break;
            }
            fleet.advance(step);
            waited += step;
        }
        waits.push(waited);
        fleet.advance(BASE * 2);
    }
    assert!(waits.iter().all(|wait| (BASE..=BASE * 3 / 2).contains(wait)), "{waits:?}");
    waits.sort_unstable();
    waits.dedup();
    assert!(waits.len() > 3, "drawn anew for each stream: {waits:?}");
}

#[test]
fn the_backoff_begins_with_each_loading_and_each_configuration() {
    let mut fleet = fleet(1, RELOAD);
    trapped(&fleet.request(0, at("/trap")));
    failed(&fleet.request(0, at("/")));
    fleet.advance(BASE * 2);
    seen(&fleet.request(0, at("/")));
    fleet.advance(BASE * 2);
    assert!(fleet.configure(b"other").accepted);
    trapped(&fleet.request(0, at("/trap")));
    failed(&fleet.request(0, at("/")));
    assert_eq!(counter(&mut fleet, "vm_reload_backoff"), Some(2));
}

#[test]
fn a_reload_that_is_refused_counts_as_a_failure_and_is_tried_again() {
    let mut fleet = fleet(1, RELOAD);
    fleet.advance(BASE * 2);
    trapped(&fleet.request(0, at("/trap")));
    set(&mut fleet, "refuse");
    failed(&fleet.request(0, at("/")));
    failed(&fleet.request(0, at("/")));
    assert_eq!(counter(&mut fleet, "vm_reload_failure"), Some(1));
    assert_eq!(counter(&mut fleet, "vm_reload_backoff"), Some(1));
    let reload = &fleet.reloads()[0];
    assert_eq!((reload.worker, reload.at, reload.startup.accepted), (0, 2_000_000_000, false));
    fleet.advance(BASE * 2);
    failed(&fleet.request(0, at("/")));
    assert_eq!(counter(&mut fleet, "vm_reload_failure"), Some(2));
    assert_eq!(counter(&mut fleet, "vm_reload_success"), None);
}

#[test]
fn a_trap_in_ticks_ends_the_main_thread_for_good_and_workers_until_their_next_request() {
    let mut fleet = fleet(2, RELOAD);
    set(&mut fleet, "trap in ticks");
    fleet.advance(BASE);
    for place in fleet.places() {
        assert!(fleet.host(place).unwrap().trap().is_some(), "{place}");
    }
    fleet.world(|world| world.shared = proxy_host_model::Shared::default());
    fleet.advance(BASE);
    for worker in [0, 1] {
        assert!(fleet.host(Place::Worker(worker)).unwrap().trap().is_some(), "no request came");
        seen(&fleet.request(worker, at("/")));
        assert_eq!(fleet.host(Place::Worker(worker)).unwrap().trap(), None);
    }
    fleet.advance(BASE * 100);
    assert!(fleet.host(Place::Main).unwrap().trap().is_some());
    let record = fleet.world(|world| world.record.clone());
    assert_eq!(record.matches("main: proxy_on_tick(").count(), 1);
    assert_eq!(record.matches("worker 0: proxy_on_tick(").count(), 101);
    assert_eq!(counter(&mut fleet, "vm_reload_success"), Some(2));
}

#[test]
fn open_streams_of_a_vm_that_ends_fail_when_it_would_be_called_for_them() {
    let mut fleet = fleet(1, OnTrap::Closed);
    let [upstream, waiting, gone] = ["/", "/wait", "/wait"].map(|path| fleet.open(0, at(path)));
    let [body, answered] = ["/", "/"].map(|path| fleet.open(0, at(path).to_be_continued()));
    let headers = Headers::from_iter([(":status", "200")]);
    assert_eq!(fleet.respond_headers(&answered, headers, false), Some(CONTINUE));
    trapped(&fleet.request(0, at("/trap")));
    // It has reached the upstream; its response cannot be shown to the filter.
    let outcome = fleet.finish(upstream);
    failed(&outcome);
    assert_eq!(outcome.fate, Fate::Continued);
    assert!(outcome.trap.is_some());
    // Nothing calls the VM for a stream that waits, so nothing finds out.
    assert_eq!(fleet.fate(&waiting), Fate::Paused);
    let outcome = fleet.finish(waiting);
    assert_eq!((outcome.fate, outcome.response, outcome.reply), (Fate::Paused, None, None));
    assert_eq!(fleet.abandon(gone).response, None);
    assert_eq!(fleet.request_body(&body, b"x", true), None);
    let outcome = fleet.finish(body);
    failed(&outcome);
    assert!(!outcome.request_complete && outcome.request_body.is_empty());
    // What the client has got of a response cannot be taken back; it is cut off.
    assert_eq!(fleet.respond_body(&answered, b"x", true), None);
    let outcome = fleet.finish(answered);
    assert_eq!(outcome.reply, None);
    assert_eq!(outcome.response.unwrap().first(":status"), Some(&b"200"[..]));
    assert!(outcome.response_body.is_empty() && !outcome.response_complete);
    let record = fleet.world(|world| world.record.clone());
    let after = record.rsplit("= trap: asked for").next().unwrap();
    assert!(!after.contains("proxy_on"), "no log, no done, no delete: {after}");
}

#[test]
fn a_trap_in_an_answer_leaves_the_stream_waiting() {
    let mut fleet = fleet(1, RELOAD);
    fleet.advance(BASE * 2);
    let waiting = fleet.open(0, at("/wait"));
    let host = fleet.host(Place::Worker(0)).unwrap();
    let token = host.model(|model| model.callouts.http[0].token);
    host.answer(token, Headers::from_iter([(":status", "200")]), b"", None);
    assert!(fleet.host(Place::Worker(0)).unwrap().trap().is_some());
    assert_eq!(fleet.fate(&waiting), Fate::Paused);
    // The new VM knows nothing of it, and the ids of its contexts are its own.
    let next = fleet.open(0, at("/"));
    assert_eq!(next.context(), waiting.context());
    seen(&fleet.finish(next));
    let outcome = fleet.finish(waiting);
    assert_eq!((outcome.fate, outcome.response), (Fate::Paused, None));
    assert_eq!(outcome.trap, Some(Trap("answered".to_owned())));
}

#[test]
fn where_a_trap_costs_a_request_the_next_one_gets_a_new_vm_at_once() {
    let mut model = Model::default();
    model.profile = Profile::NGX_WASM;
    model.settings.name = "ngx".to_owned();
    let mut fleet = with_model(1, OnTrap::AsHost, model);
    for _ in 0..3 {
        let outcome = fleet.request(0, at("/trap"));
        assert_eq!(outcome.reply.unwrap().status, 500);
        assert_eq!(outcome.fate, Fate::Trapped);
        seen(&fleet.request(0, at("/")));
    }
    assert_eq!(fleet.reloads().len(), 3);
    assert_eq!(counter(&mut fleet, "vm_reload_success"), None, "a counter of Envoy");
}

#[test]
fn a_trap_at_the_start_makes_the_proxy_exit() {
    let plan = Plan { main: true, canary: true, on_trap: RELOAD, ..Plan::default() };
    for trapping in ["proxy_on_context_create", "proxy_on_vm_start", "proxy_on_configure"] {
        let run = move |_: &mut Model, callback: Callback| match callback.export() {
            name if name == trapping => Err(Trap("boom".to_owned())),
            _ => Ok(Some(1)),
        };
        let mut fleet = Fleet::new(Recorded(Scripts(run)), plan.clone(), Model::default()).unwrap();
        let started = fleet.start(b"", b"");
        assert!(!started.accepted && started.vms.is_empty());
        assert_eq!(started.canary.unwrap().trap, Some(Trap("boom".to_owned())));
        assert!(fleet.exited());
        let outcome = fleet.request(0, get());
        assert_eq!((outcome.fate, outcome.response), (Fate::Reset, None));
        assert!(!fleet.configure(b"better").accepted, "there is nobody to tell");
    }
}
