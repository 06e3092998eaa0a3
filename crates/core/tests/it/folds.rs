//! The same set of events gives the same state, in whatever order they come.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bzzz_core::body::*;
use bzzz_core::crypto::Hash;
use bzzz_core::event::{Event, FeedId};
use bzzz_core::feed::Offer;
use bzzz_core::hlc::MAX_SKEW_MS;
use bzzz_core::state::State;
use proptest::prelude::*;

use crate::generator::Generator;
use crate::random::random_world;
use crate::world::{LATER_MS, Replica, START_MS, World, fold};

/// Delivers everything at random: shuffled, some twice, and once more as anti-entropy would.
pub fn deliver(w: &World, fork: Option<&Event>, order: u64) -> Replica {
    let g = &mut Generator::new(order);
    let mut mail: Vec<&Event> = w.events.iter().chain(fork).collect();
    for _ in 0..mail.len() / 4 {
        mail.push(mail[g.below(mail.len())]);
    }
    g.shuffle(&mut mail);
    let mut replica = Replica::new(&w.genesis);
    // A clock before the beginning: what is too far ahead waits for its time.
    let mut now_ms = START_MS - MAX_SKEW_MS;
    for event in &mail {
        replica.offer(event, now_ms);
        if g.chance(10) {
            now_ms += g.below(100) as u64;
            replica.time_passed(now_ms);
        }
    }
    replica.time_passed(LATER_MS);
    for event in w.events.iter().chain(fork) {
        replica.offer(event, LATER_MS);
    }
    replica
}

/// Folds accepted events in a random order that keeps each feed's own and knows every epoch before it is named.
fn fold_interleaved(w: &World, events: &[Event], order: u64) -> State {
    let g = &mut Generator::new(order);
    let mut feeds: BTreeMap<FeedId, VecDeque<&Event>> = BTreeMap::new();
    for event in events {
        feeds.entry(event.feed()).or_default().push_back(event);
    }
    let mut state = State::new(&w.genesis).expect("a genesis event");
    loop {
        let ready: Vec<FeedId> = feeds
            .iter()
            .filter(|(_, q)| {
                q.front()
                    .is_some_and(|e| state.rosters.epoch(e.header().epoch).is_some())
            })
            .map(|(id, _)| *id)
            .collect();
        if ready.is_empty() {
            assert!(feeds.values().all(VecDeque::is_empty), "every event finds its epoch");
            return state;
        }
        let Some(event) = feeds.get_mut(g.pick(&ready)).and_then(VecDeque::pop_front) else {
            unreachable!("a ready feed has an event")
        };
        if let Some(body) = event.body() {
            state.apply(&bzzz_core::state::Meta::of(event), &body);
        }
    }
}

/// What is computed when it is read.
fn outcomes(s: &State) -> (Vec<Option<bzzz_core::state::ThreadStatus>>, Vec<Option<u32>>) {
    let threads = s.threads.keys().map(|id| s.thread_status(id)).collect();
    (threads, s.escalations.values().map(|e| s.chosen(e)).collect())
}

fn sorted(events: &[Event]) -> BTreeSet<Hash> {
    events.iter().map(Event::hash).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_delivery_gives_the_same_state(seed in any::<u64>(), steps in 10usize..160, orders in prop::collection::vec(any::<u64>(), 3)) {
        let (w, fork) = random_world(seed, steps);
        let reference = deliver(&w, fork.as_ref(), 0);
        prop_assert_eq!(reference.feeds.held(), 0, "nothing waits for what has all been delivered");
        for order in orders {
            let other = deliver(&w, fork.as_ref(), order);
            prop_assert_eq!(other.feeds.held(), 0);
            prop_assert_eq!(sorted(&other.accepted), sorted(&reference.accepted));
            prop_assert_eq!(&other.state, &reference.state);
            prop_assert_eq!(outcomes(&other.state), outcomes(&reference.state));
            let direct = fold_interleaved(&w, &reference.accepted, order);
            prop_assert_eq!(&direct, &reference.state);
        }
    }
}

