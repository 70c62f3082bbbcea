//! One issuer whose keys are fetched: what happens, and what is done about it.

mod due;
mod post;
#[cfg(test)]
mod tests;

use std::mem;

use crate::{
    algorithm::Algorithm,
    issuer::{Issuer, IssuerId},
    key::KeyRing,
    key_source::{KeySource, SharedData, Target, Uri},
    time::UnixTime,
};

use super::{
    Answer, Cause, Command, Event, Fetch, Notice, Origin, Status, Stored, Written,
    answer::{Failure, Usable, digest},
    board::{Board, Digest, Failed, Lease, Posted, fingerprint, hex},
    metadata,
};

use self::post::Outcome;

/// An issuer, its source, and how far its keys are.
#[derive(Clone, Debug)]
pub(super) struct Follower {
    id: IssuerId,
    pub(super) name: String,
    issuer: String,
    algorithms: Vec<Algorithm>,
    source: KeySource,
    /// Whether this VM may fetch; if not, another one does.
    may_fetch: bool,
    fingerprint: Digest,
    pub(super) board_key: String,
    pub(super) set_key: String,
    state: State,
}

/// What changes.
#[derive(Clone, Debug, Default, Hash)]
struct State {
    /// The board as last seen, and the number of its value.
    board: Board,
    cas: Option<u32>,
    /// Whether there was no board, or one that could not be read.
    board_lost: bool,
    /// Where the board is kept if not in the host's shared data.
    home: Home,
    /// The event that is waited for, beside the answer to a fetch.
    step: Step,
    /// The fetch under way.
    flight: Option<Flight>,
    /// What a fetch brought, until the others know.
    outcome: Option<Outcome>,
    /// Writes of the outcome that another VM's write came before, since the last tick.
    conflicts: u8,
    /// The set in force.
    held: Option<Held>,
    /// The posted set that is passed over, and why.
    passed: Option<Passed>,
    /// Whether a request waits for new keys.
    wanted: bool,
    /// The news that were last told to those who wait.
    told: News,
    /// When this VM last began a fetch.
    started_at: Option<UnixTime>,
    /// When a fetch was last made for an unknown `kid`, as far as this VM knows: a board that is lost
    /// must not end the cool-down, or whoever can overwrite it has one fetch for each such token.
    refetched_at: Option<UnixTime>,
}

#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
enum Home {
    #[default]
    Shared,
    /// In this VM, which then has it to itself.
    Here(Option<Vec<u8>>),
}

#[derive(Clone, Debug, Default, Hash)]
enum Step {
    #[default]
    Idle,
    ReadingBoard,
    ReadingSet(Posted),
    /// Taking the lease by writing this board.
    Taking(Board, Lease),
    /// Asking for a fetch by writing this board.
    Wishing(Board),
    /// Telling the outcome by writing this board.
    Posting(Board),
}

#[derive(Clone, Debug, Hash)]
struct Flight {
    lease: Lease,
    /// The address of the key set; `None` while it is being asked for.
    keys: Option<Uri>,
}

#[derive(Clone, Debug, Hash)]
struct Held {
    posted: Posted,
    /// When it is too old to be used.
    until: UnixTime,
    /// How many entries were passed over.
    skipped: usize,
    origin: Origin,
    /// Whether the operator knows that it is too old.
    is_expired: bool,
}

/// A posted set that this VM cannot use, remembered so that it is not read ten times a second.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Passed {
    /// Its bytes are another set's, or none: they are looked at again when the board changes.
    Unreadable(u64),
    /// No key in it can be used.
    Unusable(Digest),
}

/// What those who wait for keys wait for: another set or a failure.
type News = (Option<Posted>, Option<Failed>);

impl Follower {
    pub(super) fn new(
        id: IssuerId,
        issuer: &Issuer,
        source: &KeySource,
        shared: &SharedData,
    ) -> Self {
        let fingerprint = fingerprint(issuer, &source.target, &source.cluster);
        let key = |kind| format!("{}jwt_gate.1.{kind}.{}", shared.prefix, hex(&fingerprint, 32));
        let home = if shared.used { Home::Shared } else { Home::Here(None) };
        Self {
            id,
            name: issuer.name.clone(),
            issuer: issuer.issuer.clone(),
            algorithms: issuer.algorithms.clone(),
            source: source.clone(),
            may_fetch: shared.fetch,
            board_key: key("board"),
            set_key: key("set"),
            fingerprint,
            state: State { home, ..State::default() },
        }
    }

