//! The writing connection: groups of operations in one transaction.
//!
//! Which failure means what:
//! - a refused operation (a fork) is rolled back to its savepoint; its neighbours go on;
//! - a full disk rolls back the whole group, which is then tried again one by one, so that small batches still get in;
//! - an input or output error before the commit rolls back; its outcome is known: nothing was stored;
//! - a failed commit has an unknown outcome, and damage makes every further write dangerous: both stop the writer for
//!   good. After a failed fsync the system may have dropped the pages, so trying again would prove nothing.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;

use rusqlite::{Connection, OptionalExtension as _, params};

use super::read::{MAX_CACHED_FEEDS, find_feed};
use super::{open, sql_error, to_db};
use crate::backend::Op;
use crate::config::Faults;
use crate::error::StoreError;
use crate::types::{Batch, BlobRow, Durability, EventRow, FeedId, ForkProof, Hash, Projection};

/// A checkpoint is due when the log holds this many pages (16 MiB): large enough to merge many changes of one page, small
/// enough that the log does not take the room which the database itself needs.
const CHECKPOINT_PAGES: i64 = 4096;

/// The one connection that writes.
#[derive(Debug)]
pub(crate) struct SqliteWriter {
    conn: Connection,
    path: PathBuf,
    faults: Faults,
    feeds: HashMap<FeedId, i64>,
    synchronous: Durability,
    poisoned: Option<String>,
}

/// Why a group ended without a commit.
struct Aborted(StoreError);

impl SqliteWriter {
    /// Expects `synchronous = FULL`.
    pub(crate) fn new(conn: Connection, path: PathBuf, faults: Faults) -> Self {
        let (synchronous, poisoned) = (Durability::Durable, None);
        Self {
            conn,
            path,
            faults,
            feeds: HashMap::new(),
            synchronous,
            poisoned,
        }
    }

    pub(crate) fn commit_group(
        &mut self,
        ops: &[&Op],
        durability: Durability,
    ) -> Vec<Result<(), StoreError>> {
        let error = match self.try_group(ops, durability) {
            Ok(results) => return results,
            Err(Aborted(error)) => error,
        };
        if !matches!(error, StoreError::Full { .. }) {
            return ops.iter().map(|_| Err(error.clone())).collect();
        }
        // A log that can be moved into the database is written again from its start and needs no more room.
        self.checkpoint("PASSIVE");
        let alone = |op: &&Op| match self.try_group(&[op], durability) {
            Ok(mut results) => results.pop().unwrap_or(Err(error.clone())),
            Err(Aborted(error)) => Err(error),
        };
        ops.iter().map(alone).collect()
    }

    fn try_group(
        &mut self,
        ops: &[&Op],
        durability: Durability,
    ) -> Result<Vec<Result<(), StoreError>>, Aborted> {
        if let Some(cause) = &self.poisoned {
            return Err(Aborted(StoreError::Poisoned {
                cause: cause.clone(),
            }));
        }
        self.set_synchronous(durability)?;
        self.execute("BEGIN IMMEDIATE").map_err(|e| self.abort(e))?;
        let mut results = Vec::with_capacity(ops.len());
        for op in ops {
            results.push(self.isolated(op)?);
        }
        self.commit()?;
        Ok(results)
    }

    /// One operation in its savepoint. The outer error ends the group, the inner one only this operation.
    fn isolated(&mut self, op: &Op) -> Result<Result<(), StoreError>, Aborted> {
        self.execute("SAVEPOINT batch").map_err(|e| self.abort(e))?;
        let error = match self.apply(op) {
            Ok(()) => {
                self.execute("RELEASE batch").map_err(|e| self.abort(e))?;
                return Ok(Ok(()));
            }
            Err(error) => error,
        };
        match error {
            StoreError::Full { .. } | StoreError::Io { .. } | StoreError::Corrupt { .. } => {
                Err(self.abort(error))
            }
            refused => {
                self.feeds.clear();
                self.execute("ROLLBACK TO batch")
                    .map_err(|e| self.abort(e))?;
                self.execute("RELEASE batch").map_err(|e| self.abort(e))?;
                Ok(Err(refused))
            }
        }
    }

    fn commit(&mut self) -> Result<(), Aborted> {
        let failed = self
            .faults
            .fail_commit
            .as_ref()
            .is_some_and(|flag| flag.load(Ordering::SeqCst));
        let result = if failed {
            Err(StoreError::io(
                "commit to",
                &self.path,
                std::io::Error::other("simulated failure of fsync"),
            ))
        } else {
            self.execute("COMMIT")
        };
        let Err(error) = result else { return Ok(()) };
        let full = matches!(error, StoreError::Full { .. });
        let aborted = self.abort(error);
        // No room for the last frame of a transaction means that it is not in the log. All else is unknown.
        if full {
            return Err(aborted);
        }
        Err(Aborted(self.poison(&aborted.0)))
    }