#[test]
fn random_worlds_reach_every_part_of_the_state() {
    let mut seen: BTreeSet<u16> = BTreeSet::new();
    let (mut decided, mut revealed, mut answered, mut leased, mut versions, mut cut) = (0, 0, 0, 0, 0, 0);
    let mut vetoed = 0;
    for seed in 0..40 {
        let (w, fork) = random_world(seed, 150);
        let replica = deliver(&w, fork.as_ref(), seed);
        let s = &replica.state;
        seen.extend(replica.accepted.iter().map(|e| e.header().kind));
        cut += usize::from(replica.accepted.len() < w.events.len());
        decided += s
            .threads
            .values()
            .filter(|t| t.decision(&s.ballots, &s.finals, &s.rosters).is_some())
            .count();
        revealed += s.ballots.values().map(|b| b.first_votes().len()).sum::<usize>();
        answered += s.escalations.values().filter(|e| s.chosen(e).is_some()).count();
        vetoed += s
            .ballots
            .values()
            .filter_map(|b| b.proposed.as_ref())
            .filter(|(_, p)| !p.vetoes.is_empty())
            .count();
        versions += s.resources.values().map(|r| r.versions().len()).sum::<usize>();
        let leases = |t: &bzzz_core::state::Task| t.current(s.policy.authority, s.rosters.latest()).is_some();
        leased += s.tasks.values().filter(|t| leases(t)).count();
    }
    let all: BTreeSet<u16> = KINDS.iter().map(|(k, _)| *k).collect();
    assert_eq!(seen, all);
    for (what, count) in [
        ("decisions", decided),
        ("reveals", revealed),
        ("answers", answered),
        ("named vetoes", vetoed),
        ("leases", leased),
        ("versions", versions),
        ("cuts and forks", cut),
    ] {
        assert!(count > 0, "no {what} in 40 worlds");
    }
}

fn act(action: &str) -> Body {
    Body::AdminActed(AdminActed { action: action.into() })
}

#[test]
fn a_fork_ends_its_feed_and_frees_what_rested_on_it() {
    let mut w = World::three();
    let before = w.append(1, act("before"));
    let half = w.append(1, act("one half"));
    let other_half = w.fork(1, &act("other half"));
    let after = w.append(1, act("after"));
    let believer = w.append_on(2, vec![after.reference()], &act("rests on it"));
    let next = w.append(2, act("goes on"));

    // The late learner meets the fork before what came after it; the event that rests on that must not wait for ever.
    let mut late = Replica::new(&w.genesis);
    for event in [&believer, &next, &before, &half] {
        late.offer(event, LATER_MS);
    }
    assert_eq!(late.feeds.held(), 2);
    late.offer(&other_half, LATER_MS);
    assert_eq!(late.feeds.held(), 0);

    let mut early = Replica::new(&w.genesis);
    for event in [&before, &half, &after, &believer, &next, &other_half] {
        early.offer(event, LATER_MS);
    }
    assert_eq!(sorted(&late.accepted), sorted(&early.accepted));
    let standing = [&w.genesis, &before, &believer, &next].map(Event::hash);
    assert_eq!(sorted(&early.accepted), BTreeSet::from(standing));
    assert_eq!(early.feeds.offer(&after, &early.state.rosters, LATER_MS), Offer::Known);
}

#[test]
fn a_later_life_needs_its_statement() {
    let mut w = World::three();
    w.restart(1, 0);
    let started = w.events[1].clone();
    assert_eq!(started.header().incarnation, 1);
    let mut replica = Replica::new(&w.genesis);
    replica.offer(&started, LATER_MS);
    assert_eq!(replica.refused, Vec::<&str>::new());

    let mut quiet = World::three();
    quiet.members[1].incarnation = 1;
    let event = quiet.append(1, act("as if nothing had happened"));
    replica = Replica::new(&quiet.genesis);
    replica.offer(&event, LATER_MS);
    assert_eq!(replica.refused.len(), 1);
}

