//! Opening a data folder: lock, permissions, creation, checks.
//!
//! A new database is built under another name and renamed when it is complete. So a database file that is missing beside
//! its write-ahead log, or is empty, is always damage and never a half-done creation, and it is refused instead of being
//! silently replaced by an empty one.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _};

use super::{SqliteReader, SqliteWriter, schema, sql_error};
use crate::config::{IntegrityCheck, SqliteConfig};
use crate::error::StoreError;
use crate::lock::FolderLock;
use crate::types::META_CLEAN_SHUTDOWN;
use crate::{DATABASE_FILE, files};

/// How long a statement waits for another program that has the database open.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(2);
/// Readers beyond this only add memory: the work is bound by one disk.
const MAX_READERS: usize = 8;
/// The write-ahead log is cut back to this size after a checkpoint.
const WAL_LIMIT_BYTES: i64 = 32 * 1024 * 1024;
/// Lines of a failed integrity check that are quoted.
const MAX_FINDINGS: usize = 5;

/// An opened data folder.
pub(crate) struct Opened {
    pub(crate) path: PathBuf,
    pub(crate) lock: Arc<FolderLock>,
    pub(crate) writer: SqliteWriter,
    pub(crate) readers: Vec<SqliteReader>,
}

/// Takes the lock, creates or checks the database, and opens its connections.
pub(crate) fn open(config: &SqliteConfig) -> Result<Opened, StoreError> {
    let dir = &config.data_dir;
    files::create_private_dir(dir).map_err(|e| StoreError::io("create the data folder", dir, e))?;
    let lock = Arc::new(FolderLock::take(dir)?);
    let path = dir.join(DATABASE_FILE);
    if exists(&path)? {
        refuse_empty(&path)?;
        files::make_private(&path).map_err(|e| StoreError::io("set the permissions of", &path, e))?;
    } else {
        create(&path)?;
    }
    let mut conn = connect(&path)?;
    schema::check_version(&conn, &path)?;
    configure_writer(&conn, config).map_err(|e| sql_error("configure", &path, &e))?;
    if config.check == IntegrityCheck::Always || !was_closed_in_order(&conn, &path)? {
        check_structure(&conn, &path, "quick_check")?;
    }
    schema::migrate(&mut conn, &path)?;
    set_clean(&conn, false).map_err(|e| sql_error("mark as open", &path, &e))?;
    if let Some(pages) = config.faults.max_page_count {
        conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
            .map_err(|e| sql_error("limit the size of", &path, &e))?;
    }
    let mut writer = SqliteWriter::new(conn, path.clone(), config.faults.clone());
    // A crash may have left the content of erased blobs in the log. Nobody reads yet, so there is nothing to wait for.
    writer.scrub(Duration::ZERO);
    let readers = (0..config.readers.clamp(1, MAX_READERS))
        .map(|_| SqliteReader::open(&path, config.cache_kib / 4))
        .collect::<Result<_, _>>()?;
    Ok(Opened {
        path,
        lock,
        writer,
        readers,
    })
}

/// Opens a connection to an existing file; never creates one.
pub(crate) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(path, flags).map_err(|e| sql_error("open", path, &e))?;
    let common = |conn: &Connection| -> rusqlite::Result<()> {
        conn.busy_timeout(BUSY_TIMEOUT)?;
        conn.set_prepared_statement_cache_capacity(64);
        // Sub-journals and sorters stay in memory: no content may end in a temporary file.
        conn.pragma_update(None, "temp_store", "MEMORY")?;
        conn.pragma_update(None, "trusted_schema", false)?;
        conn.pragma_update(None, "cell_size_check", true)
    };
    common(&conn).map_err(|e| sql_error("open", path, &e))?;
    Ok(conn)
}

fn configure_writer(conn: &Connection, config: &SqliteConfig) -> rusqlite::Result<()> {
    conn.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    conn.pragma_update(None, "synchronous", "FULL")?;
    conn.pragma_update_and_check(None, "secure_delete", true, |_| Ok(()))?;
    conn.pragma_update(None, "cache_size", -i64::from(config.cache_kib))?;
    // Checkpoints are run by the writer thread, after the answers and with their errors looked at.
    conn.pragma_update_and_check(None, "wal_autocheckpoint", 0, |_| Ok(()))?;
    conn.pragma_update_and_check(None, "journal_size_limit", WAL_LIMIT_BYTES, |_| Ok(()))
}

