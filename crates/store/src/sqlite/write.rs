//! The writing connection: groups of operations in one transaction.
//!
//! Which failure means what:
//! - a refused operation (a fork) is rolled back, and its neighbours go on, each in a savepoint of its own;
//! - a full disk rolls back the whole group, which is then tried again one by one, so that small batches still get in;
//! - an input or output error before the commit rolls back; its outcome is known: nothing was stored;
//! - a failed commit has an unknown outcome, and damage makes every further write dangerous: both stop the writer for
//!   good. After a failed fsync the system may have dropped the pages, so trying again would prove nothing.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rusqlite::Connection;

use super::{open, sql_error};
use crate::backend::Op;
use crate::config::Faults;
use crate::error::StoreError;
use crate::types::{Durability, FeedId};

/// A checkpoint is due when the log holds this many pages (16 MiB): large enough to merge many changes of one page, small
/// enough that the log does not take the room which the database itself needs.
const CHECKPOINT_PAGES: i64 = 4096;

/// The one connection that writes.
#[derive(Debug)]
pub(crate) struct SqliteWriter {
    pub(super) conn: Connection,
    pub(super) path: PathBuf,
    /// Ids of feeds that this connection has seen; forgotten with every rollback, which may have taken one back.
    pub(super) feeds: HashMap<FeedId, i64>,
    faults: Faults,
    synchronous: Durability,
    poisoned: Option<String>,
}

/// Why a group ended without a commit.
struct Aborted(StoreError);

/// Whether a failure is one of the disk, not of the operation.
fn ends_group(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Full { .. } | StoreError::Io { .. } | StoreError::Corrupt { .. }
    )
}

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

    pub(crate) fn commit_group(&mut self, ops: &[&Op], durability: Durability) -> Vec<Result<(), StoreError>> {
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

    /// Refusals are rare, and a savepoint costs a copy of every page that is changed under it: so a group is tried without them, and anew with
    /// them when something in it is refused.
    fn try_group(&mut self, ops: &[&Op], durability: Durability) -> Result<Vec<Result<(), StoreError>>, Aborted> {
        if let Some(cause) = &self.poisoned {
            return Err(Aborted(StoreError::Poisoned { cause: cause.clone() }));
        }
        self.set_synchronous(durability)?;
        self.execute("BEGIN IMMEDIATE").map_err(|e| self.abort(e))?;
        match ops.iter().try_for_each(|op| self.apply(op)) {
            Ok(()) => {
                self.commit()?;
                return Ok(ops.iter().map(|_| Ok(())).collect());
            }
            Err(error) if ends_group(&error) => return Err(self.abort(error)),
            // Known to change nothing: the transaction is taken back, and with it what went before in the group.
            Err(refused) => {
                let Aborted(error) = self.abort(refused);
                match (ops, &error) {
                    (_, StoreError::Poisoned { .. }) => return Err(Aborted(error)),
                    ([_], _) => return Ok(vec![Err(error)]),
                    _ => {}
                }
            }
        }
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
        if ends_group(&error) {
            return Err(self.abort(error));
        }
        self.feeds.clear();
        self.execute("ROLLBACK TO batch").map_err(|e| self.abort(e))?;
        self.execute("RELEASE batch").map_err(|e| self.abort(e))?;
        Ok(Err(error))
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
        let cause = self.poisoned.get_or_insert_with(|| cause.to_string()).clone();
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

    /// Moves the log into the database when enough has gathered.
    pub(crate) fn after_group(&mut self) {
        let pending = self
            .conn
            .prepare_cached("PRAGMA wal_checkpoint(NOOP)")
            .and_then(|mut statement| statement.query_row([], |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?)));
        // When the length cannot be read the attempt itself shows why.
        if pending.map_or(true, |pages| pages >= CHECKPOINT_PAGES) {
            self.checkpoint("PASSIVE");
        }
    }

    /// Empties the log, where the content of erased blobs would live on. Waits so long for readers.
    pub(crate) fn scrub(&mut self, patience: Duration) -> bool {
        if self.poisoned.is_some() {
            return true;
        }
        // A timeout that cannot be set leaves the one before: no reason to skip the work.
        let _ = self.conn.busy_timeout(patience);
        let emptied = self.checkpoint("TRUNCATE");
        let _ = self.conn.busy_timeout(open::BUSY_TIMEOUT);
        emptied
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
            Err(error @ (StoreError::Io { .. } | StoreError::Corrupt { .. })) => {
                self.poison(&error);
                false
            }
            Err(error) => {
                // The log still has everything; it is moved once there is room.
                tracing::warn!(%error, "the write-ahead log cannot be moved into the database");
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
        open::set_clean(&self.conn, true).map_err(|e| sql_error("mark as closed", &self.path, &e))?;
        self.checkpoint("TRUNCATE");
        self.conn.close().map_err(|(_, e)| sql_error("close", &self.path, &e))
    }
}
