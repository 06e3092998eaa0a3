//! What is known against members: too many lives, and forks.
//!
//! A restored node begins a new life, and a node whose folder was copied forks its feed: both are mistakes that honest people make now and then. A
//! member could do either without end, and each costs everybody memory, disk and a state that is folded anew. So each is
//! counted, by signed events alone, whether they were accepted or not; whoever knows of more than is allowed shows it to the others:
//!
//! - A life that is proven forked at [`MAX_FORKS_OF_LIFE`] numbers counts for nothing, from its first event on.
//! - Of a member with more than [`MAX_LIVES`] later lives, or more than [`MAX_FORKED_LIVES`] forked ones of them, no later life counts.
//!   Its first one stands.

use std::collections::{BTreeMap, BTreeSet};

use crate::body::{Body, IncarnationStarted};
use crate::crypto::PublicKey;
use crate::event::{Event, FeedId};
use crate::plant;

/// Later lives of one member, at most: a restored backup each week for nearly ten years. One more of their first events fits into one message.
pub const MAX_LIVES: usize = 512;
/// Numbers at which one life is proven forked, at most: two copies of a folder fork it at one number, and a third copy at another one.
pub const MAX_FORKS_OF_LIFE: usize = 3;
/// Forked later lives of one member, at most.
pub const MAX_FORKED_LIVES: usize = 8;
/// No life has this number: it stands for all later lives of a node.
pub const ALL_LIVES: u64 = u64::MAX;

/// The counts, with what shows them.
#[derive(Debug, Clone, Default)]
pub(super) struct Lives {
    /// First events of later lives: at most one more of a member than are allowed.
    openings: BTreeMap<FeedId, Event>,
    /// The numbers at which feeds are proven forked.
    forks: BTreeMap<FeedId, BTreeSet<u64>>,
    broken: BTreeSet<PublicKey>,
}

/// All lives of a node but the first.
pub(super) fn later(node: &PublicKey) -> std::ops::RangeInclusive<FeedId> {
    let life = |incarnation| FeedId {
        node: *node,
        incarnation,
    };
    life(1)..=life(ALL_LIVES)
}

/// Whether an event is what a later life has to begin with: it says so, and rests on nothing, so that whoever is shown it can
/// take it.
pub(super) fn is_opening(event: &Event) -> bool {
    let (life, header) = (event.feed().incarnation, event.header());
    let says =
        |b: &Option<Body>| matches!(b, Some(Body::IncarnationStarted(IncarnationStarted { before })) if *before < life);
    header.seq == 0 && life > 0 && life < ALL_LIVES && header.deps.is_empty() && says(&event.body())
}

impl Lives {
    /// Notes a member's first event of a later life. Returns whether it is one too many.
    pub fn note(&mut self, event: &Event) -> bool {
        let feed = event.feed();
        let known = self.openings.range(later(&feed.node)).count();
        if self.openings.contains_key(&feed) || known > MAX_LIVES || !is_opening(event) {
            return false;
        }
        self.openings.insert(feed, event.clone());
        known == MAX_LIVES && !plant::active("uncounted_lives")
    }

    /// Notes where a feed is proven forked. Returns from where on it is excluded, and whether it is one forked life too many; none
    /// if nothing follows from it.
    pub fn fork(&mut self, feed: FeedId, at: u64) -> Option<(u64, bool)> {
        let forked = self.forks.entry(feed).or_default();
        let uncounted = plant::active("uncounted_forks");
        if forked.len() >= MAX_FORKS_OF_LIFE && !uncounted || !forked.insert(at) {
            return None;
        }
        let all = forked.len() >= MAX_FORKS_OF_LIFE && !uncounted;
        let end = if all { 0 } else { *forked.first()? };
        let lives = self.forks.range(later(&feed.node)).count();
        Some((end, lives > MAX_FORKED_LIVES && !uncounted))
    }

    pub fn forks(&self) -> impl Iterator<Item = (&FeedId, &BTreeSet<u64>)> {
        self.forks.iter()
    }

    /// From now on no later life of the node counts. Returns whether that is new.
    pub fn break_off(&mut self, node: PublicKey) -> bool {
        self.broken.insert(node)
    }

    pub fn broken(&self) -> impl Iterator<Item = &PublicKey> {
        self.broken.iter()
    }

    /// Whether a feed is a life that does not count.
    pub fn excludes(&self, feed: &FeedId) -> bool {
        feed.incarnation > 0 && self.broken.contains(&feed.node)
    }

    /// The first events of a node's later lives.
    pub fn openings(&self, node: &PublicKey) -> impl Iterator<Item = &Event> {
        self.openings.range(later(node)).map(|(_, event)| event)
    }
}
