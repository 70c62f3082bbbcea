//! What the core's machine asks for is done, and what comes of it is told to it.

use std::{
    collections::{BTreeSet, VecDeque},
    fmt,
    rc::Rc,
    time::Duration,
};

use jwt_gate_core::{Answer, Command, Event, Followed, Stored, UnixTime, Written};

use crate::{
    abi::{self, LogLevel},
    callouts::Callouts,
    gate::Gate,
    judgement,
    keys::Source,
    text::one_line,
};

/// Keeps the keys of one configuration fresh, and ends the waits for them.
///
/// It lives in the root context, and nothing is sent but from the root's own callbacks: a call that a
/// request makes ends with that request, and its client would decide whether keys arrive.
pub(crate) struct Follower {
    gate: Rc<Gate>,
    callouts: Callouts,
    ticks: u32,
}

impl Follower {
    /// Follows the issuers of a gate.
    pub(crate) fn new(gate: Rc<Gate>) -> Self {
        Self { gate, callouts: Callouts::default(), ticks: 0 }
    }

    /// Time passed.
    pub(crate) fn tick(&mut self) {
        let gate = Rc::clone(&self.gate);
        let Ok(nanos) = abi::now() else {
            // Nobody can tell how long they have waited: each finds out for itself that there is no
            // clock, and is refused.
            return self.let_go();
        };
        let mut turn = Turn::at(nanos);
        let wanted = gate.waiting.take_wanted();
        for source in gate.keys.sources() {
            if wanted.contains(&source.followed) {
                self.drive(source, Event::Wanted, &mut turn);
            }
            self.drive(source, Event::Tick, &mut turn);
        }
        if self.ticks.is_multiple_of(TICKS_A_SECOND) {
            gate.measure(turn.now);
        }
        self.ticks = self.ticks.wrapping_add(1);
        self.end(&turn);
    }

    /// An answer came to the call with this token.
    pub(crate) fn answered(&mut self, token: u32, headers: usize, body: usize) {
        let gate = Rc::clone(&self.gate);
        let Some(call) = self.callouts.answered(token) else {
            return;
        };
        let mut sources = gate.keys.sources().iter();
        let Some(source) = sources.find(|source| source.followed == call.followed) else {
            return;
        };
        let Ok(nanos) = abi::now() else {
            return self.let_go();
        };
        let answer = call.read(headers, body).unwrap_or_else(|error| {
            report(source, LogLevel::Error, &error);
            Answer::Reset
        });
        let mut turn = Turn::at(nanos);
        self.drive(source, Event::Answer(answer), &mut turn);
        self.end(&turn);
    }

    /// Ends every wait: another configuration takes the place of this one in the same root.
    pub(crate) fn let_go(&self) {
        for context in self.gate.waiting.all() {
            judgement::resume(&self.gate, context, false);
        }
    }

    /// Tells the machine of an event, and of whatever comes of it, until nothing does any more.
    fn drive(&mut self, source: &Source, event: Event, turn: &mut Turn) {
        let mut events = VecDeque::from([event]);
        for _ in 0..MOST_EVENTS {
            let Some(event) = events.pop_front() else {
                return;
            };
            for command in self.gate.keys.handle(source.followed, event, turn.now) {
                events.extend(self.carry_out(source, command, turn));
            }
        }
        // Nothing that a host answers may keep the machine going while the proxy stands still.
        if !events.is_empty() {
            report(source, LogLevel::Error, &"too many steps at once, the rest is left out");
        }
    }

    fn carry_out(&mut self, source: &Source, command: Command, turn: &mut Turn) -> Option<Event> {
        match command {
            Command::ReadBoard => Some(Event::Board(board(source))),
            Command::WriteBoard { value, cas } => {
                let written = abi::replace_shared_data(source.board_key.as_bytes(), &value, cas);
                Some(Event::Written(match written {
                    Ok(true) => Written::Done,
                    Ok(false) => Written::Conflict,
                    Err(_) => Written::Refused,
                }))
            }
            Command::ReadSet => {
                let set = abi::shared_data(source.set_key.as_bytes());
                Some(Event::Set(set.ok().flatten().map(|(set, _)| set)))
            }
            Command::WriteSet(set) => {
                // If it fails, readers find other bytes than the board names, and leave them alone.
                let _ = abi::set_shared_data(source.set_key.as_bytes(), &set);
                None
            }
            Command::Fetch(fetch) => {
                let sent = self.callouts.send(source.followed, &fetch);
                sent.err().map(|status| Event::Answer(Answer::NotSent(status)))
            }
            Command::Wake => {
                self.gate.waiting.forget_wish(source.followed);
                turn.woken.insert(source.followed);
                None
            }
            Command::Report(notice) => {
                self.gate.note_keys(&source.name, &notice);
                None
            }
        }
    }

    /// Ends the waits that are due, unless a further one makes sense, last of all in a callback: see [`judgement::resume`].
    fn end(&self, turn: &Turn) {
        for context in self.gate.waiting.due(&turn.woken, turn.nanos) {
            judgement::resume(&self.gate, context, true);
        }
    }
}

/// One callback of the host's: its time, and whom it wakes.
struct Turn {
    nanos: u64,
    now: UnixTime,
    woken: BTreeSet<Followed>,
}

impl Turn {
    fn at(nanos: u64) -> Self {
        Self { nanos, now: UnixTime::from_nanos(nanos), woken: BTreeSet::new() }
    }
}

/// What the shared data say; `None` if the host has none that can be used.
fn board(source: &Source) -> Option<Stored> {
    let found = abi::shared_data(source.board_key.as_bytes()).ok()?;
    Some(found.map_or(Stored::Absent, |(value, cas)| Stored::Value(value, cas)))
}

/// Writes a line about an issuer's keys.
fn report(source: &Source, level: LogLevel, what: &impl fmt::Display) {
    let line = format!("jwt-gate: keys of {}: {what}", source.name);
    abi::log(level, &one_line(&line));
}

/// How often the root is called: waits end within this of their time, and a new key set is known to
/// all VMs.
pub(crate) const TICK: Duration = Duration::from_millis(100);

const TICKS_A_SECOND: u32 = 10;

/// More than the longest way that the machine goes at once: eight tries to publish a set.
const MOST_EVENTS: usize = 64;
