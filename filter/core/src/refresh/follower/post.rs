//! Telling the other VMs what a fetch brought.

use crate::{algorithm::Algorithm, key::KeyRing, time::UnixTime};

use super::{Follower, Step};
use crate::refresh::{
    Command, Notice, Origin, Written,
    answer::{Content, Failure, Usable, digest},
    board::{Board, Failed, Lease, Posted},
};

/// Tries to write the board while other VMs change it, before the next tick goes on.
const MAX_CONFLICTS: u8 = 8;

/// What a fetch brought.
#[derive(Clone, Debug)]
pub(super) struct Outcome {
    /// The lease that it was made under.
    lease: Lease,
    result: Result<New, Failure>,
}

/// A set that can be put in force.
#[derive(Clone, Debug)]
pub(super) struct New {
    posted: Posted,
    bytes: Vec<u8>,
    usable: Usable,
}

impl New {
    pub(super) fn read(
        content: Content,
        algorithms: &[Algorithm],
        now: UnixTime,
    ) -> Result<Self, Failure> {
        let Content { bytes, fresh_for } = content;
        let usable = Usable::read(&bytes, algorithms)?;
        let posted = Posted { digest: digest(&bytes), fetched_at: now, fresh_for };
        Ok(Self { posted, bytes, usable })
    }
}

/// What the rest follows from: the keys are read from the bytes that have the digest.
impl std::hash::Hash for Outcome {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        let Self { lease, result } = self;
        (lease, result.as_ref().map(|new| new.posted)).hash(state);
    }
}

impl Outcome {
    pub(super) fn new(lease: Lease, result: Result<New, Failure>) -> Self {
        Self { lease, result }
    }
}

impl Follower {
    /// Writes the outcome on the board just read; `None` if it came too late.
    ///
    /// Only while the lease is ours: who took it over fetched later, and what is known later
    /// counts. A board that was lost took the lease with it, and nobody else's fetch.
    pub(super) fn post(&mut self, outcome: Outcome, now: UnixTime) -> Option<Vec<Command>> {
        let board = &self.state.board;
        if board.lease != Some(outcome.lease) && !self.state.board_lost {
            return None;
        }
        let mut next = Board { lease: None, ..board.next() };
        let mut commands = Vec::new();
        match &outcome.result {
            Ok(new) => {
                next.posted = Some(new.posted);
                next.failed = None;
                // Before the board: whoever reads the board finds the set.
                commands.push(Command::WriteSet(new.bytes.clone()));
            }
            Err(failure) => {
                let before = board.failed.map_or(0, |failed| failed.times);
                let times = before.saturating_add(1);
                next.failed = Some(Failed { times, at: now, cause: failure.cause });
            }
        }
        commands.push(self.write(&next));
        self.state.step = Step::Posting(next);
        self.state.outcome = Some(outcome);
        Some(commands)
    }

    pub(super) fn outcome_written(
        &mut self,
        written: Written,
        board: Board,
        now: UnixTime,
        keys: &mut KeyRing,
    ) -> Vec<Command> {
        if written == Written::Conflict {
            self.state.conflicts = self.state.conflicts.saturating_add(1);
            // The outcome is kept for the next tick.
            return match self.state.conflicts < MAX_CONFLICTS {
                true => vec![self.read_board()],
                false => Vec::new(),
            };
        }
        let failures = self.state.board.failed.map_or(0, |failed| failed.times);
        let news = (board.posted, board.failed);
        let mut commands = Vec::from_iter(self.is_written(written, board));
        let Some(outcome) = self.state.outcome.take() else { return commands };
        match outcome.result {
            Ok(New { posted, usable, .. }) => {
                commands.push(Command::Report(Notice::Fetched { failures }));
                let held = self.state.held.as_ref();
                if held.is_some_and(|held| held.posted.digest == posted.digest) {
                    commands.extend(self.renew(posted, now, keys));
                } else {
                    commands.push(self.install(usable, posted, Origin::Issuer, now, keys));
                }
            }
            Err(Failure { cause, detail }) => {
                commands.push(Command::Report(Notice::Failed {
                    cause,
                    detail,
                    retry_in: self.source.backoff(failures.saturating_add(1)),
                    in_force: keys.of(self.id, now).is_some(),
                }));
            }
        }
        commands.push(self.tell(news));
        commands
    }

    /// The command that puts a board in place of the one last read.
    pub(super) fn write(&self, board: &Board) -> Command {
        Command::WriteBoard { value: board.encode(&self.fingerprint), cas: self.state.cas }
    }
}
