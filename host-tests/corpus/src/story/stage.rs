//! A proxy, an issuer and their clients on the virtual clock.

use std::{collections::BTreeMap, mem, time::Duration};

use proxy_host_model::{
    Answered, Fate, Fault, Fleet, FleetStream, Headers, HttpCall, LogLevel, LogLine, Model, Place,
    Request, ServiceAnswer, Spawn, profile::FailedCall,
};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::{
    client::{Answer, BEGIN},
    issuer::Issuer,
    setting::Setting,
};

/// No request waits as long as this: twice what the policy allows by default.
const FOR_EVER: Duration = Duration::from_secs(10);

/// How far apart ticks are in quiet times: see [`Stage::sleep`].
const NAP: Duration = Duration::from_secs(30);

/// A proxy, an issuer and their clients, at one moment.
pub struct Stage<S: Spawn> {
    /// The issuer; a story changes it at will.
    pub issuer: Issuer,
    fleet: Fleet<S>,
    no_headers: bool,
    elapsed: Duration,
    /// Answers of the issuer on their way.
    answers: Vec<Coming>,
    /// Calls that the filter has made.
    fetches: Vec<Fetch>,
    /// How many of them the story has asked for.
    asked: usize,
    /// The number of requests so far.
    sent: usize,
    /// Requests that are held.
    held: Vec<Held>,
    /// What became of requests since the story last asked.
    settled: Vec<(usize, Answer)>,
    lines: Vec<Line>,
    record: Sha256,
}

/// A call that a filter made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fetch {
    /// When, counted from the beginning of the story.
    pub at: Duration,
    /// Whose VM made it.
    pub place: Place,
    /// The cluster through which it went.
    pub cluster: String,
    /// The host that it named, and what it asked for there.
    pub address: String,
}

/// A line that the filter logged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Line {
    /// When, counted from the beginning of the story.
    pub at: Duration,
    /// Whose VM wrote it.
    pub place: Place,
    /// Its level.
    pub level: LogLevel,
    /// Its text.
    pub text: String,
}

#[derive(Debug)]
struct Coming {
    at: Duration,
    place: Place,
    token: u32,
    /// Tells the call from one of the next VM on this thread, which counts its tokens anew.
    deadline: Option<u64>,
    /// `None` for a call that is not answered; it is remembered so that it is counted once.
    what: Option<Answered>,
}

impl Coming {
    fn is_for(&self, call: &HttpCall) -> bool {
        (self.token, self.deadline) == (call.token, call.deadline)
    }
}

#[derive(Debug)]
struct Held {
    number: usize,
    stream: FleetStream,
    since: Duration,
}

impl<S: Spawn> Stage<S> {
    /// A proxy that has taken the policy and served nothing yet.
    ///
    /// # Panics
    ///
    /// The filter cannot be loaded, or does not take the policy.
    pub fn new(spawn: S, setting: Setting, issuer: Issuer) -> Self {
        let mut model = Model::at_secs(BEGIN);
        model.profile = setting.profile;
        model.settings = setting.settings;
        let no_headers = setting.profile.failed_call == FailedCall::NoHeaders;
        let fleet = Fleet::new(spawn, setting.plan, model).expect("the filter can be loaded");
        let mut stage = Self {
            issuer,
            fleet,
            no_headers,
            elapsed: Duration::ZERO,
            answers: Vec::new(),
            fetches: Vec::new(),
            asked: 0,
            sent: 0,
            held: Vec::new(),
            settled: Vec::new(),
            lines: Vec::new(),
            record: Sha256::new(),
        };
        let policy = setting.policy.to_string();
        let started = stage.fleet.start(b"", policy.as_bytes());
        let logs = started.vms.iter().flat_map(|(_, vm)| &vm.logs);
        let canary = started.canary.iter().flat_map(|vm| &vm.logs);
        assert!(started.accepted, "refused: {:?}", canary.chain(logs).collect::<Vec<_>>());
        stage.hear();
        assert_eq!(stage.fetches, [], "nothing is fetched before a tick: a canary would do it too");
        stage
    }

