//! Backup of a running store, and restore into an empty folder.
//!
//! A backup is one self-contained database file and a manifest (JSON) beside it with its length, SHA-256, schema and
//! feed heads. Both are written under other names, fsynced, and then renamed, the database last: where it exists, the
//! backup is complete. A restore trusts only what it has hashed while copying, and marks the copy
//! ([`crate::META_RESTORED`]), because a node that goes on from a backup must start a new incarnation.

use std::fs::{self, File};
use std::io::{Read, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::{StoreError, hex};
use crate::lock::FolderLock;
use crate::sqlite::{SqliteReader, open, schema, sql_error};
use crate::types::{Head, META_RESTORED};
use crate::{DATABASE_FILE, HEADS_FILE, LOCK_FILE, files, heads};

/// Version of the manifest itself.
const FORMAT: u32 = 1;
/// A larger manifest is not one of ours: this is room for more than 100,000 feeds.
const MAX_MANIFEST_BYTES: u64 = 64 * 1024 * 1024;
/// A locked page is waited for this often, 20 ms each.
const MAX_BUSY_STEPS: u32 = 500;
const BUSY_PAUSE: Duration = Duration::from_millis(20);
/// Where a restore builds its copy; left behind only by a crash, and then replaced.
const DRAFT_FILE: &str = "bzzz.db.restoring";

/// What a backup holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the manifest.
    pub format: u32,
    /// Schema of the database.
    pub schema: u32,
    /// Length of the database file in bytes.
    pub bytes: u64,
    /// SHA-256 of the database file, in hexadecimal.
    pub sha256: String,
    /// The last event of every feed.
    pub heads: Vec<ManifestHead>,
}

/// A [`Head`] with its hashes in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestHead {
    /// Project id.
    pub project: String,
    /// Node key.
    pub node: String,
    /// Incarnation of the node.
    pub incarnation: u64,
    /// Highest sequence number.
    pub seq: u64,
    /// Hash of that event.
    pub hash: String,
}

impl From<&Head> for ManifestHead {
    fn from(head: &Head) -> Self {
        Self {
            project: hex(&head.feed.project),
            node: hex(&head.feed.node),
            incarnation: head.feed.incarnation,
            seq: head.seq,
            hash: hex(&head.hash),
        }
    }
}

/// Where the manifest of a backup lies: its name with `.manifest.json` added.
#[must_use]
pub fn manifest_path(backup: &Path) -> PathBuf {
    files::with_suffix(backup, ".manifest.json")
}

/// Copies a live database to a new file. Blocks.
pub(crate) fn take(database: &Path, to: &Path) -> Result<Manifest, StoreError> {
    if to.try_exists().map_err(|e| StoreError::io("look for", to, e))? {
        return Err(StoreError::Exists { path: to.to_owned() });
    }
    let draft = files::with_suffix(to, ".partial");
    let manifest_draft = files::with_suffix(&manifest_path(to), ".partial");
    let result = copy_and_describe(database, &draft).and_then(|manifest| {
        write_manifest(&manifest, &manifest_draft)?;
        let path = manifest_path(to);
        // A manifest without its database is the rest of an interrupted backup of this name.
        fs::rename(&manifest_draft, &path).map_err(|e| StoreError::io("create", &path, e))?;
        open::publish(&draft, to)?;
        Ok(manifest)
    });
    if result.is_err() {
        for left in [&draft, &manifest_draft] {
            open::remove_if_present(left)?;
        }
    }
    result
}

fn copy_and_describe(database: &Path, draft: &Path) -> Result<Manifest, StoreError> {
    files::create_private(draft).map_err(|e| StoreError::io("create", draft, e))?;
    let source = open::connect(database)?;
    let mut copy = open::connect(draft)?;
    copy_pages(&source, &mut copy, draft)?;
    // Out of log mode, so that the backup is one file.
    copy.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))
        .map_err(|e| sql_error("finish the backup", draft, &e))?;
    let (schema, heads) = inspect(copy, draft)?;
    let mut file = File::open(draft).map_err(|e| StoreError::io("read", draft, e))?;
    let mut hasher = Sha256::new();
    let bytes = pump(&mut file, |chunk| {
        hasher.update(chunk);
        Ok(())
    })
    .map_err(|e| StoreError::io("read", draft, e))?;
    Ok(Manifest {
        format: FORMAT,
        schema,
        bytes,
        sha256: hex(&hasher.finalize()),
        heads,
    })
}

