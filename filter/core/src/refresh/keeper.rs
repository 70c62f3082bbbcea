//! The machine for all issuers of a policy.

use crate::{KeyRing, Policy, UnixTime, issuer::IssuerId};

use super::{Command, Event, Followed, Outlook, Status};

/// The keys in force, and what keeps them fresh; one for each VM and configuration.
#[derive(Clone, Debug, Default)]
pub struct Keeper {
    keys: KeyRing,
    followed: Vec<Followed>,
}

impl Keeper {
    /// Begins with the keys that the document brings.
    #[must_use]
    pub fn new(policy: &Policy, keys: KeyRing) -> Self {
        let followed = policy.issuers.iter().enumerate();
        let followed = followed.filter(|(_, issuer)| issuer.source.is_some());
        Self { keys, followed: followed.map(|(place, _)| Followed(IssuerId(place))).collect() }
    }

    /// The keys in force.
    #[must_use]
    pub fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// The issuers whose keys are fetched.
    #[must_use]
    pub fn followed(&self) -> &[Followed] {
        &self.followed
    }

    /// The name of an issuer, as the policy has it.
    #[must_use]
    pub fn name(&self, _issuer: Followed) -> &str {
        ""
    }

    /// The key in the shared data under which VMs agree on who fetches and what was found.
    #[must_use]
    pub fn board_key(&self, _issuer: Followed) -> &str {
        ""
    }

    /// The key in the shared data that holds the set, as it was fetched.
    #[must_use]
    pub fn set_key(&self, _issuer: Followed) -> &str {
        ""
    }

    /// Takes in what happened and tells what to do about it.
    #[must_use]
    pub fn handle(&mut self, _issuer: Followed, _event: Event, _now: UnixTime) -> Vec<Command> {
        Vec::new()
    }

    /// Whether a request should wait for new keys.
    #[must_use]
    pub fn outlook(&self, _issuer: Followed, _now: UnixTime) -> Outlook {
        Outlook::Current
    }

    /// How an issuer's keys are.
    #[must_use]
    pub fn status(&self, _issuer: Followed, _now: UnixTime) -> Status {
        Status::default()
    }
}