/// Builds an empty database beside its final name and moves it there when it is durable.
fn create(path: &Path) -> Result<(), StoreError> {
    let wal = files::with_suffix(path, "-wal");
    if exists(&wal)? {
        return Err(StoreError::Corrupt {
            path: path.to_owned(),
            detail: format!("the file is missing beside its write-ahead log {}", wal.display()),
        });
    }
    let draft = files::with_suffix(path, ".new");
    // Holds nothing that was ever acknowledged: it is renamed before the first append.
    remove_if_present(&files::with_suffix(&draft, "-journal"))?;
    files::create_private(&draft).map_err(|e| StoreError::io("create", &draft, e))?;
    let mut conn = connect(&draft)?;
    schema::stamp(&conn, &draft)?;
    schema::migrate(&mut conn, &draft)?;
    set_clean(&conn, true).map_err(|e| sql_error("create", &draft, &e))?;
    conn.close().map_err(|(_, e)| sql_error("create", &draft, &e))?;
    publish(&draft, path)
}

/// Moves a finished, closed database to its name.
pub(crate) fn publish(draft: &Path, path: &Path) -> Result<(), StoreError> {
    files::sync_file(draft).map_err(|e| StoreError::io("sync", draft, e))?;
    files::rename_new(draft, path).map_err(|e| match e.kind() {
        std::io::ErrorKind::AlreadyExists => StoreError::Exists { path: path.to_owned() },
        _ => StoreError::io("create", path, e),
    })?;
    let dir = files::parent(path);
    files::sync_dir(dir).map_err(|e| StoreError::io("sync the folder", dir, e))
}

/// Runs `quick_check` or `integrity_check` and quotes what it finds.
pub(crate) fn check_structure(conn: &Connection, path: &Path, pragma: &'static str) -> Result<(), StoreError> {
    let run = || -> rusqlite::Result<Vec<String>> {
        let mut statement = conn.prepare(&format!("PRAGMA {pragma}({MAX_FINDINGS})"))?;
        statement.query_map([], |row| row.get(0))?.collect()
    };
    let findings = run().map_err(|e| sql_error("check", path, &e))?;
    if findings.iter().all(|finding| finding == "ok") {
        return Ok(());
    }
    Err(StoreError::Corrupt {
        path: path.to_owned(),
        detail: findings.join("; ").replace('\n', " "),
    })
}

fn was_closed_in_order(conn: &Connection, path: &Path) -> Result<bool, StoreError> {
    let flag: Option<Vec<u8>> = conn
        .query_row("SELECT value FROM meta WHERE key = ?1", [META_CLEAN_SHUTDOWN], |row| {
            row.get(0)
        })
        .optional()
        .map_err(|e| sql_error("read", path, &e))?;
    Ok(flag.as_deref() == Some(b"1"))
}

/// Writes the clean-shutdown flag.
pub(crate) fn set_clean(conn: &Connection, clean: bool) -> rusqlite::Result<()> {
    let value: &[u8] = if clean { b"1" } else { b"0" };
    conn.execute(
        "INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        rusqlite::params![META_CLEAN_SHUTDOWN, value],
    )
    .map(|_| ())
}

fn refuse_empty(path: &Path) -> Result<(), StoreError> {
    let length = fs::metadata(path).map_err(|e| StoreError::io("read", path, e))?.len();
    if length == 0 {
        return Err(StoreError::Corrupt {
            path: path.to_owned(),
            detail: "the file is empty".to_owned(),
        });
    }
    Ok(())
}

fn exists(path: &Path) -> Result<bool, StoreError> {
    path.try_exists().map_err(|e| StoreError::io("look for", path, e))
}

/// Removes a left-over of an interrupted run.
pub(crate) fn remove_if_present(path: &Path) -> Result<(), StoreError> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(StoreError::io("remove", path, e)),
        _ => Ok(()),
    }
}
