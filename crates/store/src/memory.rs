//! The back end in memory: the same behaviour as a database, without files.
//!
//! It is the reference that the database back ends are tested against, so it is written for obviousness: sorted maps
//! and one lock. A batch is checked completely before any of it is applied, which makes it atomic.

use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock, RwLockReadGuard};

use crate::backend::Op;
use crate::error::StoreError;
use crate::types::{
    Batch, BlobLookup, BlobRow, Cursor, EventRow, FeedId, ForkProof, Hash, Head, KeyValue, MAX_PAGE_BYTES, Page,
    checksum, prefix_end,
};

/// Tables behind one lock; shared by the writer and the readers.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    tables: RwLock<Tables>,
}

#[derive(Debug, Default)]
struct Tables {
    /// In insertion order; a cursor is an index into this.
    events: Vec<EventRow>,
    by_place: BTreeMap<(FeedId, u64), usize>,
    /// `None` is the tombstone of an erased blob.
    blobs: HashMap<Hash, Option<BlobRow>>,
    projections: BTreeMap<String, BTreeMap<Vec<u8>, Vec<u8>>>,
    meta: BTreeMap<String, Vec<u8>>,
    fork_proofs: BTreeMap<(FeedId, u64), ForkProof>,
}

impl Memory {
    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        // No code path panics half-way through a change, so a poisoned lock still guards whole tables.
        self.tables.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn apply(&self, op: &Op) -> Result<(), StoreError> {
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        match op {
            Op::Append(batch) => {
                tables.check(batch)?;
                tables.append(batch);
            }
            Op::EraseBlob(hash) => {
                tables.blobs.insert(*hash, None);
            }
        }
        Ok(())
    }

    pub(crate) fn events(&self, feed: &FeedId, from: u64, limit: usize) -> Result<Vec<EventRow>, StoreError> {
        let tables = self.read();
        let range = tables.by_place.range((*feed, from)..=(*feed, u64::MAX));
        Ok(take_page(range.map(|(_, index)| &tables.events[*index]), limit, |e| {
            e.bytes.len()
        }))
    }

    pub(crate) fn blob_hashes(&self) -> Result<Vec<(Hash, Hash)>, StoreError> {
        Ok(self
            .read()
            .blobs
            .values()
            .flatten()
            .map(|b| (b.project, b.hash))
            .collect())
    }

    pub(crate) fn heads(&self) -> Result<Vec<Head>, StoreError> {
        let tables = self.read();
        let mut heads: BTreeMap<FeedId, Head> = BTreeMap::new();
        for ((feed, seq), index) in &tables.by_place {
            heads.insert(
                *feed,
                Head {
                    feed: *feed,
                    seq: *seq,
                    hash: tables.events[*index].hash,
                },
            );
        }
        Ok(heads.into_values().collect())
    }

    pub(crate) fn scan(&self, from: Cursor, limit: usize) -> Result<Page, StoreError> {
        let tables = self.read();
        let start = usize::try_from(from.0).unwrap_or(usize::MAX).min(tables.events.len());
        let events = take_page(tables.events[start..].iter(), limit, |e| e.bytes.len());
        let next = Cursor(from.0.max((start + events.len()) as u64));
        let sums = events.iter().map(|e: &EventRow| checksum(&e.bytes)).collect();
        Ok(Page { events, sums, next })
    }

    pub(crate) fn blob(&self, hash: &Hash) -> Result<BlobLookup, StoreError> {
        Ok(match self.read().blobs.get(hash) {
            Some(Some(blob)) => BlobLookup::Present(blob.clone()),
            Some(None) => BlobLookup::Erased,
            None => BlobLookup::Absent,
        })
    }

    pub(crate) fn projection(&self, name: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self
            .read()
            .projections
            .get(name)
            .and_then(|table| table.get(key))
            .cloned())
    }

    pub(crate) fn projection_page(
        &self,
        name: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<KeyValue>, StoreError> {
        let tables = self.read();
        let Some(table) = tables.projections.get(name) else {
            return Ok(Vec::new());
        };
        let end = prefix_end(prefix);
        let rows = table
            .iter()
            .skip_while(|(key, _)| key.as_slice() < prefix || after.is_some_and(|after| key.as_slice() <= after))
            .take_while(|(key, _)| end.as_ref().is_none_or(|end| *key < end));
        let rows: Vec<_> = rows
            .map(|(key, value)| (key.clone(), value.clone()))
            .take(limit)
            .collect();
        Ok(take_page(rows.iter(), limit, |(key, value)| key.len() + value.len()))
    }

    pub(crate) fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.read().meta.get(key).cloned())
    }

    pub(crate) fn fork_proofs(&self) -> Result<Vec<ForkProof>, StoreError> {
        Ok(self.read().fork_proofs.values().cloned().collect())
    }

    pub(crate) fn check(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Tables {
    /// Refuses a batch that forks a stored event or itself.
    fn check(&self, batch: &Batch) -> Result<(), StoreError> {
        let mut offered: HashMap<(FeedId, u64), Hash> = HashMap::new();
        for event in &batch.events {
            let place = (event.feed, event.seq);
            let stored = self.by_place.get(&place).map(|index| self.events[*index].hash);
            let first = stored.unwrap_or_else(|| *offered.entry(place).or_insert(event.hash));
            if first != event.hash {
                return Err(StoreError::Fork {
                    feed: Box::new(event.feed),
                    seq: event.seq,
                    stored: first,
                    offered: event.hash,
                });
            }
        }
        Ok(())
    }

    fn append(&mut self, batch: &Batch) {
        for event in &batch.events {
            let place = (event.feed, event.seq);
            if self.by_place.contains_key(&place) {
                continue;
            }
            let index = self.events.len();
            self.by_place.insert(place, index);
            self.events.push(event.clone());
        }
        for blob in &batch.blobs {
            self.blobs.entry(blob.hash).or_insert_with(|| Some(blob.clone()));
        }
        for change in &batch.projections {
            let table = self.projections.entry(change.name.clone()).or_default();
            match &change.value {
                Some(value) => table.insert(change.key.clone(), value.clone()),
                None => table.remove(&change.key),
            };
        }
        for (key, value) in &batch.meta {
            match value {
                Some(value) => self.meta.insert(key.clone(), value.clone()),
                None => self.meta.remove(key),
            };
        }
        for proof in &batch.fork_proofs {
            self.fork_proofs
                .entry((proof.feed, proof.seq))
                .or_insert_with(|| proof.clone());
        }
    }
}

/// Copies rows up to the limit and the byte bound of one answer.
fn take_page<'a, T: Clone + 'a>(rows: impl Iterator<Item = &'a T>, limit: usize, size: impl Fn(&T) -> usize) -> Vec<T> {
    let mut bytes = 0;
    let mut page = Vec::new();
    for row in rows.take(limit) {
        bytes += size(row);
        page.push(row.clone());
        if bytes > MAX_PAGE_BYTES {
            break;
        }
    }
    page
}
