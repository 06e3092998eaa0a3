//! An erased blob leaves no bytes behind in any file of the data folder.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use bzzz_store::{Batch, BlobLookup};

use crate::common::{blob, block_on, events, feed, on_disk};

/// Content that is found again in whatever page a piece of it lies: the same eight bytes over and over.
fn marked(number: u8, length: usize) -> Vec<u8> {
    format!("<!{number:03}!>")
        .into_bytes()
        .iter()
        .cycle()
        .take(length)
        .copied()
        .collect()
}

/// Files that hold this blob's mark. Its number stands in it twice: a page number before a piece of another blob may look like a digit.
fn traces(dir: &Path, number: u8) -> Vec<String> {
    let mark = format!("{number:03}!><!{number:03}").into_bytes();
    let files = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    files
        .filter(|path| fs::read(path).unwrap().windows(mark.len()).any(|window| window == mark))
        .map(|path| path.display().to_string())
        .collect()
}

#[test]
fn no_file_holds_an_erased_content() {
    block_on(async {
        let (store, dir) = on_disk();
        let length = |number: u8| [20, 300, 4_000, 70_000][usize::from(number) % 4];
        // Mixed with events and in many transactions, so that pages split and fill in between.
        for number in 1..=120_u8 {
            let mut batch = events(feed(1), u64::from(number) * 3..u64::from(number) * 3 + 3);
            batch.blobs.push(blob(number, marked(number, length(number))));
            store.append(batch).await.unwrap();
        }
        assert!(!traces(dir.path(), 50).is_empty(), "the search finds what is there");
        let erased = |number: u8| !number.is_multiple_of(3);
        for number in (1..=120).filter(|n| erased(*n)) {
            store.erase_blob([number; 32]).await.unwrap();
            // Right after the answer, with the store open and its log in use. Not each time: a search reads everything.
            if number.is_multiple_of(5) {
                assert_eq!(traces(dir.path(), number), [""; 0], "blob {number}");
            }
        }
        for number in 121..=200_u8 {
            store
                .append(Batch {
                    blobs: vec![blob(number, marked(number, length(number)))],
                    ..Batch::default()
                })
                .await
                .unwrap();
        }
        for number in 1..=200 {
            match store.blob([number; 32]).await.unwrap() {
                BlobLookup::Erased => assert!(erased(number) && number <= 120),
                BlobLookup::Present(blob) => assert_eq!(blob.bytes, marked(number, length(number))),
                BlobLookup::Absent => panic!("blob {number} is lost"),
            }
        }
        store.check().await.unwrap();
        store.close().await.unwrap();
        for number in (1..=120).filter(|n| erased(*n)) {
            assert_eq!(traces(dir.path(), number), [""; 0], "blob {number} after closing");
        }
    });
}

#[test]
fn a_read_in_progress_only_delays_it() {
    block_on(async {
        let (store, dir) = on_disk();
        store
            .append(Batch {
                blobs: vec![blob(7, marked(7, 5_000))],
                ..Batch::default()
            })
            .await
            .unwrap();
        let mut other = rusqlite::Connection::open(store.database_path().unwrap()).unwrap();
        let reading = other.transaction().unwrap();
        let count: i64 = reading
            .query_row("SELECT count(*) FROM blobs", [], |row| row.get(0))
            .unwrap();
        assert_eq!(count, 1);
        store
            .erase_blob([7; 32])
            .await
            .expect("answered although a reader holds the log");
        assert_eq!(store.blob([7; 32]).await.unwrap(), BlobLookup::Erased);
        assert!(!traces(dir.path(), 7).is_empty(), "the reader still needs the old page");
        drop(reading);
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut seq = 0;
        while !traces(dir.path(), 7).is_empty() {
            assert!(Instant::now() < deadline, "the log is emptied once the reader is gone");
            // Also under load, when the writer is never idle.
            store.append(events(feed(1), seq..seq + 1)).await.unwrap();
            seq += 1;
        }
    });
}
