//! Lives and forks: what a member can cost by them is bounded, and so is how often a state is folded anew.

use std::collections::BTreeMap;

use crate::crypto::PublicKey;
use crate::feed::{MAX_FORKED_LIVES, MAX_FORKS_OF_LIFE, MAX_LIVES};
use crate::node::RELOAD_MS;
use crate::sim::disk::Record;
use crate::sim::world::World;

/// Steps between two counts: they take as long as there are feeds.
const EVERY: u64 = 31;

impl World {
    /// A node has accepted or learned something: of each member no more lives and forks count than may.
    pub fn check_lives(&mut self, n: usize) {
        if !self.summary.steps.is_multiple_of(EVERY) {
            return;
        }
        let Some(p) = self.project_of(n) else { return };
        let mut lives: BTreeMap<PublicKey, usize> = BTreeMap::new();
        for (feed, _, _) in p.feeds.heads().filter(|(feed, _, _)| feed.incarnation > 0) {
            *lives.entry(feed.node).or_default() += 1;
        }
        let greedy = lives.into_iter().find(|(_, count)| *count > MAX_LIVES);
        if let Some((node, count)) = greedy {
            let what = format!("{} counts {count} lives of {}", self.name(n), self.who(&node));
            self.violate("bounded", what);
        }
    }

    /// A proof was written down: of one member there are no more of them than may be.
    pub fn check_proofs(&mut self, n: usize) {
        if !self.honest(n) {
            return;
        }
        let mut lives: BTreeMap<PublicKey, BTreeMap<u64, usize>> = BTreeMap::new();
        for record in self.members[n].disk.records() {
            if let Record::Fork(_, a, _) = record {
                let of_life = lives.entry(a.node()).or_default();
                *of_life.entry(a.header().incarnation).or_default() += 1;
            }
        }
        let bound = |of_life: &BTreeMap<u64, usize>| {
            let later = of_life.keys().filter(|life| **life > 0).count();
            later <= MAX_FORKED_LIVES + 1 && of_life.values().all(|count| *count <= MAX_FORKS_OF_LIFE)
        };
        let beyond = lives.into_iter().find(|(_, of_life)| !bound(of_life));
        if let Some((node, _)) = beyond {
            let what = format!("{} keeps ever more proofs against {}", self.name(n), self.who(&node));
            self.violate("bounded", what);
        }
    }

    /// A node folds its state anew: not too soon after the last time.
    pub fn check_reload(&mut self, n: usize) {
        let now = self.local(n);
        let last = self.check.reloads.insert(n, (self.members[n].life, now));
        // A node that was down meanwhile began anew on its own.
        let again = last.is_some_and(|(life, at)| life + 1 == self.members[n].life && at + RELOAD_MS > now);
        if self.honest(n) && again {
            let what = format!("{} folds its state anew twice within {RELOAD_MS} ms", self.name(n));
            self.violate("bounded", what);
        }
    }
}
