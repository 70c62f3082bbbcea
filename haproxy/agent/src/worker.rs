//! One thread's share of the requests: a VM, and who waits for its answers.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant},
};

use proxy_host_model::Request;
use tokio::sync::{Notify, mpsc::UnboundedSender};
use wasmtime_harness::live::{Call, Callouts, Message};

use crate::{answer::Answer, counters::Counters, engine::Engine, factory::Factory};

/// The stream and the frame that an answer is for.
pub(crate) type Ids = (u64, u64);

/// One thread's VM and what it is asked.
#[derive(Debug)]
pub(crate) struct Worker {
    factory: Arc<Factory>,
    policy: Arc<Vec<u8>>,
    /// `None` if no VM could be made; the next request tries again.
    engine: Option<Engine>,
    /// VMs of earlier policies that hold requests still.
    leaving: Vec<Engine>,
    /// The calls that the VMs have made.
    callouts: Callouts<u64>,
    /// Who waits, by the number of the request.
    waiting: BTreeMap<u64, Waiting>,
    last: u64,
    /// How long a request may be held.
    patience: Duration,
    counters: Arc<Counters>,
    /// Told when [`Worker::due_in`] may have become less.
    sooner: Rc<Notify>,
}

/// Who waits for an answer.
#[derive(Debug)]
struct Waiting {
    to: UnboundedSender<(Ids, Answer)>,
    ids: Ids,
    since: Instant,
    /// A VM ended that held it.
    again: bool,
}

/// What one thread shares among its connections.
pub(crate) type Shared = Rc<RefCell<Worker>>;

impl Worker {
    /// A worker with a VM that has taken this policy.
    pub(crate) fn new(
        factory: Arc<Factory>,
        policy: Arc<Vec<u8>>,
        engine: Engine,
        callouts: Callouts<u64>,
        patience: Duration,
        counters: Arc<Counters>,
    ) -> Self {
        let mut worker = Self {
            factory,
            policy,
            engine: Some(engine),
            leaving: Vec::new(),
            callouts,
            waiting: BTreeMap::new(),
            last: 0,
            patience,
            counters,
            sooner: Rc::default(),
        };
        worker.call_out();
        worker
    }

    /// Asks the filter about a request; `None` if it holds it, and the answer is sent `to` whoever
    /// asked, later.
    pub(crate) fn ask(
        &mut self,
        request: Request,
        ids: Ids,
        to: &UnboundedSender<(Ids, Answer)>,
    ) -> Option<Answer> {
        self.last = self.last.wrapping_add(1);
        let id = self.last;
        let Some(engine) = self.make_sure() else {
            return Some(Answer::error("agent.no_vm"));
        };
        let answer = engine.ask(id, request);
        if answer.is_none() {
            let to = to.clone();
            let waiting = Waiting { to, ids, since: Instant::now(), again: false };
            self.waiting.insert(id, waiting);
            self.counters.waiting(self.waiting.len());
            self.sooner.notify_one();
        }
        self.replace_ended();
        if answer.is_none() {
            self.call_out();
        }
        answer
    }

    /// What this worker counts.
    pub(crate) fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Told when [`Worker::due_in`] may have become less.
    pub(crate) fn sooner(&self) -> Rc<Notify> {
        Rc::clone(&self.sooner)
    }

    /// Lets happen what is due.
    pub(crate) fn tick(&mut self) {
        let engines = self.leaving.iter_mut().chain(&mut self.engine);
        let answers: Vec<(u64, Answer)> = engines.flat_map(Engine::tick).collect();
        self.send(answers);
        self.replace_ended();
        self.call_out();
        let over: Vec<u64> = self
            .waiting
            .iter()
            .filter(|(_, waiting)| waiting.since.elapsed() >= self.patience)
            .map(|(id, _)| *id)
            .collect();
        for id in over {
            self.give_up(id);
            self.send([(id, Answer::error("agent.timeout"))]);
        }
        self.leaving.retain(Engine::holds_some);
    }

    /// Tells a VM of the answer to a call that it made.
    pub(crate) fn answered(&mut self, call: Call<u64>, answer: Option<Message>) {
        if !self.callouts.end(call) {
            return;
        }
        let mut engines = self.leaving.iter_mut().chain(&mut self.engine);
        if let Some(engine) = engines.find(|engine| engine.number() == call.vm) {
            let answers = engine.answer(call.token, answer);
            self.send(answers);
        }
        self.replace_ended();
        self.call_out();
        self.sooner.notify_one();
    }

