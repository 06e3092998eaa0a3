//! The same behaviour from every back end.

use bzzz_store::{Batch, BlobLookup, Cursor, Durability, FeedId, ForkProof, Store, StoreConfig, StoreError};

use crate::common::{blob, block_on, delete, event, events, feed, hash, on_disk, put, scan_all, variant};

/// Runs a test over all back ends.
fn check<F: Future<Output = ()>>(test: impl Fn(Store) -> F) {
    block_on(async {
        test(Store::open(StoreConfig::Memory).expect("a store in memory")).await;
        let (store, _dir) = on_disk();
        test(store.clone()).await;
        store.check().await.expect("a sound file");
        store.close().await.expect("an orderly close");
    });
}

#[test]
fn what_is_appended_is_read_back() {
    check(|store| async move {
        store.append(events(feed(1), 0..250)).await.unwrap();
        store.append(events(feed(2), 5..8)).await.unwrap();
        let expected: Vec<_> = (0..250)
            .map(|seq| event(feed(1), seq))
            .chain((5..8).map(|seq| event(feed(2), seq)))
            .collect();
        assert_eq!(scan_all(&store).await, expected);
        assert_eq!(store.events(feed(1), 100, 3).await.unwrap(), expected[100..103]);
        assert_eq!(store.events(feed(2), 0, 10).await.unwrap(), expected[250..]);
        assert_eq!(store.events(feed(2), 8, 10).await.unwrap(), []);
        assert_eq!(store.events(feed(2), u64::MAX, 10).await.unwrap(), []);
        assert_eq!(store.events(feed(3), 0, 10).await.unwrap(), []);
        let wanted = event(feed(2), 6);
        assert_eq!(store.by_hash(wanted.hash).await.unwrap(), Some(wanted));
        assert_eq!(store.by_hash([9; 32]).await.unwrap(), None);
    });
}

#[test]
fn heads_are_the_last_events_by_feed() {
    check(|store| async move {
        assert_eq!(store.heads().await.unwrap(), []);
        store.append(events(feed(2), 0..3)).await.unwrap();
        store.append(events(feed(1), 7..20)).await.unwrap();
        let later = FeedId {
            incarnation: 3,
            ..feed(1)
        };
        store.append(events(later, 0..1)).await.unwrap();
        let heads: Vec<_> = store
            .heads()
            .await
            .unwrap()
            .iter()
            .map(|h| (h.feed, h.seq, h.hash))
            .collect();
        let expected = [(later, 0), (feed(1), 19), (feed(2), 2)].map(|(f, seq)| (f, seq, hash(&f, seq, 0)));
        assert_eq!(heads, expected);
    });
}

#[test]
fn the_same_event_again_changes_nothing() {
    check(|store| async move {
        store.append(events(feed(1), 0..3)).await.unwrap();
        store.append(events(feed(1), 1..5)).await.unwrap();
        let twice = Batch {
            events: vec![event(feed(1), 5), event(feed(1), 5)],
            ..Batch::default()
        };
        store.append(twice).await.unwrap();
        let seqs: Vec<_> = scan_all(&store).await.iter().map(|e| e.seq).collect();
        assert_eq!(seqs, [0, 1, 2, 3, 4, 5]);
    });
}

#[test]
fn a_fork_is_refused_with_all_of_its_batch() {
    check(|store| async move {
        store.append(events(feed(1), 0..3)).await.unwrap();
        let mut batch = events(feed(2), 0..2);
        batch.events.push(variant(feed(1), 2, 7));
        batch.projections.push(put("tasks", b"k", b"v"));
        match store.append(batch).await {
            Err(StoreError::Fork {
                feed: forked,
                seq,
                stored,
                offered,
            }) => {
                assert_eq!((*forked, seq), (feed(1), 2));
                assert_eq!((stored, offered), (hash(&feed(1), 2, 0), hash(&feed(1), 2, 7)));
            }
            other => panic!("expected a fork, got {other:?}"),
        }
        let itself = Batch {
            events: vec![event(feed(3), 0), variant(feed(3), 0, 1)],
            ..Batch::default()
        };
        assert!(matches!(store.append(itself).await, Err(StoreError::Fork { .. })));
        assert_eq!(scan_all(&store).await.len(), 3);
        assert_eq!(store.heads().await.unwrap().len(), 1);
        assert_eq!(store.projection("tasks", b"k").await.unwrap(), None);
        // A feed first named by the refused batch is stored properly afterwards.
        store.append(events(feed(2), 0..2)).await.unwrap();
        assert_eq!(store.events(feed(2), 0, 9).await.unwrap().len(), 2);
    });
}

