//! The durable memory of a node: signed events, blobs, and the projections made from them.
//!
//! This is the only crate that knows SQL. It does not know what an event means: an [`EventRow`] is opaque bytes with a
//! small header that the caller fills in, so the formats of the core can change without a migration here, and this crate
//! can be tested without keys and signatures.
//!
//! # How it is built
//! [`Store`] is a cheap handle. Behind it, one writer thread owns the only connection that writes, and a few reader
//! threads own connections that only read. The writer drains its queue and commits many batches in one transaction with
//! one fsync (*grouped commit*), and a refused batch does not disturb its neighbours.
//! Back ends are a plain enum (`backend`): SQLite in a data folder, or memory for tests; another database is another
//! variant with the same handful of functions.
//!
//! # What always holds
//! - `append` returns `Ok` only after the transaction that holds the batch is committed; for [`Durability::Durable`]
//!   also fsynced. Events and the projections made from them are in one transaction: both are there or neither.
//! - A (feed, sequence) holds one event for ever. The same event again changes nothing; another event is
//!   [`StoreError::Fork`].
//! - After a commit whose outcome is unknown (a failed fsync) nothing more is written: every append answers
//!   [`StoreError::Poisoned`] until the process restarts and reads back what the disk really holds.
//! - One process at a time: a lock file is held as long as any thread of the store lives.
//! - Nothing here ever deletes or replaces a database that it cannot read.
//! - The file of the last known heads ([`HEADS_FILE`]) is never ahead of the database.
//! - An erased blob is overwritten in place and its hash stays as a tombstone, so it is not fetched again.

mod backend;
mod backup;
mod config;
mod error;
mod files;
mod heads;
mod lock;
mod memory;
mod metrics;
mod reader;
mod sqlite;
mod store;
mod types;
mod writer;

pub use backup::{Manifest, ManifestHead, manifest_path, restore};
pub use config::{Faults, IntegrityCheck, SqliteConfig, StoreConfig};
pub use error::StoreError;
pub use heads::{read_heads, write_heads};
pub use metrics::Metrics;
pub use store::Store;
pub use types::{
    Batch, BlobLookup, BlobRow, Cursor, Durability, EventRow, FeedId, ForkProof, Hash, Head, KeyValue, MAX_BATCH_BYTES,
    MAX_PAGE_BYTES, MAX_PAGE_ROWS, META_CLEAN_SHUTDOWN, META_RESTORED, Page, Projection, checksum,
};

/// Name of the database file inside the data folder.
pub const DATABASE_FILE: &str = "bzzz.db";
/// Name of the file of the last known heads inside the data folder.
pub const HEADS_FILE: &str = "heads.json";
/// Name of the lock file inside the data folder.
pub const LOCK_FILE: &str = "LOCK";
/// The newest database schema that this build reads and writes.
pub const SCHEMA_VERSION: u32 = sqlite::schema::VERSION;
