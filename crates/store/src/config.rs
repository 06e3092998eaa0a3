//! Where the store lives and how much it may use.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// Which back end to open.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum StoreConfig {
    /// A database file in a data folder.
    Sqlite(SqliteConfig),
    /// Everything in memory, gone at the end: for tests and dry runs.
    Memory,
}

impl StoreConfig {
    /// The default settings for a data folder.
    #[must_use]
    pub fn sqlite(data_dir: impl Into<PathBuf>) -> Self {
        Self::Sqlite(SqliteConfig::new(data_dir))
    }
}

/// Settings of the SQLite back end.
#[derive(Clone, Debug)]
pub struct SqliteConfig {
    /// The data folder; created with mode 0700 when it does not exist.
    pub data_dir: PathBuf,
    /// Number of reader threads, 1 to 8; 2 lets a long scan and a short question go side by side.
    pub readers: usize,
    /// Page cache of the writer in KiB; each reader has a quarter of it. It fills up and stays: the system caches the file as well, so
    /// a larger one mostly holds the same pages twice.
    pub cache_kib: u32,
    /// When the file is checked at open.
    pub check: IntegrityCheck,
    /// Failures to provoke, for tests.
    pub faults: Faults,
}

impl SqliteConfig {
    /// The default settings for a data folder.
    #[must_use]
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            readers: 2,
            cache_kib: 4 * 1024,
            check: IntegrityCheck::default(),
            faults: Faults::default(),
        }
    }
}

/// When the structure of the whole file is checked at open. The check reads every page: seconds per gigabyte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IntegrityCheck {
    /// Only when the store was not closed in order.
    #[default]
    AfterUncleanShutdown,
    /// At every open.
    Always,
}

/// Failures that tests provoke; all off by default.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// The database may not grow beyond this many pages: a full disk.
    pub max_page_count: Option<u32>,
    /// While true, a commit reports a failed fsync.
    pub fail_commit: Option<Arc<AtomicBool>>,
}
