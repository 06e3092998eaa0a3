//! Checks every stored feed: each event's signature, its place in its feed, the hash chain, and that it is as long as it was known
//! to be.
//!
//! Everything is decoded again from the stored bytes and hashed again, so a flipped bit anywhere in an event is found,
//! and so is a row whose index says something else than its event. A chain does not show that its end was cut off, so its length is held
//! against heads that were [`Known`] elsewhere: the file beside the database, a running node's memory, what another check said.
//!
//! So is every text that an event refers to: one that is changed is a fault, and so is a missing one that this node wrote itself, with its
//! event, in its present life. Any other missing text may never have come, which cannot be told from one that was taken away: they are counted.
//! So are those that were erased on purpose.

use std::collections::{BTreeMap, BTreeSet};

use bzzz_core::blob::Blob;
use bzzz_core::crypto::Hash;
use bzzz_core::event::Checked;
use bzzz_core::node::blobs_of;
use bzzz_store::{BlobLookup, EventRow, FeedId, Head, ManifestHead, Store, StoreError};

use crate::boot;

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
    /// Texts that events of others refer to and that are not here: at most [`MAX_MISSING`] of their hashes.
    pub missing: Vec<String>,
    /// Such texts in all.
    pub missing_count: u64,
    /// Texts that were erased on purpose.
    pub erased: u64,
    /// Forks that were proven before, and whose feeds are excluded from the forked number on.
    pub forks: usize,
    /// Heads that the lengths of the feeds were held against.
    pub compared: u64,
    /// The last event of every feed that was checked: what a later check can be held against.
    pub heads: Vec<ManifestHead>,
}

/// Heads of which somebody says that they were there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// Who says so, to stand before "knows event 7".
    pub by: String,
    /// Also heads of events that may not have come to this node yet.
    pub elsewhere: bool,
    /// The heads.
    pub heads: Vec<Head>,
}

/// Checks all feeds, or those of the node whose key (hex) or peer id starts with `only`.
///
/// # Errors
/// Those of the store.
pub async fn verify(store: &Store, only: Option<&str>, known: &[Known]) -> Result<LogReport, StoreError> {
    let proofs = store.fork_proofs().await?;
    let mut report = LogReport {
        forks: proofs.len(),
        ..LogReport::default()
    };
    let present = boot::life(store).await?;
    let mut heads = BTreeMap::new();
    for head in store.heads().await? {
        if is_wanted(&head.feed, only) {
            let own = present == Some((head.feed.node, head.feed.incarnation));
            report.feed(store, &head, own).await?;
            heads.insert(head.feed, head);
        }
    }
    for known in known {
        for head in known.heads.iter().filter(|head| is_wanted(&head.feed, only)) {
            // Of a forked feed each member may hold another branch from there on.
            let forked = proofs.iter().any(|p| p.feed == head.feed && p.seq <= head.seq);
            if !forked {
                report.hold_against(store, heads.get(&head.feed), head, known).await?;
            }
        }
    }
    report.heads = heads.values().map(ManifestHead::from).collect();
    Ok(report)
}

fn is_wanted(feed: &FeedId, only: Option<&str>) -> bool {
    let peer = || bzzz_net::identity::peer_id_of(&feed.node).map(|peer| peer.to_string());
    only.is_none_or(|only| {
        Hash(feed.node).to_string().starts_with(&only.to_lowercase()) || peer().is_some_and(|p| p.starts_with(only))
    })
}

impl LogReport {
    async fn feed(&mut self, store: &Store, head: &Head, own: bool) -> Result<(), StoreError> {
        let node = Hash(head.feed.node).to_string();
        self.feeds += 1;
        let mut chain = Chain::default();
        let mut looked_at = BTreeSet::new();
        // A running node may have more of it by now.
        while chain.next <= head.seq {
            let rows = store.events(head.feed, chain.next, PAGE).await?;
            if rows.is_empty() {
                break;
            }
            for row in rows.iter().take_while(|row| row.seq <= head.seq) {
                self.events += 1;
                match chain.take(row) {
                    Ok(event) => {
                        for text in event.body().map(blobs_of).unwrap_or_default() {
                            if looked_at.insert(text.hash) {
                                let found = store.blob(text.hash.0).await?;
                                self.text(&node, row.seq, text.hash, found, own);
                            }
                        }
                    }
                    Err(what) => self.fault(&node, row.seq, &what),
                }
            }
        }
        if let Err(what) = chain.end(head) {
            self.fault(&node, head.seq, &what);
        }
        Ok(())
    }

    async fn hold_against(
        &mut self,
        store: &Store,
        here: Option<&Head>,
        head: &Head,
        known: &Known,
    ) -> Result<(), StoreError> {
        self.compared += 1;
        let rows = store.events(head.feed, head.seq, 1).await?;
        let row = rows.first().filter(|row| row.seq == head.seq);
        if row.is_some_and(|row| row.hash == head.hash) {
            return Ok(());
        }
        let by = &known.by;
        let what = match (row, here) {
            (Some(_), _) => format!("it is not the event that {by} knows by this number: the feed was written anew"),
            (None, here) => {
                let last = here.map_or("nothing of the feed is here".to_owned(), |here| {
                    format!("the feed ends here with event {}", here.seq)
                });
                let maybe = match known.elsewhere {
                    true => "its end was cut off, or has not come here yet",
                    false => "its end was cut off",
                };
                format!("{last}, and {by} knows event {}: {maybe}", head.seq)
            }
        };
        self.fault(&Hash(head.feed.node).to_string(), head.seq, &what);
        Ok(())
    }

    fn text(&mut self, node: &str, seq: u64, hash: Hash, found: BlobLookup, own: bool) {
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
            // Stored in one transaction with the event.
            BlobLookup::Absent if own => self.fault(
                node,
                seq,
                &format!(
                    "its text {} is gone, which this node had when it wrote the event",
                    hash.short()
                ),
            ),
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
    fn take(&mut self, row: &EventRow) -> Result<Checked, String> {
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

    fn end(&self, head: &Head) -> Result<(), String> {
        if self.next == head.seq.saturating_add(1) && self.prev == Hash(head.hash) {
            Ok(())
        } else {
            Err("the feed ends before the head that is noted for it".to_owned())
        }
    }
}
