//! Heads: how far each feed is here, and where it ends; what members compare.

use std::collections::BTreeMap;

use super::all_lives;
use crate::crypto::Hash;
use crate::event::FeedId;
use crate::node::Project;
use crate::plant;
use crate::wire::{HEADS_PAGE, Head, heads_digest};

impl Project {
    /// What this node has of some feeds, as much as fits into a message, and where that ends.
    pub(super) fn page(&self, from: Option<FeedId>, upto: Option<FeedId>) -> (Vec<Head>, Option<FeedId>) {
        let mut heads = self.heads_within(from, upto, HEADS_PAGE + 1);
        let Some(next) = heads.get(HEADS_PAGE).map(|h| h.feed) else {
            return (heads, upto);
        };
        heads.truncate(HEADS_PAGE);
        let unpaged = plant::active("unpaged_heads");
        (heads, if unpaged { None } else { Some(next) })
    }

    /// The digest of everything that this node has.
    pub fn digest(&self) -> Hash {
        heads_digest(&self.heads())
    }

    /// Where feeds end that a fork or a cut has ended. A later life of a removed node is left out: the removal says already that nothing of it
    /// counts, and only who once believed it knows of it.
    pub fn ends(&self) -> impl Iterator<Item = (FeedId, u64)> + '_ {
        let marks = self.feeds.broken().map(|node| (all_lives(node), 0));
        self.ends_from(None).chain(marks)
    }

    /// Where feeds end, from some feed on, without the members of which no later life counts.
    pub(super) fn ends_from(&self, first: Option<FeedId>) -> impl Iterator<Item = (FeedId, u64)> {
        self.feeds.ends_from(first).filter(move |(feed, _)| {
            let cut = self.rosters.cut_of(&feed.node);
            cut.is_none_or(|cut| cut.incarnation >= feed.incarnation)
                || self.feeds.get(feed).is_some_and(|f| !f.is_empty())
        })
    }

    /// What this node has of every feed, and what it excludes, in the order of feeds.
    pub fn heads(&self) -> Vec<Head> {
        self.heads_within(None, None, usize::MAX)
    }

    /// The first heads of those from one feed on and up to another.
    pub(super) fn heads_within(&self, from: Option<FeedId>, upto: Option<FeedId>, most: usize) -> Vec<Head> {
        let before = |feed: &FeedId| upto.is_none_or(|upto| *feed < upto);
        let mut all: BTreeMap<FeedId, Head> = BTreeMap::new();
        let known = self.feeds.heads_from(from).take_while(|(feed, ..)| before(feed));
        for (feed, len, head) in known.take(most) {
            let end = None;
            all.insert(feed, Head { feed, len, head, end });
        }
        let ends = self.ends_from(from).take_while(|(feed, _)| before(feed)).take(most);
        let marks = self.feeds.broken().map(|node| (all_lives(node), 0));
        let marks = marks.filter(|(feed, _)| before(feed) && from.is_none_or(|from| *feed >= from));
        for (feed, end) in ends.chain(marks) {
            let (len, head) = (0, Hash::ZERO);
            let known = all.entry(feed).or_insert(Head {
                feed,
                len,
                head,
                end: None,
            });
            known.end = Some(end);
        }
        all.into_values().take(most).collect()
    }
}
