//! The state of the host side of one VM.

use std::collections::BTreeMap;

use crate::{
    callback::Callback,
    callouts::Callouts,
    clock::Clock,
    connection::Connection,
    context::{Context, Known, Root, Stream},
    fault::{Fault, Faults},
    foreign::Foreign,
    journal::Journal,
    metrics::Metrics,
    outcome::{LogLevel, LogLine},
    place::Place,
    profile::{ContextIds, Profile, Time},
    properties::Properties,
    random::Random,
    request::Request,
    settings::Settings,
    shared::Shared,
    status::{Refusal, Status},
    trace::Call,
};

/// A second in nanoseconds.
const SECOND: u64 = 1_000_000_000;

/// Something that happens when its time has come.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Due {
    /// A root is ticked.
    Tick(u32),
    /// The answer with this number to the call with this token arrives.
    Answer(u32, u64),
    /// The HTTP or gRPC call with this token has waited long enough.
    Timeout(u32),
}

/// The host side of one VM: everything that host calls read and change.
///
/// The public fields may be set at any time between callbacks.
#[derive(Clone, Debug)]
pub struct Model {
    /// Which host it is, where hosts differ.
    pub profile: Profile,
    /// What the proxy's configuration says about the filter.
    pub settings: Settings,
    /// Properties that every context sees, such as those of the node.
    pub properties: Properties,
    /// Time.
    pub clock: Clock,
    /// Random bytes for WASI.
    pub random: Random,
    /// Shared data and queues.
    pub shared: Shared,
    /// Metrics.
    pub metrics: Metrics,
    /// Calls to other services.
    pub callouts: Callouts,
    /// Functions beyond the ABI, by name: what each answers, whatever it is asked.
    pub foreign: BTreeMap<Vec<u8>, Foreign>,
    /// Whether the record of calls keeps their arguments, which takes time.
    pub trace_arguments: bool,

    pub(crate) contexts: BTreeMap<u32, Context>,
    pub(crate) vm_configuration: Vec<u8>,
    /// The arguments of a foreign function that calls back.
    pub(crate) call_data: Vec<u8>,
    pub(crate) current: u32,
    pub(crate) effective: Option<u32>,
    pub(crate) loading: bool,
    pub(crate) stop: bool,
    /// The thread that the VM is on; queues belong to threads.
    pub(crate) place: Place,
    /// What the record calls the VM, for a proxy with several.
    pub(crate) label: Option<String>,
    /// What a recorder wrote down.
    pub(crate) record: String,
    pub(crate) logs: Journal<LogLine>,
    pub(crate) trace: Journal<Call>,
    pub(crate) faults: Faults,
    /// Whether every host lets the filter call other services in this callback.
    pub(crate) calls_out: bool,
    /// The first reading of the wall clock in this callback, and how many there were.
    readings: Option<(u64, u64)>,
    last_context: u32,
    /// Where random ids come from, once there is one.
    ids: Option<Random>,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            profile: Profile::default(),
            settings: Settings::default(),
            properties: Properties::default(),
            clock: Clock::default(),
            random: Random::default(),
            shared: Shared::default(),
            metrics: Metrics::default(),
            callouts: Callouts::default(),
            foreign: BTreeMap::new(),
            trace_arguments: false,
            contexts: BTreeMap::new(),
            vm_configuration: Vec::new(),
            call_data: Vec::new(),
            current: 0,
            effective: None,
            loading: true,
            stop: false,
            place: Place::Worker(0),
            label: None,
            record: String::new(),
            logs: Journal::default(),
            trace: Journal::default(),
            faults: Faults::default(),
            calls_out: false,
            readings: None,
            last_context: 0,
            ids: None,
        }
    }
}

impl Model {
    /// A host whose clock stands still at this many seconds since the Unix epoch.
    #[must_use]
    pub fn at_secs(secs: u64) -> Self {
        Self { clock: Clock::at_secs(secs), ..Self::default() }
    }

    /// Lets this go wrong from here on, and nothing else.
    pub fn inject(&mut self, fault: Fault) {
        self.heal();
        self.add_fault(fault);
    }

    /// Lets this go wrong too; it begins to count its calls now.
    ///
    /// Of several faults that hit the same call, the one that was added first wins.
    pub fn add_fault(&mut self, fault: Fault) {
        self.faults.add(fault);
    }

    /// Lets everything work again.
    pub fn heal(&mut self) {
        self.faults.clear();
    }

    /// Whether a function of WASI works that a binding is about to carry out.
    ///
    /// # Errors
    ///
    /// What it answers instead, as WASI's `errno`, or that the VM ends.
    pub fn wasi_call(&mut self, function: &str) -> Result<(), Refusal> {
        self.faults.wasi_call(function).map_or(Ok(()), Err)
    }

    /// Whether the filter's allocator works when a binding is about to ask it for so many bytes.
    ///
    /// # Errors
    ///
    /// What becomes of the host call that needs them: a fault says that the allocator gives nothing,
    /// or ends the VM.
    pub fn allocation(&mut self, size: u32) -> Result<(), Refusal> {
        self.faults.allocation(size).map_or(Ok(()), Err)
    }

