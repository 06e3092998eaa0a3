//! Counters of the writer, for the metrics page and for tests of the grouping.

use std::sync::atomic::{AtomicU64, Ordering};

/// A reading of the counters since the store was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Metrics {
    /// Batches that were committed.
    pub commits: u64,
    /// Batches that were refused or failed.
    pub failures: u64,
    /// Transactions: each holds one group of batches.
    pub groups: u64,
    /// Transactions that were fsynced before their answers.
    pub durable_groups: u64,
    /// Batches in the largest group.
    pub max_group: u64,
    /// Events in committed batches, repeated ones included.
    pub events: u64,
    /// Content bytes in committed batches.
    pub bytes: u64,
}

/// The live counters; relaxed, because each is only a count.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    commits: AtomicU64,
    failures: AtomicU64,
    groups: AtomicU64,
    durable_groups: AtomicU64,
    max_group: AtomicU64,
    events: AtomicU64,
    bytes: AtomicU64,
}

impl Counters {
    pub(crate) fn group(&self, size: usize, durable: bool) {
        self.groups.fetch_add(1, Ordering::Relaxed);
        self.durable_groups.fetch_add(u64::from(durable), Ordering::Relaxed);
        self.max_group.fetch_max(size as u64, Ordering::Relaxed);
    }

    pub(crate) fn committed(&self, events: usize, bytes: usize) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.events.fetch_add(events as u64, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn read(&self) -> Metrics {
        Metrics {
            commits: self.commits.load(Ordering::Relaxed),
            failures: self.failures.load(Ordering::Relaxed),
            groups: self.groups.load(Ordering::Relaxed),
            durable_groups: self.durable_groups.load(Ordering::Relaxed),
            max_group: self.max_group.load(Ordering::Relaxed),
            events: self.events.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }
}
