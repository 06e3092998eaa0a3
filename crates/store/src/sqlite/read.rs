//! Reads over a connection that cannot write.
//!
//! Each call is one short read transaction, so the write-ahead log can always be emptied soon.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{from_db, open, sql_error, to_db};
use crate::error::StoreError;
use crate::types::{
    BlobLookup, BlobRow, Cursor, EventRow, FeedId, ForkProof, Hash, Head, KeyValue, MAX_PAGE_BYTES, Page, prefix_end,
};

/// Interned feeds kept in memory; above this the cache starts anew.
pub(crate) const MAX_CACHED_FEEDS: usize = 65_536;

const EVENT_COLUMNS: &str = "pos, feed, seq, hlc, kind, hash, bytes, sum";

/// One reading connection.
#[derive(Debug)]
pub(crate) struct SqliteReader {
    conn: Connection,
    path: PathBuf,
    feeds: HashMap<i64, FeedId>,
}

impl SqliteReader {
    pub(crate) fn open(path: &Path, cache_kib: u32) -> Result<Self, StoreError> {
        let conn = open::connect(path)?;
        let configure = |conn: &Connection| -> rusqlite::Result<()> {
            conn.pragma_update(None, "query_only", true)?;
            conn.pragma_update(None, "cache_size", -i64::from(cache_kib))
        };
        configure(&conn).map_err(|e| sql_error("open for reading", path, &e))?;
        Ok(Self::over(conn, path))
    }

    /// Reads through a connection that the caller has set up.
    pub(crate) fn over(conn: Connection, path: &Path) -> Self {
        Self {
            conn,
            path: path.to_owned(),
            feeds: HashMap::new(),
        }
    }

    /// Gives the connection back.
    pub(crate) fn into_connection(self) -> Connection {
        self.conn
    }

    pub(crate) fn events(&mut self, feed: &FeedId, from: u64, limit: usize) -> Result<Vec<EventRow>, StoreError> {
        let Ok(from) = i64::try_from(from) else {
            return Ok(Vec::new());
        };
        let query = || -> rusqlite::Result<Vec<EventRow>> {
            let Some(id) = find_feed(&self.conn, feed)? else {
                return Ok(Vec::new());
            };
            let mut statement = self.conn.prepare_cached(&format!(
                "SELECT {EVENT_COLUMNS} FROM events WHERE feed = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3"
            ))?;
            let mut rows = statement.query(params![id, from, sql_limit(limit)])?;
            let mut page = PageBytes::default();
            let mut events = Vec::new();
            while let Some(row) = rows.next()? {
                let event = event_of(row, *feed)?;
                let full = page.add(event.bytes.len());
                events.push(event);
                if full {
                    break;
                }
            }
            Ok(events)
        };
        query().map_err(|e| sql_error("read events from", &self.path, &e))
    }

    pub(crate) fn blob_hashes(&mut self) -> Result<Vec<(Hash, Hash)>, StoreError> {
        let query = || -> rusqlite::Result<Vec<(Hash, Hash)>> {
            let mut all = self.conn.prepare_cached(
                "SELECT projects.project, blobs.hash FROM blobs JOIN projects ON projects.id = blobs.project",
            )?;
            let rows = all.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            rows.collect()
        };
        query().map_err(|e| sql_error("read the blob hashes from", &self.path, &e))
    }

