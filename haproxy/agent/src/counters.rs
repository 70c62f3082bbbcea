//! What one thread counts.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use crate::answer::Answer;

/// The upper ends of the classes of durations, in microseconds.
pub(crate) const CLASSES: [u64; 14] = [
    25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 1_000_000,
];

/// The counters of one thread. Each thread has its own, so that none waits for another.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) allowed: AtomicU64,
    pub(crate) denied: AtomicU64,
    pub(crate) errors: AtomicU64,
    /// Durations by class; the last is for all that are longer.
    pub(crate) durations: [AtomicU64; CLASSES.len() + 1],
    /// The sum of all durations in microseconds.
    pub(crate) micros: AtomicU64,
    pub(crate) replaced: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) broken_frames: AtomicU64,
    pub(crate) waiting: AtomicU64,
}

impl Counters {
    /// Counts an answer that took so long.
    pub(crate) fn answered(&self, answer: &Answer, took: Duration) {
        let verdict = match answer {
            Answer::Allow(_) => &self.allowed,
            Answer::Deny(_) => &self.denied,
            Answer::Error { .. } => &self.errors,
        };
        add(verdict, 1);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        add(&self.micros, micros);
        let class = CLASSES.iter().zip(&self.durations).find(|(end, _)| micros <= **end);
        let longest = self.durations.last();
        if let Some(class) = class.map(|(_, class)| class).or(longest) {
            add(class, 1);
        }
    }

    /// Counts a VM that took the place of one that had ended.
    pub(crate) fn replaced(&self) {
        add(&self.replaced, 1);
    }

    /// Counts a connection.
    pub(crate) fn connected(&self) {
        add(&self.connections, 1);
    }

    /// Counts a frame that could not be read.
    pub(crate) fn broken_frame(&self) {
        add(&self.broken_frames, 1);
    }

    /// Notes how many requests are held.
    pub(crate) fn waiting(&self, number: usize) {
        self.waiting.store(u64::try_from(number).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}