    /// Gives all VMs another policy, and tells whether they took it.
    pub fn configure(&mut self, policy: &Value) -> bool {
        let accepted = self.fleet.configure(policy.to_string().as_bytes()).accepted;
        self.hear();
        accepted
    }

    /// Gives one VM another policy, as where two plugins share a VM id.
    pub fn configure_alone(&mut self, place: Place, policy: &Value) {
        let host = self.fleet.host(place).expect("there is such a thread");
        assert!(host.reconfigure(policy.to_string().as_bytes()).accepted);
        self.hear();
    }

    /// Lets time pass: everything happens at its time.
    pub fn pass(&mut self, time: Duration) {
        let until = self.elapsed.saturating_add(time);
        loop {
            while self.deliver() {}
            if self.elapsed >= until {
                return;
            }
            let due = self.fleet.due_in().map(|wait| self.elapsed.saturating_add(wait));
            let next = self.answers.iter().map(|coming| coming.at).chain(due).min();
            let step = next.unwrap_or(until).min(until).saturating_sub(self.elapsed);
            self.fleet.advance(step);
            self.elapsed = self.elapsed.saturating_add(step);
            self.hear();
        }
    }

    /// Lets quiet time pass: while nobody waits and nothing is under way, ticks come every 30
    /// seconds instead of ten times a second, as on a machine that sleeps. A day is then 2880 ticks
    /// instead of 864,000.
    pub fn sleep(&mut self, time: Duration) {
        let until = self.elapsed.saturating_add(time);
        while self.elapsed < until {
            let left = until.saturating_sub(self.elapsed);
            if self.answers.is_empty() && self.held.is_empty() {
                let nap = NAP.min(left);
                self.fleet.world(|world| world.clock.advance(nap));
                self.elapsed = self.elapsed.saturating_add(nap);
                self.fleet.advance(Duration::ZERO);
                self.hear();
            } else {
                self.pass(Duration::from_millis(100).min(left));
            }
        }
    }

    /// Sends a request to a worker and gives the number by which [`Stage::settled`] tells of it.
    pub fn send(&mut self, worker: usize, request: Request) -> usize {
        let number = self.sent;
        self.sent = number.saturating_add(1);
        let stream = self.fleet.open_whole(worker, request);
        self.held.push(Held { number, stream, since: self.elapsed });
        self.hear();
        number
    }

    /// Sends a request and waits for what becomes of it.
    pub fn ask(&mut self, worker: usize, request: Request) -> Answer {
        let number = self.send(worker, request);
        let mut waited = Duration::ZERO;
        loop {
            if let Some(at) = self.settled.iter().position(|(settled, _)| *settled == number) {
                return self.settled.remove(at).1;
            }
            let step = Duration::from_millis(10);
            waited = waited.saturating_add(step);
            assert!(waited <= FOR_EVER, "it waits without end");
            self.pass(step);
        }
    }

    /// What became of all requests since the last time, in the order in which they ended; waits for
    /// those that are held.
    pub fn settled(&mut self) -> Vec<Answer> {
        let begin = self.elapsed;
        while !self.held.is_empty() {
            assert!(self.elapsed.saturating_sub(begin) <= FOR_EVER, "they wait without end");
            self.pass(Duration::from_millis(10));
        }
        mem::take(&mut self.settled).into_iter().map(|(_, answer)| answer).collect()
    }

    /// The number of requests that are held.
    pub fn held(&self) -> usize {
        self.held.len()
    }

    /// Lets the client of the oldest request that is held go away.
    pub fn hang_up(&mut self) {
        let held = self.held.remove(0);
        let outcome = self.fleet.abandon(held.stream);
        assert_eq!(outcome.fate, Fate::Paused, "it was held");
        self.hear();
    }

    /// Ends a VM: the next time that it is called, it traps.
    pub fn end_vm(&mut self, place: Place) {
        let host = self.fleet.host(place).expect("there is such a thread");
        host.model(|model| model.inject(Fault::trap_at(0, "power cut")));
    }

