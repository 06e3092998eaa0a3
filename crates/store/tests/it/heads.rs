//! The file of the last known heads: read back as written, damage told, begun anew by a restore.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use bzzz_store::{Durability, HEADS_FILE, Head, Store, StoreConfig, StoreError, read_heads, restore, write_heads};
use tempfile::TempDir;

use crate::common::{block_on, events, feed, hash, on_disk};

fn head(number: u8, seq: u64) -> Head {
    Head {
        feed: feed(number),
        seq,
        hash: hash(&feed(number), seq, 0),
    }
}

#[test]
fn what_was_noted_is_read_back_and_replaced() {
    let dir = TempDir::new().unwrap();
    assert_eq!(read_heads(dir.path()).unwrap(), None);
    for heads in [vec![head(1, 3), head(2, 0)], vec![head(1, 9)], vec![]] {
        write_heads(dir.path(), &heads).unwrap();
        assert_eq!(read_heads(dir.path()).unwrap(), Some(heads));
    }
    let names: Vec<_> = fs::read_dir(dir.path())
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(names, [HEADS_FILE]);
    let mode = fs::metadata(dir.path().join(HEADS_FILE)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_changed_file_is_told_from_another_content() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join(HEADS_FILE);
    write_heads(dir.path(), &[head(1, 7)]).unwrap();
    let good = fs::read_to_string(&path).unwrap();
    for bad in [
        good.replace("\"seq\": 7", "\"seq\": 6"),
        good.replace("\"format\": 1", "\"format\": 2"),
        good[..good.len() / 2].to_owned(),
        String::new(),
        "{\"format\":1,\"heads\":[],\"sha256\":\"\"}".to_owned(),
    ] {
        fs::write(&path, &bad).unwrap();
        let told = read_heads(dir.path());
        assert!(matches!(told, Err(StoreError::Heads { .. })), "{bad}: {told:?}");
    }
}

#[test]
fn a_flush_makes_relaxed_commits_durable_too() {
    block_on(async {
        let (store, _dir) = on_disk();
        let mut batch = events(feed(1), 0..3);
        batch.durability = Durability::Relaxed;
        store.append(batch).await.unwrap();
        let before = store.metrics().durable_groups;
        store.flush().await.unwrap();
        assert_eq!(store.metrics().durable_groups, before + 1);
        assert_eq!(store.heads().await.unwrap(), [head(1, 2)]);
    });
}

#[test]
fn a_restore_begins_the_file_anew() {
    block_on(async {
        let (store, _dir) = on_disk();
        store.append(events(feed(1), 0..5)).await.unwrap();
        let target = TempDir::new().unwrap();
        let file = target.path().join("copy.db");
        store.backup(&file).await.unwrap();
        let data = TempDir::new().unwrap();
        // The folder of a node whose database was lost, and which had more than the backup.
        write_heads(data.path(), &[head(1, 900), head(2, 3)]).unwrap();
        restore(&file, data.path()).unwrap();
        assert_eq!(read_heads(data.path()).unwrap(), Some(vec![head(1, 4)]));
        let restored = Store::open(StoreConfig::sqlite(data.path())).unwrap();
        assert_eq!(restored.heads().await.unwrap(), [head(1, 4)]);
    });
}