#[test]
fn a_fork_proof_is_kept_once() {
    check(|store| async move {
        let proof = ForkProof {
            feed: feed(4),
            seq: 9,
            bytes_a: b"first".to_vec(),
            bytes_b: b"second".to_vec(),
        };
        let later = ForkProof {
            bytes_b: b"third".to_vec(),
            ..proof.clone()
        };
        let other = ForkProof {
            seq: 3,
            ..proof.clone()
        };
        for proof in [proof.clone(), later, other.clone()] {
            store
                .append(Batch {
                    fork_proofs: vec![proof],
                    ..Batch::default()
                })
                .await
                .unwrap();
        }
        assert_eq!(store.fork_proofs().await.unwrap(), [other, proof]);
    });
}

#[test]
fn projections_are_sorted_ranges() {
    check(|store| async move {
        let keys: [&[u8]; 6] = [b"a", b"a\0", b"ab", b"b", &[255], &[255, 255, 1]];
        let projections = keys.iter().rev().map(|key| put("threads", key, key)).collect();
        store
            .append(Batch {
                projections,
                ..Batch::default()
            })
            .await
            .unwrap();
        store
            .append(Batch {
                projections: vec![put("tasks", b"a", b"other")],
                ..Batch::default()
            })
            .await
            .unwrap();

        let range = async |prefix: &[u8], after: Option<&[u8]>, limit| -> Vec<Vec<u8>> {
            let rows = store.projection_page("threads", prefix, after, limit).await.unwrap();
            rows.into_iter()
                .map(|(key, value)| {
                    assert_eq!(key, value);
                    key
                })
                .collect()
        };
        assert_eq!(range(b"", None, 10).await, keys);
        assert_eq!(range(b"a", None, 10).await, keys[..3]);
        assert_eq!(range(b"a", None, 2).await, keys[..2]);
        assert_eq!(range(b"a", Some(b"a"), 10).await, keys[1..3]);
        assert_eq!(range(b"b", Some(b"a"), 10).await, keys[3..4]);
        assert_eq!(range(&[255], None, 10).await, keys[4..]);
        assert_eq!(range(b"c", None, 10).await, [b""; 0]);
        assert_eq!(store.projection_range("none", b"", 10).await.unwrap(), []);
        assert_eq!(store.projection("tasks", b"a").await.unwrap(), Some(b"other".to_vec()));

        let changes = vec![
            put("threads", b"a", b"1"),
            delete("threads", b"ab"),
            delete("threads", b"never"),
        ];
        store
            .append(Batch {
                projections: changes,
                ..Batch::default()
            })
            .await
            .unwrap();
        assert_eq!(store.projection("threads", b"a").await.unwrap(), Some(b"1".to_vec()));
        assert_eq!(store.projection("threads", b"ab").await.unwrap(), None);
    });
}

#[test]
fn meta_values_are_set_and_deleted() {
    check(|store| async move {
        let set = |value: Option<&[u8]>| Batch {
            meta: vec![("incarnation".to_owned(), value.map(<[u8]>::to_owned))],
            ..Batch::default()
        };
        assert_eq!(store.meta("incarnation").await.unwrap(), None);
        for value in [Some(b"1".as_slice()), Some(b"2"), None] {
            store.append(set(value)).await.unwrap();
            assert_eq!(store.meta("incarnation").await.unwrap().as_deref(), value);
        }
        let reserved = Batch {
            meta: vec![("clean_shutdown".to_owned(), None)],
            ..Batch::default()
        };
        assert!(matches!(store.append(reserved).await, Err(StoreError::Invalid { .. })));
    });
}

