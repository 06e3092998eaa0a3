//! A node's disk: an ordered log whose tail is not yet durable.
//!
//! It behaves as the real store does: writes take effect in order, an fsync makes everything up to it durable, and a
//! crash keeps some prefix that is at least what was made durable. So what a durable own event rests on is durable too,
//! and replicas written after the last fsync may be gone.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use super::dice::Dice;
use crate::blob::Blob;
use crate::crypto::Hash;
use crate::event::{Event, FeedId};
use crate::node::Write;
use crate::plant;

/// One thing on the disk.
#[derive(Debug, Clone)]
pub(super) enum Record {
    /// An event, ours or another's.
    Event(Arc<Event>),
    /// A blob of a project.
    Blob(Hash, Arc<Blob>),
    /// The proof of a fork.
    Fork(Hash, Arc<Event>, Arc<Event>),
}

/// The log.
#[derive(Debug, Default)]
pub(super) struct Disk {
    log: Vec<Record>,
    synced: usize,
    pending: VecDeque<(u64, usize)>,
    index: BTreeMap<(Hash, FeedId, u64), usize>,
    blobs: BTreeMap<(Hash, Hash), usize>,
    backups: Vec<usize>,
    /// Texts that were erased here. A tombstone is written at once and keeps the text from coming back.
    erased: BTreeSet<(Hash, Hash)>,
    /// Whether an fsync is under way, and up to where.
    pub syncing: Option<usize>,
}

impl Disk {
    /// Writes in order; nothing is durable yet.
    pub fn write(&mut self, write: Write) {
        for event in write.events {
            self.push_event(write.project, Arc::new(event));
        }
        for blob in write.blobs {
            let key = (write.project, blob.hash());
            if !self.blobs.contains_key(&key) && !self.erased.contains(&key) {
                self.blobs.insert(key, self.log.len());
                self.log.push(Record::Blob(write.project, Arc::new(blob)));
            }
        }
    }

    fn push_event(&mut self, project: Hash, event: Arc<Event>) {
        // A number holds one event for ever: another one with the same number changes nothing.
        let key = (project, event.feed(), event.header().seq);
        if !self.index.contains_key(&key) {
            self.index.insert(key, self.log.len());
            self.log.push(Record::Event(event));
        }
    }

    /// Keeps a proof.
    pub fn write_fork(&mut self, project: Hash, a: Event, b: Event) {
        self.log.push(Record::Fork(project, Arc::new(a), Arc::new(b)));
    }

    /// Writes own events that somebody waits for under an id.
    pub fn append(&mut self, id: u64, writes: Vec<Write>) {
        for write in writes {
            self.write(write);
        }
        self.pending.push_back((id, self.log.len()));
    }

    /// Whether somebody waits.
    pub fn has_pending(&self) -> bool {
        !self.pending.is_empty()
    }

    /// An fsync up to `upto` has come back: which appends are durable now.
    pub fn sync(&mut self, upto: usize) -> Vec<u64> {
        self.syncing = None;
        if !plant::active("skipped_fsync") {
            self.synced = self.synced.max(upto.min(self.log.len()));
        }
        let mut done = Vec::new();
        while let Some((id, end)) = self.pending.front().copied() {
            if end > upto {
                break;
            }
            done.push(id);
            self.pending.pop_front();
        }
        done
    }

    /// Everything written.
    pub fn len(&self) -> usize {
        self.log.len()
    }

    /// What is durable.
    pub fn records(&self) -> &[Record] {
        &self.log
    }

    /// A stored event.
    pub fn event(&self, project: Hash, feed: FeedId, seq: u64) -> Option<&Arc<Event>> {
        match &self.log[*self.index.get(&(project, feed, seq))?] {
            Record::Event(event) => Some(event),
            _ => None,
        }
    }

    /// Whether an event is durable.
    pub fn is_durable(&self, project: Hash, feed: FeedId, seq: u64) -> bool {
        self.index.get(&(project, feed, seq)).is_some_and(|i| *i < self.synced)
    }

    /// Erases a text: its record stands, its bytes are gone for good, but for backups.
    pub fn erase(&mut self, project: Hash, hash: Hash) {
        self.erased.insert((project, hash));
    }

    /// Whether a text was erased here.
    pub fn is_erased(&self, project: Hash, hash: Hash) -> bool {
        self.erased.contains(&(project, hash))
    }

    /// A stored blob.
    pub fn blob(&self, project: Hash, hash: Hash) -> Option<&Arc<Blob>> {
        if self.is_erased(project, hash) {
            return None;
        }
        match &self.log[*self.blobs.get(&(project, hash))?] {
            Record::Blob(_, blob) => Some(blob),
            _ => None,
        }
    }

    /// The process dies: some prefix is left, with everything that was made durable. Returns how many writes that nobody was
    /// told the outcome of are kept, and how many are lost.
    pub fn crash(&mut self, dice: &mut Dice) -> (usize, usize) {
        let keep = match dice.chance(400) {
            true => self.log.len(),
            false => dice.range(self.synced as u64, self.log.len() as u64) as usize,
        };
        let kept = self.pending.iter().filter(|(_, end)| *end <= keep).count();
        let lost = self.pending.len() - kept;
        self.cut(keep);
        (kept, lost)
    }

    /// What is there is what is durable: the state after a restart.
    fn cut(&mut self, keep: usize) {
        self.log.truncate(keep);
        self.index.retain(|_, i| *i < keep);
        self.blobs.retain(|_, i| *i < keep);
        self.backups.retain(|b| *b <= keep);
        self.pending.clear();
        self.syncing = None;
        self.synced = keep;
    }

    /// Makes everything durable: an orderly stop.
    pub fn flush(&mut self) {
        self.pending.clear();
        self.syncing = None;
        self.synced = self.log.len();
    }

    /// Remembers what is durable now as a backup.
    pub fn back_up(&mut self) {
        self.backups.push(self.synced);
        if self.backups.len() > 4 {
            self.backups.remove(0);
        }
    }

    /// Goes back to a backup. Returns whether there was one.
    pub fn restore(&mut self, dice: &mut Dice) -> bool {
        let Some(keep) = dice.pick(&self.backups).copied() else {
            return false;
        };
        self.cut(keep);
        // The backup is older than what was erased since: its texts are there again, as with any backup.
        self.erased.clear();
        true
    }
}
