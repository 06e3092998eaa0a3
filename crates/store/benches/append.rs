//! How fast the store is, beside a bare baseline on the same disk in the same run.
//!
//! A plain program and not a statistics harness: an fsync takes as long as the disk wants, so the interesting figures
//! are ratios to a bare append-and-fsync that is measured alternately with the store. Run with
//! `cargo bench -p bzzz-store --bench append`; the folder of the measurement is taken from `TMPDIR`.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use bzzz_store::{
    Batch, Cursor, Durability, EventRow, FeedId, IntegrityCheck, Metrics, SqliteConfig, Store, StoreConfig,
};
use tempfile::TempDir;

/// Size of a signed event with a short body.
const EVENT_BYTES: usize = 300;
/// The smallest event that can be: a header, one hash and a signature.
const SMALL_EVENT_BYTES: usize = 180;
/// How long each append figure is measured.
const SPAN: Duration = Duration::from_secs(2);
const ROUNDS: usize = 3;
const SCAN_EVENTS: u64 = 1_000_000;
const FILL_BATCH: u64 = 1_000;
const FEEDS: u64 = 50;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        println!("durable append, {EVENT_BYTES}-byte events, {ROUNDS} alternating rounds of {SPAN:?}");
        for round in 1..=ROUNDS {
            println!("round {round}");
            append_round().await;
        }
        for size in [EVENT_BYTES, SMALL_EVENT_BYTES] {
            scan_and_size(size).await;
        }
    });
}

async fn append_round() {
    let bare = bare_appends(SPAN);
    println!("  bare append + fsync         {bare:>9.0}/s");
    let (one, _) = store_appends(1, Durability::Durable).await;
    println!(
        "  store, 1 writer             {one:>9.0}/s   {:>6.2} x bare",
        one / bare
    );
    let (many, metrics) = store_appends(64, Durability::Durable).await;
    let per_fsync = metrics.commits as f64 / metrics.durable_groups as f64;
    println!(
        "  store, 64 writers           {many:>9.0}/s   {:>6.2} x bare, {:.1} x 1 writer, {per_fsync:.1} events per fsync, \
         largest group {}",
        many / bare,
        many / one,
        metrics.max_group
    );
    let (relaxed, _) = store_appends(64, Durability::Relaxed).await;
    println!(
        "  store, 64 writers, relaxed  {relaxed:>9.0}/s   {:>6.2} x bare",
        relaxed / bare
    );
}

/// What the disk gives: one write and one fsync for each event.
fn bare_appends(span: Duration) -> f64 {
    let dir = TempDir::new().expect("a folder");
    let mut file = File::create(dir.path().join("bare")).expect("a file");
    let (started, mut count) = (Instant::now(), 0_u64);
    while started.elapsed() < span {
        file.write_all(&event(0, count, EVENT_BYTES).bytes).expect("a write");
        file.sync_all().expect("an fsync");
        count += 1;
    }
    count as f64 / started.elapsed().as_secs_f64()
}

/// Each writer appends one event at a time to its own feed and waits for the answer.
async fn store_appends(writers: u64, durability: Durability) -> (f64, Metrics) {
    let dir = TempDir::new().expect("a folder");
    let store = Store::open(StoreConfig::sqlite(dir.path())).expect("a store");
    let started = Instant::now();
    let tasks: Vec<_> = (0..writers)
        .map(|writer| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut seq = 0;
                while started.elapsed() < SPAN {
                    let events = vec![event(writer, seq, EVENT_BYTES)];
                    store
                        .append(Batch {
                            events,
                            durability,
                            ..Batch::default()
                        })
                        .await
                        .expect("an append");
                    seq += 1;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("a writer");
    }
    let elapsed = started.elapsed().as_secs_f64();
    let metrics = store.metrics();
    store.close().await.expect("an orderly close");
    (metrics.commits as f64 / elapsed, metrics)
}

async fn scan_and_size(size: usize) {
    let dir = TempDir::new().expect("a folder");
    let store = Store::open(StoreConfig::sqlite(dir.path())).expect("a store");
    println!("{SCAN_EVENTS} events of {size} bytes in {FEEDS} feeds");
    let started = Instant::now();
    let mut next = 0;
    while next < SCAN_EVENTS {
        let events = (next..next + FILL_BATCH)
            .map(|n| event(n % FEEDS, n / FEEDS, size))
            .collect();
        store
            .append(Batch {
                events,
                durability: Durability::Relaxed,
                ..Batch::default()
            })
            .await
            .expect("an append");
        next += FILL_BATCH;
    }
    let fill = started.elapsed();
    println!(
        "  fill in batches of {FILL_BATCH}: {fill:.2?}, {:.0} events/s",
        SCAN_EVENTS as f64 / fill.as_secs_f64()
    );
    store.close().await.expect("an orderly close");
    let payload = SCAN_EVENTS * size as u64;
    let disk = folder_bytes(dir.path());
    println!("  disk {disk} bytes, {:.2} x payload", disk as f64 / payload as f64);

    let started = Instant::now();
    let store = Store::open(StoreConfig::sqlite(dir.path())).expect("a store");
    let opened = started.elapsed();
    store.close().await.expect("an orderly close");
    let mut config = SqliteConfig::new(dir.path());
    config.check = IntegrityCheck::Always;
    let started = Instant::now();
    let store = Store::open(StoreConfig::Sqlite(config)).expect("a store");
    println!(
        "  open in order {opened:.2?}, open with the check after a crash {:.2?}",
        started.elapsed()
    );
    for attempt in ["first", "second"] {
        let started = Instant::now();
        let (mut cursor, mut count) = (Cursor::START, 0);
        loop {
            let page = store.scan(cursor, 10_000).await.expect("a page");
            if page.events.is_empty() {
                break;
            }
            count += page.events.len() as u64;
            cursor = page.next;
        }
        assert_eq!(count, SCAN_EVENTS);
        println!("  {attempt} scan: {:.2?}", started.elapsed());
    }
    let started = Instant::now();
    let heads = store.heads().await.expect("heads");
    println!("  heads of {} feeds: {:.2?}", heads.len(), started.elapsed());
    let started = Instant::now();
    store.backup(dir.path().join("copy.db")).await.expect("a backup");
    println!("  backup with checks: {:.2?}", started.elapsed());
    store.close().await.expect("an orderly close");
}

fn event(feed: u64, seq: u64, size: usize) -> EventRow {
    let mut node = [7; 32];
    node[..8].copy_from_slice(&feed.to_be_bytes());
    // Spread like a real hash, which is what costs in an index.
    let mut state = feed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ seq.wrapping_mul(0xd1b5_4a32_d192_ed03);
    let mut hash = [0; 32];
    for chunk in hash.chunks_exact_mut(8) {
        state = (state ^ (state >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        chunk.copy_from_slice(&state.to_be_bytes());
    }
    let bytes = hash.iter().cycle().take(size).copied().collect();
    EventRow {
        feed: FeedId {
            project: [1; 32],
            node,
            incarnation: 1,
        },
        seq,
        hash,
        hlc: u64::MAX / 2 + seq,
        kind: 7,
        bytes,
    }
}

fn folder_bytes(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).expect("the folder");
    entries
        .map(|entry| entry.expect("an entry").metadata().expect("its length").len())
        .sum()
}