    /// What changes, for tests that compare states.
    #[cfg(test)]
    pub(super) fn hash_state(&self, hasher: &mut impl std::hash::Hasher) {
        std::hash::Hash::hash(&self.state, hasher);
    }

    /// The digest of the set that is held, in force or too old.
    #[cfg(test)]
    pub(super) fn held_digest(&self) -> Option<Digest> {
        self.state.held.as_ref().map(|held| held.posted.digest)
    }

    /// A board of this source.
    #[cfg(test)]
    pub(super) fn decode(&self, bytes: &[u8]) -> Option<Board> {
        Board::decode(bytes, &self.fingerprint)
    }

    /// Takes in what happened; events that nobody waits for are passed over.
    pub(super) fn handle(
        &mut self,
        event: Event,
        now: UnixTime,
        keys: &mut KeyRing,
    ) -> Vec<Command> {
        let mut commands = self.take_in(event, now, keys);
        while let Some(event) = self.at_home(&mut commands) {
            commands.extend(self.take_in(event, now, keys));
        }
        commands
    }

    /// Keys in force, their age, and the last failure.
    pub(super) fn status(&self, now: UnixTime, keys: &KeyRing) -> Status {
        let age = self.state.held.as_ref().and_then(|held| now.since(held.posted.fetched_at));
        Status {
            keys: keys.of(self.id, now).map_or(0, |set| set.len()),
            age: age.map(|age| age.as_secs()),
            error: self.state.board.failed.map(|failed| failed.cause),
        }
    }

    fn take_in(&mut self, event: Event, now: UnixTime, keys: &mut KeyRing) -> Vec<Command> {
        match event {
            Event::Tick => self.tick(now),
            Event::Wanted => {
                self.state.wanted = true;
                Vec::new()
            }
            Event::Answer(answer) => self.answered(answer, now),
            Event::Board(stored) => match mem::take(&mut self.state.step) {
                Step::ReadingBoard => self.board_read(stored, now, keys),
                step => self.not_waited_for(step),
            },
            Event::Set(bytes) => match mem::take(&mut self.state.step) {
                Step::ReadingSet(posted) => self.set_read(&posted, bytes, now, keys),
                step => self.not_waited_for(step),
            },
            Event::Written(written) => match mem::take(&mut self.state.step) {
                Step::Taking(board, lease) => self.lease_written(written, board, lease, now),
                Step::Wishing(board) => {
                    self.is_written(written, board);
                    Vec::new()
                }
                Step::Posting(board) => self.outcome_written(written, board, now, keys),
                step => self.not_waited_for(step),
            },
        }
    }

    fn not_waited_for(&mut self, step: Step) -> Vec<Command> {
        self.state.step = step;
        Vec::new()
    }

    fn tick(&mut self, now: UnixTime) -> Vec<Command> {
        let mut commands = Vec::new();
        if let Some(held) = &mut self.state.held
            && !held.is_expired
            && held.until <= now
        {
            held.is_expired = true;
            commands.push(Command::Report(Notice::Expired));
        }
        // A host that never brings an answer must not stop the work for ever.
        if let Some(flight) = self.state.flight.take_if(|flight| !flight.lease.covers(now)) {
            let failure = Failure::new(Cause::Timeout, "no word from the host in time");
            self.state.outcome = Some(Outcome::new(flight.lease, Err(failure)));
        }
        self.state.conflicts = 0;
        commands.push(self.read_board());
        commands
    }

    fn read_board(&mut self) -> Command {
        self.state.step = Step::ReadingBoard;
        Command::ReadBoard
    }

