//! Route rules, compiled once for each distinct value of a route's metadata.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

/// Compiled values by the bytes that they were compiled from.
///
/// The bytes come from the proxy's configuration, not from a request, so there are about as many as
/// routes; yet route updates bring new ones for as long as the VM lives. So it is bounded: when it is
/// full it starts afresh, and what is still in use comes back at the price of compiling it again.
pub(crate) struct RouteCache<R> {
    entries: RefCell<Entries<R>>,
}

impl<R> RouteCache<R> {
    /// An empty cache.
    pub(crate) fn new() -> Self {
        Self { entries: RefCell::new(Entries { by_metadata: BTreeMap::new(), bytes: 0 }) }
    }

    /// The value for `metadata`; `compile` makes it if it is not there.
    pub(crate) fn get(&self, metadata: Vec<u8>, compile: impl FnOnce(&[u8]) -> R) -> Rc<R> {
        let known = self.entries.borrow().by_metadata.get(&metadata).map(Rc::clone);
        if let Some(known) = known {
            return known;
        }
        // Nothing is borrowed meanwhile: compiling may write log lines, which are host calls.
        let made = Rc::new(compile(&metadata));
        self.entries.borrow_mut().insert(metadata, Rc::clone(&made));
        made
    }
}

struct Entries<R> {
    by_metadata: BTreeMap<Vec<u8>, Rc<R>>,
    bytes: usize,
}

impl<R> Entries<R> {
    fn insert(&mut self, metadata: Vec<u8>, made: Rc<R>) {
        if metadata.len() > MOST_BYTES {
            return;
        }
        let bytes = self.bytes.saturating_add(metadata.len());
        if bytes > MOST_BYTES || self.by_metadata.len() >= MOST_ENTRIES {
            self.by_metadata.clear();
            self.bytes = metadata.len();
        } else {
            self.bytes = bytes;
        }
        self.by_metadata.insert(metadata, made);
    }
}

/// Ten times the routes of a large Envoy configuration that carry rules of their own.
const MOST_ENTRIES: usize = 4096;

/// The same in bytes: 256 for each entry.
const MOST_BYTES: usize = 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_distinct_value_is_compiled_once() {
        let cache = RouteCache::new();
        let mut compiled = Vec::new();
        for metadata in [b"a".to_vec(), b"b".to_vec(), b"a".to_vec(), b"b".to_vec()] {
            let rule = cache.get(metadata, |metadata| {
                compiled.push(metadata.to_vec());
                metadata.to_vec()
            });
            assert_eq!(Some(&*rule), compiled.iter().find(|made| *made == &*rule));
        }
        assert_eq!(compiled, [b"a", b"b"]);
    }

    #[test]
    fn the_number_of_entries_is_bounded() {
        let cache = RouteCache::new();
        for n in 0..3 * MOST_ENTRIES {
            cache.get(n.to_string().into_bytes(), |_| ());
            assert!(cache.entries.borrow().by_metadata.len() <= MOST_ENTRIES);
        }
    }

    #[test]
    fn the_bytes_kept_are_bounded() {
        let cache = RouteCache::new();
        for n in 0..40_u8 {
            cache.get(vec![n; MOST_BYTES / 10], |_| ());
            let entries = cache.entries.borrow();
            let kept: usize = entries.by_metadata.keys().map(Vec::len).sum();
            assert_eq!(kept, entries.bytes);
            assert!(kept <= MOST_BYTES);
        }
    }

    #[test]
    fn a_value_beyond_the_bound_is_served_and_not_kept() {
        let cache = RouteCache::new();
        let rule = cache.get(vec![0; MOST_BYTES + 1], <[u8]>::len);
        assert_eq!(*rule, MOST_BYTES + 1);
        assert!(cache.entries.borrow().by_metadata.is_empty());
    }
}
