//! Rows kept event by event, in any order, are those that are made from the whole state.

use std::collections::{BTreeMap, BTreeSet};

use bzzz_core::body::*;
use bzzz_core::event::Event;
use bzzz_core::projection::{
    self, AgentRow, EscalationRow, Key, ProjectRow, Table, TaskRow, TaskState, ThreadRow, ThreadState,
};
use bzzz_core::state::{Meta, State};
use proptest::prelude::*;

use crate::folds::deliver;
use crate::generator::Generator;
use crate::random::random_world;

type Rows = BTreeMap<Key, Vec<u8>>;

/// Applies accepted events in groups, as the steps of a node do, and keeps the rows after each group.
fn keep(genesis: &Event, accepted: &[Event], g: &mut Generator) -> (State, Rows) {
    let mut state = State::new(genesis).expect("a genesis event");
    let mut rows = Rows::new();
    let mut rest = accepted;
    while !rest.is_empty() {
        let (group, later) = rest.split_at(rest.len().min(1 + g.below(6)));
        rest = later;
        let bodies: Vec<_> = group.iter().filter_map(|e| Some((Meta::of(e), e.body()?))).collect();
        for (meta, body) in &bodies {
            state.apply(meta, body);
        }
        let mut keys = BTreeSet::new();
        for (meta, body) in &bodies {
            projection::touched(&state, meta, body, &mut keys);
        }
        for key in keys {
            match projection::row(&state, &key) {
                Some(row) => rows.insert(key, row),
                None => rows.remove(&key),
            };
        }
    }
    (state, rows)
}

fn at_once(state: &State) -> Rows {
    let keys = Table::ALL.into_iter().flat_map(|table| projection::all(state, table));
    keys.filter_map(|key| Some((key, projection::row(state, &key)?)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_kept_in_any_order_are_those_made_at_once(
        seed in any::<u64>(), steps in 10usize..160, orders in prop::collection::vec(any::<u64>(), 3)
    ) {
        let (w, fork) = random_world(seed, steps);
        let mut wanted: Option<Rows> = None;
        for order in orders {
            let accepted = deliver(&w, fork.as_ref(), order).accepted;
            let (state, rows) = keep(&w.genesis, &accepted, &mut Generator::new(order));
            prop_assert_eq!(&rows, &at_once(&state));
            let wanted = wanted.get_or_insert_with(|| rows.clone());
            prop_assert_eq!(&rows, &*wanted, "the order of arrival does not matter");
        }
    }

    #[test]
    fn keys_of_a_table_come_in_the_order_of_their_bytes(seed in any::<u64>()) {
        let (w, fork) = random_world(seed, 80);
        let state = deliver(&w, fork.as_ref(), seed).state;
        for table in Table::ALL {
            let keys: Vec<Vec<u8>> = projection::all(&state, table).map(|key| key.bytes(&w.project())).collect();
            prop_assert!(keys.is_sorted_by(|a, b| a < b), "{:?}", table);
        }
    }
}

#[test]
fn random_worlds_reach_every_state_of_a_row() {
    let mut threads: BTreeMap<u8, usize> = BTreeMap::new();
    let mut tasks: BTreeMap<u8, usize> = BTreeMap::new();
    let mut questions: BTreeSet<u8> = BTreeSet::new();
    for seed in 0..60 {
        let (w, fork) = random_world(seed, 150);
        let state = deliver(&w, fork.as_ref(), seed).state;
        for (key, bytes) in at_once(&state) {
            // Each row is read back as it was written.
            match key.table() {
                Table::Projects => {
                    let row: ProjectRow = projection::read(key.table(), &bytes).expect("a project's row");
                    assert_eq!(row.name, state.name);
                }
                Table::Threads => {
                    let row: ThreadRow = projection::read(key.table(), &bytes).expect("a thread's row");
                    let settled = [ThreadState::Decided, ThreadState::Answered, ThreadState::Closed];
                    assert_eq!(row.settled_ms.is_some(), settled.contains(&row.state), "{row:?}");
                    *threads.entry(row.state as u8).or_default() += 1;
                }
                Table::Tasks => {
                    let row: TaskRow = projection::read(key.table(), &bytes).expect("a task's row");
                    assert!(row.state != TaskState::Leased || row.lease.is_some());
                    *tasks.entry(row.state as u8).or_default() += 1;
                }
                Table::Escalations => {
                    let row: EscalationRow = projection::read(key.table(), &bytes).expect("a question's row");
                    questions.insert(row.state as u8);
                }
                Table::Agents => {
                    let _: AgentRow = projection::read(key.table(), &bytes).expect("an agent's row");
                }
            }
        }
    }
    assert_eq!(threads.len(), 6, "every state of a thread: {threads:?}");
    assert!(tasks.len() >= 4, "most states of a task: {tasks:?}");
    assert!(questions.len() >= 4, "most states of a question: {questions:?}");
}

#[test]
fn words_touch_their_thread_only() {
    let mut said = 0;
    for seed in 0..20 {
        let (w, _) = random_world(seed, 120);
        let state = deliver(&w, None, seed).state;
        for (meta, body) in w.events.iter().filter_map(|e| Some((Meta::of(e), e.body()?))) {
            if let Body::MessagePosted(b) = &body {
                let mut keys = BTreeSet::new();
                projection::touched(&state, &meta, &body, &mut keys);
                assert_eq!(keys, BTreeSet::from([Key::Thread(b.message.statement.thread)]));
                said += 1;
            }
        }
    }
    assert!(said > 0, "nobody said anything in 20 worlds");
}
