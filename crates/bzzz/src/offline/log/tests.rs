//! Feeds that hold, and one fault of each kind.

use bzzz_core::body::{AdminActed, Body};
use bzzz_core::crypto::Keypair;
use bzzz_core::event::{Draft, Event};
use bzzz_core::hlc::Hlc;
use bzzz_store::{Batch, FeedId, StoreConfig};

use super::*;

const PROJECT: Hash = Hash([9; 32]);

fn feed(seed: u8, length: u64) -> Vec<EventRow> {
    let key = Keypair::from_seed([seed; 32]);
    let mut prev = Hash::ZERO;
    let mut rows = Vec::new();
    for seq in 0..length {
        let draft = Draft {
            project: PROJECT,
            incarnation: 0,
            seq,
            prev,
            hlc: Hlc(seq + 1),
            epoch: 0,
            deps: Vec::new(),
        };
        let body = Body::AdminActed(AdminActed {
            action: format!("act {seq}"),
        });
        let event = Event::sign(&key, draft, &body);
        prev = event.hash();
        rows.push(EventRow {
            feed: FeedId {
                project: PROJECT.0,
                node: key.public().0,
                incarnation: 0,
            },
            seq,
            hash: event.hash().0,
            hlc: seq + 1,
            kind: 6,
            bytes: event.encode(),
        });
    }
    rows
}

fn check(rows: Vec<EventRow>) -> LogReport {
    let store = Store::open(StoreConfig::Memory).expect("a store");
    crate::offline::with(store, "could not check", |store| async move {
        let batch = Batch {
            events: rows,
            ..Batch::default()
        };
        store.append(batch).await.expect("stored");
        verify(&store, None, "could not check").await
    })
    .expect("a report")
}

#[test]
fn whole_feeds_hold() {
    let mut rows = feed(1, 2_500);
    rows.extend(feed(2, 3));
    let report = check(rows);
    assert_eq!(
        (report.feeds, report.events, report.fault_count),
        (2, 2_503, 0),
        "{report:?}"
    );
}

#[test]
fn a_flipped_bit_anywhere_is_found() {
    let good = feed(1, 3);
    let length = good[1].bytes.len();
    for at in 0..length {
        let mut rows = good.clone();
        rows[1].bytes[at] ^= 1 << (at % 8);
        assert!(check(rows).fault_count > 0, "byte {at} of {length}");
    }
}

#[test]
fn wrong_places_gaps_and_broken_chains_are_found() {
    let told = |rows: Vec<EventRow>, words: &str| {
        let report = check(rows);
        assert!(
            report.faults.iter().any(|fault| fault.contains(words)),
            "{words}: {report:?}"
        );
    };
    let mut gap = feed(1, 4);
    gap.remove(1);
    told(gap, "events from 1 on are missing");
    let mut swapped = feed(1, 2);
    let other = feed(2, 2);
    swapped[1].bytes.clone_from(&other[1].bytes);
    told(swapped, "another place");
    let mut hash = feed(1, 2);
    hash[0].hash = [3; 32];
    told(hash, "hash chain");
}

#[test]
fn faults_are_bounded() {
    let mut rows = feed(1, 300);
    for row in &mut rows {
        row.bytes.truncate(5);
    }
    let report = check(rows);
    assert_eq!((report.faults.len(), report.fault_count), (100, 300));
}

#[test]
fn texts_are_held_against_their_hashes_and_missing_ones_are_told() {
    let key = Keypair::from_seed([1; 32]);
    let blob = |seed: u8| Blob::new(&[seed; 32], vec![seed; 40]);
    let mut rows = Vec::new();
    let mut prev = Hash::ZERO;
    for seq in 0..3 {
        let draft = Draft {
            project: PROJECT,
            incarnation: 0,
            seq,
            prev,
            hlc: Hlc(seq + 1),
            epoch: 0,
            deps: Vec::new(),
        };
        let body = Body::ResourceWritten(bzzz_core::body::ResourceWritten {
            path: "bzzz://a:b@c:d/e".into(),
            home: key.public(),
            base: None,
            content: blob(seq as u8).reference(),
            mime: "text/plain".into(),
            idempotency_key: None,
        });
        let event = Event::sign(&key, draft, &body);
        prev = event.hash();
        rows.push(EventRow {
            feed: FeedId {
                project: PROJECT.0,
                node: key.public().0,
                incarnation: 0,
            },
            seq,
            hash: event.hash().0,
            hlc: seq + 1,
            kind: event.header().kind,
            bytes: event.encode(),
        });
    }
    let stored = |named: u8, held: u8| bzzz_store::BlobRow {
        hash: blob(named).hash().0,
        project: PROJECT.0,
        long: false,
        bytes: bzzz_core::codec::encode(&blob(held)),
    };
    let store = Store::open(StoreConfig::Memory).expect("a store");
    let report = crate::offline::with(store, "could not check", |store| async move {
        let batch = Batch {
            events: rows,
            // The first is sound, the second another than it should be, the third not here.
            blobs: vec![stored(0, 0), stored(1, 7)],
            ..Batch::default()
        };
        store.append(batch).await.expect("stored");
        verify(&store, None, "could not check").await
    })
    .expect("a report");
    assert_eq!(
        (report.texts, report.fault_count, report.missing_count),
        (1, 1, 1),
        "{report:?}"
    );
    assert_eq!(report.missing, [blob(2).hash().to_string()]);
    assert!(report.faults[0].contains("event 1"), "{report:?}");
}
