//! A host and an issuer for tests of the machine: shared data as Envoy has them, VMs, key sets.

#![allow(clippy::arithmetic_side_effects, reason = "a panic is how a test fails")]

use std::time::Duration;

use crate::{
    algorithm::Algorithm,
    issuer::{Audiences, Issuer, IssuerId, Types},
    key::KeyRing,
    key_source::{KeySource, SharedData, Target, Uri},
    time::UnixTime,
};

use super::{Answer, Command, Event, Fetch, Notice, Outlook, Stored, Written, follower::Follower};

/// The timings of the documentation's example.
pub(super) fn source() -> KeySource {
    KeySource {
        target: Target::Keys(Uri::parse("https://issuer.test/jwks.json").unwrap()),
        cluster: "issuer".to_owned(),
        timeout: Duration::from_secs(5),
        refresh: Duration::from_secs(600),
        refresh_max: Duration::from_secs(3600),
        retry: Duration::from_secs(1),
        retry_max: Duration::from_secs(60),
        stale_for: Duration::from_secs(24 * 3600),
        min_refetch_interval: Duration::from_secs(30),
        max_bytes: 262_144,
    }
}

/// An issuer whose keys are secrets: they cost nothing to read, and the machine treats all alike.
pub(super) fn issuer() -> Issuer {
    Issuer {
        name: "test".to_owned(),
        issuer: "https://issuer.test/".to_owned(),
        audiences: Audiences::Any,
        algorithms: vec![Algorithm::Hs256],
        types: Types(vec!["jwt".to_owned()]),
        clock_skew: Duration::ZERO,
        max_lifetime: None,
        scope_claims: Vec::new(),
        source: None,
    }
}

/// A key set with keys of these names.
pub(super) fn set(kids: &[&str]) -> Vec<u8> {
    let key = |kid: &&str| {
        format!(
            r#"{{"kty":"oct","kid":"{kid}","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}}"#
        )
    };
    let keys: Vec<String> = kids.iter().map(key).collect();
    format!(r#"{{"keys":[{}]}}"#, keys.join(",")).into_bytes()
}

pub(super) fn response(status: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Answer {
    let bytes = |text: &str| text.as_bytes().to_vec();
    let mut all = vec![(bytes(":status"), bytes(status))];
    all.extend(headers.iter().map(|(name, value)| (bytes(name), bytes(value))));
    Answer::Response { headers: all, body: Some(body) }
}

/// A good answer.
pub(super) fn good(kids: &[&str]) -> Answer {
    response("200", &[], set(kids))
}

/// The shared data of one proxy, for one issuer.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Store {
    pub(super) board: Option<(Vec<u8>, u32)>,
    pub(super) set: Option<Vec<u8>>,
    pub(super) last_cas: u32,
    /// Whether the host has none.
    pub(super) is_missing: bool,
    /// Whether it takes no writes.
    pub(super) is_full: bool,
    /// So many writes of the board come after another VM's, which changes nothing but the number.
    pub(super) rivals: usize,
}

impl Store {
    /// Puts a board there, as another module with the same `vm_id` can.
    pub(super) fn put_board(&mut self, value: Vec<u8>) {
        self.last_cas += 1;
        self.board = Some((value, self.last_cas));
    }

    /// What comes of a command that is about the shared data.
    pub(super) fn execute(&mut self, command: &Command) -> Option<Event> {
        match command {
            Command::ReadBoard => Some(Event::Board((!self.is_missing).then(|| {
                let value = |(bytes, cas): &(Vec<u8>, u32)| Stored::Value(bytes.clone(), *cas);
                self.board.as_ref().map_or(Stored::Absent, value)
            }))),
            Command::WriteBoard { value, cas } => {
                if self.rivals > 0
                    && let Some((rival, _)) = self.board.clone()
                {
                    self.rivals -= 1;
                    self.put_board(rival);
                }
                let found = self.board.as_ref().map(|(_, cas)| *cas);
                Some(Event::Written(if self.is_full {
                    Written::Refused
                } else if found == *cas {
                    self.put_board(value.clone());
                    Written::Done
                } else {
                    Written::Conflict
                }))
            }
            Command::ReadSet => Some(Event::Set(self.set.clone())),
            Command::WriteSet(bytes) => {
                if !self.is_full {
                    self.set = Some(bytes.clone());
                }
                None
            }
            Command::Fetch(_) | Command::Wake | Command::Report(_) => None,
        }
    }
}

/// A VM that follows one issuer, and what it did.
#[derive(Clone, Debug)]
pub(super) struct Vm {
    pub(super) follower: Follower,
    pub(super) keys: KeyRing,
    pub(super) fetches: Vec<Fetch>,
    pub(super) notices: Vec<Notice>,
    pub(super) wakes: usize,
}

pub(super) const ID: IssuerId = IssuerId(0);

impl Vm {
    pub(super) fn new(source: &KeySource, shared: &SharedData) -> Self {
        Self {
            follower: Follower::new(ID, &issuer(), source, shared),
            keys: KeyRing::default(),
            fetches: Vec::new(),
            notices: Vec::new(),
            wakes: 0,
        }
    }

    /// Takes in an event and all that comes of it, as a host's callback does.
    pub(super) fn run(&mut self, event: Event, now: i64, store: &mut Store) {
        let mut event = Some(event);
        while let Some(next) = event.take() {
            let commands = self.follower.handle(next, UnixTime::from_millis(now), &mut self.keys);
            for command in commands {
                assert!(event.is_none(), "a command after one that is answered");
                event = store.execute(&command);
                self.note(command);
            }
        }
    }

    /// Keeps what a command asks for beside the shared data.
    pub(super) fn note(&mut self, command: Command) {
        match command {
            Command::Fetch(fetch) => self.fetches.push(fetch),
            Command::Report(notice) => self.notices.push(notice),
            Command::Wake => self.wakes += 1,
            _ => {}
        }
    }

    pub(super) fn tick(&mut self, now: i64, store: &mut Store) {
        self.run(Event::Tick, now, store);
    }

    pub(super) fn answer(&mut self, answer: Answer, now: i64, store: &mut Store) {
        self.run(Event::Answer(answer), now, store);
    }

    /// Ticks from one time to another, ten times a second; the times at which fetches began.
    pub(super) fn ticks(&mut self, from: i64, to: i64, store: &mut Store) -> Vec<i64> {
        let mut begun = Vec::new();
        for now in (from..=to).step_by(100) {
            let before = self.fetches.len();
            self.tick(now, store);
            begun.extend(std::iter::repeat_n(now, self.fetches.len() - before));
        }
        begun
    }

    /// Ticks until a fetch begins; when it does.
    pub(super) fn next_fetch(&mut self, from: i64, store: &mut Store) -> i64 {
        let mut times = (from..from + 1_000_000).step_by(100);
        times.find(|now| !self.ticks(*now, *now, store).is_empty()).expect("a fetch")
    }

    pub(super) fn outlook(&self, now: i64) -> Outlook {
        self.follower.outlook(UnixTime::from_millis(now), &self.keys)
    }

    /// The names of the keys in force.
    pub(super) fn kids(&self, now: i64) -> Vec<&str> {
        let set = self.keys.of(ID, UnixTime::from_millis(now));
        set.map_or(Vec::new(), |set| set.kids().collect())
    }
}
