//! Lives and forks without end: what counts is the same for all, whatever they heard first.

use bzzz_core::body::{AdminActed, Authority, Body, IncarnationStarted};
use bzzz_core::crypto::{Hash, Keypair};
use bzzz_core::event::{Draft, Event, EventRef, FeedId};
use bzzz_core::feed::{ALL_LIVES, Feeds, MAX_FORKED_LIVES, MAX_FORKS_OF_LIFE, MAX_LIVES, Offer};
use bzzz_core::hlc::Hlc;
use bzzz_core::node::Admit;
use bzzz_core::wire::HEADS_PAGE;

use crate::mesh::Mesh;
use crate::world::{LATER_MS, START_MS, World};

/// The first event of a later life.
fn opening(key: &Keypair, project: Hash, incarnation: u64, deps: Vec<EventRef>) -> Event {
    let draft = Draft {
        project,
        incarnation,
        seq: 0,
        prev: Hash::ZERO,
        hlc: Hlc::from_ms(START_MS + 1),
        epoch: 0,
        deps,
    };
    Event::sign(key, draft, &Body::IncarnationStarted(IncarnationStarted { before: 0 }))
}

fn openings(world: &World, member: usize, lives: std::ops::RangeInclusive<u64>) -> Vec<Event> {
    let key = &world.members[member].key;
    lives.map(|life| opening(key, world.project(), life, vec![])).collect()
}

/// Feeds that have heard of some events, in this order.
fn heard<'a>(world: &World, events: impl IntoIterator<Item = &'a Event>) -> Feeds {
    let mut feeds = Feeds::default();
    feeds.accept(&world.genesis);
    hear(world, &mut feeds, events);
    feeds
}

fn hear<'a>(world: &World, feeds: &mut Feeds, events: impl IntoIterator<Item = &'a Event>) {
    let state = world.state();
    for event in events {
        if feeds.offer(event, &state.rosters, LATER_MS) == Offer::Ready {
            let released = feeds.accept(event);
            assert!(released.is_empty());
        }
    }
}

fn lives_of(feeds: &Feeds) -> Vec<(FeedId, u64)> {
    feeds.heads().map(|(feed, len, _)| (feed, len)).collect()
}

#[test]
fn as_many_lives_as_may_be_count_and_with_one_more_none_but_the_first() {
    let w = World::three();
    let node = w.members[1].node();
    let all = openings(&w, 1, 1..=MAX_LIVES as u64 + 1);
    let most = heard(&w, &all[..MAX_LIVES]);
    assert_eq!(most.heads().count(), 1 + MAX_LIVES);
    assert_eq!(most.incarnation(&node), MAX_LIVES as u64);

    let mut there = heard(&w, &all);
    let mut back = heard(&w, all.iter().rev());
    for feeds in [&mut there, &mut back] {
        let broken = feeds.take_broken();
        assert_eq!(broken.len(), 1, "it is said once");
        assert!(broken[0].0 == node && broken[0].1.refold);
        assert!(feeds.take_broken().is_empty());
    }
    assert_eq!(lives_of(&there), lives_of(&back));
    assert_eq!(there.heads().count(), 1, "the genesis");
    assert_eq!(there.incarnation(&node), 0);
    let later = openings(&w, 1, 7_000..=7_000);
    assert_eq!(there.offer(&later[0], &w.state().rosters, LATER_MS), Offer::Known);
    assert_eq!(there.missing(&later[0].feed(), 10), None, "it is not asked for");
}

#[test]
fn whoever_is_shown_the_first_events_comes_to_the_same_though_it_could_not_accept_them() {
    let w = World::three();
    let all = openings(&w, 1, 1..=MAX_LIVES as u64 + 1);
    let shows = heard(&w, &all);
    // This one knows of a cut, or of forks, so that it accepts none of them.
    let mut cut = heard(&w, []);
    for event in &all {
        assert!(!cut.end(event.feed(), 0).refold);
    }
    hear(&w, &mut cut, shows.openings(&w.members[1].node()));
    assert_eq!(cut.broken().count(), 1);
    assert!(cut.is_excluded(&all[0].feed()));
    assert_eq!(cut.ends().count(), 0, "one mark stands for all");
}

#[test]
fn what_rests_on_a_life_that_does_not_count_does_not_wait_for_it() {
    let w = World::three();
    let (feed, hash) = (openings(&w, 1, 9..=9)[0].feed(), Hash([7; 32]));
    let mut feeds = heard(&w, []);
    let draft = Draft {
        project: w.project(),
        incarnation: 0,
        seq: 0,
        prev: Hash::ZERO,
        hlc: Hlc::from_ms(START_MS + 1),
        epoch: 0,
        deps: vec![EventRef { feed, seq: 3, hash }],
    };
    let action = "rests on it".to_owned();
    let event = Event::sign(&w.members[2].key, draft, &Body::AdminActed(AdminActed { action }));
    assert_eq!(feeds.offer(&event, &w.state().rosters, LATER_MS), Offer::Held);
    let mark = FeedId {
        incarnation: ALL_LIVES,
        ..feed
    };
    assert_eq!(feeds.end(mark, 0).ready, [event]);
}

