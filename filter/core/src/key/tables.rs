//! Tables of multiples of keys: they make curves several times as fast, and take memory.
//!
//! A table speeds up and changes no verdict, so that a decision stays a function of its arguments.
//!
//! Who sends forged tokens is not to decide about memory or time: a key gets a table once it has
//! verified so many good signatures without one that the table will have been worth it, and
//! [`MAX_TABLES`] keys at most have one. Of a thousand keys those that sign have them.

use std::{
    fmt,
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU32, AtomicU64, Ordering::Relaxed},
    },
};

/// How many keys of one ring have a table at the same time: at 32 KiB each, half a MiB.
///
/// A worker that knows more keys which all sign goes on without tables for some of them.
pub(crate) const MAX_TABLES: usize = 16;

/// The tables of all keys of one ring.
#[derive(Clone, Default)]
pub(crate) struct Tables(Arc<Shelf>);

#[derive(Default)]
struct Shelf {
    /// At most [`MAX_TABLES`].
    tables: Mutex<Vec<Arc<dyn Recency>>>,
    /// Counts the uses of all tables.
    clock: AtomicU64,
}

/// When something was used.
trait Recency: Send + Sync {
    fn last_use(&self) -> u64;
}

/// A table, and when it was used.
struct Used<T> {
    last_use: AtomicU64,
    table: T,
}

impl<T: Send + Sync> Recency for Used<T> {
    fn last_use(&self) -> u64 {
        self.last_use.load(Relaxed)
    }
}

impl Tables {
    fn now(&self) -> u64 {
        self.0.clock.fetch_add(1, Relaxed)
    }

    /// Puts a table in the place of the one that was not used for the longest time, if all places
    /// are taken.
    fn put<T: Send + Sync + 'static>(&self, table: T) -> Weak<Used<T>> {
        let table = Arc::new(Used { last_use: AtomicU64::new(self.now()), table });
        // The lock is never lost; if it were, there would be no table.
        if let Ok(mut tables) = self.0.tables.lock() {
            if tables.len() >= MAX_TABLES
                && let Some((oldest, _)) =
                    tables.iter().enumerate().min_by_key(|(_, table)| table.last_use())
            {
                tables.swap_remove(oldest);
            }
            let shared: Arc<dyn Recency> = table.clone();
            tables.push(shared);
        }
        Arc::downgrade(&table)
    }

    /// How many there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.tables.lock().unwrap().len()
    }
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tables").finish_non_exhaustive()
    }
}

/// The place of one key for its table.
pub(super) struct Place<T> {
    all: Tables,
    table: Mutex<Weak<Used<T>>>,
    /// Good signatures that were verified without a table.
    earned: AtomicU32,
    /// So many are needed.
    worth: u32,
}

impl<T: Send + Sync + 'static> Place<T> {
    /// A place among tables of its own, until it is told of others; it is filled after so many good
    /// signatures.
    pub(super) fn new(worth: u32) -> Self {
        Self { all: Tables::default(), table: Mutex::default(), earned: AtomicU32::new(0), worth }
    }

    /// Moves it to the tables of a ring.
    pub(super) fn share(&mut self, all: &Tables) {
        *self = Self { all: all.clone(), ..Self::new(self.worth) };
    }

    fn table(&self) -> Option<Arc<Used<T>>> {
        self.table.lock().ok()?.upgrade()
    }

    /// What the table says, or else what is said without it, which counts for one if it is good.
    pub(super) fn verify(
        &self,
        by_table: impl FnOnce(&T) -> bool,
        without: impl FnOnce() -> bool,
        make: impl FnOnce() -> T,
    ) -> bool {
        if let Some(table) = self.table() {
            table.last_use.store(self.all.now(), Relaxed);
            return by_table(&table.table);
        }
        let is_good = without();
        if is_good && self.earned.fetch_add(1, Relaxed).saturating_add(1) >= self.worth {
            self.earned.store(0, Relaxed);
            let table = self.all.put(make());
            if let Ok(mut place) = self.table.lock() {
                *place = table;
            }
        }
        is_good
    }
}

/// The copy uses the same table.
impl<T: Send + Sync + 'static> Clone for Place<T> {
    fn clone(&self) -> Self {
        let table = self.table().map(|table| Arc::downgrade(&table)).unwrap_or_default();
        Self {
            all: self.all.clone(),
            table: Mutex::new(table),
            earned: AtomicU32::new(self.earned.load(Relaxed)),
            worth: self.worth,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::arithmetic_side_effects,
        clippy::unwrap_used,
        reason = "a test that fails stops"
    )]

    use std::cell::Cell;

    use super::*;

    const WORTH: u32 = 4;

    /// A key whose table says that it is one.
    fn verify(place: &Place<[u8; 8]>, is_good: bool) -> &'static str {
        let (way, made) = (Cell::new(""), Cell::new(false));
        let verdict = place.verify(
            |_| {
                way.set("table");
                is_good
            },
            || {
                way.set("plain");
                is_good
            },
            || {
                made.set(true);
                [0; 8]
            },
        );
        assert_eq!(verdict, is_good);
        if made.get() { "made" } else { way.get() }
    }

    /// Verifies until there is a table.
    fn earn(place: &Place<[u8; 8]>) {
        for _ in 1..WORTH {
            assert_eq!(verify(place, true), "plain");
        }
        assert_eq!(verify(place, true), "made");
        assert_eq!(verify(place, true), "table");
    }

    fn places(all: &Tables, count: usize) -> Vec<Place<[u8; 8]>> {
        let place = |_| {
            let mut place = Place::new(WORTH);
            place.share(all);
            place
        };
        (0..count).map(place).collect()
    }

    #[test]
    fn only_good_signatures_earn_a_table() {
        let place = Place::new(WORTH);
        for _ in 0..100 {
            assert_eq!(verify(&place, false), "plain");
        }
        earn(&place);
        assert_eq!(verify(&place, false), "table");
    }

    #[test]
    fn a_thousand_keys_have_few_tables() {
        let all = Tables::default();
        let places = places(&all, 1000);
        for place in &places {
            earn(place);
            assert!(all.len() <= MAX_TABLES);
        }
        assert_eq!(all.len(), MAX_TABLES);
        // The last ones have one; the others are where they were.
        let (before, last) = places.split_at(places.len() - MAX_TABLES);
        for place in last {
            assert_eq!(verify(place, true), "table");
        }
        for place in before {
            assert_eq!(verify(place, true), "plain");
        }
    }

    #[test]
    fn a_table_in_use_stays() {
        let all = Tables::default();
        let places = places(&all, 5 * MAX_TABLES);
        let (busy, others) = places.split_first().unwrap();
        earn(busy);
        for place in others {
            earn(place);
            assert_eq!(verify(busy, true), "table");
        }
    }

    #[test]
    fn keys_that_are_gone_make_room() {
        let all = Tables::default();
        let gone = places(&all, MAX_TABLES);
        gone.iter().for_each(earn);
        drop(gone);
        let next = places(&all, MAX_TABLES);
        next.iter().for_each(earn);
        for place in &next {
            assert_eq!(verify(place, true), "table");
        }
        assert_eq!(all.len(), MAX_TABLES);
    }

    /// The copies of a ring share its tables.
    #[test]
    fn a_copy_of_a_key_uses_the_same_table() {
        let all = Tables::default();
        let place = places(&all, 1).remove(0);
        earn(&place);
        assert_eq!(verify(&place.clone(), true), "table");
        assert_eq!(all.len(), 1);
    }
}
