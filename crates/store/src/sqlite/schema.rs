//! Tables and migrations.
//!
//! Sizes matter more than elegance here: a node keeps millions of small events.
//! - Feeds are interned: an event names its feed by a small integer instead of 72 bytes.
//! - `events` is a rowid table: the rowid is the insertion order that a scan follows, and appending to the right end of
//!   the tree is the cheapest insert there is. A table keyed by (feed, seq) would need a second copy of the order.
//! - Nobody asks for an event by its hash, so there is no index of it: hashes are random, and each insert would change another page.
//!   The index of blobs holds only the first eight bytes: enough to find the row, which is then compared in full.
//! - `blobs` rows are only ever appended or overwritten at equal length, never deleted or resized. So no page of that
//!   tree is ever rebalanced, and no stale copy of a content can stay behind in the unused part of a page.

use std::path::Path;

use rusqlite::Connection;

use super::sql_error;
use crate::error::StoreError;

/// Marks the file as ours (`bzzz` in ASCII), so that another program's database is not taken for one.
const APPLICATION_ID: i32 = 0x627a_7a7a;

/// Entry `n` brings a database from schema `n` to `n + 1`. Never edit one that was released; add another.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE feeds (
        id          INTEGER PRIMARY KEY,
        project     BLOB NOT NULL,
        node        BLOB NOT NULL,
        incarnation INTEGER NOT NULL,
        UNIQUE (project, node, incarnation)
    );
    CREATE TABLE events (
        pos   INTEGER PRIMARY KEY,
        feed  INTEGER NOT NULL,
        seq   INTEGER NOT NULL,
        hlc   INTEGER NOT NULL,
        kind  INTEGER NOT NULL,
        hash  BLOB NOT NULL,
        bytes BLOB NOT NULL,
        sum   INTEGER NOT NULL
    );
    CREATE UNIQUE INDEX events_place ON events (feed, seq);
    CREATE TABLE projects (
        id      INTEGER PRIMARY KEY,
        project BLOB NOT NULL UNIQUE
    );
    CREATE TABLE blobs (
        id      INTEGER PRIMARY KEY,
        project INTEGER NOT NULL,
        long    INTEGER NOT NULL,
        erased  INTEGER NOT NULL,
        hash    BLOB NOT NULL,
        bytes   BLOB NOT NULL
    );
    CREATE INDEX blobs_hash ON blobs (substr(hash, 1, 8));
    CREATE TABLE projections (
        name  TEXT NOT NULL,
        key   BLOB NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (name, key)
    ) WITHOUT ROWID;
    CREATE TABLE meta (
        key   TEXT PRIMARY KEY,
        value BLOB NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE fork_proofs (
        feed    INTEGER NOT NULL,
        seq     INTEGER NOT NULL,
        bytes_a BLOB NOT NULL,
        bytes_b BLOB NOT NULL,
        UNIQUE (feed, seq)
    );
"];

/// The newest schema that this build knows.
pub(crate) const VERSION: u32 = MIGRATIONS.len() as u32;

/// Reads the schema version and refuses a file that is not ours or is newer.
pub(crate) fn check_version(conn: &Connection, path: &Path) -> Result<u32, StoreError> {
    let pragma = |name: &str| -> Result<i32, StoreError> {
        conn.pragma_query_value(None, name, |row| row.get(0))
            .map_err(|e| sql_error("read the header of", path, &e))
    };
    let application = pragma("application_id")?;
    if application != APPLICATION_ID {
        return Err(StoreError::Corrupt {
            path: path.to_owned(),
            detail: format!("the header carries application id {application:#x}, not that of bzzz"),
        });
    }
    let found = pragma("user_version")?;
    match u32::try_from(found) {
        Ok(found) if found <= VERSION => Ok(found),
        Ok(found) => Err(StoreError::NewerSchema {
            path: path.to_owned(),
            found,
            known: VERSION,
        }),
        Err(_) => Err(StoreError::Corrupt {
            path: path.to_owned(),
            detail: format!("schema version {found}"),
        }),
    }
}

/// Gives a new, empty file its identity. The schema is then built by [`migrate`].
pub(crate) fn stamp(conn: &Connection, path: &Path) -> Result<(), StoreError> {
    conn.pragma_update(None, "application_id", APPLICATION_ID)
        .map_err(|e| sql_error("create", path, &e))
}

/// Brings the schema up to date, each step in its own transaction together with its number.
pub(crate) fn migrate(conn: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let found = check_version(conn, path)?;
    for (step, sql) in (found..VERSION).zip(&MIGRATIONS[found as usize..]) {
        let failed = |e: rusqlite::Error| sql_error("migrate the schema of", path, &e);
        let tx = conn.transaction().map_err(failed)?;
        tx.execute_batch(sql).map_err(failed)?;
        tx.pragma_update(None, "user_version", step + 1).map_err(failed)?;
        tx.commit().map_err(failed)?;
    }
    Ok(())
}