#[test]
fn a_later_life_begins_with_an_event_that_rests_on_nothing() {
    let w = World::three();
    let genesis = EventRef {
        feed: w.genesis.feed(),
        seq: 0,
        hash: w.genesis.hash(),
    };
    let rests = opening(&w.members[1].key, w.project(), 1, vec![genesis]);
    let offer = heard(&w, []).offer(&rests, &w.state().rosters, LATER_MS);
    assert!(matches!(offer, Offer::Refused(_)), "{offer:?}");
}

#[test]
fn the_last_fork_that_a_life_may_have_excludes_all_of_it() {
    let w = World::three();
    let feed = w.members[1].feed();
    let mut orders = vec![(0..MAX_FORKS_OF_LIFE as u64).map(|n| 50 + n).collect::<Vec<u64>>()];
    orders.push(orders[0].iter().rev().copied().collect());
    for order in orders {
        let mut feeds = heard(&w, []);
        for at in &order[..MAX_FORKS_OF_LIFE - 1] {
            assert!(feeds.fork(feed, *at).is_some());
            assert!(feeds.fork(feed, *at).is_none(), "the same again");
        }
        let lowest = order[..MAX_FORKS_OF_LIFE - 1].iter().min().copied();
        assert_eq!(feeds.get(&feed).and_then(|f| f.ended_at()), lowest);
        assert!(feeds.fork(feed, order[MAX_FORKS_OF_LIFE - 1]).is_some());
        assert_eq!(feeds.get(&feed).and_then(|f| f.ended_at()), Some(0));
        assert!(feeds.fork(feed, 1).is_none(), "there is nothing more to it");
    }
    let mut feeds = heard(&w, []);
    assert!(feeds.fork(w.genesis.feed(), 0).is_some_and(|ended| !ended.refold));
    assert_eq!(feeds.heads().count(), 1, "the genesis stands");
}

#[test]
fn a_member_with_too_many_forked_lives_has_none_but_its_first() {
    let w = World::three();
    let node = w.members[1].node();
    let life = |incarnation| FeedId { node, incarnation };
    let mut feeds = heard(&w, &openings(&w, 1, 100..=100));
    for n in 1..=MAX_FORKED_LIVES as u64 {
        assert!(feeds.fork(life(n), 5).is_some());
    }
    assert!(!feeds.is_excluded(&life(100)));
    assert!(feeds.fork(life(77), 5).is_some_and(|ended| ended.refold));
    assert!(feeds.is_excluded(&life(100)) && !feeds.is_excluded(&life(0)));
    assert!(feeds.fork(life(78), 5).is_none());
}

#[test]
fn events_of_two_sides_are_told_from_the_place_where_they_part() {
    let mut w = World::three();
    let other = w.clone();
    let chain = |mut w: World, word: &str| -> Vec<Event> {
        let act = |n: u64| {
            Body::AdminActed(AdminActed {
                action: format!("{word} {n}"),
            })
        };
        (0..3).map(|n| w.append(1, act(n))).collect()
    };
    let (ours, theirs) = (chain(w.clone(), "one"), chain(other, "other"));
    let mut feeds = heard(&w, &ours);
    let rosters = w.state().rosters;
    assert_eq!(feeds.offer(&theirs[0], &rosters, LATER_MS), Offer::Fork);
    assert_eq!(feeds.offer(&theirs[2], &rosters, LATER_MS), Offer::OtherSide);
    w.now_ms += 1;
}

#[test]
fn heads_are_compared_page_by_page_until_nothing_is_missing() {
    let w = World::new(
        &[
            ("ann", 1, 1),
            ("bob", 1, 1),
            ("cat", 1, 1),
            ("dan", 1, 1),
            ("eve", 1, 1),
        ],
        0,
        Authority::Home,
    );
    let mut mesh = Mesh::of(&w, Admit::Ask, &[2, 3, 4]);
    mesh.stop(1);
    let mut feeds = 0;
    for member in [2, 3, 4] {
        let lives = openings(&w, member, 1..=MAX_LIVES as u64);
        feeds += lives.len();
        mesh.publish(w.members[member].node(), &lives);
    }
    assert!(feeds > 2 * HEADS_PAGE && mesh.p(0).heads().len() > feeds);
    mesh.restart(1);
    mesh.pass(20_000);
    assert_eq!(mesh.p(1).heads(), mesh.p(0).heads());
}
