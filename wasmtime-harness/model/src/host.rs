//! The proxy's part: when a filter is called, and what comes of it.

use std::time::Duration;

use crate::{
    callback::Callback,
    callouts::Answer,
    context::Access,
    headers::Headers,
    local_reply,
    model::{Due, Model},
    outcome::{Fate, Outcome, Startup, Trap},
    request::Request,
    services::{Answered, ServiceAnswer},
    shared::{Consumer, Ready},
    status::Status,
};

/// Something that runs a filter: a WebAssembly engine, or native code.
pub trait Guest {
    /// Gives `visit` the model that this filter's host calls go to.
    ///
    /// The model belongs to the guest since host calls need it while a callback runs.
    fn model<R>(&mut self, visit: impl FnOnce(&mut Model) -> R) -> R;

    /// Calls an exported function of the filter.
    ///
    /// The answer is 0 for a function that returns nothing, and `None` when the filter does not have
    /// it.
    ///
    /// # Errors
    ///
    /// A trap; the filter is not called again after one.
    fn call(&mut self, callback: Callback) -> Result<Option<u32>, Trap>;
}

/// How often queues are looked at in one go, so that a filter that feeds itself ends too.
pub(crate) const QUEUE_TURNS: u32 = 1000;

/// A request that the filter has seen and that has not ended; see [`Host::open`].
#[derive(Debug, Eq, PartialEq)]
#[must_use = "a request ends by Host::finish only"]
pub struct OpenStream(u32);

impl OpenStream {
    /// The stream's context id.
    #[must_use]
    pub fn context(&self) -> u32 {
        self.0
    }
}

/// A proxy with one filter in it, driven step by step.
#[derive(Debug)]
pub struct Host<G> {
    guest: G,
    root: Option<u32>,
    trap: Option<Trap>,
}

impl<G: Guest> Host<G> {
    /// A proxy that has loaded the filter and not started it.
    pub fn new(mut guest: G) -> Self {
        guest.model(|model| model.loading = false);
        Self { guest, root: None, trap: None }
    }

    /// Starts the VM with its first plugin configuration.
    ///
    /// Requests go to this root even if it refused the configuration, as in hosts that go on
    /// regardless; Envoy exits instead.
    pub fn start(&mut self, vm_configuration: &[u8], plugin_configuration: &[u8]) -> Startup {
        self.guest.model(|model| model.vm_configuration = vm_configuration.to_vec());
        let startup = self.add_root(plugin_configuration);
        self.root = Some(startup.root);
        startup
    }

    /// Updates the configuration in the running VM: a new root context beside the old one.
    ///
    /// An accepted one takes over, and the old root ends with the last stream that it has. A refused
    /// one ends at once, and the old root serves on: Envoy finds out in a VM of its own, with the
    /// same result.
    pub fn reconfigure(&mut self, plugin_configuration: &[u8]) -> Startup {
        let startup = self.add_root(plugin_configuration);
        let ended =
            if startup.accepted { self.root.replace(startup.root) } else { Some(startup.root) };
        self.guest.model(|model| {
            if let Some(root) = ended.and_then(|root| model.root_mut(root)) {
                root.retired = true;
            }
        });
        self.end_retired_roots();
        startup
    }

    /// Takes one request through its whole life.
    pub fn request(&mut self, request: Request) -> Outcome {
        let stream = self.open(request);
        self.finish(stream)
    }

    /// Hands a request's headers to the filter.
    pub fn open(&mut self, request: Request) -> OpenStream {
        let root = self.root.unwrap_or_default();
        let end_of_stream = request.end_of_stream;
        let headers = count(&request.headers);
        let context = self.guest.model(|model| model.add_stream(root, request));
        let parent = root;
        self.call(Callback::ContextCreate { context, parent });
        self.guest.model(|model| {
            if let Some(stream) = model.stream_mut(context) {
                stream.request_headers.access = Access::Write;
            }
        });
        let callback = Callback::RequestHeaders { context, headers, end_of_stream };
        let action = self.call(callback).map(|action| action.unwrap_or_default());
        self.guest.model(|model| {
            let stop = model.stop;
            if let Some(stream) = model.stream_mut(context) {
                stream.action = action;
                stream.settle(action.map(|action| if stop { 1 } else { action }));
            }
        });
        OpenStream(context)
    }

