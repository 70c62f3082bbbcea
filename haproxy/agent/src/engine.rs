//! The filter's side: a VM in real time, and the requests that it holds.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use proxy_host_model::{
    Fate, Headers, Host, HttpCall, LogLine, Model, OpenStream, Progress, Request, Shared, Startup,
};
use wasmtime_harness::live::Message;

use crate::{
    answer::{Answer, Changes, Reply},
    guest::Logged,
};

/// The longest time that a VM is ahead, so that its first tick comes at once.
const FIRST_TICK: Duration = Duration::from_secs(1);
/// gRPC's UNAVAILABLE.
const UNAVAILABLE: u32 = 14;

/// One VM of the filter.
#[derive(Debug)]
pub(crate) struct Engine {
    /// Which of all VMs that there were.
    number: u64,
    host: Host<Logged>,
    /// The shared data of all VMs. A VM has them while it is started, ticked or told of an answer, and
    /// at no other time: no request waits for another thread.
    shared: Arc<Mutex<Shared>>,
    /// When the filter's clock was set to real time.
    now: Instant,
    held: BTreeMap<u64, Held>,
}

/// A request that the filter holds.
#[derive(Debug)]
struct Held {
    stream: OpenStream,
    /// The request as it came.
    request: Request,
}

/// How far a request has come.
enum Turn {
    Waits,
    Passed,
    Answered,
    Failed(&'static str),
}

impl Engine {
    /// Starts a VM.
    ///
    /// Its first tick comes at once if there is one to come soon: it may find keys that others have
    /// fetched.
    pub(crate) fn start(
        number: u64,
        host: Host<Logged>,
        shared: Arc<Mutex<Shared>>,
        policy: &[u8],
    ) -> (Self, Startup) {
        let (now, held) = (Instant::now(), BTreeMap::new());
        let mut engine = Self { number, host, shared, now, held };
        engine.set_time();
        let startup = engine.sharing(|host| {
            let startup = host.start(b"", policy);
            if startup.accepted
                && let Some(due) = host.due_in().filter(|due| *due <= FIRST_TICK)
            {
                host.advance(due);
            }
            startup
        });
        engine.set_time();
        (engine, startup)
    }

    /// Which of all VMs that there were.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Whether the VM has ended, so that another must take its place.
    pub(crate) fn has_ended(&self) -> bool {
        self.host.trap().is_some()
    }

    /// Shows a request to the filter; `None` if the filter holds it.
    pub(crate) fn ask(&mut self, id: u64, request: Request) -> Option<Answer> {
        self.pass_time();
        let stream = self.host.open(request.clone());
        let held = Held { stream, request };
        match self.turn(&held) {
            Turn::Waits => {
                self.held.insert(id, held);
                None
            }
            turn => Some(self.end(held, turn)),
        }
    }

    /// Lets the time pass that has passed, and what falls due in it happen; gives the answers that
    /// came of it.
    pub(crate) fn tick(&mut self) -> Vec<(u64, Answer)> {
        self.pass_time();
        // What is due by now, without any more time.
        self.sharing(|host| host.advance(Duration::ZERO));
        self.set_time();
        self.settle()
    }

    /// Tells the filter of the answer to a call, none if it broke off; gives the answers to requests
    /// that came of it.
    pub(crate) fn answer(&mut self, token: u32, answer: Option<Message>) -> Vec<(u64, Answer)> {
        self.pass_time();
        // No headers at all is how a host tells of a reset.
        let Message { headers, body, trailers } = answer.unwrap_or_default();
        self.sharing(|host| host.answer(token, headers, &body, trailers));
        self.settle()
    }

    /// Shows `visit` the calls that the filter waits for. gRPC calls end at once.
    pub(crate) fn calls<R>(&mut self, visit: impl FnOnce(&[HttpCall]) -> R) -> R {
        let grpc = self
            .host
            .model(|model| model.callouts.grpc.iter().map(|call| call.token).collect::<Vec<_>>());
        for token in grpc {
            self.host.grpc_close(token, UNAVAILABLE, "the agent carries no gRPC calls");
        }
        self.host.model(|model| visit(&model.callouts.http))
    }

    /// How long it is until something falls due.
    pub(crate) fn due_in(&mut self) -> Option<Duration> {
        self.host.due_in().map(|due| due.saturating_sub(self.now.elapsed()))
    }

    /// Gives up a request.
    pub(crate) fn give_up(&mut self, id: u64) {
        if let Some(held) = self.held.remove(&id) {
            self.host.abandon(held.stream);
        }
    }