    /// Reads the wall clock as the profile lets a filter see it, in nanoseconds since the Unix epoch.
    pub fn read_wall(&mut self) -> u64 {
        let now = self.clock.read_wall();
        let (first, readings) = self.readings.get_or_insert((now, 0));
        let seen = match self.profile.time {
            Time::Flows => now,
            Time::Stands => *first,
            Time::GoesBack => now.saturating_sub(readings.saturating_mul(SECOND)),
        };
        *readings = readings.saturating_add(1);
        seen
    }

    /// Records a line that the filter wrote to its standard output or error.
    pub fn print(&mut self, level: LogLevel, text: &[u8]) {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        self.write_log(level, text);
    }

    /// Changes the status of the call just made, for a binding that could not hand over its result.
    pub fn amend(&mut self, status: Status) {
        if let Some(last) = self.trace.last_mut() {
            last.status = status;
        }
    }

    /// Records a call that a binding refused before the model saw it.
    pub fn refuse(&mut self, name: &'static str, status: Status) {
        // It counts as a call, and how it ends is settled already.
        let _ = self.faults.call(name);
        self.write_call(Call { name, arguments: None, status });
    }

    /// The number of calls in the record, so that a binding can tell whether one was added.
    #[must_use]
    pub fn calls_recorded(&self) -> usize {
        self.trace.len()
    }

    /// The calls in the record from the one with this number on.
    pub fn calls_since(&self, from: usize) -> impl Iterator<Item = &Call> {
        self.trace.since(from)
    }

    /// The number of log lines that no outcome has told of yet.
    #[must_use]
    pub fn logs_recorded(&self) -> usize {
        self.logs.len()
    }

    /// Those log lines, from the one with this number on.
    pub fn logs_since(&self, from: usize) -> impl Iterator<Item = &LogLine> {
        self.logs.since(from)
    }

    pub(crate) fn enter(&mut self, callback: &Callback) {
        self.current = callback.context();
        self.calls_out = callback.may_call_out();
        self.readings = None;
        self.effective = None;
        self.stop = false;
    }

    /// Lets host calls speak for whoever made an HTTP call, in hosts where a filter has no say in it.
    pub(crate) fn speak_for_caller(&mut self, token: u32) {
        if !self.profile.effective_context {
            self.effective = self.callouts.callers.get(&token).copied();
        }
    }

    pub(crate) fn add_root(&mut self, configuration: &[u8]) -> u32 {
        let root = Root { configuration: configuration.to_vec(), ..Root::default() };
        self.add_context(Context::Root(root))
    }

    pub(crate) fn add_stream(&mut self, root: u32, request: &Request) -> u32 {
        self.add_context(Context::Stream(Box::new(Stream::new(root, request))))
    }

    pub(crate) fn add_connection(&mut self, root: u32) -> u32 {
        self.add_context(Context::Connection(Box::new(Connection::new(root))))
    }

    /// Lets the filter read a root's configuration, or no longer.
    pub(crate) fn set_configuring(&mut self, id: u32, configuring: bool) {
        if let Some(root) = self.root_mut(id) {
            root.configuring = configuring;
        }
    }

    pub(crate) fn root_mut(&mut self, id: u32) -> Option<&mut Root> {
        match self.contexts.get_mut(&id) {
            Some(Context::Root(root)) => Some(root),
            _ => None,
        }
    }

    /// Forgets a root that has ended, and the calls that it waits for.
    pub(crate) fn remove_root(&mut self, id: u32) {
        self.contexts.remove(&id);
        self.callouts.forget(id);
    }

    pub(crate) fn stream_mut(&mut self, id: u32) -> Option<&mut Stream> {
        match self.contexts.get_mut(&id) {
            Some(Context::Stream(stream)) => Some(stream),
            _ => None,
        }
    }

    pub(crate) fn take_stream(&mut self, id: u32) -> Option<Stream> {
        self.stream_mut(id)?;
        match self.contexts.remove(&id) {
            Some(Context::Stream(stream)) => Some(*stream),
            _ => None,
        }
    }

    pub(crate) fn connection_mut(&mut self, id: u32) -> Option<&mut Connection> {
        match self.contexts.get_mut(&id) {
            Some(Context::Connection(connection)) => Some(connection),
            _ => None,
        }
    }

    pub(crate) fn take_connection(&mut self, id: u32) -> Option<Connection> {
        self.connection_mut(id)?;
        match self.contexts.remove(&id) {
            Some(Context::Connection(connection)) => Some(*connection),
            _ => None,
        }
    }

    /// What is due at or before this time of the monotonic clock, and when: the earliest tick, answer
    /// or end of a call's time. Of several at the same time, that is their order too.
    pub(crate) fn next_due(&self, until: u64) -> Option<(u64, Due)> {
        let ticks = self.contexts.iter().filter_map(|(id, context)| match context {
            Context::Root(root) => root.next_tick.map(|at| (at, Due::Tick(*id))),
            Context::Stream(_) | Context::Connection(_) => None,
        });
        let due = ticks.chain(self.callouts.due());
        due.filter(|(at, _)| *at <= until).min()
    }

