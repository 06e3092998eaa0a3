//! The data folder: one opener, permissions, damage, versions, a full disk, a failed fsync.

use std::fs::{self, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bzzz_store::{Batch, DATABASE_FILE, IntegrityCheck, SqliteConfig, Store, StoreConfig, StoreError};
use tempfile::TempDir;

use crate::common::{blob, block_on, event, events, feed, on_disk, put, scan_all, variant};

fn open(dir: &Path) -> Result<Store, StoreError> {
    Store::open(StoreConfig::sqlite(dir))
}

fn open_with(dir: &Path, change: impl FnOnce(&mut SqliteConfig)) -> Result<Store, StoreError> {
    let mut config = SqliteConfig::new(dir);
    change(&mut config);
    Store::open(StoreConfig::Sqlite(config))
}

/// Fills a store with a few hundred pages and closes it in order.
async fn filled() -> TempDir {
    let (store, dir) = on_disk();
    store.append(events(feed(1), 0..5_000)).await.unwrap();
    store.close().await.unwrap();
    dir
}

fn flip(path: &Path, offset: u64, length: usize) {
    let mut file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.read_exact(&mut bytes).unwrap();
    bytes.iter_mut().for_each(|byte| *byte ^= 0xff);
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.write_all(&bytes).unwrap();
}

fn is_corrupt(result: Result<Store, StoreError>, path: &Path) {
    match result {
        Err(error @ StoreError::Corrupt { .. }) => {
            let text = error.to_string();
            assert!(text.contains(&path.display().to_string()), "names the file: {text}");
            assert!(text.contains("bzzz restore"), "says what to do: {text}");
        }
        other => panic!("expected damage to be found, got {other:?}"),
    }
}

#[test]
fn everything_is_there_after_reopening() {
    block_on(async {
        let dir = filled().await;
        let store = open(dir.path()).unwrap();
        assert_eq!(scan_all(&store).await.len(), 5_000);
        store.append(events(feed(1), 5_000..5_001)).await.unwrap();
        store.close().await.unwrap();
        let store = open(dir.path()).unwrap();
        assert_eq!(store.heads().await.unwrap()[0].seq, 5_000);
    });
}

#[test]
fn a_second_opener_is_refused_by_name() {
    block_on(async {
        let (store, dir) = on_disk();
        match open(dir.path()) {
            Err(error @ StoreError::Locked { .. }) => {
                let text = error.to_string();
                assert!(
                    text.contains(&std::process::id().to_string()),
                    "names the process: {text}"
                );
            }
            other => panic!("expected a lock, got {other:?}"),
        }
        let clone = store.clone();
        store.close().await.unwrap();
        let again = open(dir.path()).expect("the folder is free once close returns, whoever still holds a handle");
        assert!(matches!(clone.heads().await, Err(StoreError::Closed)));
        again.close().await.unwrap();
    });
}

#[test]
fn only_this_user_can_read() {
    block_on(async {
        let parent = TempDir::new().unwrap();
        let dir = parent.path().join("a/b");
        let store = open(&dir).unwrap();
        store.append(events(feed(1), 0..10)).await.unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&dir), 0o700);
        let mut seen = 0;
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            seen += 1;
        }
        assert_eq!(seen, 4, "database, log, shared memory, lock");
    });
}

#[test]
fn a_damaged_header_is_named_and_kept() {
    block_on(async {
        let dir = filled().await;
        let path = dir.path().join(DATABASE_FILE);
        flip(&path, 0, 32);
        let before = fs::read(&path).unwrap();
        is_corrupt(open(dir.path()), &path);
        assert_eq!(fs::read(&path).unwrap(), before, "the file was left as it is");
    });
}

#[test]
fn a_damaged_page_is_found_when_the_store_was_not_closed() {
    block_on(async {
        let dir = filled().await;
        let path = dir.path().join(DATABASE_FILE);
        let pages = fs::metadata(&path).unwrap().len() / 4096;
        flip(&path, pages / 2 * 4096, 64);
        is_corrupt(
            open_with(dir.path(), |config| config.check = IntegrityCheck::Always),
            &path,
        );
        rusqlite::Connection::open(&path)
            .unwrap()
            .execute("UPDATE meta SET value = x'30' WHERE key = 'clean_shutdown'", [])
            .unwrap();
        is_corrupt(open(dir.path()), &path);
    });
}

#[test]
fn a_truncated_an_empty_and_a_missing_file_are_damage() {
    block_on(async {
        let dir = filled().await;
        let path = dir.path().join(DATABASE_FILE);
        let length = fs::metadata(&path).unwrap().len();
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        file.set_len(length / 2).unwrap();
        is_corrupt(
            open_with(dir.path(), |config| config.check = IntegrityCheck::Always),
            &path,
        );
        file.set_len(0).unwrap();
        is_corrupt(open(dir.path()), &path);
        fs::remove_file(&path).unwrap();
        fs::write(dir.path().join("bzzz.db-wal"), b"the last changes").unwrap();
        is_corrupt(open(dir.path()), &path);
        assert!(dir.path().join("bzzz.db-wal").exists(), "the log was left as it is");
    });
}

#[test]
fn a_database_of_another_program_is_not_touched() {
    block_on(async {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join(DATABASE_FILE);
        rusqlite::Connection::open(&path)
            .unwrap()
            .execute_batch("CREATE TABLE theirs (x)")
            .unwrap();
        is_corrupt(open(dir.path()), &path);
    });
}