    /// Shows the filter a part of a request's body, and gives its answer with what it made of the
    /// part.
    ///
    /// This is done whatever the filter said to the headers: a host may bring the body of a request
    /// that was held back. What has become of the stream does not change, unless the filter
    /// answers or resumes it.
    pub fn request_body(
        &mut self,
        stream: &OpenStream,
        body: &[u8],
        end_of_stream: bool,
    ) -> (Option<u32>, Vec<u8>) {
        let context = stream.0;
        let show = |model: &mut Model, body: Option<Vec<u8>>| {
            let stream = model.stream_mut(context)?;
            std::mem::replace(&mut stream.request_body, body)
        };
        self.guest.model(|model| show(model, Some(body.to_vec())));
        let action = self.call(Callback::RequestBody { context, size: size(body), end_of_stream });
        let body = self.guest.model(|model| show(model, None));
        self.settle();
        (action.map(Option::unwrap_or_default), body.unwrap_or_default())
    }

    /// What has become of an open stream so far.
    pub fn fate(&mut self, stream: &OpenStream) -> Fate {
        self.guest.model(|model| match model.stream_mut(stream.0) {
            Some(stream) if stream.failed && stream.fate == Fate::Paused => Fate::Trapped,
            Some(stream) => stream.fate,
            None => Fate::Reset,
        })
    }

    /// Takes an open stream to its end: the response phase if there is a response, log, done, delete.
    ///
    /// A request that is still paused ends as if its client went away.
    pub fn finish(&mut self, stream: OpenStream) -> Outcome {
        let fate = self.fate(&stream);
        let response = match fate {
            Fate::Continued | Fate::Replied => self.respond(stream.0),
            Fate::Paused | Fate::Reset | Fate::Trapped => None,
        };
        self.end_stream(stream, fate, response)
    }

    /// Ends an open stream whose client went away: no response, but log, done and delete.
    pub fn abandon(&mut self, stream: OpenStream) -> Outcome {
        let fate = self.fate(&stream);
        self.end_stream(stream, fate, None)
    }

    fn end_stream(&mut self, stream: OpenStream, fate: Fate, response: Option<Headers>) -> Outcome {
        let stream = stream.0;
        let failed = self.guest.model(|model| {
            model.open_for_log(stream);
            model.stream_mut(stream).is_some_and(|stream| stream.failed)
        });
        // Envoy's order; the specification logs after done.
        self.call(Callback::Log { context: stream });
        self.call(Callback::Done { context: stream });
        self.call(Callback::Delete { context: stream });
        let trap = self.trap.clone();
        let outcome = self.guest.model(|model| {
            let stream = model.take_stream(stream);
            let logs = model.take_logs();
            let trace = model.take_trace();
            let mut outcome = Outcome {
                fate,
                action: None,
                reply: None,
                request_headers: Headers::default(),
                published: std::collections::BTreeMap::new(),
                response,
                logs,
                trace,
                trap,
                failed,
            };
            if let Some(stream) = stream {
                outcome.action = stream.action;
                outcome.reply = stream.reply;
                outcome.request_headers = stream.request_headers.headers;
                outcome.published = stream.published;
            }
            outcome
        });
        self.end_retired_roots();
        outcome
    }

    /// Delivers the answer to an HTTP call; without headers the call counts as reset.
    ///
    /// Streams that the filter resumes or answers meanwhile are settled. A token that waits for no
    /// answer changes nothing.
    pub fn answer(&mut self, token: u32, headers: Headers, body: &[u8], trailers: Option<Headers>) {
        let Some(call) = self.guest.model(|model| model.callouts.end(token)) else {
            return;
        };
        self.deliver(call.root, token, headers, body, trailers);
    }

    /// Hands an answer to the filter and settles what it makes of it.
    fn deliver(
        &mut self,
        root: u32,
        token: u32,
        headers: Headers,
        body: &[u8],
        trailers: Option<Headers>,
    ) {
        let callback = Callback::HttpCallResponse {
            context: root,
            token,
            headers: count(&headers),
            body: size(body),
            trailers: trailers.as_ref().map_or(0, count),
        };
        self.guest.model(|model| {
            if headers.is_empty() {
                model.callouts.status = (Status::BROKEN_CONNECTION.0, b"reset".to_vec());
            } else {
                model.callouts.answer = Some(Answer { headers, body: body.to_vec(), trailers });
            }
        });
        self.call(callback);
        self.guest.model(|model| {
            model.callouts.answer = None;
            // Envoy forgets the message and keeps the number.
            model.callouts.status.1.clear();
        });
        self.settle();
    }

