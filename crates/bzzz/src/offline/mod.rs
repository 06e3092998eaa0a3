//! Work on the data folder of a node that is not running: list what is in it, check the log, back up, restore, make the projections
//! anew.
//!
//! The store's lock says whether a node runs: then the commands ask it instead, because only one process may have the
//! folder open. Nothing here ever makes a data folder that was not there, except `restore`.

pub mod lists;
pub mod log;

use std::future::Future;
use std::path::PathBuf;

use bzzz_node::NodeError;
use bzzz_node::projections::{self, Rebuilt};
use bzzz_store::{DATABASE_FILE, Manifest, Store, StoreConfig, StoreError};

use crate::cli::exit::Exit;
use crate::cli::failure::{Explain, Result, fail_because, from_sentence};
use crate::settings::Settings;

/// The folder with the database; none when the settings keep nothing on disk.
pub fn folder(settings: &Settings) -> Option<PathBuf> {
    match settings.store_url.split_once(':') {
        Some(("sqlite", "")) => Some(settings.data.clone()),
        Some(("sqlite", path)) => Some(PathBuf::from(path)),
        _ => None,
    }
}

/// Opens the store; none when a node has it open.
pub fn open(settings: &Settings, attempt: &str) -> Result<Option<Store>> {
    let Some(folder) = folder(settings) else {
        return Err(fail_because(
            Exit::Usage,
            attempt,
            "the settings keep the data in memory, so there is none without a running node",
            Some("set store.url to \"sqlite:\""),
        ));
    };
    if !folder.join(DATABASE_FILE).is_file() {
        return Err(fail_because(
            Exit::Usage,
            attempt,
            format!("{} holds no data of a node", folder.display()),
            Some("name the data folder with --data DIR, or a running node with --node ADDRESS"),
        ));
    }
    match Store::open(StoreConfig::sqlite(folder)) {
        Ok(store) => Ok(Some(store)),
        Err(StoreError::Locked { .. }) => Ok(None),
        Err(error) => Err(explain(&error, attempt)),
    }
}

/// Runs `work` with the store and closes it in order.
pub fn with<T, F: Future<Output = Result<T>>>(store: Store, attempt: &str, work: impl FnOnce(Store) -> F) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .explain(Exit::Local, attempt, None)?;
    runtime.block_on(async {
        let done = work(store.clone()).await;
        let closed = store.close().await.map_err(|error| explain(&error, attempt));
        done.and_then(|value| closed.map(|()| value))
    })
}

/// Copies the store's data to a new file.
pub fn backup(store: Store, to: PathBuf, attempt: &'static str) -> Result<Manifest> {
    with(store, attempt, |store| async move {
        store.backup(to).await.map_err(|error| explain(&error, attempt))
    })
}

/// Makes the projections anew from the events. `progress` hears how many events of how many are folded.
pub fn rebuild(store: Store, mut progress: impl FnMut(u64, u64) + Send, attempt: &'static str) -> Result<Rebuilt> {
    with(store, attempt, |store| async move {
        let heads = store.heads().await.map_err(|error| explain(&error, attempt))?;
        let all = heads.iter().map(|head| head.seq + 1).sum();
        let rebuilt = projections::rebuild(&store, |folded| progress(folded, all)).await;
        rebuilt.map_err(|error| match error {
            NodeError::Store(error) => explain(&error, attempt),
            error => from_sentence(Exit::Verify, attempt, &error.to_string()),
        })
    })
}

/// A failure of the store in the words of the command line.
pub fn explain(error: &StoreError, attempt: &str) -> anyhow::Error {
    let exit = match error {
        StoreError::Corrupt { .. } | StoreError::BadBackup { .. } => Exit::Verify,
        StoreError::Locked { .. } => Exit::Node,
        StoreError::NotEmpty { .. } => Exit::Usage,
        _ => Exit::Local,
    };
    from_sentence(exit, attempt, &error.to_string())
}
