//! Following the key sets of issuers: fetched, kept fresh, shared, and dropped when too old.
//!
//! A value machine: events and a time in, [`Command`]s out. It makes no call and has no clock, so
//! every order of events can be played.

mod answer;
mod command;
mod event;
mod keeper;
mod notice;
mod outlook;

use crate::issuer::IssuerId;

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
