//! What the machine is told.

use super::Answer;

/// Something that happened; each comes with the time.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Event {
    /// Time passed. The first one begins the work; it must come ten times a second or so.
    Tick,
    /// A request was put on hold for this issuer's keys.
    Wanted,
    /// What [`Command::ReadBoard`](super::Command::ReadBoard) found; `None` if the host has no shared data.
    Board(Option<Stored>),
    /// What became of [`Command::WriteBoard`](super::Command::WriteBoard).
    Written(Written),
    /// What [`Command::ReadSet`](super::Command::ReadSet) found.
    Set(Option<Vec<u8>>),
    /// What became of [`Command::Fetch`](super::Command::Fetch).
    Answer(Answer),
}

/// A value in the shared data.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Stored {
    /// Nobody wrote it yet.
    Absent,
    /// The value and its CAS number.
    Value(Vec<u8>, u32),
}

/// What became of a write.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Written {
    /// It is there.
    Done,
    /// Another VM was faster.
    Conflict,
    /// The host refused it.
    Refused,
}