    /// The roots that asked for ticks.
    pub(crate) fn ticking(&self) -> Vec<u32> {
        self.roots(|root| root.tick_period > 0)
    }

    /// The roots that a newer configuration has replaced and that have no more streams.
    pub(crate) fn retired_roots(&self) -> Vec<u32> {
        let mut retired = self.roots(|root| root.retired);
        retired.retain(|root| !self.has_streams(*root));
        retired
    }

    pub(crate) fn write_log(&mut self, level: LogLevel, text: &[u8]) {
        let text = String::from_utf8_lossy(text).into_owned();
        self.logs.push(self.context_id(), LogLine { level, text });
    }

    pub(crate) fn write_call(&mut self, call: Call) {
        self.trace.push(self.context_id(), call);
    }

    /// Takes all that was logged and called so far, for a proxy that runs on for ever.
    ///
    /// Outcomes lack it then: those of open streams, too.
    pub fn drain(&mut self) -> (Vec<LogLine>, Vec<Call>) {
        (self.logs.take(|_| true), self.trace.take(|_| true))
    }

    /// The thread that the VM belongs to, or `canary`; `None` if there is only one.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.label.as_deref()
    }

    /// What was logged since the last time, except by streams that are still open, so that each
    /// stream gets its own lines at its end however many are interleaved.
    #[must_use]
    pub fn take_logs(&mut self) -> Vec<LogLine> {
        let contexts = &self.contexts;
        self.logs.take(|id| contexts.get(&id).and_then(Context::root).is_none())
    }

    /// The host calls since the last time, except those of streams that are still open.
    pub(crate) fn take_trace(&mut self) -> Vec<Call> {
        let contexts = &self.contexts;
        self.trace.take(|id| contexts.get(&id).and_then(Context::root).is_none())
    }

    /// Whether a stream or connection of this root is open.
    pub(crate) fn has_streams(&self, root: u32) -> bool {
        self.contexts.values().any(|context| context.root() == Some(root))
    }

    /// The number of open streams and connections.
    pub(crate) fn open_streams(&self) -> usize {
        self.contexts.values().filter(|context| context.root().is_some()).count()
    }

    /// The context that a host call speaks for.
    pub(crate) fn context_id(&self) -> u32 {
        self.effective.filter(|id| self.contexts.contains_key(id)).unwrap_or(self.current)
    }

    /// The stream that a host call speaks for, if it does for one.
    pub(crate) fn stream(&self) -> Option<&Stream> {
        match self.contexts.get(&self.context_id()) {
            Some(Context::Stream(stream)) => Some(stream),
            _ => None,
        }
    }

    pub(crate) fn current_stream_mut(&mut self) -> Option<&mut Stream> {
        self.stream_mut(self.context_id())
    }

    /// The connection that a host call speaks for, if it does for one.
    pub(crate) fn connection(&self) -> Option<&Connection> {
        match self.contexts.get(&self.context_id()) {
            Some(Context::Connection(connection)) => Some(connection),
            _ => None,
        }
    }

    pub(crate) fn current_connection_mut(&mut self) -> Option<&mut Connection> {
        self.connection_mut(self.context_id())
    }

    /// What is known about the request or connection that a host call speaks for.
    pub(crate) fn known(&self) -> Option<&Known> {
        self.contexts.get(&self.context_id())?.known()
    }

    pub(crate) fn known_mut(&mut self) -> Option<&mut Known> {
        let id = self.context_id();
        self.contexts.get_mut(&id)?.known_mut()
    }

    /// The root of the context that a host call speaks for.
    pub(crate) fn root_id(&self) -> u32 {
        let id = self.context_id();
        self.contexts.get(&id).and_then(Context::root).unwrap_or(id)
    }

    fn roots(&self, which: impl Fn(&Root) -> bool) -> Vec<u32> {
        let roots = self.contexts.iter().filter_map(|(id, context)| match context {
            Context::Root(root) if which(root) => Some(*id),
            _ => None,
        });
        roots.collect()
    }

    fn add_context(&mut self, context: Context) -> u32 {
        let id = match self.profile.context_ids {
            ContextIds::Counted => self.last_context.saturating_add(1),
            ContextIds::Random => self.random_id(),
        };
        self.last_context = id;
        self.contexts.insert(id, context);
        id
    }

    /// An id that no context has; the bytes that a filter draws are not touched by it.
    fn random_id(&mut self) -> u32 {
        let ids = self.ids.get_or_insert(self.random);
        loop {
            let mut bytes = [0; 4];
            ids.fill(&mut bytes);
            let id = u32::from_le_bytes(bytes);
            if id != 0 && !self.contexts.contains_key(&id) {
                return id;
            }
        }
    }
}
