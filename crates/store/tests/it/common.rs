//! Builders and helpers that the tests share.

use bzzz_store::{Batch, BlobRow, Cursor, EventRow, FeedId, Projection, Store, StoreConfig};
use tempfile::TempDir;

/// A feed that differs from those of other numbers.
pub fn feed(number: u8) -> FeedId {
    FeedId {
        project: [number; 32],
        node: [number ^ 0xff; 32],
        incarnation: u64::MAX - u64::from(number),
    }
}

/// Hash of the event at a place; `variant` tells forks apart.
pub fn hash(feed: &FeedId, seq: u64, variant: u8) -> [u8; 32] {
    let mut hash = [variant; 32];
    // Multiplied, so that neighbours do not sit beside each other in the index, as with real hashes.
    hash[..8].copy_from_slice(&(seq + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    hash[8] = feed.project[0];
    hash
}

pub fn event(feed: FeedId, seq: u64) -> EventRow {
    variant(feed, seq, 0)
}

pub fn variant(feed: FeedId, seq: u64, variant: u8) -> EventRow {
    let hash = hash(&feed, seq, variant);
    let bytes = hash.iter().cycle().take(100 + usize::from(variant)).copied().collect();
    EventRow {
        feed,
        seq,
        hash,
        hlc: u64::MAX - seq,
        kind: u16::MAX,
        bytes,
    }
}

pub fn events(feed: FeedId, range: std::ops::Range<u64>) -> Batch {
    Batch {
        events: range.map(|seq| event(feed, seq)).collect(),
        ..Batch::default()
    }
}

pub fn blob(number: u8, bytes: Vec<u8>) -> BlobRow {
    BlobRow {
        hash: [number; 32],
        project: [1; 32],
        bytes,
        long: number.is_multiple_of(2),
    }
}

pub fn put(name: &str, key: &[u8], value: &[u8]) -> Projection {
    Projection {
        name: name.to_owned(),
        key: key.to_owned(),
        value: Some(value.to_owned()),
    }
}

pub fn delete(name: &str, key: &[u8]) -> Projection {
    Projection {
        name: name.to_owned(),
        key: key.to_owned(),
        value: None,
    }
}

/// A store in a data folder that lives as long as the returned guard.
pub fn on_disk() -> (Store, TempDir) {
    let dir = TempDir::new().expect("a temporary folder");
    let store = Store::open(StoreConfig::sqlite(dir.path())).expect("a new store");
    (store, dir)
}

/// Everything in insertion order, in small pages so that paging is tested too.
pub async fn scan_all(store: &Store) -> Vec<EventRow> {
    let (mut all, mut cursor) = (Vec::new(), Cursor::START);
    loop {
        let page = store.scan(cursor, 97).await.expect("a page");
        if page.events.is_empty() {
            assert_eq!(page.next, cursor, "the end stays where it is");
            return all;
        }
        assert!(page.next > cursor, "a page moves the cursor");
        cursor = page.next;
        all.extend(page.events);
    }
}

/// Runs a test on its own runtime with real threads.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("a runtime");
    runtime.block_on(future)
}
