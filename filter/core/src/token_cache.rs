//! Tokens whose signature was checked before.
//!
//! What is remembered depends on nothing but the token, the key set and the policy: that the signature
//! is good, and what the claims say. The times in them are held against the clock for each request, and
//! rules are judged anew. An entry belongs to the set that verified it, so the keys that an issuer
//! withdraws take their verdicts with them; Envoy's cache lets such tokens pass until they expire.

mod headers;

use std::{
    collections::{HashMap, hash_map},
    hash::{BuildHasherDefault, Hash as _, Hasher},
    ops::Range,
    rc::Rc,
};

use self::headers::Headers;
use crate::{
    bytes::{is_same, mix},
    claims::Words,
    issuer::IssuerId,
    jws::Header,
    key::KeyRing,
    reject::Reject,
    tape::Tape,
    validate::Terms,
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
/// Recency is kept by generations: what is used moves to the young one, and when that is full, what
/// is left in the old one goes.
#[derive(Debug)]
pub struct TokenCache {
    limits: CacheLimits,
    young: Generation,
    old: Generation,
    /// The generation before, given back a few entries at a time: thousands at once would hold up
    /// the request at hand.
    leaving: hash_map::IntoIter<Tail, Known>,
    forged: Vec<Option<Forged>>,
    headers: Headers,
    counts: CacheCounts,
}

/// The last characters of a token, which are those of its signature.
///
/// Nobody can choose them for a token that verifies, so that no request makes a bucket long.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
struct Tail(u64, u64);

#[derive(Debug, Default)]
struct Generation {
    entries: HashMap<Tail, Known, BuildHasherDefault<TailHasher>>,
    bytes: usize,
}

#[derive(Debug)]
struct Known {
    token: Box<[u8]>,
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

/// Entries given back with each new one; more than one, so that they are gone in time.
const LEAVING: usize = 4;

impl TokenCache {
    pub(crate) fn new(limits: CacheLimits) -> Self {
        Self {
            limits,
            young: Generation::default(),
            old: Generation::default(),
            leaving: Generation::default().entries.into_iter(),
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
        self.young.entries.len().saturating_add(self.old.entries.len())
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
        if let Some(known) = self.young.entries.get(&tail)
            && is_same(&known.token, token)
        {
            return Some(known.recalled());
        }
        if let Some(known) = self.old.entries.get(&tail)
            && is_same(&known.token, token)
        {
            let recalled = known.recalled();
            if let Some(known) = self.old.entries.remove(&tail) {
                self.insert(tail, known);
            }
            return Some(recalled);
        }
        let place = self.forged.get(tail.slot()).and_then(Option::as_ref);
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
        if self.limits.entries == 0 || cost(token) > self.share_of_bytes() {
            return;
        }
        let known = Known { token: token.into(), set, proven: Rc::clone(proven) };
        self.insert(Tail::of(token), known);
    }

    /// Remembers a token that no key of the set verified.
    pub(crate) fn keep_forged(&mut self, token: &[u8], issuer: IssuerId, set: u64) {
        if self.limits.entries == 0 {
            return;
        }
        if self.forged.is_empty() {
            self.forged.resize_with(usize::try_from(FORGED).unwrap_or_default(), || None);
        }
        if let Some(place) = self.forged.get_mut(Tail::of(token).slot()) {
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
        self.young.forget_withdrawn(keys);
        self.old.forget_withdrawn(keys);
        self.leaving = Generation::default().entries.into_iter();
        for place in &mut self.forged {
            if place.as_ref().is_some_and(|forged| !keys.keeps(forged.issuer, forged.set)) {
                *place = None;
            }
        }
    }

    fn insert(&mut self, tail: Tail, known: Known) {
        let share = (self.limits.entries / 2).max(1);
        let bytes = self.young.bytes.saturating_add(cost(&known.token));
        if self.young.entries.len() >= share || bytes > self.share_of_bytes() {
            let young = std::mem::take(&mut self.young);
            let leaving = std::mem::replace(&mut self.old, young).entries;
            let evicted = u64::try_from(leaving.len()).unwrap_or(u64::MAX);
            self.counts.evictions = self.counts.evictions.wrapping_add(evicted);
            self.leaving = leaving.into_iter();
        }
        for _ in 0..LEAVING {
            drop(self.leaving.next());
        }
        self.young.bytes = self.young.bytes.saturating_add(cost(&known.token));
        if let Some(before) = self.young.entries.insert(tail, known) {
            self.young.bytes = self.young.bytes.saturating_sub(cost(&before.token));
        }
    }

    /// A third each for the two generations and the one that is leaving.
    fn share_of_bytes(&self) -> usize {
        self.limits.bytes / 3
    }
}

impl Generation {
    fn forget_withdrawn(&mut self, keys: &KeyRing) {
        self.entries.retain(|_, known| keys.keeps(known.proven.issuer, known.set));
        self.bytes =
            self.entries.values().map(|known| cost(&known.token)).fold(0, usize::saturating_add);
    }
}

fn cost(token: &[u8]) -> usize {
    token.len().saturating_mul(COST)
}

impl Tail {
    fn of(token: &[u8]) -> Self {
        let (_, words) = token.as_rchunks::<8>();
        let mut words = words.iter().rev().map(|word| u64::from_le_bytes(*word));
        Self(words.next().unwrap_or_default(), words.next().unwrap_or_default())
    }

    fn mixed(self) -> u64 {
        let mut hasher = TailHasher::default();
        self.hash(&mut hasher);
        hasher.finish()
    }

    /// The place among the forged tokens.
    fn slot(self) -> usize {
        usize::try_from(self.mixed() % FORGED).unwrap_or_default()
    }
}

/// Folds a tail into a hash; the tails themselves are as good as random.
#[derive(Default)]
struct TailHasher(u64);

impl Hasher for TailHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, word: u64) {
        // The characters of base64url leave the high bits of each byte alike.
        self.0 = mix(self.0 ^ word);
    }
}

#[cfg(test)]
#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
mod tests;