    /// Whether requests are held.
    pub(crate) fn holds_some(&self) -> bool {
        !self.held.is_empty()
    }

    /// The requests that are held, as they came, for another VM to take.
    pub(crate) fn into_held(self) -> impl Iterator<Item = (u64, Request)> {
        self.held.into_iter().map(|(id, held)| (id, held.request))
    }

    /// The lines that the filter logged while it started.
    pub(crate) fn take_lines(&mut self) -> Vec<LogLine> {
        self.host.guest().take_lines()
    }

    /// Gives `visit` the model.
    pub(crate) fn model<R>(&mut self, visit: impl FnOnce(&mut Model) -> R) -> R {
        self.host.model(visit)
    }

    /// The answers to requests that are held no more.
    fn settle(&mut self) -> Vec<(u64, Answer)> {
        if self.held.is_empty() || self.has_ended() {
            return Vec::new();
        }
        let mut answers = Vec::new();
        for (id, held) in std::mem::take(&mut self.held) {
            match self.turn(&held) {
                Turn::Waits => {
                    self.held.insert(id, held);
                }
                turn => answers.push((id, self.end(held, turn))),
            }
        }
        answers
    }

    fn turn(&mut self, held: &Held) -> Turn {
        let turn =
            self.host.progress(&held.stream, |Progress { fate, failed, request, .. }| match fate {
                _ if failed => Turn::Failed("agent.trap"),
                Fate::Trapped => Turn::Failed("agent.trap"),
                Fate::Reset => Turn::Failed("agent.reset"),
                Fate::Replied => Turn::Answered,
                Fate::Continued if request.headers.is_some() => Turn::Passed,
                Fate::Continued | Fate::Paused => Turn::Waits,
            });
        turn.unwrap_or(Turn::Failed("agent.lost"))
    }

    /// Ends a request for the filter, and says what became of it.
    fn end(&mut self, held: Held, turn: Turn) -> Answer {
        let Held { stream, request } = held;
        if matches!(turn, Turn::Passed) {
            // The response is not shown to the agent. What the filter adds to an empty one, it adds
            // to any: so it is asked now.
            let response = Headers::from_iter([(":status", "200")]);
            self.host.respond_headers(&stream, response, true);
        }
        let outcome = self.host.abandon(stream);
        match turn {
            Turn::Failed(reason) => Answer::error(reason),
            Turn::Waits => Answer::error("agent.gave_up"),
            Turn::Passed => match outcome.response {
                // A response that the filter replaces or holds cannot be promised to the client.
                Some(response) if outcome.fate == Fate::Continued && outcome.reply.is_none() => {
                    Changes::between(&request.headers, &outcome.request_headers, &response)
                        .map_or_else(
                            |why| {
                                tracing::error!(
                                    "a request is refused that the filter let pass: {why}"
                                );
                                Answer::error("agent.changes")
                            },
                            Answer::Allow,
                        )
                }
                _ => Answer::error("agent.response"),
            },
            Turn::Answered => {
                let (Some(reply), Some(headers)) = (outcome.reply, outcome.response) else {
                    return Answer::error("agent.reply");
                };
                let status = headers.first(":status").and_then(|status| {
                    str::from_utf8(status).ok()?.parse().ok().filter(|s| (200..600).contains(s))
                });
                let Some(status) = status else {
                    return Answer::error("agent.reply");
                };
                let (body, details) = (outcome.response_body, reply.details);
                Answer::Deny(Reply { status, headers, body, details })
            }
        }
    }

    /// Lets the time pass in the VM that has passed outside, and nothing else happen.
    fn pass_time(&mut self) {
        let before = std::mem::replace(&mut self.now, Instant::now());
        let passed = self.now.duration_since(before);
        self.host.model(|model| model.clock.advance(passed));
        self.set_time();
    }

    /// Sets the wall clock; the other one shows no time of day.
    fn set_time(&mut self) {
        self.host.model(|model| model.clock.set_nanos(wall_nanos()));
    }

    /// Does something with the shared data of all VMs.
    fn sharing<R>(&mut self, act: impl FnOnce(&mut Host<Logged>) -> R) -> R {
        // What is in there is whole whatever became of a thread that had it.
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        self.host.model(|model| std::mem::swap(&mut model.shared, &mut shared));
        let done = act(&mut self.host);
        self.host.model(|model| std::mem::swap(&mut model.shared, &mut shared));
        done
    }
}

fn wall_nanos() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}
