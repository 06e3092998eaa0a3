//! Rosters: one for each epoch, signed by more than two thirds of the one before; and nobody's feed ends without a cause.

use std::collections::BTreeMap;

use crate::crypto::Hash;
use crate::event::FeedId;
use crate::roster::is_quorum;
use crate::sim::world::World;

/// The books of rosters.
#[derive(Debug, Default)]
pub(super) struct Rosters {
    /// By project and epoch.
    agreed: BTreeMap<(Hash, u32), Hash>,
    /// By node: the epoch and the number of ends that were looked at last.
    seen: BTreeMap<usize, (u32, usize)>,
    /// By node: when it came to which epoch, the newest last.
    came_to: BTreeMap<usize, Vec<(u64, u32)>>,
}

/// What was decided to be said waits for the disk, at most so long, milliseconds.
const WAITS_MS: u64 = 3_000;

impl World {
    /// A node is made anew: it is looked at anew.
    pub(super) fn forget_rosters_seen(&mut self, n: usize) {
        self.check.rosters.seen.remove(&n);
        self.check.rosters.came_to.remove(&n);
    }

    /// The oldest epoch that a node may have gone by when it decided what it says now.
    pub(super) fn epoch_of_speech(&self, n: usize, latest: u32) -> u32 {
        let came = self
            .check
            .rosters
            .came_to
            .get(&n)
            .map(Vec::as_slice)
            .unwrap_or_default();
        let before = came.iter().rev().find(|(at, _)| at + WAITS_MS <= self.now);
        before.or(came.first()).map_or(latest, |(_, epoch)| *epoch)
    }

    /// After a node has accepted events.
    pub(super) fn check_rosters(&mut self, n: usize) {
        let Some(p) = self.project_of(n) else { return };
        let (project, latest) = (p.id(), p.state.rosters.latest());
        let now = (latest.epoch, p.feeds.ends().count());
        if self.check.rosters.seen.get(&n) == Some(&now) {
            return;
        }
        let mut problems = Vec::new();
        let mut fresh = Vec::new();
        for epoch in 0..=latest.epoch {
            let Some(roster) = p.state.rosters.epoch(epoch) else {
                problems.push(format!("has no roster of epoch {epoch}"));
                continue;
            };
            match self.check.rosters.agreed.get(&(project, epoch)) {
                Some(known) if *known == roster.hash() => continue,
                Some(_) => problems.push(format!("goes by another roster of epoch {epoch} than others do")),
                None => fresh.push((epoch, roster.hash())),
            }
            let Some(before) = epoch.checked_sub(1).and_then(|e| p.state.rosters.epoch(e)) else {
                continue;
            };
            let change = p.state.rosters.changes_to(latest.epoch).get(epoch as usize - 1);
            let weight = change.map_or(0, |c| before.signed_weight(project, c));
            if change.map(|c| &c.roster) != Some(roster) || !is_quorum(weight, before.total_weight()) {
                problems.push(format!("goes by a roster of epoch {epoch} that {weight} has signed"));
            }
        }
        for (feed, at) in p.feeds.ends() {
            let author = self.index.get(&feed.node).copied();
            let honest = author.is_some_and(|a| self.honest(a));
            let cut = p.newest_rosters().cut(&feed.node, feed.incarnation).is_some();
            if honest && !cut && !self.check.forked.contains(&feed) {
                problems.push(format!("ends the feed of honest {} at {at}", self.feed_name(&feed)));
            }
        }
        let came = self.check.rosters.came_to.entry(n).or_default();
        if came.last().is_none_or(|(_, epoch)| *epoch != now.0) {
            came.push((self.now, now.0));
        }
        self.check.rosters.seen.insert(n, now);
        for (epoch, hash) in fresh {
            self.check.rosters.agreed.insert((project, epoch), hash);
        }
        if let Some(what) = problems.first() {
            self.violate("rosters", format!("{} {what}", self.name(n)));
        }
    }

    /// A feed, for people.
    pub fn feed_name(&self, feed: &FeedId) -> String {
        format!("{}#{}", self.who(&feed.node), feed.incarnation)
    }
}