    /// Lets time pass, and what falls due meanwhile happen at its time: ticks, answers of services,
    /// and calls that run out of time, which Envoy answers with a 504 of its own. Consumers of
    /// queues are told first of all, and after each of these.
    ///
    /// No time at all delivers what is due already. When more than 1000 things are due at the same
    /// instant, the rest waits for the next time: a filter that answers each answer with a new call
    /// would hold up the clock for ever.
    pub fn advance(&mut self, time: Duration) {
        let until = self.guest.model(|model| model.clock.after(time));
        let mut rush = Rush::default();
        self.deliver_queues();
        while let Some(at) = self.next_due(until) {
            let now = self.guest.model(|model| model.clock.monotonic());
            if rush.is_over(at.max(now)) {
                break;
            }
            self.fire();
            self.deliver_queues();
        }
        self.guest.model(|model| model.clock.advance_to(until));
    }

    /// When the next thing falls due, if it does until then: times of the monotonic clock.
    ///
    /// Nothing does in a VM that has ended.
    pub(crate) fn next_due(&mut self, until: u64) -> Option<u64> {
        if self.trap.is_some() {
            return None;
        }
        self.guest.model(|model| model.next_due(until)).map(|(at, _)| at)
    }

    /// Lets time pass until the next thing falls due, and lets it happen.
    pub(crate) fn fire(&mut self) {
        let due = self.guest.model(|model| {
            let due = model.next_due(u64::MAX)?;
            model.clock.advance_to(due.0);
            Some(due)
        });
        let Some((at, due)) = due else {
            return;
        };
        match due {
            Due::Tick(context) => {
                self.guest.model(|model| {
                    if let Some(root) = model.root_mut(context) {
                        let period = u64::from(root.tick_period).saturating_mul(1_000_000);
                        root.next_tick = Some(at.saturating_add(period));
                    }
                });
                self.call(Callback::Tick { context });
                self.settle();
            }
            Due::Answer(_, number) => {
                let arrival = self
                    .guest
                    .model(|model| model.callouts.arrive(number, model.profile.late_answers));
                if let Some(arrival) = arrival {
                    self.arrive(arrival.root, arrival.token, arrival.what);
                }
            }
            Due::Timeout(token) => {
                if let Some(call) = self.guest.model(|model| model.callouts.end(token)) {
                    self.arrive(call.root, token, ServiceAnswer::timeout().what);
                }
            }
        }
    }

    /// Ticks every root that asked for ticks, whenever that was due.
    pub fn tick(&mut self) {
        for context in self.guest.model(|model| model.ticking()) {
            self.call(Callback::Tick { context });
        }
        self.settle();
    }

    /// Tells each queue's consumer of the items that came since the last time, until there are no
    /// more.
    pub fn deliver_queues(&mut self) {
        for _ in 0..QUEUE_TURNS {
            let (place, ready) = self.guest.model(|model| (model.place, model.shared.take_ready()));
            if ready.is_empty() {
                return;
            }
            for ready in ready.into_iter().filter(|ready| ready.consumer.place == place) {
                self.queue_ready(ready);
            }
        }
    }

    /// Tells a root of an item in a queue; one that is gone is told nothing.
    pub(crate) fn queue_ready(&mut self, ready: Ready) {
        let Ready { consumer: Consumer { root: context, .. }, queue } = ready;
        if self.guest.model(|model| model.root_mut(context).is_some()) {
            self.call(Callback::QueueReady { context, queue });
            self.settle();
        }
    }

    /// The root context that new requests go to.
    #[must_use]
    pub fn root(&self) -> Option<u32> {
        self.root
    }

    /// Why the VM ended, if it did; it answers nothing after that.
    #[must_use]
    pub fn trap(&self) -> Option<&Trap> {
        self.trap.as_ref()
    }

    /// Gives `visit` the model.
    pub fn model<R>(&mut self, visit: impl FnOnce(&mut Model) -> R) -> R {
        self.guest.model(visit)
    }

    /// What runs the filter.
    pub fn guest(&mut self) -> &mut G {
        &mut self.guest
    }

    fn arrive(&mut self, root: u32, token: u32, what: Answered) {
        match what {
            Answered::Response { headers, body, trailers } => {
                self.deliver(root, token, headers, &body, trailers);
            }
            Answered::Reset => self.deliver(root, token, Headers::default(), b"", None),
        }
    }

