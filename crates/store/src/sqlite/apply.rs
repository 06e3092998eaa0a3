//! The statements behind each operation. They run inside a transaction and a savepoint that `write` looks after.

use rusqlite::{OptionalExtension as _, params};

use super::read::{MAX_CACHED_FEEDS, find_feed};
use super::write::SqliteWriter;
use super::{sql_error, to_db};
use crate::backend::Op;
use crate::error::StoreError;
use crate::types::{Batch, BlobRow, EventRow, FeedId, ForkProof, Hash, Projection, checksum};

impl SqliteWriter {
    /// Carries out one operation; [`StoreError::Fork`] when it is to be refused.
    pub(super) fn apply(&mut self, op: &Op) -> Result<(), StoreError> {
        match op {
            Op::Append(batch) => self.append(batch),
            Op::EraseBlob(hash) => self
                .erase_blob(hash)
                .map_err(|e| sql_error("erase a blob in", &self.path, &e)),
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
            batch.blobs.iter().try_for_each(|blob| self.insert_blob(blob))?;
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
                "INSERT INTO events (feed, seq, hlc, kind, hash, bytes, sum) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                 ON CONFLICT (feed, seq) DO NOTHING",
            )?
            .execute(params![
                feed,
                to_db(event.seq),
                to_db(event.hlc),
                event.kind,
                event.hash,
                event.bytes,
                to_db(checksum(&event.bytes))
            ])?;
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
                .query_row(params![feed.project, feed.node, to_db(feed.incarnation)], |row| {
                    row.get(0)
                })?,
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
            .prepare_cached("INSERT INTO projects (project) VALUES (?1) ON CONFLICT (project) DO NOTHING")?
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
            .execute(params![feed, to_db(proof.seq), proof.bytes_a, proof.bytes_b])?;
        Ok(())
    }
}