    pub(crate) fn heads(&mut self) -> Result<Vec<Head>, StoreError> {
        let query = || -> rusqlite::Result<Vec<Head>> {
            // One transaction for all feeds: the heads of one moment.
            let moment = self.conn.unchecked_transaction()?;
            let mut feeds = moment.prepare_cached("SELECT id, project, node, incarnation FROM feeds")?;
            // One seek for each feed; as a join the planner reads every event.
            let mut last =
                moment.prepare_cached("SELECT seq, hash FROM events WHERE feed = ?1 ORDER BY seq DESC LIMIT 1")?;
            let mut heads = Vec::new();
            let mut rows = feeds.query([])?;
            while let Some(row) = rows.next()? {
                let id: i64 = row.get(0)?;
                let feed = FeedId {
                    project: row.get(1)?,
                    node: row.get(2)?,
                    incarnation: from_db(row.get(3)?),
                };
                // A feed may be known only by a fork proof.
                let head = last
                    .query_row([id], |row| {
                        Ok(Head {
                            feed,
                            seq: from_db(row.get(0)?),
                            hash: row.get(1)?,
                        })
                    })
                    .optional()?;
                heads.extend(head);
            }
            Ok(heads)
        };
        let mut heads = query().map_err(|e| sql_error("read the heads from", &self.path, &e))?;
        heads.sort_unstable_by_key(|head| head.feed);
        Ok(heads)
    }

    pub(crate) fn scan(&mut self, from: Cursor, limit: usize) -> Result<Page, StoreError> {
        let Self { conn, path, feeds } = self;
        let mut query = || -> rusqlite::Result<Page> {
            let mut statement = conn.prepare_cached(&format!(
                "SELECT {EVENT_COLUMNS} FROM events WHERE pos > ?1 ORDER BY pos LIMIT ?2"
            ))?;
            let mut rows = statement.query(params![to_db(from.0), sql_limit(limit)])?;
            let mut page = Page {
                events: Vec::new(),
                sums: Vec::new(),
                next: from,
            };
            let mut size = PageBytes::default();
            while let Some(row) = rows.next()? {
                let feed = feed_by_id(conn, feeds, row.get(1)?)?;
                let event = event_of(row, feed)?;
                page.next = Cursor(from_db(row.get(0)?));
                let full = size.add(event.bytes.len());
                page.sums.push(from_db(row.get(7)?));
                page.events.push(event);
                if full {
                    break;
                }
            }
            Ok(page)
        };
        query().map_err(|e| sql_error("scan the events of", path, &e))
    }

    pub(crate) fn blob(&mut self, hash: &Hash) -> Result<BlobLookup, StoreError> {
        let query = || -> rusqlite::Result<BlobLookup> {
            let mut statement = self.conn.prepare_cached(
                "SELECT b.erased, p.project, b.long, b.bytes FROM blobs b LEFT JOIN projects p ON p.id = b.project
                 WHERE substr(b.hash, 1, 8) = ?1 AND b.hash = ?2",
            )?;
            let mut rows = statement.query(params![&hash[..8], hash])?;
            let Some(row) = rows.next()? else {
                return Ok(BlobLookup::Absent);
            };
            if row.get(0)? {
                return Ok(BlobLookup::Erased);
            }
            let blob = BlobRow {
                hash: *hash,
                project: row.get(1)?,
                long: row.get(2)?,
                bytes: row.get(3)?,
            };
            Ok(BlobLookup::Present(blob))
        };
        query().map_err(|e| sql_error("read a blob from", &self.path, &e))
    }

    pub(crate) fn projection(&mut self, name: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.conn
            .prepare_cached("SELECT value FROM projections WHERE name = ?1 AND key = ?2")
            .and_then(|mut statement| statement.query_row(params![name, key], |row| row.get(0)).optional())
            .map_err(|e| sql_error("read a projection from", &self.path, &e))
    }

