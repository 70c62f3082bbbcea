//! A guest that is a closure, in a filter's place.

#![allow(dead_code, reason = "each test uses what it needs")]

use proxy_host_model::{Callback, Guest, Host, Model, Refusal, Request, Spawn, Status, Trap};

pub(crate) const CONTINUE: u32 = 0;
pub(crate) const PAUSE: u32 = 1;
pub(crate) const REQUEST_HEADERS: u32 = 0;
pub(crate) const RESPONSE_HEADERS: u32 = 2;
pub(crate) const PLUGIN_CONFIGURATION: u32 = 7;

pub(crate) type Answer = Result<Option<u32>, Trap>;

/// A filter that is a closure; what it does not handle it does not export.
pub(crate) struct Script<F> {
    model: Model,
    run: F,
}

impl<F: FnMut(&mut Model, Callback) -> Answer> Script<F> {
    pub(crate) fn new(run: F) -> Self {
        Self { model: Model::default(), run }
    }
}

impl<F: FnMut(&mut Model, Callback) -> Answer> Guest for Script<F> {
    fn model<R>(&mut self, visit: impl FnOnce(&mut Model) -> R) -> R {
        visit(&mut self.model)
    }

    fn call(&mut self, callback: Callback) -> Answer {
        (self.run)(&mut self.model, callback)
    }
}

pub(crate) fn host<F: FnMut(&mut Model, Callback) -> Answer>(run: F) -> Host<Script<F>> {
    Host::new(Script::new(run))
}

/// A started host whose filter has only a request headers callback.
pub(crate) fn on_headers<F: FnMut(&mut Model) -> u32>(
    mut run: F,
) -> Host<Script<impl FnMut(&mut Model, Callback) -> Answer>> {
    let mut host = host(move |model: &mut Model, callback| match callback {
        Callback::RequestHeaders { .. } => Ok(Some(run(model))),
        _ => Ok(None),
    });
    assert!(host.start(b"", b"").accepted);
    host
}

pub(crate) fn get() -> Request {
    Request::from_iter([(":method", "GET"), (":path", "/"), (":authority", "a.test")])
}

pub(crate) fn status(status: Status) -> Refusal {
    Refusal::Status(status)
}

/// Makes VMs that all run one filter, given as a plain function.
#[derive(Clone)]
pub(crate) struct Scripts<F>(pub(crate) F);

impl<F: FnMut(&mut Model, Callback) -> Answer + Clone> Spawn for Scripts<F> {
    type Guest = Script<F>;

    fn spawn(&mut self, model: Model) -> Result<Script<F>, String> {
        Ok(Script { model, run: self.0.clone() })
    }
}
