//! Rows kept event by event, in any order, are those that are made from the whole state.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bzzz_core::body::*;
use bzzz_core::crypto::{Hash, Keypair};
use bzzz_core::event::{Event, FeedId};
use bzzz_core::projection::{
    self, AgentRow, EscalationRow, Key, ProjectRow, Table, TaskRow, TaskState, ThreadRow, ThreadState,
};
use bzzz_core::state::{Meta, State};
use proptest::prelude::*;

use crate::folds::deliver;
use crate::generator::Generator;
use crate::random::random_world;
use crate::world::{START_MS, World};

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

/// Every feed in its own order, and nothing else: rosters that were shown ahead of their events let in what speaks under them, so the
/// state may have a thing of an epoch before it has the epoch.
fn interleaved(accepted: &[Event], g: &mut Generator) -> Vec<Event> {
    let mut feeds: BTreeMap<FeedId, VecDeque<&Event>> = BTreeMap::new();
    for event in accepted {
        feeds.entry(event.feed()).or_default().push_back(event);
    }
    let mut out = Vec::with_capacity(accepted.len());
    while !feeds.is_empty() {
        let open: Vec<FeedId> = feeds.keys().copied().collect();
        let feed = *g.pick(&open);
        match feeds.get_mut(&feed).and_then(VecDeque::pop_front) {
            Some(event) => out.push(event.clone()),
            None => drop(feeds.remove(&feed)),
        }
    }
    out
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
            let g = &mut Generator::new(order);
            let (later, kept) = keep(&w.genesis, &interleaved(&accepted, g), g);
            prop_assert_eq!(&later, &state);
            prop_assert_eq!(&kept, &rows, "nor whether a thing of an epoch comes before the epoch");
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

/// A world with a second roster: what was written before it, and the event that brings it.
fn changed_world() -> (World, Hash, Event) {
    let mut w = World::three();
    let thread = w.thread(0);
    let mut next = w.next_roster();
    next.readers.push(Keypair::from_seed([77; 32]).public());
    let change = w.change(&next, &[0, 1, 2]);
    let changed = w.append(0, Body::RosterChanged(change));
    w.rosters.push(next);
    (w, thread, changed)
}

/// The rows that are kept when these events come one by one, and the state at the end.
fn kept(w: &World, events: &[&Event]) -> (State, Rows) {
    let mut state = State::new(&w.genesis).expect("a genesis event");
    let mut rows = Rows::new();
    for event in events {
        let (meta, body) = (Meta::of(event), event.body().expect("a body"));
        state.apply(&meta, &body);
        let mut keys = BTreeSet::new();
        projection::touched(&state, &meta, &body, &mut keys);
        for key in keys {
            match projection::row(&state, &key) {
                Some(row) => rows.insert(key, row),
                None => rows.remove(&key),
            };
        }
    }
    (state, rows)
}

#[test]
fn a_question_counts_when_the_roster_of_its_epoch_comes_after_it() {
    let (mut w, thread, changed) = changed_world();
    let question = w.text("which one?");
    let asked = w.append(
        1,
        Body::Escalated(Escalated {
            thread,
            reason: Reason::Request,
            question,
            options: vec!["approve".into(), "request changes".into()],
            remind_ms: 1_000,
            timeout_ms: 1_000,
        }),
    );
    let opening = w.opening(thread).clone();
    for order in [[&opening, &changed, &asked], [&opening, &asked, &changed]] {
        let (state, rows) = kept(&w, &order);
        let row: ThreadRow = projection::read(Table::Threads, &rows[&Key::Thread(thread)]).expect("a row");
        assert_eq!(row.state, ThreadState::Escalated);
        let key = Key::Escalation(asked.hash());
        assert_eq!(rows.get(&key), projection::row(&state, &key).as_ref());
    }
}

#[test]
fn a_lease_is_one_under_the_roster_of_its_announcement_whatever_follows() {
    // Two of three seats acknowledge: a majority of those that there were, and not of those that came later.
    let mut w = World::with_policy(
        &[("ann", 1, 1), ("bob", 1, 1), ("cat", 1, 1)],
        0,
        Authority::Majority,
        Answers::AnyOwner,
    );
    let title = w.text("t");
    let announced = Body::TaskAnnounced(TaskAnnounced {
        thread: None,
        title,
        role: String::new(),
        capabilities: vec![],
        lease_ms: 600_000,
        priority: 3,
    });
    let announced = w.append(0, announced);
    let (task, owner) = (announced.hash(), w.members[1].feed());
    let agent = w.agent(1, "reviewer-1").public();
    let ack = ClaimAcked {
        task,
        agent,
        owner,
        token: 1,
        until_ms: START_MS + 600_000,
    };
    let acks = [0, 1].map(|by| w.append(by, Body::ClaimAcked(ack.clone())));
    let mut next = w.next_roster();
    let node = Keypair::from_seed([90; 32]).public();
    let seats = vec![Seat { node, operator: node }];
    let owner = "dan".to_owned();
    next.pools.push(Pool {
        owner,
        weight: 1,
        seats,
    });
    let change = w.change(&next, &[0, 1, 2]);
    let changed = w.append(0, Body::RosterChanged(change));
    let events = [&announced, &acks[0], &acks[1], &changed];
    let (state, rows) = kept(&w, &events);
    assert_eq!(state.rosters.latest().seat_count(), 4, "the roster did change");
    let row: TaskRow = projection::read(Table::Tasks, &rows[&Key::Task(task)]).expect("a row");
    assert_eq!((row.state, row.lease.map(|l| l.token)), (TaskState::Leased, Some(1)));
}
