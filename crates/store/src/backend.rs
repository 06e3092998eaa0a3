//! The one interface over the concrete back ends.
//!
//! Deliberately an enum and not a trait: the set is closed and small, each arm is visible in one place, and nothing
//! outside has to name a type parameter. A further database adds a variant to [`Writer`] and [`Reader`].

use std::sync::Arc;
use std::time::Duration;

use crate::error::StoreError;
use crate::memory::Memory;
use crate::sqlite::{SqliteReader, SqliteWriter};
use crate::types::{Batch, BlobLookup, Cursor, Durability, EventRow, FeedId, ForkProof, Hash, Head, KeyValue, Page};

/// A change that the writer carries out inside a group.
#[derive(Debug)]
pub(crate) enum Op {
    /// Store a batch.
    Append(Batch),
    /// Overwrite a blob and leave a tombstone.
    EraseBlob(Hash),
}

impl Op {
    /// Bytes of content, for the bounds of queue and group.
    pub(crate) fn payload_bytes(&self) -> usize {
        match self {
            Self::Append(batch) => batch.payload_bytes(),
            Self::EraseBlob(_) => 0,
        }
    }

    pub(crate) fn durability(&self) -> Durability {
        match self {
            Self::Append(batch) => batch.durability,
            Self::EraseBlob(_) => Durability::Durable,
        }
    }
}

/// The writing half of a back end; owned by the writer thread.
#[derive(Debug)]
pub(crate) enum Writer {
    Sqlite(Box<SqliteWriter>),
    Memory(Arc<Memory>),
}

impl Writer {
    /// Carries out a group in one transaction; one result for each operation, in order.
    pub(crate) fn commit_group(&mut self, ops: &[&Op], durability: Durability) -> Vec<Result<(), StoreError>> {
        match self {
            Self::Sqlite(writer) => writer.commit_group(ops, durability),
            Self::Memory(memory) => ops.iter().map(|op| memory.apply(op)).collect(),
        }
    }

    /// Housekeeping after the answers are out.
    pub(crate) fn after_group(&mut self) {
        match self {
            Self::Sqlite(writer) => writer.after_group(),
            Self::Memory(_) => {}
        }
    }

    /// Removes what erased blobs left outside the database file; false when a reader is in the way for longer than
    /// `patience`.
    pub(crate) fn scrub(&mut self, patience: Duration) -> bool {
        match self {
            Self::Sqlite(writer) => writer.scrub(patience),
            Self::Memory(_) => true,
        }
    }

    /// Closes in order.
    pub(crate) fn close(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(writer) => writer.close(),
            Self::Memory(_) => Ok(()),
        }
    }
}

/// The reading half of a back end; one for each reader thread.
#[derive(Debug)]
pub(crate) enum Reader {
    Sqlite(Box<SqliteReader>),
    Memory(Arc<Memory>),
}

/// Passes a call on to the concrete back end.
macro_rules! dispatch {
    ($self:ident.$method:ident($($arg:expr),*)) => {
        match $self {
            Self::Sqlite(reader) => reader.$method($($arg),*),
            Self::Memory(memory) => memory.$method($($arg),*),
        }
    };
}

impl Reader {
    pub(crate) fn events(&mut self, feed: &FeedId, from: u64, limit: usize) -> Result<Vec<EventRow>, StoreError> {
        dispatch!(self.events(feed, from, limit))
    }

    pub(crate) fn blob_hashes(&mut self) -> Result<Vec<(Hash, Hash)>, StoreError> {
        dispatch!(self.blob_hashes())
    }

    pub(crate) fn heads(&mut self) -> Result<Vec<Head>, StoreError> {
        dispatch!(self.heads())
    }

    pub(crate) fn scan(&mut self, from: Cursor, limit: usize) -> Result<Page, StoreError> {
        dispatch!(self.scan(from, limit))
    }

    pub(crate) fn by_hash(&mut self, hash: &Hash) -> Result<Option<EventRow>, StoreError> {
        dispatch!(self.by_hash(hash))
    }

    pub(crate) fn blob(&mut self, hash: &Hash) -> Result<BlobLookup, StoreError> {
        dispatch!(self.blob(hash))
    }

    pub(crate) fn projection(&mut self, name: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        dispatch!(self.projection(name, key))
    }

    pub(crate) fn projection_page(
        &mut self,
        name: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<KeyValue>, StoreError> {
        dispatch!(self.projection_page(name, prefix, after, limit))
    }

    pub(crate) fn meta(&mut self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        dispatch!(self.meta(key))
    }

    pub(crate) fn fork_proofs(&mut self) -> Result<Vec<ForkProof>, StoreError> {
        dispatch!(self.fork_proofs())
    }

    pub(crate) fn check(&mut self) -> Result<(), StoreError> {
        dispatch!(self.check())
    }
}