    /// Ends the transaction without its changes.
    fn abort(&mut self, error: StoreError) -> Aborted {
        self.feeds.clear();
        if !self.conn.is_autocommit()
            && let Err(rollback) = self.execute("ROLLBACK")
        {
            return Aborted(self.poison(&rollback));
        }
        if matches!(error, StoreError::Corrupt { .. }) {
            self.poison(&error);
        }
        Aborted(error)
    }

    fn poison(&mut self, cause: &StoreError) -> StoreError {
        tracing::error!(error = %cause, "the store stops writing");
        let cause = self
            .poisoned
            .get_or_insert_with(|| cause.to_string())
            .clone();
        StoreError::Poisoned { cause }
    }

    fn execute(&self, sql: &'static str) -> Result<(), StoreError> {
        self.conn
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute([]))
            .map(|_| ())
            .map_err(|e| sql_error("commit to", &self.path, &e))
    }

    fn set_synchronous(&mut self, durability: Durability) -> Result<(), Aborted> {
        if self.synchronous != durability {
            let level = match durability {
                Durability::Durable => "FULL",
                Durability::Relaxed => "NORMAL",
            };
            self.conn
                .pragma_update(None, "synchronous", level)
                .map_err(|e| Aborted(sql_error("configure", &self.path, &e)))?;
            self.synchronous = durability;
        }
        Ok(())
    }

    fn apply(&mut self, op: &Op) -> Result<(), StoreError> {
        match op {
            Op::Append(batch) => self.append(batch),
            Op::EraseBlob(hash) => self
                .erase_blob(hash)
                .map_err(|e| sql_error("erase a blob in", &self.path, &e)),
            Op::ClearProjections => self
                .conn
                .execute("DELETE FROM projections", [])
                .map(|_| ())
                .map_err(|e| sql_error("clear the projections in", &self.path, &e)),
        }
    }

    fn append(&mut self, batch: &Batch) -> Result<(), StoreError> {
        for event in &batch.events {
            if let Some(stored) = self
                .insert_event(event)
                .map_err(|e| sql_error("store an event in", &self.path, &e))?
            {
                return Err(StoreError::Fork {
                    feed: Box::new(event.feed),
                    seq: event.seq,
                    stored,
                    offered: event.hash,
                });
            }
        }
        let rest = || -> rusqlite::Result<()> {
            batch
                .blobs
                .iter()
                .try_for_each(|blob| self.insert_blob(blob))?;
            batch
                .projections
                .iter()
                .try_for_each(|change| self.change_projection(change))?;
            batch
                .meta
                .iter()
                .try_for_each(|(key, value)| self.change_meta(key, value.as_deref()))
        };
        rest().map_err(|e| sql_error("store a batch in", &self.path, &e))?;
        for proof in &batch.fork_proofs {
            self.insert_proof(proof)
                .map_err(|e| sql_error("store a fork proof in", &self.path, &e))?;
        }
        Ok(())
    }

    /// Stores an event; the hash of the one that is there already when it is another one.
    fn insert_event(&mut self, event: &EventRow) -> rusqlite::Result<Option<Hash>> {
        let feed = self.intern_feed(&event.feed)?;
        let inserted = self
            .conn
            .prepare_cached(
                "INSERT INTO events (feed, seq, hlc, kind, hash, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT (feed, seq) DO NOTHING",
            )?
            .execute(params![feed, to_db(event.seq), to_db(event.hlc), event.kind, event.hash, event.bytes])?;
        if inserted == 1 {
            return Ok(None);
        }
        let stored: Hash = self
            .conn
            .prepare_cached("SELECT hash FROM events WHERE feed = ?1 AND seq = ?2")?
            .query_row(params![feed, to_db(event.seq)], |row| row.get(0))?;
        Ok((stored != event.hash).then_some(stored))
    }

    fn intern_feed(&mut self, feed: &FeedId) -> rusqlite::Result<i64> {
        if let Some(id) = self.feeds.get(feed) {
            return Ok(*id);
        }
        let id = match find_feed(&self.conn, feed)? {
            Some(id) => id,
            None => self
                .conn
                .prepare_cached("INSERT INTO feeds (project, node, incarnation) VALUES (?1, ?2, ?3) RETURNING id")?
                .query_row(params![feed.project, feed.node, to_db(feed.incarnation)], |row| row.get(0))?,
        };
        if self.feeds.len() >= MAX_CACHED_FEEDS {
            self.feeds.clear();
        }
        self.feeds.insert(*feed, id);
        Ok(id)
    }

    fn insert_blob(&self, blob: &BlobRow) -> rusqlite::Result<()> {
        if self.find_blob(&blob.hash)?.is_some() {
            return Ok(());
        }
        self.conn
            .prepare_cached(
                "INSERT INTO projects (project) VALUES (?1) ON CONFLICT (project) DO NOTHING",
            )?
            .execute([blob.project])?;
        self.conn
            .prepare_cached(
                "INSERT INTO blobs (project, long, erased, hash, bytes)
                 VALUES ((SELECT id FROM projects WHERE project = ?1), ?2, 0, ?3, ?4)",
            )?
            .execute(params![blob.project, blob.long, blob.hash, blob.bytes])?;
        Ok(())
    }

    fn find_blob(&self, hash: &Hash) -> rusqlite::Result<Option<i64>> {
        self.conn
            .prepare_cached("SELECT id FROM blobs WHERE substr(hash, 1, 8) = ?1 AND hash = ?2")?
            .query_row(params![&hash[..8], hash], |row| row.get(0))
            .optional()
    }

    /// Overwrites at equal length, so that the row stays where it is and its bytes are replaced in place.
    fn erase_blob(&self, hash: &Hash) -> rusqlite::Result<()> {
        match self.find_blob(hash)? {
            Some(id) => self.conn.execute(
                "UPDATE blobs SET erased = 1, bytes = zeroblob(length(bytes)) WHERE id = ?1",
                [id],
            )?,
            None => self.conn.execute(
                "INSERT INTO blobs (project, long, erased, hash, bytes) VALUES (0, 0, 1, ?1, x'')",
                [hash],
            )?,
        };
        Ok(())
    }

    fn change_projection(&self, change: &Projection) -> rusqlite::Result<()> {
        match &change.value {
            Some(value) => self
                .conn
                .prepare_cached(
                    "INSERT INTO projections (name, key, value) VALUES (?1, ?2, ?3)
                     ON CONFLICT (name, key) DO UPDATE SET value = excluded.value",
                )?
                .execute(params![change.name, change.key, value])?,
            None => self
                .conn
                .prepare_cached("DELETE FROM projections WHERE name = ?1 AND key = ?2")?
                .execute(params![change.name, change.key])?,
        };
        Ok(())
    }

    fn change_meta(&self, key: &str, value: Option<&[u8]>) -> rusqlite::Result<()> {
        match value {
            Some(value) => self
                .conn
                .prepare_cached(
                    "INSERT INTO meta (key, value) VALUES (?1, ?2)
                     ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                )?
                .execute(params![key, value])?,
            None => self
                .conn
                .prepare_cached("DELETE FROM meta WHERE key = ?1")?
                .execute([key])?,
        };
        Ok(())
    }

    fn insert_proof(&mut self, proof: &ForkProof) -> rusqlite::Result<()> {
        let feed = self.intern_feed(&proof.feed)?;
        self.conn
            .prepare_cached(
                "INSERT INTO fork_proofs (feed, seq, bytes_a, bytes_b) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (feed, seq) DO NOTHING",
            )?
            .execute(params![
                feed,
                to_db(proof.seq),
                proof.bytes_a,
                proof.bytes_b
            ])?;
        Ok(())
    }

    /// Moves the log into the database when enough has gathered.
    pub(crate) fn after_group(&mut self) {
        let pending = self
            .conn
            .prepare_cached("PRAGMA wal_checkpoint(NOOP)")
            .and_then(|mut statement| {
                statement.query_row([], |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?))
            });
        // When the length cannot be read the attempt itself shows why.
        if pending.map_or(true, |pages| pages >= CHECKPOINT_PAGES) {
            self.checkpoint("PASSIVE");
        }
    }

    /// Empties the log, where the content of erased blobs would live on.
    pub(crate) fn scrub(&mut self) -> bool {
        self.poisoned.is_some() || self.checkpoint("TRUNCATE")
    }

    /// True when the log was moved as far as the mode asks for.
    fn checkpoint(&mut self, mode: &'static str) -> bool {
        if self.poisoned.is_some() {
            return false;
        }
        let result = self
            .conn
            .query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
                row.get::<_, i64>(0)
            });
        match result.map_err(|e| sql_error("checkpoint", &self.path, &e)) {
            Ok(busy) => busy == 0,
            Err(error @ StoreError::Full { .. }) => {
                // The log still has everything; it is moved once there is room.
                tracing::warn!(%error, "the write-ahead log cannot be moved into the database");
                false
            }
            Err(error) => {
                self.poison(&error);
                false
            }
        }
    }

    /// Marks an orderly end, unless something is wrong with the file.
    pub(crate) fn close(mut self: Box<Self>) -> Result<(), StoreError> {
        if let Some(cause) = self.poisoned.take() {
            return Err(StoreError::Poisoned { cause });
        }
        self.set_synchronous(Durability::Durable)
            .map_err(|Aborted(error)| error)?;
        open::set_clean(&self.conn, true)
            .map_err(|e| sql_error("mark as closed", &self.path, &e))?;
        self.checkpoint("TRUNCATE");
        self.conn
            .close()
            .map_err(|(_, e)| sql_error("close", &self.path, &e))
    }
}
