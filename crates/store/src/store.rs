//! The handle that everybody else holds.
//!
//! Calls are queued to the writer thread or to the reader threads and awaited; the queues are bounded by semaphores, so
//! a caller that is faster than the disk waits. Dropping the future of a write does not undo the write: it may still be
//! committed. When the last handle is dropped, or after [`Store::close`], the queue is finished and the database closed
//! in order.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::mpsc as std_mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::backend::{Op, Reader, Writer};
use crate::backup::{self, Manifest};
use crate::config::StoreConfig;
use crate::error::StoreError;
use crate::lock::FolderLock;
use crate::memory::Memory;
use crate::metrics::{Counters, Metrics};
use crate::reader::{self, ReadJob};
use crate::sqlite;
use crate::types::{
    Batch, BlobLookup, Cursor, EventRow, FeedId, ForkProof, Hash, Head, KeyValue, MAX_BATCH_BYTES, MAX_PAGE_ROWS,
    META_FLUSHED, Page,
};
use crate::writer::{self, WriteCommand};

/// Memory that waiting batches may hold, in KiB: two of the largest batches.
const QUEUE_KIB: usize = 2 * MAX_BATCH_BYTES / 1024;
/// The least that a waiting batch counts, in KiB: at most 4096 of them wait.
const MIN_BATCH_KIB: usize = 16;
/// Reads that may wait.
const READ_QUEUE: usize = 256;

/// A handle to an open store; clones share it.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

struct Shared {
    open: Mutex<Option<Open>>,
    ended: Mutex<Option<mpsc::Receiver<StoreError>>>,
    write_room: Arc<Semaphore>,
    read_room: Arc<Semaphore>,
    backup_turn: Semaphore,
    counters: Arc<Counters>,
    database: Option<PathBuf>,
}

/// What exists as long as the store is open. Dropping it lets the threads finish.
struct Open {
    writes: std_mpsc::Sender<WriteCommand>,
    reads: std_mpsc::Sender<ReadJob>,
    guard: Guard,
}

/// Held by each thread: the folder stays locked until the last one is done. The lock is dropped before `ended`, so
/// whoever waits for the end finds the folder free.
#[derive(Clone)]
struct Guard {
    lock: Option<Arc<FolderLock>>,
    ended: mpsc::Sender<StoreError>,
}

impl Store {
    /// Opens a store. Blocks while files are opened and, after an unclean shutdown, checked.
    ///
    /// # Errors
    /// [`StoreError::Locked`] when another process has the folder, [`StoreError::Corrupt`] and
    /// [`StoreError::NewerSchema`] for a file that this build must not touch, [`StoreError::Io`] and
    /// [`StoreError::Full`] from the system.
    pub fn open(config: StoreConfig) -> Result<Self, StoreError> {
        match config {
            StoreConfig::Sqlite(config) => {
                let opened = sqlite::open::open(&config)?;
                let readers = opened
                    .readers
                    .into_iter()
                    .map(|r| Reader::Sqlite(Box::new(r)))
                    .collect();
                let writer = Writer::Sqlite(Box::new(opened.writer));
                Self::start(writer, readers, Some(opened.lock), Some(opened.path))
            }
            StoreConfig::Memory => {
                let memory = Arc::new(Memory::default());
                Self::start(Writer::Memory(memory.clone()), vec![Reader::Memory(memory)], None, None)
            }
        }
    }

