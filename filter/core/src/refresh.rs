//! Following the key sets of issuers: fetched, kept fresh, shared, and dropped when too old.
//!
//! A value machine: events and a time in, [`Command`]s out. It makes no call and has no clock, so
//! every order of events can be played.
//!
//! ```text
//! Tick -> ReadBoard -> Board -> [ReadSet -> Set] -> WriteBoard (a lease) -> Written -> Fetch
//! Answer -> [Fetch -> Answer] -> ReadBoard -> Board -> WriteSet, WriteBoard (the facts) -> Written
//! ```
//!
//! | file | question |
//! |---|---|
//! | `board.rs` | what do the VMs of one proxy know in common? |
//! | `schedule.rs`, `freshness.rs` | when is a set fetched, and how long may it be used? |
//! | `answer.rs`, `metadata.rs` | what did a fetch bring? |
//! | `follower.rs` and below | what is done about one issuer? |
//! | `keeper.rs` | and about all of a policy? |

mod answer;
mod board;
mod command;
mod event;
#[cfg(test)]
mod explore;
mod follower;
mod freshness;
mod keeper;
mod metadata;
mod notice;
mod outlook;
mod schedule;
#[cfg(test)]
mod stage;

use crate::{algorithm::Algorithm, issuer::IssuerId, key::KeySet};

pub use self::{
    answer::Answer,
    command::{Command, Fetch},
    event::{Event, Stored, Written},
    keeper::Keeper,
    notice::{Cause, Notice, Origin, Severity},
    outlook::{Outlook, Status},
};

/// An issuer whose keys are fetched.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Followed(pub(crate) IssuerId);

/// The keys of a set that was fetched, and the number of entries passed over.
///
/// # Errors
///
/// Why the set is of no use.
pub(crate) fn usable_set(
    bytes: &[u8],
    algorithms: &[Algorithm],
) -> Result<(KeySet, usize), String> {
    match answer::Usable::read(bytes, algorithms) {
        Ok(usable) => Ok((usable.set, usable.skipped)),
        Err(failure) => Err(failure.detail),
    }
}