    pub(crate) fn projection_page(
        &mut self,
        name: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<KeyValue>, StoreError> {
        // The smallest key that sorts after a key is the key with a zero byte behind it.
        let after = after.map(|key| [key, &[0]].concat());
        let start = after.as_deref().map_or(prefix, |after| after.max(prefix));
        let end = prefix_end(prefix);
        let sql = match end {
            Some(_) => {
                "SELECT key, value FROM projections WHERE name = ?1 AND key >= ?2 AND key < ?4 ORDER BY key LIMIT ?3"
            }
            None => "SELECT key, value FROM projections WHERE name = ?1 AND key >= ?2 ORDER BY key LIMIT ?3",
        };
        let query = || -> rusqlite::Result<Vec<KeyValue>> {
            let mut statement = self.conn.prepare_cached(sql)?;
            let mut rows = match &end {
                Some(end) => statement.query(params![name, start, sql_limit(limit), end])?,
                None => statement.query(params![name, start, sql_limit(limit)])?,
            };
            let mut page = PageBytes::default();
            let mut out: Vec<KeyValue> = Vec::new();
            while let Some(row) = rows.next()? {
                let (key, value): (Vec<u8>, Vec<u8>) = (row.get(0)?, row.get(1)?);
                let full = page.add(key.len() + value.len());
                out.push((key, value));
                if full {
                    break;
                }
            }
            Ok(out)
        };
        query().map_err(|e| sql_error("read a projection from", &self.path, &e))
    }

    pub(crate) fn meta(&mut self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.conn
            .prepare_cached("SELECT value FROM meta WHERE key = ?1")
            .and_then(|mut statement| statement.query_row([key], |row| row.get(0)).optional())
            .map_err(|e| sql_error("read meta values from", &self.path, &e))
    }

    pub(crate) fn fork_proofs(&mut self) -> Result<Vec<ForkProof>, StoreError> {
        let query = || -> rusqlite::Result<Vec<ForkProof>> {
            let mut statement = self.conn.prepare_cached(
                "SELECT f.project, f.node, f.incarnation, p.seq, p.bytes_a, p.bytes_b
                 FROM fork_proofs p JOIN feeds f ON f.id = p.feed",
            )?;
            let proofs = statement.query_map([], |row| {
                let feed = FeedId {
                    project: row.get(0)?,
                    node: row.get(1)?,
                    incarnation: from_db(row.get(2)?),
                };
                Ok(ForkProof {
                    feed,
                    seq: from_db(row.get(3)?),
                    bytes_a: row.get(4)?,
                    bytes_b: row.get(5)?,
                })
            })?;
            proofs.collect()
        };
        let mut proofs = query().map_err(|e| sql_error("read the fork proofs from", &self.path, &e))?;
        proofs.sort_unstable_by_key(|proof| (proof.feed, proof.seq));
        Ok(proofs)
    }

    pub(crate) fn check(&mut self) -> Result<(), StoreError> {
        open::check_structure(&self.conn, &self.path, "integrity_check")
    }
}

/// Finds the interned id of a feed.
pub(crate) fn find_feed(conn: &Connection, feed: &FeedId) -> rusqlite::Result<Option<i64>> {
    conn.prepare_cached("SELECT id FROM feeds WHERE project = ?1 AND node = ?2 AND incarnation = ?3")?
        .query_row(params![feed.project, feed.node, to_db(feed.incarnation)], |row| {
            row.get(0)
        })
        .optional()
}

fn feed_by_id(conn: &Connection, cache: &mut HashMap<i64, FeedId>, id: i64) -> rusqlite::Result<FeedId> {
    if let Some(feed) = cache.get(&id) {
        return Ok(*feed);
    }
    let feed = conn
        .prepare_cached("SELECT project, node, incarnation FROM feeds WHERE id = ?1")?
        .query_row([id], |row| {
            Ok(FeedId {
                project: row.get(0)?,
                node: row.get(1)?,
                incarnation: from_db(row.get(2)?),
            })
        })?;
    if cache.len() >= MAX_CACHED_FEEDS {
        cache.clear();
    }
    cache.insert(id, feed);
    Ok(feed)
}

/// Reads a row of [`EVENT_COLUMNS`].
fn event_of(row: &Row<'_>, feed: FeedId) -> rusqlite::Result<EventRow> {
    Ok(EventRow {
        feed,
        seq: from_db(row.get(2)?),
        hlc: from_db(row.get(3)?),
        kind: row.get(4)?,
        hash: row.get(5)?,
        bytes: row.get(6)?,
    })
}

fn sql_limit(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Counts the bytes of an answer against its bound.
#[derive(Default)]
struct PageBytes(usize);

impl PageBytes {
    /// True when the answer is large enough.
    fn add(&mut self, bytes: usize) -> bool {
        self.0 += bytes;
        self.0 > MAX_PAGE_BYTES
    }
}
