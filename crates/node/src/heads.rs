//! Notes the heads of all feeds beside the database, so that a log whose end was cut off can be told from a short one
//! ([`bzzz_store::HEADS_FILE`]).
//!
//! What is noted is on the disk already, and never goes back: where the file knows more of a feed than the store has, or another event,
//! its word stands until the store has that event. Only a restore begins the file anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bzzz_store::{FeedId, Head, Store, StoreError};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Between two looks at the heads. What a crash leaves out of the file is that of the last so many seconds; each time that something has
/// changed costs two fsyncs.
const PAUSE: Duration = Duration::from_secs(5);

/// The task that notes them.
pub(crate) struct Noter {
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Noter {
    /// Begins; none for a store in memory.
    pub(crate) fn start(store: Store, known: Vec<Head>) -> Option<Self> {
        let folder = store.database_path()?.parent()?.to_owned();
        let (stop, stopped) = oneshot::channel();
        let mut notes = Notes {
            folder,
            held: known.into_iter().map(|head| (head.feed, head)).collect(),
            sound: BTreeMap::new(),
            commits: None,
            failed: false,
        };
        let task = tokio::spawn(async move {
            let mut stopped = std::pin::pin!(stopped);
            loop {
                let last = tokio::select! {
                    _ = &mut stopped => true,
                    () = tokio::time::sleep(PAUSE) => false,
                };
                match notes.take(&store).await {
                    Ok(()) => notes.failed = false,
                    Err(StoreError::Closed | StoreError::Poisoned { .. }) => return,
                    // Said once: a full disk stays full for a while.
                    Err(e) if !std::mem::replace(&mut notes.failed, true) => {
                        tracing::warn!(error = %e, "could not note the heads of the feeds");
                    }
                    Err(_) => {}
                }
                if last {
                    return;
                }
            }
        });
        Some(Self { stop, task })
    }

    /// Notes them once more and ends.
    pub(crate) async fn end(self) {
        // It ends by itself when the store does.
        let _ = self.stop.send(());
        let _ = self.task.await;
    }
}

struct Notes {
    folder: PathBuf,
    /// What the file said at the start and the store has not confirmed.
    held: BTreeMap<FeedId, Head>,
    /// What was written last.
    sound: BTreeMap<FeedId, Head>,
    commits: Option<u64>,
    failed: bool,
}

impl Notes {
    async fn take(&mut self, store: &Store) -> Result<(), StoreError> {
        let commits = store.metrics().commits;
        if self.commits == Some(commits) {
            return Ok(());
        }
        let heads = store.heads().await?;
        let unsure: Vec<Head> = self.held.values().copied().collect();
        for head in unsure {
            if has(store, &head).await? {
                self.held.remove(&head.feed);
            }
        }
        let mut all: BTreeMap<FeedId, Head> = heads.into_iter().map(|head| (head.feed, head)).collect();
        all.extend(&self.held);
        if all == self.sound {
            self.commits = Some(commits);
            return Ok(());
        }
        // After they were read, so that all of them are on the disk when they are noted.
        store.flush().await?;
        let (folder, list) = (self.folder.clone(), all.values().copied().collect::<Vec<_>>());
        let written = tokio::task::spawn_blocking(move || bzzz_store::write_heads(&folder, &list)).await;
        written.map_err(|_| StoreError::Closed)??;
        self.sound = all;
        // The flush is a commit, too, and an append that came with it is not noted yet: the next look tells.
        self.commits = None;
        Ok(())
    }
}

/// Whether the store has this event.
pub(crate) async fn has(store: &Store, head: &Head) -> Result<bool, StoreError> {
    let rows = store.events(head.feed, head.seq, 1).await?;
    Ok(rows
        .first()
        .is_some_and(|row| row.seq == head.seq && row.hash == head.hash))
}

/// What the file of a store says; nothing where there is none. None when it cannot be read: that is told in the log, and the file is left
/// as it is, for whoever looks into it.
pub(crate) async fn known(store: &Store) -> Option<Vec<Head>> {
    match read(store).await {
        Ok(heads) => Some(heads.unwrap_or_default()),
        Err(e) => {
            tracing::error!("{e}; until then nothing is noted");
            None
        }
    }
}

/// What the file of a store says; none where there is no file.
///
/// # Errors
/// [`StoreError::Heads`] when it is damaged, [`StoreError::Io`] when it cannot be read.
pub async fn read(store: &Store) -> Result<Option<Vec<Head>>, StoreError> {
    let Some(folder) = store.database_path().and_then(Path::parent).map(Path::to_owned) else {
        return Ok(None);
    };
    let read = tokio::task::spawn_blocking(move || bzzz_store::read_heads(&folder)).await;
    read.map_err(|_| StoreError::Closed)?
}
