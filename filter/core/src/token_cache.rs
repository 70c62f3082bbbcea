//! Tokens whose signature was checked before.
//!
//! What is remembered depends on nothing but the token, the key set and the policy: that the signature
//! is good, and what the claims say. The times in them are held against the clock for each request, and
//! rules are judged anew. An entry belongs to the set that verified it, so the keys that an issuer
//! withdraws take their verdicts with them; Envoy's cache lets such tokens pass until they expire.

mod headers;
mod tail;

use std::{cell::OnceCell, collections::HashMap, hash::BuildHasherDefault, ops::Range, rc::Rc};

use self::{
    headers::Headers,
    tail::{Tail, TailHasher},
};
use crate::{
    bytes::is_same, claims::Words, forward::Texts, issuer::IssuerId, jws::Header, key::KeyRing,
    reject::Reject, tape::Tape, validate::Terms,
};

/// The part of a token that is known once its signature is good.
#[derive(Debug)]
pub(crate) struct Proven {
    pub(crate) issuer: IssuerId,
    pub(crate) claims: Tape,
    /// When it holds and for whom, or why it never does.
    pub(crate) terms: Result<Terms, Reject>,
    /// The words of its scope claims, or why they have none.
    pub(crate) scopes: Result<Words, Reject>,
    /// Where the payload stands in the token.
    pub(crate) payload: Range<usize>,
    /// What is passed on of its claims, once somebody asked.
    pub(crate) texts: OnceCell<Texts>,
}

/// How much is remembered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct CacheLimits {
    /// Good tokens; 0 remembers nothing, forged ones included.
    pub(crate) entries: usize,
    /// Estimated memory in bytes.
    pub(crate) bytes: usize,
}

impl Default for CacheLimits {
    /// Tokens of 4,096 users at a time, and 16 MiB, which they hardly reach.
    fn default() -> Self {
        Self { entries: 4096, bytes: 16_777_216 }
    }
}

/// What became of the look-ups.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CacheCounts {
    /// Tokens that were known, good or forged.
    pub hits: u64,
    /// Tokens that were not.
    pub misses: u64,
    /// Entries that made room for others.
    pub evictions: u64,
}

/// Remembers tokens by their bytes; one for each VM and configuration.
///
/// Who goes is found with a hand that turns over the places (CLOCK, Corbató 1968): one that was used
/// since the hand was there is passed over, once. A hit so costs a mark, where a list by the time of use
/// would be knotted anew, and as many tokens as there are places are all known, in whatever order
/// they come.
#[derive(Debug)]
pub struct TokenCache {
    limits: CacheLimits,
    /// Good tokens, at most as many places as there may be entries.
    places: Vec<Option<Known>>,
    /// Where each of them is.
    index: HashMap<Tail, usize, BuildHasherDefault<TailHasher>>,
    /// Places that are empty, the one that was emptied last at the end.
    empty: Vec<usize>,
    /// The place that is looked at next when one has to go.
    hand: usize,
    /// The estimated memory of all good tokens.
    bytes: usize,
    forged: Vec<Option<Forged>>,
    headers: Headers,
    counts: CacheCounts,
}

#[derive(Debug)]
struct Known {
    token: Box<[u8]>,
    /// Whether it was recalled since the hand was here.
    is_used: bool,
    /// The serial of the key set that verified it.
    set: u64,
    proven: Rc<Proven>,
}

impl Known {
    fn recalled(&self) -> Recalled {
        let proven = Rc::clone(&self.proven);
        Recalled::Good { issuer: proven.issuer, set: self.set, proven }
    }
}

/// A token that no key of a set verified.
#[derive(Debug)]
struct Forged {
    token: Vec<u8>,
    issuer: IssuerId,
    set: u64,
}

/// What is known of a token.
#[derive(Debug)]
pub(crate) enum Recalled {
    /// A key of this set verified it.
    Good { issuer: IssuerId, set: u64, proven: Rc<Proven> },
    /// No key of this set did.
    Forged { issuer: IssuerId, set: u64 },
}

/// Memory for claims beside the token's own bytes, as a multiple of those.
const COST: usize = 4;

/// Places for forged tokens. Each has one place that it can be in, so a flood of different ones
/// costs no more than their signatures, and never a good token its place.
const FORGED: u64 = 64;

/// Places in use that the hand passes over for one request at most. Where all are in use, the oldest
/// goes: thousands at once would hold up the request at hand.
const PASSED: usize = 64;

/// The part of the memory that one token may take.
const SHARE: usize = 3;

impl TokenCache {
    pub(crate) fn new(limits: CacheLimits) -> Self {
        Self {
            limits,
            places: Vec::new(),
            index: HashMap::default(),
            empty: Vec::new(),
            hand: 0,
            bytes: 0,
            forged: Vec::new(),
            headers: Headers::default(),
            counts: CacheCounts::default(),
        }
    }

    /// A cache that remembers nothing.
    #[must_use]
    pub fn off() -> Self {
        Self::new(CacheLimits { entries: 0, bytes: 0 })
    }

    /// What became of the look-ups so far.
    #[must_use]
    pub fn counts(&self) -> CacheCounts {
        self.counts
    }

