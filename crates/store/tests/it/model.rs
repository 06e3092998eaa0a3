//! Random sequences of operations against a model of sorted maps, for every back end, with reopening in between.

use std::collections::BTreeMap;

use bzzz_store::{Batch, BlobLookup, Cursor, Durability, EventRow, FeedId, ForkProof, Store, StoreConfig, StoreError};
use proptest::prelude::*;
use tempfile::TempDir;

use crate::common::{blob, block_on, delete, feed, put, scan_all, variant};

#[derive(Clone, Debug)]
enum Step {
    Append {
        events: Vec<(u8, u64, u8)>,
        changes: Vec<(u8, u8, Option<u8>)>,
        blobs: Vec<u8>,
        proof: bool,
        relaxed: bool,
    },
    Erase(u8),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let event = (0..3_u8, 0..6_u64, prop_oneof![9 => Just(0_u8), 1 => Just(1)]);
    let change = (0..2_u8, 0..4_u8, proptest::option::of(any::<u8>()));
    let append = (
        proptest::collection::vec(event, 0..4),
        proptest::collection::vec(change, 0..3),
        proptest::collection::vec(0..4_u8, 0..2),
        proptest::bool::weighted(0.1),
        any::<bool>(),
    );
    prop_oneof![
        12 => append.prop_map(|(events, changes, blobs, proof, relaxed)| Step::Append { events, changes, blobs, proof, relaxed }),
        2 => (0..4_u8).prop_map(Step::Erase),
        1 => Just(Step::Reopen),
    ]
}

#[derive(Default)]
struct Model {
    order: Vec<EventRow>,
    places: BTreeMap<(FeedId, u64), EventRow>,
    projections: BTreeMap<(String, Vec<u8>), Vec<u8>>,
    blobs: BTreeMap<u8, BlobLookup>,
    proofs: BTreeMap<(FeedId, u64), ForkProof>,
}

impl Model {
    /// False when the batch holds a fork; then nothing changes.
    fn append(&mut self, batch: &Batch) -> bool {
        let mut places = self.places.clone();
        let mut order = self.order.clone();
        for event in &batch.events {
            match places.get(&(event.feed, event.seq)) {
                Some(stored) if stored.hash != event.hash => return false,
                Some(_) => {}
                None => {
                    places.insert((event.feed, event.seq), event.clone());
                    order.push(event.clone());
                }
            }
        }
        (self.places, self.order) = (places, order);
        for change in &batch.projections {
            let key = (change.name.clone(), change.key.clone());
            match &change.value {
                Some(value) => self.projections.insert(key, value.clone()),
                None => self.projections.remove(&key),
            };
        }
        for blob in &batch.blobs {
            self.blobs
                .entry(blob.hash[0])
                .or_insert_with(|| BlobLookup::Present(blob.clone()));
        }
        for proof in &batch.fork_proofs {
            self.proofs
                .entry((proof.feed, proof.seq))
                .or_insert_with(|| proof.clone());
        }
        true
    }

    async fn compare(&self, store: &Store) {
        assert_eq!(scan_all(store).await, self.order);
        let mut heads = BTreeMap::new();
        for ((feed, seq), event) in &self.places {
            heads.insert(*feed, (*seq, event.hash));
            assert_eq!(store.by_hash(event.hash).await.unwrap().as_ref(), Some(event));
        }
        let stored: BTreeMap<_, _> = store
            .heads()
            .await
            .unwrap()
            .iter()
            .map(|h| (h.feed, (h.seq, h.hash)))
            .collect();
        assert_eq!(stored, heads);
        for number in 0..3 {
            let expected: Vec<_> = self
                .places
                .range((feed(number), 2)..(feed(number), 5))
                .map(|(_, e)| e.clone())
                .collect();
            let mut stored = store.events(feed(number), 2, 9).await.unwrap();
            stored.retain(|event| event.seq < 5);
            assert_eq!(stored, expected);
        }
        for table in ["p0", "p1"] {
            let expected: Vec<_> = self
                .projections
                .iter()
                .filter(|((name, _), _)| name == table)
                .map(|((_, k), v)| (k.clone(), v.clone()))
                .collect();
            assert_eq!(store.projection_range(table, b"", 99).await.unwrap(), expected);
        }
        for number in 0..4 {
            let expected = self.blobs.get(&number).cloned().unwrap_or(BlobLookup::Absent);
            assert_eq!(store.blob([number; 32]).await.unwrap(), expected);
        }
        assert_eq!(
            store.fork_proofs().await.unwrap(),
            self.proofs.values().cloned().collect::<Vec<_>>()
        );
    }
}

fn batch(step: &Step) -> Option<Batch> {
    let Step::Append {
        events,
        changes,
        blobs,
        proof,
        relaxed,
    } = step
    else {
        return None;
    };
    let name = |table: &u8| format!("p{table}");
    Some(Batch {
        events: events
            .iter()
            .map(|(number, seq, fork)| variant(feed(*number), *seq, *fork))
            .collect(),
        projections: changes
            .iter()
            .map(|(table, key, value)| {
                value.map_or_else(|| delete(&name(table), &[*key]), |v| put(&name(table), &[*key], &[v]))
            })
            .collect(),
        blobs: blobs.iter().map(|number| blob(*number, vec![*number; 10])).collect(),
        fork_proofs: events
            .iter()
            .filter(|_| *proof)
            .map(|(n, seq, fork)| ForkProof {
                feed: feed(*n),
                seq: *seq,
                bytes_a: vec![*fork],
                bytes_b: vec![9],
            })
            .collect(),
        durability: if *relaxed {
            Durability::Relaxed
        } else {
            Durability::Durable
        },
        ..Batch::default()
    })
}

async fn run(steps: &[Step], config: StoreConfig) {
    let reopens = !matches!(config, StoreConfig::Memory);
    let mut store = Store::open(config.clone()).unwrap();
    let mut model = Model::default();
    for step in steps {
        match step {
            Step::Append { .. } => {
                let batch = batch(step).expect("an append");
                let expected = model.append(&batch);
                match store.append(batch).await {
                    Ok(()) => assert!(expected, "a fork was stored"),
                    Err(StoreError::Fork { .. }) => assert!(!expected, "a good batch was refused"),
                    Err(error) => panic!("{error}"),
                }
            }
            Step::Erase(number) => {
                store.erase_blob([*number; 32]).await.unwrap();
                model.blobs.insert(*number, BlobLookup::Erased);
            }
            Step::Reopen if reopens => {
                store.close().await.unwrap();
                store = Store::open(config.clone()).unwrap();
            }
            Step::Reopen => {}
        }
    }
    model.compare(&store).await;
    assert_eq!(store.scan(Cursor::START, 0).await.unwrap().events, []);
    store.close().await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_back_end_follows_the_model(steps in proptest::collection::vec(step(), 1..40)) {
        let dir = TempDir::new().unwrap();
        block_on(async {
            run(&steps, StoreConfig::Memory).await;
            run(&steps, StoreConfig::sqlite(dir.path())).await;
        });
    }
}