/// Copies all pages in one step: one read transaction, so one moment, and writers go on in the log meanwhile.
fn copy_pages(source: &Connection, copy: &mut Connection, draft: &Path) -> Result<(), StoreError> {
    let failed = |e: rusqlite::Error| sql_error("write the backup", draft, &e);
    // The file is hashed, checked and fsynced as a whole afterwards.
    copy.pragma_update(None, "synchronous", "OFF").map_err(failed)?;
    let backup = Backup::new(source, copy).map_err(failed)?;
    for _ in 0..MAX_BUSY_STEPS {
        match backup.step(-1).map_err(failed)? {
            StepResult::Done => return Ok(()),
            _ => std::thread::sleep(BUSY_PAUSE),
        }
    }
    Err(StoreError::BadBackup {
        path: draft.to_owned(),
        reason: "the database stayed locked".to_owned(),
    })
}

/// Checks a closed database and reads its schema and heads.
fn inspect(conn: Connection, path: &Path) -> Result<(u32, Vec<ManifestHead>), StoreError> {
    let schema = schema::check_version(&conn, path)?;
    open::check_structure(&conn, path, "quick_check")?;
    let mut reader = SqliteReader::over(conn, path);
    let heads = reader.heads()?.iter().map(ManifestHead::from).collect();
    reader
        .into_connection()
        .close()
        .map_err(|(_, e)| sql_error("close", path, &e))?;
    Ok((schema, heads))
}

fn write_manifest(manifest: &Manifest, path: &Path) -> Result<(), StoreError> {
    let failed = |e: std::io::Error| StoreError::io("write", path, e);
    let mut file = files::create_private(path).map_err(failed)?;
    let json = serde_json::to_vec_pretty(manifest).map_err(|e| failed(e.into()))?;
    file.write_all(&json).and_then(|()| file.sync_all()).map_err(failed)
}

/// Puts a backup into an empty data folder. Blocks.
///
/// The copy is verified against its manifest, checked, and marked with [`META_RESTORED`]; the file of the last known heads is
/// begun anew with those of the backup.
///
/// # Errors
/// [`StoreError::NotEmpty`] when the folder holds anything; [`StoreError::BadBackup`] when file and manifest do not
/// match; [`StoreError::NewerSchema`]; [`StoreError::Corrupt`].
pub fn restore(from: &Path, data_dir: &Path) -> Result<Manifest, StoreError> {
    let manifest = read_manifest(from)?;
    files::create_private_dir(data_dir).map_err(|e| StoreError::io("create the data folder", data_dir, e))?;
    let _lock = FolderLock::take(data_dir)?;
    refuse_occupied(data_dir)?;
    let draft = data_dir.join(DRAFT_FILE);
    let result = copy_verified(from, &draft, &manifest)
        .and_then(|()| mark_restored(&draft, from, &manifest))
        // Before the database is there: what was known of an older one would make this one look cut short.
        .and_then(|()| note_heads(data_dir, from, &manifest))
        .and_then(|()| open::publish(&draft, &data_dir.join(DATABASE_FILE)));
    if result.is_err() {
        open::remove_if_present(&draft)?;
    }
    result.map(|()| manifest)
}

fn read_manifest(backup: &Path) -> Result<Manifest, StoreError> {
    let path = manifest_path(backup);
    let failed = |e: std::io::Error| StoreError::io("read the manifest", &path, e);
    let mut json = Vec::new();
    File::open(&path)
        .map_err(failed)?
        .take(MAX_MANIFEST_BYTES)
        .read_to_end(&mut json)
        .map_err(failed)?;
    let manifest: Manifest = serde_json::from_slice(&json)
        .map_err(|e| bad(backup, format!("its manifest {} is not readable: {e}", path.display())))?;
    if manifest.format != FORMAT {
        return Err(bad(
            backup,
            format!("its manifest has format {}, this build knows {FORMAT}", manifest.format),
        ));
    }
    if manifest.schema > schema::VERSION {
        return Err(StoreError::NewerSchema {
            path: backup.to_owned(),
            found: manifest.schema,
            known: schema::VERSION,
        });
    }
    Ok(manifest)
}