    /// The number of good tokens that are remembered.
    #[must_use]
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether no good token is remembered.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What is known of a token, whatever key set it is known by.
    pub(crate) fn recall(&mut self, token: &[u8]) -> Option<Recalled> {
        if self.limits.entries == 0 {
            return None;
        }
        let tail = Tail::of(token);
        if let Some(place) = self.index.get(&tail)
            && let Some(Some(known)) = self.places.get_mut(*place)
            && is_same(&known.token, token)
        {
            known.is_used = true;
            return Some(known.recalled());
        }
        let place = self.forged.get(slot(tail)).and_then(Option::as_ref);
        place
            .filter(|forged| is_same(&forged.token, token))
            .map(|forged| Recalled::Forged { issuer: forged.issuer, set: forged.set })
    }

    /// What a header says that a good token had.
    pub(crate) fn header(&self, part: &[u8]) -> Option<Rc<Header>> {
        self.headers.get(part)
    }

    /// Remembers the header of a good token.
    pub(crate) fn keep_header(&mut self, part: &[u8], header: &Rc<Header>) {
        if self.limits.entries > 0 {
            self.headers.keep(part, header);
        }
    }

    /// Counts a request by whether its token was known.
    pub(crate) fn count(&mut self, is_known: bool) {
        if self.limits.entries == 0 {
            return;
        }
        let count = if is_known { &mut self.counts.hits } else { &mut self.counts.misses };
        *count = count.wrapping_add(1);
    }

    /// Remembers a token that a key of the set verified.
    pub(crate) fn keep(&mut self, token: &[u8], set: u64, proven: &Rc<Proven>) {
        let cost = cost(token);
        if self.limits.entries == 0 || cost > self.limits.bytes / SHARE {
            return;
        }
        let tail = Tail::of(token);
        // The same token by another set of keys.
        if let Some(place) = self.index.remove(&tail) {
            self.clear(place);
        }
        while self.is_too_small_for(cost) && self.evict() {}
        let known = Known { token: token.into(), is_used: false, set, proven: Rc::clone(proven) };
        // Just behind the hand if one had to go: a new one is looked at last.
        let place = self.empty.pop().unwrap_or(self.places.len());
        match self.places.get_mut(place) {
            Some(empty) => *empty = Some(known),
            None => self.places.push(Some(known)),
        }
        self.index.insert(tail, place);
        self.bytes = self.bytes.saturating_add(cost);
    }

    /// Remembers a token that no key of the set verified.
    pub(crate) fn keep_forged(&mut self, token: &[u8], issuer: IssuerId, set: u64) {
        if self.limits.entries == 0 {
            return;
        }
        if self.forged.is_empty() {
            self.forged.resize_with(usize::try_from(FORGED).unwrap_or_default(), || None);
        }
        if let Some(place) = self.forged.get_mut(slot(Tail::of(token))) {
            // The memory of the one before serves again.
            let mut kept = place.take().map(|before| before.token).unwrap_or_default();
            kept.clear();
            kept.extend_from_slice(token);
            *place = Some(Forged { token: kept, issuer, set });
        }
    }

    /// Gives back what was known by sets of keys that are in force no more.
    ///
    /// Nothing of it counts since the moment that the set was replaced; this is for its memory, and for
    /// the places that tokens of the new set need. Meant for each change of keys, which no request waits
    /// for.
    pub fn forget_withdrawn(&mut self, keys: &KeyRing) {
        self.places.retain(|place| {
            place.as_ref().is_some_and(|known| keys.keeps(known.proven.issuer, known.set))
        });
        self.index.clear();
        self.empty.clear();
        (self.hand, self.bytes) = (0, 0);
        for (place, known) in self.places.iter().flatten().enumerate() {
            self.index.insert(Tail::of(&known.token), place);
            self.bytes = self.bytes.saturating_add(cost(&known.token));
        }
        for place in &mut self.forged {
            if place.as_ref().is_some_and(|forged| !keys.keeps(forged.issuer, forged.set)) {
                *place = None;
            }
        }
    }

    /// Whether one has to go before a token of this cost can come.
    fn is_too_small_for(&self, cost: usize) -> bool {
        self.len() >= self.limits.entries || self.bytes.saturating_add(cost) > self.limits.bytes
    }

    /// Forgets the first token from the hand on that was not used; false if there is none.
    fn evict(&mut self) -> bool {
        let mut passed = 0_usize;
        // In the second turn no mark is left.
        for _ in 0..self.places.len().saturating_mul(2) {
            let place = if self.hand < self.places.len() { self.hand } else { 0 };
            self.hand = place.saturating_add(1);
            let Some(Some(known)) = self.places.get_mut(place) else {
                continue;
            };
            if known.is_used && passed < PASSED {
                known.is_used = false;
                passed = passed.saturating_add(1);
                continue;
            }
            self.index.remove(&Tail::of(&known.token));
            self.clear(place);
            self.counts.evictions = self.counts.evictions.wrapping_add(1);
            return true;
        }
        false
    }

    /// Empties a place whose token is not in the index any more.
    fn clear(&mut self, place: usize) {
        if let Some(known) = self.places.get_mut(place).and_then(Option::take) {
            self.bytes = self.bytes.saturating_sub(cost(&known.token));
            self.empty.push(place);
        }
    }
}

/// The place among the forged tokens.
fn slot(tail: Tail) -> usize {
    usize::try_from(tail.mixed() % FORGED).unwrap_or_default()
}

fn cost(token: &[u8]) -> usize {
    token.len().saturating_mul(COST)
}

#[cfg(test)]
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
mod tests;