    /// How long it is until [`Worker::tick`] has something to do.
    pub(crate) fn due_in(&mut self) -> Option<Duration> {
        let engines = self.leaving.iter_mut().chain(&mut self.engine);
        let due = engines.filter_map(Engine::due_in).min();
        let over = self.waiting.values().map(|waiting| waiting.since).min();
        let over = over.map(|since| self.patience.saturating_sub(since.elapsed()));
        due.into_iter().chain(over).min()
    }

    /// Puts a VM with a new policy in the place of the old one, which ends with the last request
    /// that it holds.
    pub(crate) fn take_policy(&mut self, policy: Arc<Vec<u8>>, engine: Engine) {
        self.policy = policy;
        self.sooner.notify_one();
        if let Some(old) = self.engine.replace(engine)
            && old.holds_some()
        {
            self.leaving.push(old);
        }
        self.call_out();
    }

    /// Forgets the requests of a connection that has ended.
    pub(crate) fn forget(&mut self, of: &UnboundedSender<(Ids, Answer)>) {
        let gone: Vec<u64> = self
            .waiting
            .iter()
            .filter(|(_, waiting)| waiting.to.same_channel(of))
            .map(|(id, _)| *id)
            .collect();
        for id in gone {
            self.give_up(id);
            self.waiting.remove(&id);
        }
        self.counters.waiting(self.waiting.len());
    }

    /// The VM that takes new requests.
    pub(crate) fn engine(&mut self) -> Option<&mut Engine> {
        self.engine.as_mut()
    }

    /// Makes the calls that the VMs have asked for, and gives up those of VMs that are gone.
    fn call_out(&mut self) {
        let callouts = &mut self.callouts;
        let engines = self.leaving.iter_mut().chain(&mut self.engine);
        let mut there = Vec::new();
        for engine in engines.filter(|engine| !engine.has_ended()) {
            let number = engine.number();
            there.push(number);
            engine.calls(|calls| callouts.follow(number, calls));
        }
        callouts.retain(|vm| there.contains(&vm));
    }

    fn give_up(&mut self, id: u64) {
        let engines = self.leaving.iter_mut().chain(&mut self.engine);
        engines.for_each(|engine| engine.give_up(id));
    }

    fn make_sure(&mut self) -> Option<&mut Engine> {
        if self.engine.is_none() {
            self.engine = self.make();
        }
        self.engine.as_mut()
    }

    fn make(&self) -> Option<Engine> {
        let made = self.factory.engine(&self.policy);
        made.inspect_err(|why| {
            for line in why {
                tracing::error!("no VM could be made for the policy in force: {line}");
            }
        })
        .ok()
    }

    /// Puts a new VM in the place of each that has ended, and shows it the requests that the old one
    /// held. One that has lost two VMs is not shown to a third.
    fn replace_ended(&mut self) {
        let leaving = std::mem::take(&mut self.leaving);
        let (ended, leaving): (Vec<_>, Vec<_>) = leaving.into_iter().partition(Engine::has_ended);
        self.leaving = leaving;
        let mut homeless: Vec<(u64, Request)> =
            ended.into_iter().flat_map(Engine::into_held).collect();
        let mut lost = BTreeSet::new();
        loop {
            if let Some(ended) = self.engine.take_if(|engine| engine.has_ended()) {
                self.counters.replaced();
                homeless.extend(ended.into_held());
                self.engine = self.make();
            }
            let Some((id, request)) = homeless.pop() else {
                break;
            };
            let again = self
                .waiting
                .get_mut(&id)
                .is_none_or(|waiting| std::mem::replace(&mut waiting.again, true));
            match self.make_sure() {
                Some(engine) if !again => {
                    if let Some(answer) = engine.ask(id, request) {
                        self.send([(id, answer)]);
                    }
                }
                _ => drop(lost.insert(id)),
            }
        }
        self.send(lost.into_iter().map(|id| (id, Answer::error("agent.trap"))));
    }

    fn send(&mut self, answers: impl IntoIterator<Item = (u64, Answer)>) {
        for (id, answer) in answers {
            if let Some(waiting) = self.waiting.remove(&id) {
                self.counters.answered(&answer, waiting.since.elapsed());
                // Nobody listens when the connection has ended.
                let _ = waiting.to.send((waiting.ids, answer));
            }
        }
        self.counters.waiting(self.waiting.len());
    }
}
