//! The machine for all issuers of a policy.

use crate::{KeyRing, Policy, UnixTime, issuer::IssuerId};

use super::{Command, Event, Followed, Outlook, Status, follower::Follower};

/// The keys in force, and what keeps them fresh; one for each VM and configuration.
#[derive(Clone, Debug, Default)]
pub struct Keeper {
    keys: KeyRing,
    followed: Vec<Followed>,
    followers: Vec<Follower>,
}

impl Keeper {
    /// Begins with the keys that the document brings.
    #[must_use]
    pub fn new(policy: &Policy, keys: KeyRing) -> Self {
        let mut keeper = Self { keys, ..Self::default() };
        for (place, issuer) in policy.issuers.iter().enumerate() {
            if let Some(source) = &issuer.source {
                let id = IssuerId(place);
                let follower = Follower::new(id, issuer, source, &policy.shared_data);
                keeper.followed.push(Followed(id));
                keeper.followers.push(follower);
            }
        }
        keeper
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
    pub fn name(&self, issuer: Followed) -> &str {
        self.follower(issuer).map_or("", |follower| &follower.name)
    }

    /// The key in the shared data under which VMs agree on who fetches and what was found.
    #[must_use]
    pub fn board_key(&self, issuer: Followed) -> &str {
        self.follower(issuer).map_or("", |follower| &follower.board_key)
    }

    /// The key in the shared data that holds the set, as it was fetched.
    #[must_use]
    pub fn set_key(&self, issuer: Followed) -> &str {
        self.follower(issuer).map_or("", |follower| &follower.set_key)
    }

    /// Takes in what happened and tells what to do about it.
    ///
    /// An issuer of another policy is followed by nobody here: nothing is done.
    #[must_use]
    pub fn handle(&mut self, issuer: Followed, event: Event, now: UnixTime) -> Vec<Command> {
        let Self { keys, followed, followers } = self;
        let mut all = followed.iter().zip(followers);
        match all.find(|(known, _)| **known == issuer) {
            Some((_, follower)) => follower.handle(event, now, keys),
            None => Vec::new(),
        }
    }

    /// Whether a request should wait for new keys.
    #[must_use]
    pub fn outlook(&self, issuer: Followed, now: UnixTime) -> Outlook {
        self.follower(issuer).map_or(Outlook::Current, |follower| follower.outlook(now, &self.keys))
    }

    /// How an issuer's keys are.
    #[must_use]
    pub fn status(&self, issuer: Followed, now: UnixTime) -> Status {
        self.follower(issuer)
            .map_or_else(Status::default, |follower| follower.status(now, &self.keys))
    }

    fn follower(&self, issuer: Followed) -> Option<&Follower> {
        let mut all = self.followed.iter().zip(&self.followers);
        all.find(|(known, _)| **known == issuer).map(|(_, follower)| follower)
    }
}