#[test]
fn blobs_are_stored_once_and_erased_for_good() {
    check(|store| async move {
        let first = blob(1, b"a text".to_vec());
        let again = blob(1, b"another text under the same hash".to_vec());
        store
            .append(Batch {
                blobs: vec![first.clone(), again.clone()],
                ..Batch::default()
            })
            .await
            .unwrap();
        assert_eq!(store.blob([1; 32]).await.unwrap(), BlobLookup::Present(first));
        assert_eq!(store.blob([2; 32]).await.unwrap(), BlobLookup::Absent);
        for number in [1, 2] {
            store.erase_blob([number; 32]).await.unwrap();
            assert_eq!(store.blob([number; 32]).await.unwrap(), BlobLookup::Erased);
            store
                .append(Batch {
                    blobs: vec![blob(number, b"back".to_vec())],
                    ..Batch::default()
                })
                .await
                .unwrap();
            assert_eq!(store.blob([number; 32]).await.unwrap(), BlobLookup::Erased);
        }
        let empty = blob(3, Vec::new());
        store
            .append(Batch {
                blobs: vec![empty.clone()],
                ..Batch::default()
            })
            .await
            .unwrap();
        assert_eq!(store.blob([3; 32]).await.unwrap(), BlobLookup::Present(empty));
    });
}

#[test]
fn what_can_never_be_stored_is_refused_at_once() {
    check(|store| async move {
        let number = events(feed(1), 1 << 63..(1 << 63) + 1);
        assert!(matches!(store.append(number).await, Err(StoreError::Invalid { .. })));
        let large = Batch {
            blobs: vec![blob(1, vec![0; bzzz_store::MAX_BATCH_BYTES + 1])],
            ..Batch::default()
        };
        assert!(matches!(store.append(large).await, Err(StoreError::TooLarge { .. })));
        store.append(events(feed(1), (1 << 63) - 1..1 << 63)).await.unwrap();
        assert_eq!(store.heads().await.unwrap()[0].seq, (1 << 63) - 1);
    });
}

#[test]
fn a_refused_batch_leaves_its_group_alone() {
    check(|store| async move {
        store.append(events(feed(0), 0..1)).await.unwrap();
        // All queued before any is awaited, so that they share groups.
        let writers: Vec<_> = (1..=60_u8)
            .map(|number| {
                let store = store.clone();
                tokio::spawn(async move {
                    let mut batch = events(feed(number), 0..3);
                    if number % 3 == 0 {
                        batch.events.push(variant(feed(0), 0, number));
                    }
                    if number % 2 == 0 {
                        batch.durability = Durability::Relaxed;
                    }
                    (number, store.append(batch).await)
                })
            })
            .collect();
        for writer in writers {
            let (number, result) = writer.await.unwrap();
            assert_eq!(result.is_err(), number % 3 == 0, "writer {number}: {result:?}");
            let stored = store.events(feed(number), 0, 9).await.unwrap().len();
            assert_eq!(stored, if number % 3 == 0 { 0 } else { 3 });
        }
        let metrics = store.metrics();
        assert_eq!((metrics.commits, metrics.failures), (41, 20));
        assert_eq!(metrics.events, 121);
    });
}

#[test]
fn a_large_answer_comes_in_pages() {
    check(|store| async move {
        let megabyte = |seq| {
            let mut event = event(feed(1), seq);
            event.bytes = vec![1; 1 << 20];
            event
        };
        for half in [0..20, 20..40] {
            store
                .append(Batch {
                    events: half.map(megabyte).collect(),
                    ..Batch::default()
                })
                .await
                .unwrap();
        }
        let first = store.scan(Cursor::START, usize::MAX).await.unwrap();
        assert!(
            (30..40).contains(&first.events.len()),
            "{} events in one page",
            first.events.len()
        );
        let rest = store.scan(first.next, usize::MAX).await.unwrap();
        assert_eq!(first.events.len() + rest.events.len(), 40);
        let run = store.events(feed(1), 0, usize::MAX).await.unwrap();
        assert_eq!(run.len(), first.events.len());
    });
}

#[test]
fn a_closed_store_answers_so() {
    check(|store| async move {
        // The suite closes the handle that it gave out, so this closes a store of its own.
        let own = Store::open(StoreConfig::Memory).unwrap();
        let other = own.clone();
        own.close().await.unwrap();
        assert!(matches!(other.append(Batch::default()).await, Err(StoreError::Closed)));
        assert!(matches!(other.heads().await, Err(StoreError::Closed)));
        assert!(matches!(other.close().await, Err(StoreError::Closed)));
        store.heads().await.unwrap();
    });
}