#[test]
fn a_newer_schema_is_refused() {
    block_on(async {
        let dir = filled().await;
        let path = dir.path().join(DATABASE_FILE);
        let newer = bzzz_store::SCHEMA_VERSION + 1;
        rusqlite::Connection::open(&path)
            .unwrap()
            .pragma_update(None, "user_version", newer)
            .unwrap();
        match open(dir.path()) {
            Err(StoreError::NewerSchema { found, known, .. }) => {
                assert_eq!((found, known), (newer, newer - 1))
            }
            other => panic!("expected a refusal, got {other:?}"),
        }
    });
}

#[test]
fn a_full_disk_refuses_whole_batches_and_keeps_the_rest() {
    block_on(async {
        let (store, dir) = on_disk();
        store.append(events(feed(1), 0..10)).await.unwrap();
        store.close().await.unwrap();
        let pages = fs::metadata(dir.path().join(DATABASE_FILE)).unwrap().len() / 4096;
        let limit = u32::try_from(pages).unwrap() + 40;
        let store = open_with(dir.path(), |config| config.faults.max_page_count = Some(limit)).unwrap();

        let mut large = events(feed(2), 0..3);
        large.blobs.push(blob(1, vec![1; 1 << 20]));
        large.projections.push(put("tasks", b"k", b"v"));
        match store.append(large).await {
            Err(error @ StoreError::Full { .. }) => {
                assert!(error.to_string().contains("free some space"))
            }
            other => panic!("expected a full disk, got {other:?}"),
        }
        assert_eq!(store.events(feed(2), 0, 9).await.unwrap(), []);
        assert_eq!(store.projection("tasks", b"k").await.unwrap(), None);

        // In one queue with batches that do not fit, those that do are stored.
        let writers: Vec<_> = (10..30_u8)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move {
                    let mut batch = events(feed(number), 0..1);
                    if number % 2 == 0 {
                        batch.blobs.push(blob(number, vec![1; 1 << 20]));
                    }
                    (number, store.append(batch).await)
                })
            })
            .collect();
        for writer in writers {
            let (number, result) = writer.await.unwrap();
            assert_eq!(
                matches!(result, Err(StoreError::Full { .. })),
                number % 2 == 0,
                "{number}: {result:?}"
            );
            assert_eq!(
                store.events(feed(number), 0, 9).await.unwrap().is_empty(),
                number % 2 == 0
            );
        }

        // Until nothing fits any more; what was acknowledged is all there.
        let mut acknowledged = 10;
        while store
            .append(events(feed(1), acknowledged..acknowledged + 1))
            .await
            .is_ok()
        {
            acknowledged += 1;
            assert!(acknowledged < 10_000, "the limit is reached");
        }
        store.check().await.unwrap();
        store.close().await.unwrap();
        let store = open(dir.path()).unwrap();
        assert_eq!(store.heads().await.unwrap()[0].seq, acknowledged - 1);
        store
            .append(events(feed(1), acknowledged..acknowledged + 1))
            .await
            .expect("with room it goes on");
    });
}

#[test]
fn after_a_failed_fsync_nothing_more_is_written() {
    block_on(async {
        let dir = TempDir::new().unwrap();
        let fail = Arc::new(AtomicBool::new(false));
        let store = open_with(dir.path(), |config| config.faults.fail_commit = Some(fail.clone())).unwrap();
        store.append(events(feed(1), 0..3)).await.unwrap();
        fail.store(true, Ordering::SeqCst);
        assert!(matches!(
            store.append(events(feed(1), 3..4)).await,
            Err(StoreError::Poisoned { .. })
        ));
        fail.store(false, Ordering::SeqCst);
        let error = store.append(events(feed(1), 3..4)).await.unwrap_err();
        assert!(matches!(error, StoreError::Poisoned { .. }));
        assert!(error.to_string().contains("restart the node"), "{error}");
        assert!(matches!(
            store.erase_blob([1; 32]).await,
            Err(StoreError::Poisoned { .. })
        ));
        assert_eq!(scan_all(&store).await.len(), 3, "reads go on");
        assert!(matches!(store.close().await, Err(StoreError::Poisoned { .. })));
        let store = open(dir.path()).unwrap();
        assert_eq!(scan_all(&store).await.len(), 3);
        store.append(events(feed(1), 3..4)).await.unwrap();
    });
}

#[test]
fn dropping_the_last_handle_closes_in_order() {
    block_on(async {
        let (store, dir) = on_disk();
        store
            .append(Batch {
                events: vec![event(feed(1), 0), variant(feed(1), 1, 3)],
                ..Batch::default()
            })
            .await
            .unwrap();
        drop(store);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
        let store = loop {
            match open(dir.path()) {
                Ok(store) => break store,
                Err(StoreError::Locked { .. }) if std::time::Instant::now() < deadline => {
                    tokio::task::yield_now().await
                }
                Err(error) => panic!("{error}"),
            }
        };
        assert_eq!(scan_all(&store).await.len(), 2);
    });
}

#[test]
fn waiting_writers_share_an_fsync() {
    block_on(async {
        let (store, _dir) = on_disk();
        let writers: Vec<_> = (1..=64_u8)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move {
                    for seq in 0..20 {
                        store.append(events(feed(number), seq..seq + 1)).await.unwrap();
                    }
                })
            })
            .collect();
        for writer in writers {
            writer.await.unwrap();
        }
        let metrics = store.metrics();
        assert_eq!((metrics.commits, metrics.events), (64 * 20, 64 * 20));
        assert_eq!(metrics.groups, metrics.durable_groups);
        // Mostly 64 in a group; far fewer only where the machine does something else most of the time.
        assert!(metrics.commits >= 8 * metrics.durable_groups, "{metrics:?}");
    });
}