    /// How often a worker's VM was brought back.
    pub fn reloads(&self) -> usize {
        self.fleet.reloads().len()
    }

    /// Moves the wall clock by so many seconds, backwards too.
    pub fn jump(&mut self, seconds: i64) {
        let nanos = seconds.checked_mul(1_000_000_000).expect("less than a century");
        self.fleet.world(|world| world.clock.jump(nanos));
    }

    /// How long it is until something falls due by itself.
    pub fn due_in(&mut self) -> Option<Duration> {
        self.fleet.due_in()
    }

    /// Time since the beginning of the story.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// The calls since the last time that a story asked.
    pub fn fetches(&mut self) -> &[Fetch] {
        let from = mem::replace(&mut self.asked, self.fetches.len());
        &self.fetches[from..]
    }

    /// All calls of one VM since the beginning.
    pub fn fetches_of(&self, place: Place) -> Vec<Fetch> {
        self.fetches.iter().filter(|fetch| fetch.place == place).cloned().collect()
    }

    /// Asserts how many calls were made since the last time that a story asked.
    #[track_caller]
    pub fn fetched(&mut self, number: usize) {
        let fetches = self.fetches();
        assert_eq!(fetches.len(), number, "{fetches:#?}");
    }

    /// The number of lines that were logged with this text in them.
    pub fn logged(&self, text: &str) -> usize {
        self.lines.iter().filter(|line| line.text.contains(text)).count()
    }

    /// All lines that were logged.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// The lines that were logged at this level or above.
    pub fn lines_from(&self, level: LogLevel) -> Vec<&str> {
        let lines = self.lines.iter().filter(|line| line.level >= level);
        lines.map(|line| line.text.as_str()).collect()
    }

    /// The value of a counter, 0 if it was never counted.
    pub fn counter(&mut self, name: &str) -> u64 {
        self.fleet.world(|world| world.metrics.counter(name)).unwrap_or_default()
    }

    /// The value of a gauge, if it was ever set.
    pub fn gauge(&mut self, name: &str) -> Option<u64> {
        self.fleet.world(|world| world.metrics.gauge(name))
    }

    /// The shared data by key.
    pub fn shared(&mut self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.fleet.world(|world| {
            let keys: Vec<_> = world.shared.keys(VM_ID).map(<[u8]>::to_vec).collect();
            let value = |key: &Vec<u8>| world.shared.get(VM_ID, key).map(|(value, _)| value);
            keys.iter().map(|key| (key.clone(), value(key).unwrap_or_default())).collect()
        })
    }

    /// Overwrites shared data, as any module with this VM id can.
    pub fn overwrite(&mut self, key: &[u8], value: &[u8]) {
        let set = self.fleet.world(|world| world.shared.set(VM_ID, key, value, 0));
        assert_eq!(set, Ok(()));
    }

    /// A digest of all that passed between the proxy and the filter; a record is kept only if the
    /// VMs are recorded.
    pub fn finish(mut self) -> Vec<u8> {
        assert_eq!(self.held.len(), 0, "somebody waits at the end");
        self.hear();
        self.record.finalize().to_vec()
    }

    /// Takes in what the VMs did: calls, log lines, requests that are decided.
    fn hear(&mut self) {
        for place in self.fleet.places() {
            let quiet = self.held.is_empty();
            let Some(host) = self.fleet.host(place) else {
                continue;
            };
            let ended = host.trap().is_some();
            let (calls, lines) = host.model(|model| {
                let lines = if quiet { model.drain().0 } else { model.take_logs() };
                (model.callouts.http.clone(), lines)
            });
            let calls = if ended { Vec::new() } else { calls };
            self.write_down(place, lines);
            // A call whose time is over is no longer there, and nothing comes for it.
            self.answers.retain(|coming| {
                coming.place != place || calls.iter().any(|call| coming.is_for(call))
            });
            for call in calls {
                self.hear_call(place, &call);
            }
        }
        self.settle();
        let record = self.fleet.world(|world| mem::take(&mut world.record));
        self.record.update(record);
    }