    fn board_read(
        &mut self,
        stored: Option<Stored>,
        now: UnixTime,
        keys: &mut KeyRing,
    ) -> Vec<Command> {
        let Some(stored) = stored else {
            let alone = self.alone(self.state.board.clone());
            return vec![alone, self.read_board()];
        };
        let (board, cas) = match stored {
            Stored::Absent => (None, None),
            Stored::Value(bytes, cas) => (Board::decode(&bytes, &self.fingerprint), Some(cas)),
        };
        self.state.board_lost = board.is_none();
        self.state.board = board.unwrap_or_default();
        self.state.refetched_at = self.state.board.refetched_at.or(self.state.refetched_at);
        self.state.cas = cas;
        if let Some(outcome) = self.state.outcome.take()
            && let Some(commands) = self.post(outcome, now)
        {
            return commands;
        }
        let Some(posted) = self.state.board.posted else {
            self.state.passed = None;
            return self.proceed(now);
        };
        let mut commands = Vec::new();
        if self.state.held.as_ref().is_some_and(|held| held.posted.digest == posted.digest) {
            commands = self.renew(posted, now, keys);
        } else if !self.passes_over(&posted) {
            self.state.step = Step::ReadingSet(posted);
            return vec![Command::ReadSet];
        }
        commands.extend(self.proceed(now));
        commands
    }

    fn passes_over(&self, posted: &Posted) -> bool {
        match self.state.passed {
            Some(Passed::Unreadable(serial)) => serial == self.state.board.serial,
            Some(Passed::Unusable(digest)) => digest == posted.digest,
            None => false,
        }
    }

    /// The posted set is believed only if its digest is the board's, and used only if it is good:
    /// else the one in force stays.
    fn set_read(
        &mut self,
        posted: &Posted,
        bytes: Option<Vec<u8>>,
        now: UnixTime,
        keys: &mut KeyRing,
    ) -> Vec<Command> {
        let mut commands = Vec::new();
        match bytes.filter(|bytes| digest(bytes) == posted.digest) {
            None => self.state.passed = Some(Passed::Unreadable(self.state.board.serial)),
            Some(bytes) => match Usable::read(&bytes, &self.algorithms) {
                Ok(usable) => {
                    commands.push(self.install(usable, *posted, Origin::Shared, now, keys));
                }
                Err(_) => self.state.passed = Some(Passed::Unusable(posted.digest)),
            },
        }
        commands.extend(self.proceed(now));
        commands
    }

    /// Puts a set in force, in place of the one that was.
    fn install(
        &mut self,
        usable: Usable,
        posted: Posted,
        origin: Origin,
        now: UnixTime,
        keys: &mut KeyRing,
    ) -> Command {
        let until = self.source.end_of(&posted, now);
        let Usable { set, skipped } = usable;
        let notice = Notice::changed(&set, skipped, origin);
        keys.install(self.id, set, Some(until));
        self.state.held = Some(Held { posted, until, skipped, origin, is_expired: false });
        self.state.passed = None;
        Command::Report(notice)
    }

    /// The set in force is the posted one, perhaps fetched again.
    fn renew(&mut self, posted: Posted, now: UnixTime, keys: &mut KeyRing) -> Vec<Command> {
        let Some(held) = &mut self.state.held else { return Vec::new() };
        let end = self.source.end_of(&posted, now);
        // A fetch moves the end; a clock that went back may only bring it nearer.
        let until = if held.posted == posted { held.until.min(end) } else { end };
        held.posted = posted;
        held.until = until;
        self.state.passed = None;
        keys.hold_until(self.id, until);
        if !held.is_expired || until <= now {
            return Vec::new();
        }
        held.is_expired = false;
        let (skipped, origin) = (held.skipped, held.origin);
        let set = keys.of(self.id, now);
        set.map(|set| Command::Report(Notice::changed(set, skipped, origin))).into_iter().collect()
    }

    /// The board is read and its set taken over: tells those who wait, and does what is due.
    fn proceed(&mut self, now: UnixTime) -> Vec<Command> {
        let mut commands = Vec::new();
        let news = (self.known(), self.state.board.failed);
        let is_new =
            news.0 != self.state.told.0 || (news.1.is_some() && news.1 != self.state.told.1);
        // Of a set whose bytes are not there yet nobody has anything; a board that was lost is no
        // news either.
        if is_new && !self.lacks_bytes() {
            commands.push(self.tell(news));
        }
        commands.extend(self.begin(now));
        commands
    }