#[test]
fn what_breaks_the_chain_time_or_membership_is_refused() {
    let mut w = World::three();
    let first = w.append(1, act("first"));
    let second = w.append(1, act("second"));
    let mut replica = Replica::new(&w.genesis);
    replica.offer(&first, LATER_MS);

    let key = w.members[1].key.clone();
    let draft = |prev, hlc, epoch| bzzz_core::event::Draft {
        project: w.project(),
        incarnation: 0,
        seq: 1,
        prev,
        hlc,
        epoch,
        deps: vec![],
    };
    let (good_hlc, same_hlc) = (second.header().hlc, first.header().hlc);
    let mut offer = |key, draft| {
        let event = Event::sign(key, draft, &act("x"));
        let state = &replica.state;
        replica.feeds.offer(&event, &state.rosters, LATER_MS)
    };
    let bad_chain = offer(&key, draft(Hash([9; 32]), good_hlc, 0));
    let bad_time = offer(&key, draft(first.hash(), same_hlc, 0));
    let stranger = bzzz_core::crypto::Keypair::from_seed([99; 32]);
    let mut of_stranger = draft(Hash::ZERO, good_hlc, 0);
    of_stranger.seq = 0;
    let not_member = offer(&stranger, of_stranger);
    for refused in [bad_chain, bad_time, not_member] {
        assert!(matches!(refused, Offer::Refused(_)), "{refused:?}");
    }
    let unknown_epoch = offer(&key, draft(first.hash(), good_hlc, 5));
    assert_eq!(unknown_epoch, Offer::Held);
}

#[test]
fn a_removed_members_later_events_are_excluded_whenever_the_removal_is_learnt() {
    let mut w = World::new(
        &[("ann", 1, 1), ("bob", 1, 1), ("cat", 1, 1), ("dan", 1, 1)],
        0,
        Authority::Home,
    );
    let kept = w.append(3, act("kept"));
    let dropped = w.append(3, act("dropped"));
    let mut next = w.next_roster();
    next.pools.pop();
    next.cuts = vec![Cut {
        node: w.members[3].node(),
        incarnation: 0,
        events: 1,
    }];
    let change = w.change(&next, &[0, 1, 2]);
    let change = w.append(0, Body::RosterChanged(change));
    let mut old = w.clone();
    old.restart(3, 0);
    let new_life = old.events[old.events.len() - 1].clone();

    let orders: [[&Event; 4]; 3] = [
        [&kept, &dropped, &new_life, &change],
        [&change, &kept, &dropped, &new_life],
        [&dropped, &new_life, &change, &kept],
    ];
    for order in orders {
        let mut replica = Replica::new(&w.genesis);
        for event in order {
            replica.offer(event, LATER_MS);
        }
        let standing = [&w.genesis, &kept, &change].map(Event::hash);
        assert_eq!(sorted(&replica.accepted), BTreeSet::from(standing));
        assert_eq!(replica.state.rosters.latest(), &next);
    }
}

#[test]
fn a_roster_far_ahead_of_its_event_has_no_effect() {
    let mut w = World::three();
    let genesis_roster = w.roster().clone();
    let mut first = w.next_roster();
    first.pools[0].weight = 2;
    let first_change = w.change(&first, &[0, 1, 2]);
    let mut second = Roster {
        epoch: 2,
        prev: first.hash(),
        ..first.clone()
    };
    second.pools[1].weight = 2;
    let second_change = w.change(&second, &[0, 1, 2]);
    // Both are written under epoch 0, so another node may accept them the other way round.
    let one = w.append(0, Body::RosterChanged(first_change));
    let two = w.append(1, Body::RosterChanged(second_change));
    for order in [[&one, &two], [&two, &one]] {
        let mut replica = Replica::new(&w.genesis);
        for event in order {
            replica.offer(event, LATER_MS);
        }
        assert_eq!(replica.state.rosters.latest(), &first);
        assert_eq!(replica.state.rosters.epoch(0), Some(&genesis_roster));
    }
}

