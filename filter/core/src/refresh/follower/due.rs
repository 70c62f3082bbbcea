//! Whether it is time to fetch, and whether it is worth waiting for.

use std::time::Duration;

use crate::{key::KeyRing, time::UnixTime};

use super::{Follower, Passed, Step};
use crate::refresh::{
    Command, Outlook,
    board::{Board, Lease, Posted},
    schedule::remaining,
};

/// Shortest time between two fetches of one VM, if `retry` is not shorter: shared data that are
/// overwritten again and again must not make a storm of it.
const BREATH: Duration = Duration::from_secs(1);

/// Longest time from one tick to the next.
const TICK: Duration = Duration::from_millis(100);

/// What a fetch is made for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Purpose {
    /// There is no set, it is getting old, or the last fetch failed.
    Schedule,
    /// A request bears a `kid` that the set lacks.
    Unknown,
}

impl Follower {
    /// Begins what is due: a fetch, or, in a VM that may not, asking for one.
    pub(super) fn begin(&mut self, now: UnixTime) -> Option<Command> {
        let state = &self.state;
        if state.flight.is_some() || state.outcome.is_some() || state.board.leased(now) {
            return None;
        }
        let (next, step) = if self.may_fetch {
            let purpose = self.purpose(now)?;
            let mut next = state.board.next();
            let until = now.later(self.source.lease());
            let lease = Lease { id: next.serial, from: now, until };
            next.lease = Some(lease);
            // Whoever asked waits for this fetch.
            next.wanted_at = None;
            if purpose == Purpose::Unknown {
                next.refetched_at = Some(now);
            }
            (next.clone(), Step::Taking(next, lease))
        } else {
            if !(state.wanted || self.lacks_bytes()) || !self.can_wish(now) {
                return None;
            }
            let next = Board { wanted_at: Some(now), ..state.board.next() };
            (next.clone(), Step::Wishing(next))
        };
        let command = self.write(&next);
        self.state.step = step;
        Some(command)
    }

    /// What a fetch would be made for now, if one is due.
    fn purpose(&self, now: UnixTime) -> Option<Purpose> {
        let state = &self.state;
        let pause = BREATH.min(self.source.retry);
        if state.started_at.is_some_and(|at| remaining(at, pause, now) > Duration::ZERO) {
            return None;
        }
        if self.wait_for_schedule(now).is_zero() {
            return Some(Purpose::Schedule);
        }
        // While fetches fail, the wait after a failure stands above every wish.
        if state.board.failed.is_some() {
            return None;
        }
        let is_wanted = state.wanted || state.board.wanted_at.is_some() || self.lacks_bytes();
        (is_wanted && self.cool_down(now).is_zero()).then_some(Purpose::Unknown)
    }

    /// The time until a fetch is made for its own sake.
    fn wait_for_schedule(&self, now: UnixTime) -> Duration {
        if let Some(failed) = &self.state.board.failed {
            return self.source.wait_after(failed, now);
        }
        match self.known() {
            // A set from the future is due: the clock went back, and nobody knows its age.
            Some(posted) if posted.fetched_at <= now => {
                now.until(self.source.due_at(&posted, &self.fingerprint))
            }
            _ => Duration::ZERO,
        }
    }

    /// The last set that was fetched, as far as this VM knows.
    ///
    /// If the board was lost, the set in force goes on counting: else each loss would be followed
    /// by a fetch.
    pub(super) fn known(&self) -> Option<Posted> {
        self.state.board.posted.or(self.state.held.as_ref().map(|held| held.posted))
    }

    /// Whether a set is posted whose bytes are not there.
    pub(in crate::refresh) fn lacks_bytes(&self) -> bool {
        matches!(self.state.passed, Some(Passed::Unreadable(_)))
    }

    fn cool_down(&self, now: UnixTime) -> Duration {
        self.source.cool_down(self.state.refetched_at, now)
    }

    /// Whether there is no use in asking for a fetch, or in asking again.
    fn can_wish(&self, now: UnixTime) -> bool {
        let asked_at = self.state.board.wanted_at;
        self.cool_down(now).is_zero() && self.source.cool_down(asked_at, now).is_zero()
    }

    /// Whether a request should wait for new keys.
    pub(in crate::refresh) fn outlook(&self, now: UnixTime, keys: &KeyRing) -> Outlook {
        let state = &self.state;
        if state.flight.is_some() || state.outcome.is_some() || state.board.leased(now) {
            return Outlook::Pending;
        }
        let scheduled = self.wait_for_schedule(now);
        if state.board.failed.is_some() && scheduled > TICK {
            return Outlook::Failing(scheduled);
        }
        let wait = match state.board.failed {
            Some(_) => scheduled,
            None => scheduled.min(self.cool_down(now)),
        };
        if wait <= TICK {
            return self.outlook_of_a_wish(now);
        }
        let is_newest = state.held.as_ref().is_some_and(|held| Some(held.posted) == self.known());
        match is_newest && keys.of(self.id, now).is_some() {
            true => Outlook::Current,
            // A set is posted that this VM cannot use.
            false => Outlook::Failing(wait),
        }
    }

    /// Whether a fetch that may be made will be: a VM that may not fetch depends on another one,
    /// which may not be there.
    fn outlook_of_a_wish(&self, now: UnixTime) -> Outlook {
        let asked_at = self.state.board.wanted_at;
        match asked_at.filter(|_| !self.may_fetch) {
            Some(at)
                if remaining(at, self.source.lease(), now).is_zero() && !self.can_wish(now) =>
            {
                Outlook::Failing(self.source.cool_down(asked_at, now))
            }
            _ => Outlook::Pending,
        }
    }
}
