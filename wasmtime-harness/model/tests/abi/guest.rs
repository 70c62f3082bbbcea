//! A filter that is a closure, and whose calls are counted.

use std::{cell::RefCell, collections::BTreeSet, fmt::Debug};

use proxy_host_model::{
    Callback, Guest, Headers, Host, Model, Profile, Recorder, Refusal, Request, Status, Trap,
    encode_pairs,
};

pub(crate) const CONTINUE: u32 = 0;
pub(crate) const PAUSE: u32 = 1;

/// What a function of the ABI answered: its name and the name of the status.
pub(crate) type Seen = (String, String);

thread_local! {
    /// What filters on this thread were answered.
    static SEEN: RefCell<BTreeSet<Seen>> = const { RefCell::new(BTreeSet::new()) };
}

/// Runs `tests` on this thread, and tells what their filters were answered.
pub(crate) fn watch(tests: impl Iterator<Item = fn()>) -> BTreeSet<Seen> {
    SEEN.take();
    tests.for_each(|test| test());
    SEEN.take()
}

/// A filter; `None` for a callback that it does not have.
pub(crate) struct Filter<F: FnMut(&mut Model, Callback) -> Option<u32>>(Recorder<Closure<F>>);

/// The part of a filter that is its author's.
pub(crate) struct Closure<F> {
    model: Model,
    run: F,
}

impl<F: FnMut(&mut Model, Callback) -> Option<u32>> Guest for Closure<F> {
    fn model<R>(&mut self, visit: impl FnOnce(&mut Model) -> R) -> R {
        visit(&mut self.model)
    }

    fn call(&mut self, callback: Callback) -> Result<Option<u32>, Trap> {
        Ok((self.run)(&mut self.model, callback))
    }
}

impl<F: FnMut(&mut Model, Callback) -> Option<u32>> Guest for Filter<F> {
    fn model<R>(&mut self, visit: impl FnOnce(&mut Model) -> R) -> R {
        self.0.model(visit)
    }

    fn call(&mut self, callback: Callback) -> Result<Option<u32>, Trap> {
        self.0.call(callback)
    }
}

impl<F: FnMut(&mut Model, Callback) -> Option<u32>> Drop for Filter<F> {
    fn drop(&mut self) {
        let record = self.0.record();
        // A call is shown as `  proxy_name(arguments) -> STATUS`.
        let calls = record.lines().filter_map(|line| {
            let (call, status) = line.strip_prefix("  proxy_")?.rsplit_once(" -> ")?;
            let name = call.split('(').next()?;
            Some((format!("proxy_{name}"), status.to_owned()))
        });
        SEEN.with_borrow_mut(|seen| seen.extend(calls));
    }
}

/// A host that has loaded the filter and not started it; it knows the cluster `known`.
pub(crate) fn load<F: FnMut(&mut Model, Callback) -> Option<u32>>(run: F) -> Host<Filter<F>> {
    let mut model = Model::default();
    model.settings.clusters.insert("known".to_owned());
    Host::new(Filter(Recorder::new(Closure { model, run })))
}

/// A host whose filter is started, with the VM configuration `vm` and the configuration `plugin`.
pub(crate) fn filter<F: FnMut(&mut Model, Callback) -> Option<u32>>(run: F) -> Host<Filter<F>> {
    let mut host = load(run);
    assert!(host.start(b"vm", b"plugin").accepted);
    host
}

/// Runs `run` once, while a filter looks at the headers of [`get`].
pub(crate) fn in_request(run: impl FnOnce(&mut Model)) {
    in_request_of(Profile::ENVOY_1_40, run);
}

/// As [`in_request`], in another host.
pub(crate) fn in_request_of(profile: Profile, run: impl FnOnce(&mut Model)) {
    let mut run = Some(run);
    let mut host = filter(|model, callback| {
        if let Callback::RequestHeaders { .. } = callback {
            (run.take().expect("one request"))(model);
        }
        None
    });
    host.model(|model| model.profile = profile);
    host.request(get());
    drop(host);
    assert!(run.is_none(), "the filter saw the request");
}

pub(crate) fn get() -> Request {
    Request::from_iter([(":method", "GET"), (":path", "/"), (":authority", "a.test")])
}

/// What a call to the cluster `known` needs.
pub(crate) fn call_headers() -> Vec<u8> {
    encode_pairs(&headers(&[(":method", "GET"), (":path", "/k"), (":authority", "k")]))
}

pub(crate) fn headers(pairs: &[(&str, &str)]) -> Headers {
    pairs.iter().copied().collect()
}

/// The status of a call that was refused.
#[track_caller]
pub(crate) fn refused<T: Debug>(result: Result<T, Refusal>) -> Status {
    match result {
        Err(Refusal::Status(status)) => status,
        other => panic!("expected a status, found {other:?}"),
    }
}