    fn start(
        writer: Writer,
        readers: Vec<Reader>,
        lock: Option<Arc<FolderLock>>,
        database: Option<PathBuf>,
    ) -> Result<Self, StoreError> {
        let (writes, write_queue) = std_mpsc::channel();
        let (reads, read_queue) = std_mpsc::channel();
        let (ended_tx, ended) = mpsc::channel(1);
        let guard = Guard { lock, ended: ended_tx };
        let counters = Arc::new(Counters::default());

        let (writer_guard, writer_counters) = (guard.clone(), counters.clone());
        spawn("bzzz-store-writer", move || {
            if let Err(error) = writer::run(writer, &write_queue, &writer_counters) {
                // Full only when somebody else's failure is already there to be read.
                let _ = writer_guard.ended.try_send(error);
            }
            drop(writer_guard);
        })?;
        let read_queue = Arc::new(Mutex::new(read_queue));
        for reader in readers {
            let (reader_guard, queue) = (guard.clone(), read_queue.clone());
            spawn("bzzz-store-reader", move || {
                reader::run(reader, &queue);
                drop(reader_guard);
            })?;
        }
        let shared = Shared {
            open: Mutex::new(Some(Open { writes, reads, guard })),
            ended: Mutex::new(Some(ended)),
            write_room: Arc::new(Semaphore::new(QUEUE_KIB)),
            read_room: Arc::new(Semaphore::new(READ_QUEUE)),
            backup_turn: Semaphore::new(1),
            counters,
            database,
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Stores a batch: all of it or nothing. Returns when it is committed, for a durable batch when it is fsynced.
    ///
    /// # Errors
    /// [`StoreError::Fork`] when another event has one of the numbers; [`StoreError::Full`] when there is no room (the
    /// store goes on); [`StoreError::Poisoned`] when the outcome is unknown or became unknown earlier.
    pub async fn append(&self, batch: Batch) -> Result<(), StoreError> {
        batch.check()?;
        self.write(Op::Append(batch)).await
    }

    /// Waits until everything that was given to [`Store::append`] before is on the disk, also what was [`crate::Durability::Relaxed`].
    ///
    /// # Errors
    /// As for [`Store::append`].
    pub async fn flush(&self) -> Result<(), StoreError> {
        // A durable commit fsyncs the log with all that was committed before it, and there is none without a change.
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let now = since.map_or(0, |d| d.as_millis() as u64).to_be_bytes().to_vec();
        let batch = Batch {
            meta: vec![(META_FLUSHED.to_owned(), Some(now))],
            ..Batch::default()
        };
        self.append(batch).await
    }

    /// Overwrites a blob and leaves a tombstone, also for a blob that was never here. When this returns the content is
    /// in neither the database nor its log; while a backup runs it leaves the log right after it. Backups made earlier
    /// still hold it.
    ///
    /// # Errors
    /// As for [`Store::append`].
    pub async fn erase_blob(&self, hash: Hash) -> Result<(), StoreError> {
        self.write(Op::EraseBlob(hash)).await
    }

    /// Events of a feed from a sequence number on, in order. May return fewer than `limit`
    /// ([`crate::MAX_PAGE_ROWS`], [`crate::MAX_PAGE_BYTES`]); an empty answer means that there are none.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`], [`StoreError::Io`], [`StoreError::Closed`]; so for all reads.
    pub async fn events(&self, feed: FeedId, from_seq: u64, limit: usize) -> Result<Vec<EventRow>, StoreError> {
        self.read(move |r| r.events(&feed, from_seq, limit.min(MAX_PAGE_ROWS)))
            .await
    }

    /// Every blob that is here or was erased here, as `(project, hash)`: what need not be fetched.
    ///
    /// # Errors
    /// As for [`Store::events`].
    pub async fn blob_hashes(&self) -> Result<Vec<(Hash, Hash)>, StoreError> {
        self.read(Reader::blob_hashes).await
    }

    /// The last event of every feed, ordered by feed.
    ///
    /// # Errors
    /// As for [`Store::events`].
    pub async fn heads(&self) -> Result<Vec<Head>, StoreError> {
        self.read(Reader::heads).await
    }

    /// All events in the order in which they were stored, page by page: start at [`Cursor::START`], go on at
    /// [`Page::next`] until a page is empty. The order is the same at every scan.
    ///
    /// # Errors
    /// As for [`Store::events`].
    pub async fn scan(&self, from: Cursor, limit: usize) -> Result<Page, StoreError> {
        self.read(move |r| r.scan(from, limit.min(MAX_PAGE_ROWS))).await
    }

    /// A blob, or whether it was erased.
    ///
    /// # Errors
    /// As for [`Store::events`].
    pub async fn blob(&self, hash: Hash) -> Result<BlobLookup, StoreError> {
        self.read(move |r| r.blob(&hash)).await
    }

    /// One value of a projection.
    ///
    /// # Errors
    /// As for [`Store::events`].
    pub async fn projection(&self, name: &str, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let (name, key) = (name.to_owned(), key.to_owned());
        self.read(move |r| r.projection(&name, &key)).await
    }

    /// The first keys and values of a projection whose key starts with `prefix`, in key order.
    ///
    /// # Errors
    /// As for [`Store::events`].
    pub async fn projection_range(&self, name: &str, prefix: &[u8], limit: usize) -> Result<Vec<KeyValue>, StoreError> {
        self.projection_page(name, prefix, None, limit).await
    }

    /// As [`Store::projection_range`], but only keys after `after`: to go through a whole projection page by page, until
    /// a page is empty.
    ///
    /// # Errors
    /// As for [`Store::events`].
    pub async fn projection_page(
        &self,
        name: &str,
        prefix: &[u8],
        after: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<KeyValue>, StoreError> {
        let (name, prefix, after) = (name.to_owned(), prefix.to_owned(), after.map(<[u8]>::to_owned));
        let limit = limit.min(MAX_PAGE_ROWS);
        self.read(move |r| r.projection_page(&name, &prefix, after.as_deref(), limit))
            .await
    }

    /// A meta value.
    ///
    /// # Errors
    /// As for [`Store::events`].
    pub async fn meta(&self, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let key = key.to_owned();
        self.read(move |r| r.meta(&key)).await
    }

    /// All fork proofs, ordered by feed and number.
    ///
    /// # Errors
    /// As for [`Store::events`].
    pub async fn fork_proofs(&self) -> Result<Vec<ForkProof>, StoreError> {
        self.read(Reader::fork_proofs).await
    }

    /// Checks the whole file, indexes against tables included. Takes seconds per gigabyte.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] with the first findings.
    pub async fn check(&self) -> Result<(), StoreError> {
        self.read(Reader::check).await
    }

    /// Copies the database to a new file while the store goes on working: a consistent state of one moment, with a
    /// manifest beside it (see [`crate::manifest_path`]). The names appear only when the copy is complete and checked.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when the name is taken; [`StoreError::Unsupported`] for a store in memory.
    pub async fn backup(&self, to: impl AsRef<Path>) -> Result<Manifest, StoreError> {
        let Some(from) = self.shared.database.clone() else {
            return Err(StoreError::Unsupported { action: "be backed up" });
        };
        let to = to.as_ref().to_owned();
        let _turn = self
            .shared
            .backup_turn
            .acquire()
            .await
            .map_err(|_| StoreError::Closed)?;
        let guard = self.with_open(|open| open.guard.clone())?;
        let (reply, answer) = oneshot::channel();
        spawn("bzzz-store-backup", move || {
            let result = backup::take(&from, &to);
            drop(guard);
            let _ = reply.send(result);
        })?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    /// The counters since the store was opened.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.shared.counters.read()
    }

    /// The database file, if there is one.
    #[must_use]
    pub fn database_path(&self) -> Option<&Path> {
        self.shared.database.as_deref()
    }

    /// Finishes what is queued, closes in order and waits until the data folder is free. Other handles then answer
    /// [`StoreError::Closed`].
    ///
    /// # Errors
    /// What kept the store from closing in order; the folder is free all the same.
    pub async fn close(&self) -> Result<(), StoreError> {
        drop(lock(&self.shared.open).take());
        let Some(mut ended) = lock(&self.shared.ended).take() else {
            return Err(StoreError::Closed);
        };
        let failure = ended.recv().await;
        // A failure is reported before the threads are gone; the channel ends with the last of them.
        while ended.recv().await.is_some() {}
        failure.map_or(Ok(()), Err)
    }

    fn with_open<T>(&self, f: impl FnOnce(&Open) -> T) -> Result<T, StoreError> {
        lock(&self.shared.open).as_ref().map(f).ok_or(StoreError::Closed)
    }

    async fn write(&self, op: Op) -> Result<(), StoreError> {
        let kib = (op.payload_bytes() / 1024 + 1).clamp(MIN_BATCH_KIB, QUEUE_KIB);
        let share = u32::try_from(kib).map_err(|_| StoreError::Closed)?;
        let room = self.shared.write_room.clone();
        let permit = room.acquire_many_owned(share).await.map_err(|_| StoreError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let command = WriteCommand { op, reply, permit };
        self.with_open(|open| open.writes.send(command).map_err(|_| StoreError::Closed))??;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let room = self.shared.read_room.clone();
        let permit = room.acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let (reply, answer) = oneshot::channel();
        let job: ReadJob = Box::new(move |reader| {
            let result = question(reader);
            drop(permit);
            // The asker may have gone away.
            let _ = reply.send(result);
        });
        self.with_open(|open| open.reads.send(job).map_err(|_| StoreError::Closed))??;
        answer.await.map_err(|_| StoreError::Closed)?
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("database", &self.shared.database)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard")
            .field("locked", &self.lock.is_some())
            .finish_non_exhaustive()
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<(), StoreError> {
    let spawned = thread::Builder::new().name(name.to_owned()).spawn(run);
    spawned
        .map(|_| ())
        .map_err(|e| StoreError::io("start a thread for", Path::new(name), e))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