    fn tell(&mut self, news: News) -> Command {
        self.state.told = news;
        self.state.wanted = false;
        Command::Wake
    }

    fn lease_written(
        &mut self,
        written: Written,
        board: Board,
        lease: Lease,
        now: UnixTime,
    ) -> Vec<Command> {
        let alone = match written {
            // Another VM was faster: it fetches.
            Written::Conflict => return Vec::new(),
            Written::Done => None,
            Written::Refused => Some(self.alone(board.clone())),
        };
        self.state.refetched_at = board.refetched_at.or(self.state.refetched_at);
        self.state.board = board;
        self.state.board_lost = false;
        self.state.started_at = Some(now);
        self.state.flight = Some(Flight { lease, keys: None });
        let (uri, cluster) = match &self.source.target {
            Target::Keys(uri) | Target::Metadata { uri, .. } => (uri, &self.source.cluster),
        };
        let fetch = self.get(uri, cluster);
        alone.into_iter().chain([fetch]).collect()
    }

    fn get(&self, uri: &Uri, cluster: &str) -> Command {
        let headers = [
            (":method", "GET"),
            (":scheme", uri.scheme()),
            (":authority", &uri.authority),
            (":path", &uri.path),
            ("accept", "application/json"),
            ("user-agent", "jwt-gate"),
        ];
        Command::Fetch(Fetch {
            cluster: cluster.to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            timeout: self.source.timeout,
            max_bytes: self.source.max_bytes,
        })
    }

    fn answered(&mut self, answer: Answer, now: UnixTime) -> Vec<Command> {
        let Some(flight) = self.state.flight.take() else { return Vec::new() };
        let content = match (answer.content(), &self.source.target, &flight.keys) {
            (Ok(content), Target::Metadata { uri, jwks_cluster }, None) => {
                match metadata::jwks_uri(&content.bytes, &self.issuer, uri) {
                    Ok(keys) => {
                        let fetch = self.get(&keys, jwks_cluster);
                        self.state.flight = Some(Flight { keys: Some(keys), ..flight });
                        return vec![fetch];
                    }
                    Err(failure) => Err(failure),
                }
            }
            (Err(mut failure), Target::Metadata { .. }, None) => {
                failure.detail.push_str(" (metadata)");
                Err(failure)
            }
            (content, ..) => content,
        };
        let result = content.and_then(|content| post::New::read(content, &self.algorithms, now));
        self.state.outcome = Some(Outcome::new(flight.lease, result));
        self.state.conflicts = 0;
        vec![self.read_board()]
    }

    /// Whether a board could be written; if the host refused, it is kept here from now on.
    fn is_written(&mut self, written: Written, board: Board) -> Option<Command> {
        let alone = match written {
            Written::Conflict => return None,
            Written::Done => None,
            Written::Refused => Some(self.alone(board.clone())),
        };
        self.state.board = board;
        self.state.board_lost = false;
        alone
    }

    /// Gives the host's shared data up for good: the board lives on in this VM.
    fn alone(&mut self, board: Board) -> Command {
        self.state.home = Home::Here(Some(board.encode(&self.fingerprint)));
        Command::Report(Notice::Alone { fetches: self.may_fetch })
    }

    /// What comes of the last command if the board is kept here; `None` if the host is asked.
    fn at_home(&mut self, commands: &mut Vec<Command>) -> Option<Event> {
        let Home::Here(kept) = &mut self.state.home else { return None };
        // Others are not told of sets, having none of this VM's boards.
        commands.retain(|command| !matches!(command, Command::WriteSet(_)));
        match commands.pop()? {
            Command::ReadBoard => {
                let stored = kept.clone().map_or(Stored::Absent, |bytes| Stored::Value(bytes, 1));
                Some(Event::Board(Some(stored)))
            }
            Command::WriteBoard { value, .. } => {
                *kept = Some(value);
                Some(Event::Written(Written::Done))
            }
            Command::ReadSet => Some(Event::Set(None)),
            other => {
                commands.push(other);
                None
            }
        }
    }
}
