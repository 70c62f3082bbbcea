//! What a VM did, kept apart by the context that did it.

/// Entries in order, each with the context that it belongs to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Journal<T>(Vec<(u32, T)>);

impl<T> Default for Journal<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Journal<T> {
    pub(crate) fn push(&mut self, context: u32, entry: T) {
        self.0.push((context, entry));
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn last_mut(&mut self) -> Option<&mut T> {
        self.0.last_mut().map(|(_, entry)| entry)
    }

    /// The entries from the one with this number on.
    pub(crate) fn since(&self, from: usize) -> impl Iterator<Item = &T> {
        self.0.iter().skip(from).map(|(_, entry)| entry)
    }

    /// Takes the entries of the contexts that `which` is true of, in order.
    pub(crate) fn take(&mut self, which: impl Fn(u32) -> bool) -> Vec<T> {
        let taken = self.0.extract_if(.., |(context, _)| which(*context));
        taken.map(|(_, entry)| entry).collect()
    }
}
