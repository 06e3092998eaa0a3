//! What can go wrong, in words for the person who has to act.
//!
//! Each message says what was attempted, why it failed and what to do. Causes from the database are kept as text, so
//! that no caller depends on the SQL library.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::types::{FeedId, Hash};

/// Why the store refused or failed. Cheap to clone: one failed commit answers many waiting batches.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Another process (or another store in this one) has the data folder open.
    #[error(
        "cannot open the data folder {}: {} has it open; stop that node or choose another folder with --data",
        path.display(), holder(*pid)
    )]
    Locked {
        /// The data folder.
        path: PathBuf,
        /// Process id found in the lock file, when it could be read.
        pid: Option<u32>,
    },
    /// The file is damaged or is not a database.
    #[error(
        "the database {} is damaged ({detail}); it was left as it is: restore the newest backup with `bzzz restore` into \
         an empty folder, or, when only projections are damaged, run `bzzz rebuild`",
        path.display()
    )]
    Corrupt {
        /// The database file.
        path: PathBuf,
        /// What the check found.
        detail: String,
    },
    /// The file of the last known heads cannot be used.
    #[error(
        "the file {} of the last known heads is damaged ({detail}): whether the end of the log was cut off cannot be told by it; \
         compare the log with another copy of its heads (`bzzz log verify --against FILE`), then move the file away",
        path.display()
    )]
    Heads {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        detail: String,
    },
    /// Written by a newer version of the program.
    #[error(
        "the database {} has schema {found}, this build knows up to {known}; start the newer version of bzzz, or restore \
         a backup made with this one",
        path.display()
    )]
    NewerSchema {
        /// The database file.
        path: PathBuf,
        /// Schema version of the file.
        found: u32,
        /// Newest version that this build knows.
        known: u32,
    },
    /// Another event is already stored at this place of the feed.
    #[error(
        "event {seq} of the feed is already stored with another hash (stored {}, offered {}): its author made two events \
         with one number; record a fork proof",
        hex(stored),
        hex(offered)
    )]
    Fork {
        /// The forked feed.
        feed: Box<FeedId>,
        /// The number that was used twice.
        seq: u64,
        /// Hash of the stored event.
        stored: Hash,
        /// Hash of the refused event.
        offered: Hash,
    },
    /// No room; nothing of the batch was stored and the store goes on working.
    #[error("cannot write to {}: the disk or quota is full; nothing was stored: free some space and try again", path.display())]
    Full {
        /// The file that could not grow.
        path: PathBuf,
    },
    /// The operating system refused a read or write.
    #[error("cannot {action} {}: {source}; check the disk and the permissions", path.display())]
    Io {
        /// What was attempted, as a verb: `read`, `lock`, `commit to`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: Arc<io::Error>,
    },
    /// A commit failed and nobody can know whether it reached the disk.
    #[error(
        "the store stopped writing because a commit has an unknown outcome ({cause}); restart the node: it reads back \
         what the disk really holds"
    )]
    Poisoned {
        /// The first failure.
        cause: String,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// More bytes than one batch may have.
    #[error("a batch of {bytes} bytes is larger than the limit of {limit}; split it")]
    TooLarge {
        /// Size of the batch.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The caller passed something that can never be stored.
    #[error("cannot store this: {reason}")]
    Invalid {
        /// What is wrong.
        reason: String,
    },
    /// A file is in the way.
    #[error("{} exists already and is never overwritten; choose another name or move it away", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// A restore needs an empty folder.
    #[error("cannot restore into {}: it is not empty (found {found}); choose an empty folder", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
        /// One of the entries.
        found: String,
    },
    /// The backup does not match its manifest.
    #[error("the backup {} cannot be used: {reason}; take another backup", path.display())]
    BadBackup {
        /// The backup file.
        path: PathBuf,
        /// What does not match.
        reason: String,
    },
    /// The back end has no such operation.
    #[error("a store in memory cannot {action}; use a data folder")]
    Unsupported {
        /// What was asked for, as a verb.
        action: &'static str,
    },
    /// The database refused a statement: a fault of this program.
    #[error("cannot {action}: the database {} answered: {detail}; please report this", path.display())]
    Database {
        /// What was attempted, as a verb with its object.
        action: &'static str,
        /// The database file.
        path: PathBuf,
        /// Its answer.
        detail: String,
    },
}

impl StoreError {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::StorageFull || source.kind() == io::ErrorKind::QuotaExceeded {
            return Self::Full { path: path.to_owned() };
        }
        Self::Io {
            action,
            path: path.to_owned(),
            source: Arc::new(source),
        }
    }

    pub(crate) fn invalid(reason: impl Into<String>) -> Self {
        Self::Invalid { reason: reason.into() }
    }
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".to_owned(), |pid| format!("process {pid}"))
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
            // Writing to a String cannot fail.
            let _ = write!(out, "{byte:02x}");
            out
        })
}
