//! What a proxy needs that follows real time and sends things on as they come.

#![allow(
    clippy::unwrap_used,
    reason = "a test; clippy does not see that its helpers are part of it"
)]

mod script;

use std::time::Duration;

use proxy_host_model::{
    Callback, Fate, Fleet, FleetStream, Headers, Model, Place, Plan, Progress, Request, Sent, Spawn,
};

use script::{CONTINUE, PAUSE, Scripts};

/// What has gone on to the upstream, and to the client: headers or not, body, end or not.
fn seen<S: Spawn>(fleet: &mut Fleet<S>, stream: &FleetStream) -> (Fate, String, String) {
    let told = |sent: &Sent| {
        let head = if sent.headers.is_some() { "head " } else { "" };
        let end = if sent.complete { " end" } else { "" };
        format!("{head}{}{end}", sent.body.escape_ascii())
    };
    let visit =
        |progress: Progress<'_>| (progress.fate, told(progress.request), told(progress.response));
    fleet.progress(stream, visit).unwrap()
}

fn paused(request: &str, response: &str) -> (Fate, String, String) {
    (Fate::Paused, request.to_owned(), response.to_owned())
}

fn continued(request: &str, response: &str) -> (Fate, String, String) {
    (Fate::Continued, request.to_owned(), response.to_owned())
}

#[test]
fn what_passes_the_filter_is_seen_as_it_passes() {
    let mut fleet = Fleet::new(
        Scripts(|_: &mut Model, callback| match callback {
            // The second part of the request lets go what is held, the response passes freely.
            Callback::RequestBody { size, .. } => Ok(Some(if size < 4 { PAUSE } else { CONTINUE })),
            Callback::Configure { .. } | Callback::VmStart { .. } => Ok(Some(1)),
            _ => Ok(Some(CONTINUE)),
        }),
        Plan::default(),
        Model::default(),
    )
    .unwrap();
    assert!(fleet.start(b"", b"").accepted);
    let head = Headers::from_iter([(":method", "PUT"), (":path", "/")]);
    let stream = fleet.open(0, Request::new(head).to_be_continued());
    assert_eq!(seen(&mut fleet, &stream), continued("head ", ""));
    fleet.request_body(&stream, b"ab", false);
    assert_eq!(seen(&mut fleet, &stream), paused("head ", ""));
    fleet.request_body(&stream, b"cd", true);
    assert_eq!(seen(&mut fleet, &stream), continued("head abcd end", ""));
    fleet.respond_headers(&stream, Headers::from_iter([(":status", "200")]), false);
    fleet.respond_body(&stream, b"x", false);
    assert_eq!(seen(&mut fleet, &stream), continued("head abcd end", "head x"));
    fleet.respond_body(&stream, b"y", true);
    assert_eq!(seen(&mut fleet, &stream), continued("head abcd end", "head xy end"));
    let outcome = fleet.abandon(stream);
    assert_eq!(outcome.response_body, b"xy");
}

#[test]
fn a_fleet_tells_when_it_is_due() {
    let mut fleet = Fleet::new(
        Scripts(|model: &mut Model, callback| {
            if let Callback::Configure { .. } = callback {
                model.set_tick_period_milliseconds(200).unwrap();
            }
            Ok(Some(1))
        }),
        Plan::default(),
        Model::default(),
    )
    .unwrap();
    assert_eq!(fleet.due_in(), None);
    fleet.start(b"", b"");
    assert_eq!(fleet.due_in(), Some(Duration::from_millis(200)));
    fleet.advance(Duration::from_millis(150));
    assert_eq!(fleet.due_in(), Some(Duration::from_millis(50)));
    fleet.advance(Duration::from_millis(50));
    assert_eq!(fleet.due_in(), Some(Duration::from_millis(200)));
}

#[test]
fn what_is_drained_is_in_no_outcome() {
    let mut fleet = Fleet::new(
        Scripts(|model: &mut Model, callback: Callback| {
            model.log(2, callback.export().as_bytes()).unwrap();
            Ok(Some(1))
        }),
        Plan { workers: 2, ..Plan::default() },
        Model::default(),
    )
    .unwrap();
    fleet.start(b"", b"");
    let stream = fleet.open(1, script::get());
    let host = fleet.host(Place::Worker(1)).unwrap();
    let (label, (logs, calls)) =
        host.model(|model| (model.label().map(str::to_owned), model.drain()));
    assert_eq!(label.as_deref(), Some("worker 1"));
    let texts: Vec<&str> = logs.iter().map(|line| line.text.as_str()).collect();
    assert_eq!(texts, ["proxy_on_context_create", "proxy_on_request_headers"]);
    assert_eq!(calls.len(), 2);
    let outcome = fleet.finish(stream);
    let texts: Vec<&str> = outcome.logs.iter().map(|line| line.text.as_str()).collect();
    assert!(!texts.contains(&"proxy_on_request_headers"), "{texts:?}");
    assert!(texts.contains(&"proxy_on_log"), "{texts:?}");
}