#[test]
fn rosters_take_effect_in_whatever_order_they_come() {
    let mut w = World::three();
    let mut changes = Vec::new();
    for _ in 0..3 {
        let mut next = w.next_roster();
        next.pools[0].weight += 1;
        let change = w.change(&next, &[0, 1, 2]);
        changes.push(w.append(0, Body::RosterChanged(change)));
        w.rosters.push(next);
    }
    // A node that was shown the chain of rosters accepts events of epochs that its state has not reached.
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [2, 0, 1]] {
        let state = fold(&w.genesis, &order.map(|i: usize| changes[i].clone()));
        assert_eq!(state.rosters.latest(), w.roster(), "{order:?}");
        assert_eq!(state, fold(&w.genesis, &changes), "{order:?}");
    }
}

#[test]
fn two_lives_at_one_time_and_number_do_not_hide_each_other() {
    let mut w = World::three();
    let thread = w.thread(0);
    let say = |w: &World, text: &str| {
        let message = Message {
            project: w.project(),
            thread,
            kind: MessageKind::Note,
            text: w.text(text),
            parents: vec![],
            to: None,
            idempotency_key: None,
        };
        Body::MessagePosted(MessagePosted {
            message: Signed::new(&w.members[1].key, message),
        })
    };
    let filler = w.append(1, act("so that both messages have number 1"));
    let (one, two) = (say(&w, "one"), say(&w, "two"));
    let first = w.append(1, one);
    let behind_ms = first.header().hlc.ms() - filler.header().hlc.ms() + 10;
    let mut again = w.clone();
    again.now_ms = w.now_ms - 2 * behind_ms;
    again.restart(1, behind_ms + 100);
    again.now_ms = w.now_ms - 10;
    let second = again.append(1, two);
    assert_eq!(
        (first.header().hlc, first.header().seq),
        (second.header().hlc, second.header().seq)
    );
    let state = fold(&w.genesis, &again.events);
    assert_eq!(state.threads[&thread].messages.len(), 2);
}

#[test]
fn a_members_second_signature_under_a_roster_depends_on_no_order() {
    let mut w = World::three();
    let mut next = w.next_roster();
    next.pools[0].weight = 2;
    let good = next.sign(&w.members[1].key, w.project(), 0);
    let bad = bzzz_core::crypto::Signature([7; 64]);
    let body = |signature| {
        let (roster, epoch) = (next.hash(), next.epoch);
        Body::RosterSigned(RosterSigned {
            roster,
            epoch,
            round: 0,
            signature,
            prepares: vec![],
        })
    };
    let one = w.append(1, body(good));
    let two = w.append(1, body(bad));
    let there = fold(&w.genesis, &[one.clone(), two.clone()]);
    let back = fold(&w.genesis, &[two, one]);
    assert_eq!(there, back);
}

#[test]
fn an_id_belongs_to_whoever_was_first_endorsed_with_it() {
    let mut w = World::three();
    let endorse = |w: &mut World, by: usize, model: Option<&str>| {
        let endorsement = w.endorsement(by, "reviewer-1", model);
        w.append(by, Body::AgentEndorsed(AgentEndorsed { endorsement }));
    };
    let holder = |w: &World| w.state().agents.holder("reviewer-1").map(|(node, _)| node);
    endorse(&mut w, 1, None);
    w.now_ms += 1_000;
    endorse(&mut w, 2, None);
    w.now_ms += 1_000;
    // Endorsed anew, it keeps its place.
    endorse(&mut w, 1, Some("m"));
    assert_eq!(holder(&w), Some(w.members[1].node()));
    let agent = w.agent(1, "reviewer-1").public();
    let record = w.state().agents.get(&w.members[1].node(), &agent).cloned();
    assert_eq!(record.and_then(|r| r.endorsement.statement.model), Some("m".into()));
    w.now_ms += 1_000;
    w.append(1, Body::AgentRetired(AgentRetired { agent }));
    assert_eq!(holder(&w), Some(w.members[2].node()));
    // Another node cannot retire it.
    let other = w.agent(2, "reviewer-1").public();
    w.append(0, Body::AgentRetired(AgentRetired { agent: other }));
    assert_eq!(holder(&w), Some(w.members[2].node()));
}
