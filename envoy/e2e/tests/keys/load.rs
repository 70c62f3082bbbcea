//! Many clients at once, each token with a verdict that is due.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::send;

const CLIENTS: usize = 6;
const PAUSE: Duration = Duration::from_millis(4);
/// How many wrong answers are shown.
const SHOWN: usize = 5;

/// What must become of requests with a token.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Duty {
    /// They pass.
    Pass,
    /// They do not.
    Refuse,
    /// Either: the world is just changing.
    Either,
}

struct Bearer {
    name: &'static str,
    token: Arc<str>,
    duty: Duty,
}

#[derive(Default)]
struct Shared {
    bearers: Mutex<Vec<Bearer>>,
    turn: AtomicUsize,
    requests: AtomicUsize,
    refused: Mutex<Vec<String>>,
    allowed: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

/// Clients that send until they are told to end.
pub(crate) struct Load {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
    start: Instant,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) requests: usize,
    /// Answers to good requests that were no 200.
    pub(crate) refused: Vec<String>,
    /// Bad requests that passed.
    pub(crate) allowed: Vec<String>,
    pub(crate) seconds: f64,
}

impl Load {
    pub(crate) fn start(port: u16) -> Self {
        let shared = Arc::new(Shared::default());
        let clients = (0..CLIENTS)
            .map(|_| {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || run(port, &shared))
            })
            .collect();
        Self { shared, clients, start: Instant::now() }
    }

    pub(crate) fn add(&self, name: &'static str, tokens: &[String], duty: Duty) {
        let bearers =
            tokens.iter().map(|token| Bearer { name, token: token.as_str().into(), duty });
        self.bearers().extend(bearers);
    }

    /// Changes what is due to the tokens of this name.
    pub(crate) fn set(&self, name: &str, duty: Duty) {
        for bearer in self.bearers().iter_mut().filter(|bearer| bearer.name == name) {
            bearer.duty = duty;
        }
    }

    pub(crate) fn finish(self) -> Outcome {
        self.shared.is_over.store(true, Ordering::SeqCst);
        for client in self.clients {
            client.join().expect("a client ended early");
        }
        let taken = |list: &Mutex<Vec<String>>| std::mem::take(&mut *list.lock().expect("a lock"));
        Outcome {
            requests: self.shared.requests.load(Ordering::SeqCst),
            refused: taken(&self.shared.refused),
            allowed: taken(&self.shared.allowed),
            seconds: self.start.elapsed().as_secs_f64(),
        }
    }

    fn bearers(&self) -> std::sync::MutexGuard<'_, Vec<Bearer>> {
        self.shared.bearers.lock().expect("a lock")
    }
}

fn run(port: u16, shared: &Shared) {
    let start = Instant::now();
    let next = || {
        let turn = shared.turn.fetch_add(1, Ordering::SeqCst);
        let bearers = shared.bearers.lock().expect("a lock");
        let bearer = bearers.get(turn.checked_rem(bearers.len())?)?;
        Some((bearer.name, Arc::clone(&bearer.token), bearer.duty))
    };
    while !shared.is_over.load(Ordering::SeqCst) {
        if let Some((name, token, duty)) = next() {
            let sent = start.elapsed();
            let reply = send(port, &token);
            shared.requests.fetch_add(1, Ordering::SeqCst);
            let duty_now = shared
                .bearers
                .lock()
                .expect("a lock")
                .iter()
                .find_map(|bearer| (bearer.token == token).then_some(bearer.duty));
            // What was due may have changed on the way: then both answers are right.
            if duty_now == Some(duty) {
                let wrong = format!("{name}, sent after {sent:.2?}: {}", reply.status);
                match duty {
                    Duty::Pass if reply.status != 200 => {
                        let why = reply.header(envoy_e2e::config::DETAILS).unwrap_or_default();
                        shared.refused.lock().expect("a lock").push(format!("{wrong} {why}"));
                    }
                    Duty::Refuse if reply.status == 200 => {
                        shared.allowed.lock().expect("a lock").push(wrong);
                    }
                    _ => {}
                }
            }
        }
        std::thread::sleep(PAUSE);
    }
}

impl Outcome {
    pub(crate) fn assert_right(&self) {
        let shown = |list: &[String]| list.iter().take(SHOWN).cloned().collect::<Vec<_>>();
        assert!(self.refused.is_empty(), "wrongly refused: {:#?}", shown(&self.refused));
        assert!(self.allowed.is_empty(), "wrongly allowed: {:#?}", shown(&self.allowed));
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { requests, refused, allowed, seconds } = self;
        write!(
            f,
            "{requests} requests in {seconds:.1} s, {} wrongly refused, {} wrongly allowed",
            refused.len(),
            allowed.len()
        )
    }
}