    fn hear_call(&mut self, place: Place, call: &HttpCall) {
        if self.answers.iter().any(|coming| coming.place == place && coming.is_for(call)) {
            return;
        }
        check(call);
        let header = |name: &str| call.headers.first(name).unwrap_or_default();
        let address = [header(":authority"), header(":path")].concat();
        self.fetches.push(Fetch {
            at: self.elapsed,
            place,
            cluster: call.cluster.clone(),
            address: String::from_utf8_lossy(&address).into_owned(),
        });
        let ServiceAnswer { after, times, what } = self.issuer.answer(call);
        let failure = [ServiceAnswer::connect_failure(), ServiceAnswer::timeout()];
        let what = if self.no_headers && failure.iter().any(|failure| failure.what == what) {
            Answered::Reset
        } else {
            what
        };
        let at = self.elapsed.saturating_add(after);
        let what = (times > 0).then_some(what);
        let at = if what.is_some() { at } else { Duration::MAX };
        self.answers.push(Coming { at, place, token: call.token, deadline: call.deadline, what });
    }

    /// Brings an answer that is there; whether there was one.
    fn deliver(&mut self) -> bool {
        let due = self.answers.iter().position(|coming| coming.at <= self.elapsed);
        let Some(Coming { place, token, what, .. }) = due.map(|at| self.answers.remove(at)) else {
            return false;
        };
        if let Some(host) = self.fleet.host(place) {
            match what {
                Some(Answered::Response { headers, body, trailers }) => {
                    host.answer(token, headers, &body, trailers);
                }
                Some(Answered::Reset) => host.answer(token, Headers::default(), b"", None),
                None => {}
            }
        }
        self.hear();
        true
    }

    /// Ends the requests that are decided.
    fn settle(&mut self) {
        let mut at = 0;
        while let Some(held) = self.held.get(at) {
            if self.fleet.fate(&held.stream) == Fate::Paused {
                let waited = self.elapsed.saturating_sub(held.since);
                assert!(waited <= FOR_EVER, "a request waits without end");
                at = at.saturating_add(1);
                continue;
            }
            let held = self.held.remove(at);
            let place = Place::Worker(held.stream.worker());
            let outcome = self.fleet.finish(held.stream);
            let waited = self.elapsed.saturating_sub(held.since).as_millis();
            let answer = Answer::of(&outcome, u64::try_from(waited).unwrap_or(u64::MAX));
            self.write_down(place, outcome.logs);
            self.settled.push((held.number, answer));
        }
    }

    fn write_down(&mut self, place: Place, lines: Vec<LogLine>) {
        for line in lines {
            // `{"` in base64url, with which the first two parts of each token begin.
            assert!(!line.text.contains("eyJ"), "a part of a token is in the log: {line}");
            let LogLine { level, text } = line;
            self.lines.push(Line { at: self.elapsed, place, level, text });
        }
    }
}

/// The VM id of the setting, by which shared data are kept apart.
const VM_ID: &[u8] = b"vm";

/// Whether a call is the request that the documentation promises, and tells the issuer no more.
fn check(call: &HttpCall) {
    let told = |name: &[u8]| name == b":authority" || name == b":path";
    let headers: Vec<_> = call.headers.iter().filter(|(name, _)| !told(name)).collect();
    let expected: [(&[u8], &[u8]); 4] = [
        (b":method", b"GET"),
        (b":scheme", b"https"),
        (b"accept", b"application/json"),
        (b"user-agent", b"jwt-gate"),
    ];
    assert_eq!(headers, expected);
    assert_eq!((call.body.as_slice(), call.trailers.len()), (&b""[..], 0));
    assert!(call.timeout > 0, "a call without end");
    assert_eq!(call.context, call.root, "a stream's call is cancelled when its client goes");
}
