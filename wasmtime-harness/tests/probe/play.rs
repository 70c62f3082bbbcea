//! Plays a program under the model of Envoy.

use std::time::Duration;

use probe_corpus::{NOW, Program, ROOT_ID, Record, Request, Response, Section, Step};
use proxy_host_model::{
    Fate, Host, HttpCall, LogLevel, LogLine, Model, OpenStream, Profile, Recorder, Service,
    ServiceAnswer,
};
use wasmtime_harness::{Limits, Module, Vm};

use crate::wire;

/// The level from which on Envoy writes lines.
const LEVEL: LogLevel = LogLevel::Info;
/// How long a client waits for an answer, as in the lane through Envoy.
const PATIENCE: Duration = Duration::from_secs(10);
/// How much of what comes after a response belongs to its section in the records.
const AFTERWARDS: Duration = Duration::from_millis(300);
/// How finely time is cut while somebody waits.
const TURN: Duration = Duration::from_millis(1);

type Proxy = Host<Recorder<Vm>>;

pub(crate) fn play(module: &Module, program: &Program) -> Result<Record, String> {
    let mut model = Model::at_secs(NOW);
    model.profile = Profile::ENVOY_1_40;
    model.settings.name = program.name.clone();
    model.settings.root_id = ROOT_ID.to_owned();
    model.settings.vm_id = program.name.clone();
    model.settings.log_level = LEVEL;
    let service = Service::new(program.service.iter().map(wire::service));
    model.callouts.services.insert("service".to_owned(), service);
    let nobody = Service::from(ServiceAnswer::connect_failure());
    model.callouts.services.insert("nobody".to_owned(), nobody);

    let vm = module.vm(model, Limits::default()).map_err(|error| error.to_string())?;
    let mut host = Host::new(Recorder::new(vm));
    let vm_configuration = program.vm_configuration();
    let started = host.start(vm_configuration.as_bytes(), program.configuration.as_bytes());
    let mut record = Record::default();
    let afterwards = wait(&mut host, AFTERWARDS);
    record.sections.push(section("start", &[started.logs, afterwards].concat()));
    for step in &program.step {
        record.sections.push(match step {
            Step::Wait(millis) => {
                let logs = wait(&mut host, Duration::from_millis(*millis));
                section(&format!("wait {millis}"), &logs)
            }
            Step::Request(request) => play_request(&mut host, request),
        });
    }
    Ok(record)
}

fn play_request(host: &mut Proxy, request: &Request) -> Section {
    let mut calls = Vec::new();
    let patience = request.patience.map_or(PATIENCE, Duration::from_millis);
    let stream = host.open(wire::request(request));
    let parts = wire::parts(&request.body, &request.trailers);
    for (i, part) in parts.iter().enumerate() {
        let end = i + 1 == parts.len() && request.trailers.is_empty();
        host.request_body(&stream, part, end);
    }
    if let Some(trailers) = wire::trailers(&request.trailers) {
        host.request_trailers(&stream, trailers);
    }
    let mut waited = Duration::ZERO;
    let mut answered = false;
    while !is_over(host, &stream) && waited < patience {
        note_calls(host, &mut calls);
        if host.fate(&stream) == Fate::Continued && !answered {
            answered = true;
            // The upstream takes longer than the next turn of the worker.
            host.deliver_queues();
            respond(host, &stream, &request.response);
        } else {
            host.advance(TURN);
            waited += TURN;
        }
    }
    let begun = host.progress(&stream, |progress| progress.request.headers.is_some());
    let outcome = host.abandon(stream);
    note_calls(host, &mut calls);
    let logs = [outcome.logs.clone(), wait(host, AFTERWARDS)].concat();
    let mut section = section(&format!("request {}", request.path), &logs);
    for call in calls.iter().filter(|call| call.cluster == "service") {
        section.message("the service got", &wire::to_service(call));
    }
    if begun == Some(true) {
        section.message("the upstream got", &wire::to_upstream(request, &outcome));
    }
    match wire::to_client(request, &outcome) {
        Some(message) => section.message("the client got", &message),
        None => section.lines.push("-- the client got nothing".to_owned()),
    }
    section
}

/// Lets time pass for ticks and calls, with a wall clock that stands still, as the lane's does.
fn wait(host: &mut Proxy, time: Duration) -> Vec<LogLine> {
    host.advance(time);
    host.model(|model| {
        model.clock.set_nanos(NOW * 1_000_000_000);
        model.take_logs()
    })
}

/// Whether the client has all that will ever come.
fn is_over(host: &mut Proxy, stream: &OpenStream) -> bool {
    let over = host.progress(stream, |progress| {
        progress.failed || progress.fate == Fate::Reset || progress.response.complete
    });
    over.unwrap_or(true)
}

fn respond(host: &mut Proxy, stream: &OpenStream, response: &Response) {
    let parts = wire::parts(&response.body, &response.trailers);
    let trailers = wire::trailers(&response.trailers);
    let end = parts.is_empty() && trailers.is_none();
    host.respond_headers(stream, wire::response_headers(response), end);
    for (i, part) in parts.iter().enumerate() {
        host.respond_body(stream, part, i + 1 == parts.len() && trailers.is_none());
    }
    if let Some(trailers) = trailers {
        host.respond_trailers(stream, trailers);
    }
}

/// Writes down the calls that wait for an answer: it takes time, if none at all, until one comes.
fn note_calls(host: &mut Proxy, calls: &mut Vec<HttpCall>) {
    let waiting = host.model(|model| model.callouts.http.clone());
    let last = calls.last().map_or(0, |call| call.token);
    calls.extend(waiting.into_iter().filter(|call| call.token > last));
}

fn section(title: &str, logs: &[LogLine]) -> Section {
    let mut section = Section::new(title);
    for line in logs.iter().filter(|line| line.level >= LEVEL) {
        section.log(&line.level.to_string(), &line.text);
    }
    section
}