/// What a folder may hold before a restore: the node's keys, which are in no backup, its settings, and our own files.
const MAY_BE_THERE: [&str; 7] = [
    LOCK_FILE,
    DRAFT_FILE,
    HEADS_FILE,
    heads::DRAFT_FILE,
    "identity",
    "operator",
    "bzzz.toml",
];

fn refuse_occupied(data_dir: &Path) -> Result<(), StoreError> {
    let failed = |e: std::io::Error| StoreError::io("list", data_dir, e);
    for entry in fs::read_dir(data_dir).map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if !MAY_BE_THERE.iter().any(|known| name == *known) {
            let found = name.to_string_lossy().into_owned();
            return Err(StoreError::NotEmpty {
                path: data_dir.to_owned(),
                found,
            });
        }
    }
    Ok(())
}

/// Copies and hashes in one pass, so that what was verified is what is used.
fn copy_verified(from: &Path, draft: &Path, manifest: &Manifest) -> Result<(), StoreError> {
    let mut source = File::open(from).map_err(|e| StoreError::io("read", from, e))?;
    let length = source.metadata().map_err(|e| StoreError::io("read", from, e))?.len();
    if length != manifest.bytes {
        return Err(bad(
            from,
            format!("it has {length} bytes, its manifest says {}", manifest.bytes),
        ));
    }
    open::remove_if_present(&files::with_suffix(draft, "-journal"))?;
    let mut copy = files::create_private(draft).map_err(|e| StoreError::io("create", draft, e))?;
    let mut hasher = Sha256::new();
    pump(&mut source, |chunk| {
        hasher.update(chunk);
        copy.write_all(chunk)
    })
    .map_err(|e| StoreError::io("copy the backup to", draft, e))?;
    let sha256 = hex(&hasher.finalize());
    if sha256 != manifest.sha256 {
        return Err(bad(
            from,
            format!("its SHA-256 is {sha256}, its manifest says {}", manifest.sha256),
        ));
    }
    Ok(())
}

fn note_heads(data_dir: &Path, from: &Path, manifest: &Manifest) -> Result<(), StoreError> {
    let known: Result<Vec<Head>, String> = manifest.heads.iter().map(Head::try_from).collect();
    heads::write_heads(data_dir, &known.map_err(|reason| bad(from, reason))?)
}

fn mark_restored(draft: &Path, from: &Path, manifest: &Manifest) -> Result<(), StoreError> {
    let (schema, heads) = inspect(open::connect(draft)?, draft)?;
    if schema != manifest.schema || heads != manifest.heads {
        return Err(bad(from, "its feeds are not those of its manifest".to_owned()));
    }
    let conn = open::connect(draft)?;
    let mark = || -> rusqlite::Result<()> {
        conn.execute(
            "INSERT INTO meta (key, value) VALUES (?1, x'31') ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [META_RESTORED],
        )?;
        open::set_clean(&conn, true)
    };
    mark().map_err(|e| sql_error("mark as restored", draft, &e))?;
    conn.close().map_err(|(_, e)| sql_error("close", draft, &e))
}

fn bad(path: &Path, reason: String) -> StoreError {
    StoreError::BadBackup {
        path: path.to_owned(),
        reason,
    }
}

/// Hands a file on in pieces; returns its length.
fn pump(file: &mut File, mut sink: impl FnMut(&[u8]) -> std::io::Result<()>) -> std::io::Result<u64> {
    let mut chunk = vec![0; 128 * 1024];
    let mut total = 0;
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            return Ok(total);
        }
        sink(&chunk[..read])?;
        total += read as u64;
    }
}
