//! Checks every feed of a data folder: each event's signature, its place in its feed, and the hash chain.
//!
//! Everything is decoded again from the stored bytes and hashed again, so a flipped bit anywhere in an event is found,
//! and so is a row whose index says something else than its event. So is every text that an event refers to: one that is changed is a
//! fault; one that is missing is told (it may still come from a peer), and so is one that was erased on purpose.

use std::collections::BTreeSet;

use bzzz_core::blob::Blob;
use bzzz_core::crypto::Hash;
use bzzz_core::event::Checked;
use bzzz_core::node::blobs_of;
use bzzz_store::{BlobLookup, EventRow, Head, Store};

use crate::cli::failure::Result;

/// Events that are read at once.
const PAGE: usize = 1_000;
/// Faults that are told; the rest is counted.
pub const MAX_FAULTS: u64 = 100;

/// Missing texts that are named; the rest is counted.
pub const MAX_MISSING: u64 = 20;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct LogReport {
    /// Feeds that were checked.
    pub feeds: usize,
    /// Events that were checked.
    pub events: u64,
    /// What is wrong, at most [`MAX_FAULTS`] of it.
    pub faults: Vec<String>,
    /// Faults in all.
    pub fault_count: u64,
    /// Texts that events refer to and that are here, each what its hash says.
    pub texts: u64,
    /// Texts that events refer to and that are not here: at most [`MAX_MISSING`] of their hashes.
    pub missing: Vec<String>,
    /// Such texts in all.
    pub missing_count: u64,
    /// Texts that were erased on purpose.
    pub erased: u64,
    /// Forks that were proven before, and whose feeds are excluded from the forked number on.
    pub forks: usize,
}

/// Checks all feeds, or those of the node whose key (hex) starts with `only`.
pub async fn verify(store: &Store, only: Option<&str>, attempt: &str) -> Result<LogReport> {
    let failed = |error| super::explain(&error, attempt);
    let mut report = LogReport {
        forks: store.fork_proofs().await.map_err(failed)?.len(),
        ..LogReport::default()
    };
    for head in store.heads().await.map_err(failed)? {
        let node = Hash(head.feed.node).to_string();
        if only.is_some_and(|only| !node.starts_with(&only.to_lowercase())) {
            continue;
        }
        report.feeds += 1;
        let mut chain = Chain::default();
        let mut looked_at = BTreeSet::new();
        loop {
            let rows = store.events(head.feed, chain.next, PAGE).await.map_err(failed)?;
            if rows.is_empty() {
                break;
            }
            for row in &rows {
                report.events += 1;
                match chain.take(row) {
                    Ok(event) => {
                        for text in event.body().map(blobs_of).unwrap_or_default() {
                            if looked_at.insert(text.hash) {
                                let found = store.blob(text.hash.0).await.map_err(failed)?;
                                report.text(&node, row.seq, text.hash, found);
                            }
                        }
                    }
                    Err(what) => report.fault(&node, row.seq, &what),
                }
            }
        }
        if let Err(what) = chain.end(&head) {
            report.fault(&node, head.seq, &what);
        }
    }
    Ok(report)
}

impl LogReport {
    fn text(&mut self, node: &str, seq: u64, hash: Hash, found: BlobLookup) {
        match found {
            BlobLookup::Present(row) => {
                let blob: Option<Blob> = bzzz_core::codec::decode("blob", &row.bytes).ok();
                match blob.is_some_and(|blob| blob.hash() == hash) {
                    true => self.texts += 1,
                    false => self.fault(
                        node,
                        seq,
                        &format!("its text {} is not the one that it names", hash.short()),
                    ),
                }
            }
            BlobLookup::Erased => self.erased += 1,
            BlobLookup::Absent => {
                self.missing_count += 1;
                if self.missing_count <= MAX_MISSING {
                    self.missing.push(hash.to_string());
                }
            }
        }
    }

    fn fault(&mut self, node: &str, seq: u64, what: &str) {
        self.fault_count += 1;
        if self.fault_count <= MAX_FAULTS {
            let node: String = node.chars().take(12).collect();
            self.faults.push(format!("node {node}, event {seq}: {what}"));
        }
    }
}

/// One feed as far as it was read.
#[derive(Debug)]
struct Chain {
    next: u64,
    prev: Hash,
}

impl Default for Chain {
    fn default() -> Self {
        Self {
            next: 0,
            prev: Hash::ZERO,
        }
    }
}

impl Chain {
    /// Checks one row and goes on behind it, also when it is wrong: later faults are wanted too.
    fn take(&mut self, row: &EventRow) -> std::result::Result<Checked, String> {
        let (wanted, prev) = (self.next, self.prev);
        self.next = row.seq.saturating_add(1);
        self.prev = Hash(row.hash);
        if row.seq != wanted {
            return Err(format!("the events from {wanted} on are missing"));
        }
        let checked = Checked::check(&row.bytes).map_err(|error| error.to_string())?;
        let event = checked.event();
        let header = event.header();
        let same = event.hash() == Hash(row.hash)
            && header.seq == row.seq
            && event.node().0 == row.feed.node
            && header.incarnation == row.feed.incarnation
            && event.project() == Hash(row.feed.project);
        if !same {
            return Err("it is stored in another place than its own header says".to_owned());
        }
        if header.prev != prev {
            return Err("it does not continue the hash chain".to_owned());
        }
        Ok(checked)
    }

    fn end(&self, head: &Head) -> std::result::Result<(), String> {
        if self.next == head.seq.saturating_add(1) && self.prev == Hash(head.hash) {
            Ok(())
        } else {
            Err("the feed ends before the head that is noted for it".to_owned())
        }
    }
}

#[cfg(test)]
mod tests;