    fn add_root(&mut self, configuration: &[u8]) -> Startup {
        let context = self.guest.model(|model| model.add_root(configuration));
        // The plugin's configuration cannot be read while the VM starts: it may serve many plugins.
        self.guest.model(|model| model.set_configuring(context, true));
        self.call(Callback::ContextCreate { context, parent: 0 });
        let vm_size = self.guest.model(|model| {
            model.set_configuring(context, false);
            size(&model.vm_configuration)
        });
        let started = self.call(Callback::VmStart { context, size: vm_size });
        self.guest.model(|model| model.set_configuring(context, true));
        let configured = self.call(Callback::Configure { context, size: size(configuration) });
        // A function that the filter does not have cannot refuse.
        let yes = |answer: Option<Option<u32>>| answer.is_some_and(|answer| answer != Some(0));
        let vm_started = yes(started);
        let accepted = vm_started && yes(configured);
        let trap = self.trap.clone();
        self.guest.model(|model| {
            model.set_configuring(context, false);
            Startup {
                root: context,
                vm_started,
                accepted,
                logs: model.take_logs(),
                trace: model.take_trace(),
                trap,
            }
        })
    }

    /// Ends the roots that a newer configuration has replaced and that have no more streams: Envoy's
    /// streams hold on to their plugin (`PluginHandleBase::~PluginHandleBase`).
    fn end_retired_roots(&mut self) {
        for root in self.guest.model(|model| model.retired_roots()) {
            self.end_root(root);
        }
    }

    fn end_root(&mut self, root: u32) {
        if self.call(Callback::Done { context: root }).flatten() == Some(0) {
            self.guest.model(|model| {
                if let Some(root) = model.root_mut(root) {
                    root.retired = false;
                    root.pending_done = true;
                }
            });
        } else {
            self.call(Callback::Delete { context: root });
            self.guest.model(|model| model.remove_root(root));
        }
    }

    /// The response phase: of the upstream's response, or of the filter's own reply, which passes
    /// through the filter as well.
    fn respond(&mut self, context: u32) -> Option<Headers> {
        let headers = self.guest.model(|model| {
            let stream = model.stream_mut(context)?;
            let headers = match &stream.reply {
                Some(reply) => {
                    local_reply::response_headers(reply, &stream.request_headers.headers)
                }
                None => stream.upstream_response.clone(),
            };
            let count = count(&headers);
            stream.response_headers.headers = headers;
            stream.response_headers.access = Access::Write;
            stream.resumed = false;
            Some(count)
        })?;
        let callback = Callback::ResponseHeaders { context, headers, end_of_stream: false };
        let answered = self.guest.model(|model| {
            let stream = model.stream_mut(context);
            stream.is_some_and(|stream| stream.reply.is_some())
        });
        let action = self.call(callback)?.unwrap_or_default();
        self.guest.model(|model| {
            let stream = model.stream_mut(context)?;
            stream.response_headers.access = Access::None;
            match &stream.reply {
                Some(reply) if !answered => {
                    Some(local_reply::response_headers(reply, &stream.request_headers.headers))
                }
                _ if stream.reset => None,
                _ if action == 0 || stream.resumed => Some(stream.response_headers.headers.clone()),
                _ => None,
            }
        })
    }

    /// Does what the filter asked for about streams that were paused.
    fn settle(&mut self) {
        let finished = self.guest.model(|model| {
            model.settle_streams();
            model.finished_roots()
        });
        for root in finished {
            self.call(Callback::Delete { context: root });
            self.guest.model(|model| model.remove_root(root));
        }
    }

    /// The filter's answer, or `None` when its VM has ended, which fails the stream that the call
    /// was for (`CHECK_FAIL` of proxy-wasm-cpp-host).
    fn call(&mut self, callback: Callback) -> Option<Option<u32>> {
        let context = callback.context();
        if self.trap.is_none() {
            self.guest.model(|model| model.enter(context));
            match self.guest.call(callback) {
                Ok(answer) => return Some(answer),
                Err(trap) => self.trap = Some(trap),
            }
        }
        self.guest.model(|model| {
            if let Some(stream) = model.stream_mut(context) {
                stream.failed = true;
            }
        });
        None
    }
}

/// How many things happen at one instant of [`Host::advance`].
const AT_ONCE: u32 = 1000;

/// Counts what happens at one instant.
#[derive(Debug, Default)]
pub(crate) struct Rush {
    instant: u64,
    count: u32,
}

impl Rush {
    /// Whether so much has happened at this instant that the next thing has to wait.
    pub(crate) fn is_over(&mut self, instant: u64) -> bool {
        self.count = if self.instant == instant { self.count.saturating_add(1) } else { 1 };
        self.instant = instant;
        self.count > AT_ONCE
    }
}

fn count(headers: &Headers) -> u32 {
    u32::try_from(headers.len()).unwrap_or(u32::MAX)
}

fn size(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}
