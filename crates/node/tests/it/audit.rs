//! The check of a log: feeds that hold, and one fault of each kind.

use bzzz_core::blob::Blob;
use bzzz_core::body::{AdminActed, Body};
use bzzz_core::crypto::{Hash, Keypair};
use bzzz_core::event::{Draft, Event};
use bzzz_core::hlc::Hlc;
use bzzz_node::audit::{Known, LogReport, verify};
use bzzz_store::{Batch, EventRow, FeedId, Head, Store, StoreConfig};

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
    check_all(
        Batch {
            events: rows,
            ..Batch::default()
        },
        &[],
    )
}

fn check_all(batch: Batch, known: &[Known]) -> LogReport {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let store = Store::open(StoreConfig::Memory).expect("a store");
        store.append(batch).await.expect("stored");
        verify(&store, None, known).await.expect("a report")
    })
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

/// What somebody knows of a feed.
fn knows(row: &EventRow, elsewhere: bool) -> Known {
    let head = Head {
        feed: row.feed,
        seq: row.seq,
        hash: row.hash,
    };
    Known {
        by: "a witness".to_owned(),
        elsewhere,
        heads: vec![head],
    }
}

#[test]
fn a_feed_is_held_against_what_is_known_of_it() {
    let whole = feed(1, 5);
    let told = |rows: &[EventRow], known: &Known| {
        let batch = Batch {
            events: rows.to_vec(),
            ..Batch::default()
        };
        let report = check_all(batch, std::slice::from_ref(known));
        assert_eq!((report.compared, report.faults.len() as u64), (1, report.fault_count));
        report.faults.join("\n")
    };
    // As long as it was, and longer.
    assert_eq!(told(&whole, &knows(&whole[4], false)), "");
    assert_eq!(told(&whole, &knows(&whole[2], false)), "");
    // What is left of a feed whose end was cut off is a sound chain.
    assert_eq!(check(whole[..3].to_vec()).fault_count, 0);
    let cut = told(&whole[..3], &knows(&whole[4], false));
    assert!(
        cut.contains("event 4: the feed ends here with event 2, and a witness knows event 4: its end was cut off"),
        "{cut}"
    );
    assert!(told(&whole[..3], &knows(&whole[4], true)).contains("or has not come here yet"));
    assert!(told(&[], &knows(&whole[4], false)).contains("nothing of the feed is here"));
    // Written anew: another event by the same number.
    let mut other = whole[2].clone();
    other.hash = [5; 32];
    assert!(told(&whole, &knows(&other, false)).contains("written anew"));
}

#[test]
fn a_check_says_the_heads_that_the_next_one_is_held_against() {
    let (one, two) = (feed(1, 4), feed(2, 2));
    let report = check([one.clone(), two.clone()].concat());
    let heads: Result<Vec<Head>, String> = report.heads.iter().map(Head::try_from).collect();
    let mut seen: Vec<(u64, [u8; 32])> = heads.expect("heads").iter().map(|h| (h.seq, h.hash)).collect();
    seen.sort();
    let mut wanted = vec![(3, one[3].hash), (1, two[1].hash)];
    wanted.sort();
    assert_eq!(seen, wanted);
}

#[test]
fn texts_are_held_against_their_hashes_and_missing_ones_are_told() {
    let (report, missing) = with_texts(None);
    assert_eq!(
        (report.texts, report.fault_count, report.missing_count),
        (1, 1, 1),
        "{report:?}"
    );
    assert_eq!(report.missing, [missing.to_string()]);
    assert!(report.faults[0].contains("event 1"), "{report:?}");
}

#[test]
fn a_text_that_this_node_wrote_itself_cannot_be_missing() {
    let key = Keypair::from_seed([1; 32]).public();
    // In another life it may have come back from a peer without its texts.
    let (report, _) = with_texts(Some((key.0, 1)));
    assert_eq!((report.fault_count, report.missing_count), (1, 1), "{report:?}");
    let (report, missing) = with_texts(Some((key.0, 0)));
    assert_eq!((report.fault_count, report.missing_count), (2, 0), "{report:?}");
    assert!(
        report.faults[1].contains(&format!("its text {} is gone", missing.short())),
        "{report:?}"
    );
}

/// Three texts, of which one is sound, one another than it should be, and one not here, in a store that a node in some life wrote.
fn with_texts(life: Option<([u8; 32], u64)>) -> (LogReport, Hash) {
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
    let meta = life.map(|(node, incarnation)| {
        [
            ("node".to_owned(), Some(node.to_vec())),
            ("incarnation".to_owned(), Some(incarnation.to_be_bytes().to_vec())),
        ]
    });
    let batch = Batch {
        events: rows,
        blobs: vec![stored(0, 0), stored(1, 7)],
        meta: meta.into_iter().flatten().collect(),
        ..Batch::default()
    };
    (check_all(batch, &[]), blob(2).hash())
}
