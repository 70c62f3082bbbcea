//! Requests that wait for keys.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    time::Duration,
};

use jwt_gate_core::{Followed, RouteRule};

use crate::stream::State;

/// The requests of one configuration that wait, and the issuers that they wait for.
///
/// Nothing in here calls the host, so no two borrows can meet.
pub(crate) struct Waiting {
    held: RefCell<BTreeMap<u32, Held>>,
    wanted: RefCell<BTreeSet<Followed>>,
    most: usize,
    patience: u64,
}

/// A request on hold, with all that it takes to decide it again.
pub(crate) struct Held {
    /// What it waits for.
    pub(crate) wait: Wait,
    /// Its header map, serialised.
    pub(crate) map: Vec<u8>,
    /// How far the stream may go, which it shares.
    pub(crate) state: Rc<Cell<State>>,
}

/// What a request waits for, and since when.
pub(crate) struct Wait {
    /// The issuer whose keys it needs.
    pub(crate) followed: Followed,
    /// When it came: nanoseconds since the Unix epoch.
    pub(crate) since: u64,
    /// What its route says.
    pub(crate) route: Option<Rc<Option<RouteRule>>>,
}

impl Waiting {
    /// Nobody waits yet; at most so many will at a time, and none longer than `patience`.
    pub(crate) fn new(most: usize, patience: Duration) -> Self {
        let patience = u64::try_from(patience.as_nanos()).unwrap_or(u64::MAX);
        Self { held: RefCell::default(), wanted: RefCell::default(), most, patience }
    }

    /// Notes that a request wants new keys of an issuer; tells whether there is a place for it to
    /// wait.
    ///
    /// The number of places is bounded because each costs memory of the VM, and everybody can send
    /// tokens that name a key which does not exist.
    pub(crate) fn want(&self, followed: Followed) -> bool {
        self.wanted.borrow_mut().insert(followed);
        self.held.borrow().len() < self.most
    }

    /// The issuers of which new keys were wanted since the last time.
    pub(crate) fn take_wanted(&self) -> BTreeSet<Followed> {
        self.wanted.take()
    }

    /// Forgets the wish for new keys of an issuer: they came before it was told.
    ///
    /// Told afterwards, it would cause a fetch that nobody waits for, and use up the cool-down.
    pub(crate) fn forget_wish(&self, followed: Followed) {
        self.wanted.borrow_mut().remove(&followed);
    }

    /// Puts a request on hold.
    pub(crate) fn hold(&self, context: u32, held: Held) {
        self.held.borrow_mut().insert(context, held);
    }

    /// Takes a request off hold, if it is there.
    pub(crate) fn take(&self, context: u32) -> Option<Held> {
        self.held.borrow_mut().remove(&context)
    }

    /// The contexts of the requests that wait for one of these issuers, or have waited long enough.
    pub(crate) fn due(&self, woken: &BTreeSet<Followed>, now: u64) -> Vec<u32> {
        self.contexts(|wait| woken.contains(&wait.followed) || !self.is_patient(wait, now))
    }

    /// Whether a request has time to wait.
    pub(crate) fn is_patient(&self, wait: &Wait, now: u64) -> bool {
        // Either way: a clock that went back far says nothing of how long it has been, and one that
        // was set right by a little must not end every wait.
        now.abs_diff(wait.since) < self.patience
    }

    /// The contexts of all that wait.
    pub(crate) fn all(&self) -> Vec<u32> {
        self.contexts(|_| true)
    }

    fn contexts(&self, which: impl Fn(&Wait) -> bool) -> Vec<u32> {
        let held = self.held.borrow();
        held.iter().filter(|(_, held)| which(&held.wait)).map(|(context, _)| *context).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::followed;

    const SECOND: u64 = 1_000_000_000;

    fn held(followed: Followed, since: u64) -> Held {
        let wait = Wait { followed, since, route: None };
        Held { wait, map: Vec::new(), state: Rc::new(Cell::new(State::Held)) }
    }

    fn waiting(most: usize) -> Waiting {
        Waiting::new(most, Duration::from_secs(5))
    }

    #[test]
    fn places_are_counted_and_come_free() {
        let [issuer, _] = followed();
        let waiting = waiting(2);
        for context in [7, 8] {
            assert!(waiting.want(issuer));
            waiting.hold(context, held(issuer, SECOND));
        }
        assert!(!waiting.want(issuer), "both places are taken");
        assert!(waiting.take(7).is_some());
        assert!(waiting.take(7).is_none(), "nobody is taken twice");
        assert!(waiting.want(issuer));
    }

    #[test]
    fn without_a_place_keys_are_wanted_all_the_same() {
        let [one, other] = followed();
        let waiting = waiting(0);
        assert!(!waiting.want(one));
        assert!(!waiting.want(one));
        assert_eq!(waiting.take_wanted(), BTreeSet::from([one]));
        assert!(waiting.take_wanted().is_empty(), "each wish is told once");
        waiting.want(one);
        waiting.want(other);
        waiting.forget_wish(one);
        assert_eq!(waiting.take_wanted(), BTreeSet::from([other]));
    }

    #[test]
    fn those_are_due_whose_keys_came_or_whose_time_is_up() {
        let [one, other] = followed();
        let waiting = waiting(9);
        for (context, issuer, since) in [(1, one, 10), (2, other, 10), (3, one, 12)] {
            waiting.hold(context, held(issuer, since * SECOND));
        }
        let due = |woken: &[Followed], now: u64| waiting.due(&woken.iter().copied().collect(), now);
        assert!(due(&[], 15 * SECOND - 1).is_empty());
        assert_eq!(due(&[], 15 * SECOND), [1, 2]);
        assert_eq!(due(&[one], 13 * SECOND), [1, 3]);
        assert_eq!(due(&[one, other], 13 * SECOND), [1, 2, 3]);
        assert!(due(&[], 8 * SECOND).is_empty(), "the clock went back a little");
        assert_eq!(due(&[], 7 * SECOND), [3]);
        assert_eq!(due(&[], 0), [1, 2, 3], "the clock went back far");
        assert_eq!(waiting.all(), [1, 2, 3]);
    }
}
