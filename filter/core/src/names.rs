//! What the configuration names, found by its name: at the same cost however much there is of it.

use hashbrown::HashTable;

use crate::bytes::{hash, is_same};

/// Values by their names, each in a space of names of its own; all of them from the configuration.
#[derive(Clone, Debug)]
pub(crate) struct Names<T> {
    entries: HashTable<Entry<T>>,
}

#[derive(Clone, Debug)]
struct Entry<T> {
    space: usize,
    name: Box<[u8]>,
    value: T,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { entries: HashTable::new() }
    }
}

impl<T> Names<T> {
    /// The value of a name, if there is one in this space.
    pub(crate) fn get(&self, space: usize, name: &[u8]) -> Option<&T> {
        // Most policies name no hosts, and many nodes have no children: no hash for nothing.
        if self.entries.is_empty() {
            return None;
        }
        let same = |entry: &Entry<T>| entry.space == space && is_same(&entry.name, name);
        self.entries.find(hash_in(space, name), same).map(|entry| &entry.value)
    }

    /// The value of a name; `make` makes it if there is none yet.
    pub(crate) fn entry(&mut self, space: usize, name: &[u8], make: impl FnOnce() -> T) -> &mut T {
        let same = |entry: &Entry<T>| entry.space == space && is_same(&entry.name, name);
        let rehash = |entry: &Entry<T>| hash_in(entry.space, &entry.name);
        let fresh = || Entry { space, name: name.into(), value: make() };
        let place = self.entries.entry(hash_in(space, name), same, rehash);
        &mut place.or_insert_with(fresh).into_mut().value
    }
}

fn hash_in(space: usize, name: &[u8]) -> u64 {
    hash(u64::try_from(space).unwrap_or(u64::MAX), name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_means_something_in_its_own_space_only() {
        let mut names = Names::default();
        assert_eq!(names.get(0, b"a"), None);
        assert_eq!(*names.entry(0, b"a", || 1), 1);
        assert_eq!(*names.entry(0, b"a", || 2), 1, "the first stays");
        assert_eq!(*names.entry(1, b"a", || 3), 3);
        assert_eq!((names.get(0, b"a"), names.get(1, b"a")), (Some(&1), Some(&3)));
        assert_eq!((names.get(2, b"a"), names.get(0, b"")), (None, None));
    }

    #[test]
    fn thousands_of_names_are_all_found() {
        let mut names = Names::default();
        for number in 0..5000_usize {
            names.entry(number % 3, number.to_string().as_bytes(), || number);
        }
        for number in 0..5000_usize {
            assert_eq!(names.get(number % 3, number.to_string().as_bytes()), Some(&number));
            assert_eq!(names.get(3, number.to_string().as_bytes()), None);
        }
    }
}
