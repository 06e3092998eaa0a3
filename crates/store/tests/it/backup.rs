//! Backup of a busy store, and restore.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bzzz_store::{
    BlobLookup, Durability, META_RESTORED, Manifest, Store, StoreConfig, StoreError, manifest_path, restore,
};
use tempfile::TempDir;

use crate::common::{blob, block_on, event, events, feed, on_disk, put, scan_all};

const WRITERS: u8 = 8;

#[test]
fn a_backup_under_load_restores_to_one_moment() {
    block_on(async {
        let (store, _dir) = on_disk();
        let mut first = events(feed(0), 0..2_000);
        first.projections.push(put("tasks", b"k", b"v"));
        first.blobs.push(blob(1, b"a text".to_vec()));
        store.append(first).await.unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (1..=WRITERS)
            .map(|number| {
                let (store, stop) = (store.clone(), stop.clone());
                tokio::spawn(async move {
                    let mut seq = 0;
                    while !stop.load(Ordering::SeqCst) {
                        let mut batch = events(feed(number), seq..seq + 1);
                        // Event and counter move together: a torn copy would show.
                        batch.projections.push(put("count", &[number], &seq.to_be_bytes()));
                        batch.durability = Durability::Relaxed;
                        store.append(batch).await.unwrap();
                        seq += 1;
                    }
                    seq
                })
            })
            .collect();
        while store.heads().await.unwrap().len() <= usize::from(WRITERS) {
            tokio::task::yield_now().await;
        }
        let target = TempDir::new().unwrap();
        let file = target.path().join("copy.db");
        let before = store.heads().await.unwrap();
        let manifest = store.backup(&file).await.unwrap();
        let after = store.heads().await.unwrap();
        stop.store(true, Ordering::SeqCst);
        for writer in writers {
            writer.await.unwrap();
        }

        let names: Vec<_> = fs::read_dir(target.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(names.len(), 2, "nothing is left beside the two files: {names:?}");
        for path in [&file, &manifest_path(&file)] {
            assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o600);
        }
        let restored_dir = target.path().join("restored");
        assert_eq!(restore(&file, &restored_dir).unwrap(), manifest);
        let restored = Store::open(StoreConfig::sqlite(&restored_dir)).unwrap();
        restored.check().await.unwrap();
        assert_eq!(restored.meta(META_RESTORED).await.unwrap(), Some(b"1".to_vec()));
        let heads = restored.heads().await.unwrap();
        assert_eq!(heads.len(), manifest.heads.len());
        for ((head, earlier), later) in heads.iter().zip(&before).zip(&after) {
            assert!(
                earlier.seq <= head.seq && head.seq <= later.seq,
                "{earlier:?} {head:?} {later:?}"
            );
            let stored = restored.events(head.feed, 0, 60_000).await.unwrap();
            let expected: Vec<_> = (0..=head.seq).map(|seq| event(head.feed, seq)).collect();
            assert!(stored == expected, "feed {:?} differs", head.feed.project[0]);
            if head.feed != feed(0) {
                let count = restored.projection("count", &[head.feed.project[0]]).await.unwrap();
                assert_eq!(count, Some(head.seq.to_be_bytes().to_vec()));
            }
        }
        let scanned = scan_all(&restored).await;
        assert_eq!(
            scanned,
            scan_all(&store).await[..scanned.len()],
            "a prefix of the original"
        );
        assert_eq!(
            restored.blob([1; 32]).await.unwrap(),
            BlobLookup::Present(blob(1, b"a text".to_vec()))
        );
        restored.append(events(feed(200), 0..1)).await.unwrap();
    });
}

#[test]
fn nothing_is_overwritten() {
    block_on(async {
        let (store, dir) = on_disk();
        store.append(events(feed(1), 0..3)).await.unwrap();
        let target = TempDir::new().unwrap();
        let file = target.path().join("copy.db");
        fs::write(&file, b"precious").unwrap();
        assert!(matches!(store.backup(&file).await, Err(StoreError::Exists { .. })));
        assert_eq!(fs::read(&file).unwrap(), b"precious");
        let file = target.path().join("second.db");
        store.backup(&file).await.unwrap();
        assert!(matches!(restore(&file, dir.path()), Err(StoreError::Locked { .. })));
        store.close().await.unwrap();
        assert!(matches!(restore(&file, dir.path()), Err(StoreError::NotEmpty { .. })));
        let store = Store::open(StoreConfig::sqlite(dir.path())).unwrap();
        assert_eq!(scan_all(&store).await.len(), 3);
        let missing = target.path().join("no/such/folder.db");
        assert!(matches!(store.backup(&missing).await, Err(StoreError::Io { .. })));
    });
}

#[test]
fn a_backup_that_does_not_match_its_manifest_is_refused() {
    block_on(async {
        let (store, _dir) = on_disk();
        store.append(events(feed(1), 0..300)).await.unwrap();
        let target = TempDir::new().unwrap();
        let file = target.path().join("copy.db");
        let manifest = store.backup(&file).await.unwrap();
        let good = fs::read(&file).unwrap();
        let empty = target.path().join("empty");
        let refused = |what: &str| {
            let error = restore(&file, &empty).expect_err(what);
            assert!(
                fs::read_dir(&empty).map_or(0, Iterator::count) <= 1,
                "{what}: only the lock file is there"
            );
            error
        };

        let mut flipped = good.clone();
        flipped[good.len() / 2] ^= 1;
        fs::write(&file, &flipped).unwrap();
        assert!(matches!(refused("a flipped bit"), StoreError::BadBackup { .. }));
        fs::write(&file, &good[..good.len() - 1]).unwrap();
        assert!(matches!(refused("a cut file"), StoreError::BadBackup { .. }));
        fs::write(&file, &good).unwrap();

        let write =
            |manifest: &Manifest| fs::write(manifest_path(&file), serde_json::to_vec(manifest).unwrap()).unwrap();
        let mut other = manifest.clone();
        other.heads[0].seq += 1;
        write(&other);
        assert!(matches!(refused("other heads"), StoreError::BadBackup { .. }));
        write(&Manifest {
            schema: 99,
            ..manifest.clone()
        });
        assert!(matches!(refused("a newer schema"), StoreError::NewerSchema { .. }));
        fs::write(manifest_path(&file), b"{").unwrap();
        assert!(matches!(refused("a broken manifest"), StoreError::BadBackup { .. }));
        fs::remove_file(manifest_path(&file)).unwrap();
        assert!(matches!(refused("no manifest"), StoreError::Io { .. }));
        write(&manifest);
        restore(&file, &empty).expect("after all these refusals the folder is still good for a restore");
    });
}

#[test]
fn memory_has_no_backup() {
    block_on(async {
        let store = Store::open(StoreConfig::Memory).unwrap();
        let target = TempDir::new().unwrap();
        assert!(matches!(
            store.backup(target.path().join("x")).await,
            Err(StoreError::Unsupported { .. })
        ));
    });
}
