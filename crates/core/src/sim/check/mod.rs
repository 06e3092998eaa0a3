//! The invariants, checked after every step, by looking at the world from outside.
//!
//! What is checked keeps its own books: what was ever durable, who was granted what, what was truly charged. It asks nodes only
//! for what they believe, never for what is right. Each check costs about as much as what it checks.

mod access;
mod agents;
mod applied;
mod feeds;
mod leases;
mod lives;
mod membership;
mod money;
mod occurred;
mod rosters;
mod votes;

use std::collections::{BTreeMap, BTreeSet};

use super::world::{Nature, World};
use crate::body::Body;
use crate::crypto::{Hash, PublicKey};
use crate::event::FeedId;
use crate::feed::{HELD_MEMBER_BYTES, HELD_STRANGER_BYTES};
use crate::hlc::MAX_SKEW_MS;

/// Steps between two samples of dear checks.
const SAMPLE_EVERY: u64 = 499;

/// The books.
#[derive(Debug, Default)]
pub(super) struct Check {
    /// Every own event that was ever acknowledged as durable, by feed.
    pub durable: BTreeMap<FeedId, Vec<Hash>>,
    /// Feeds whose end may be gone for good, because their node came back from a backup.
    pub rolled_back: BTreeSet<FeedId>,
    /// Feeds that were proven forked.
    pub forked: BTreeSet<FeedId>,
    /// How many events each node had accepted when it was looked at last.
    seen: BTreeMap<usize, u64>,
    /// In which life and when each node folded its state anew last.
    reloads: BTreeMap<usize, (u32, u64)>,
    /// The keys of the agents that a member hosts, by project and member: dear to derive.
    agents: BTreeMap<(Hash, usize), Vec<PublicKey>>,
    /// Nodes whose agents people have stopped, in the process that was told so.
    pub stopped: BTreeSet<usize>,
    /// When texts were erased on a node's disk, by node and text.
    pub erased: BTreeMap<(usize, Hash), u64>,
    leases: leases::Leases,
    membership: membership::Membership,
    money: money::Money,
    votes: votes::Votes,
    rosters: rosters::Rosters,
    pub people: super::liars::decisions::People,
}

impl World {
    fn honest(&self, n: usize) -> bool {
        self.members[n].nature == Nature::Honest
    }

    /// After the kill switch no agent of the node speaks or votes, until somebody lets one go on or the process ends.
    pub fn check_stopped(&mut self, n: usize, writes: &[crate::node::Write]) {
        if !self.check.stopped.contains(&n) {
            return;
        }
        let me = self.members[n].me;
        let events = writes.iter().flat_map(|w| &w.events).filter(|e| e.node() == me);
        let acts = |body: &Body| {
            matches!(
                body,
                Body::FindingsPosted(_)
                    | Body::Committed(_)
                    | Body::Revealed(_)
                    | Body::FinalVoted(_)
                    | Body::TaskClaimed(_)
            )
        };
        if let Some(body) = events.filter_map(|e| e.body()).find(acts) {
            let what = format!("{}'s agents go on after the kill switch: {body:?}", self.name(n));
            self.violate("kill-switch", what.chars().take(300).collect::<String>());
        }
    }

    /// A presence has come: what a node goes by is not stale.
    pub fn check_presence(&mut self, n: usize, by: &PublicKey) {
        let local = self.local(n);
        let sent = self
            .project_of(n)
            .and_then(|p| p.presence(by, local))
            .map(|p| p.sent_ms);
        let oldest = local.saturating_sub(MAX_SKEW_MS + crate::node::MAX_TTL_MS);
        if self.honest(n) && sent.is_some_and(|sent| sent < oldest) {
            self.violate(
                "stale-presence",
                format!("{} goes by a stale presence of {}", self.name(n), self.who(by)),
            );
        }
    }

    /// After each step of a node.
    pub fn check_step(&mut self, n: usize) {
        if self.honest(n) {
            self.check_new_events(n);
        }
        if self.summary.steps.is_multiple_of(SAMPLE_EVERY) {
            self.sample();
        }
    }

    fn check_new_events(&mut self, n: usize) {
        let Some((total, held)) = self.project_of(n).map(|p| (p.feeds.total(), p.feeds.held_bytes())) else {
            return;
        };
        let (members, strangers) = held;
        if members > HELD_MEMBER_BYTES || strangers > HELD_STRANGER_BYTES {
            let what = format!(
                "{} holds {members} bytes of members' and {strangers} of strangers'",
                self.name(n)
            );
            self.violate("bounded", what);
        }
        if self.check.seen.insert(n, total) == Some(total) {
            return;
        }
        self.check_lives(n);
        self.check_membership(n);
        self.check_leases(n);
        self.check_rosters(n);
    }

    /// A node's project.
    pub fn project_of(&self, n: usize) -> Option<&crate::node::Project> {
        let member = &self.members[n];
        let id = self.groups[member.group].project?;
        member.node.as_ref()?.project(&id)
    }

    /// Two nodes with the same events have the same state.
    fn sample(&mut self) {
        let group = self.dice.index(self.groups.len());
        let nodes = self.groups[group].nodes.clone();
        let up: Vec<usize> = nodes
            .into_iter()
            .filter(|n| self.honest(*n) && self.project_of(*n).is_some())
            .collect();
        let Some(a) = self.dice.pick(&up).copied() else {
            return;
        };
        // Whoever has the same events: two nodes picked by chance seldom do while there is work.
        let digest = self.project_of(a).map(crate::node::Project::digest);
        // Heads differ mostly in the first feeds, and a digest is of all of them.
        let alike = |b: &usize| match (self.project_of(a), self.project_of(*b)) {
            (Some(a), Some(b)) => a.feeds.heads().eq(b.feeds.heads()),
            _ => false,
        };
        let mut others = up.into_iter().filter(|b| *b != a && alike(b));
        let same = others.find(|b| self.project_of(*b).map(crate::node::Project::digest) == digest);
        if let Some(b) = same {
            self.compare(a, b);
        }
    }

    /// The ends of all feeds that a node knows of.
    pub fn ends(&self, n: usize) -> BTreeMap<FeedId, u64> {
        let Some(p) = self.project_of(n) else {
            return BTreeMap::new();
        };
        p.ends().collect()
    }

    /// Compares two states, if their nodes have the same events.
    pub fn compare(&mut self, a: usize, b: usize) {
        let (Some(pa), Some(pb)) = (self.project_of(a), self.project_of(b)) else {
            return;
        };
        // Until it is folded anew, a state has in it what was excluded since.
        if pa.awaits_reload() || pb.awaits_reload() {
            return;
        }
        if pa.digest() != pb.digest() || self.ends(a) != self.ends(b) {
            return;
        }
        let differs = (pa.state != pb.state).then(|| super::end::difference(&pa.state, &pb.state));
        self.summary.state_comparisons += 1;
        if let Some(what) = differs {
            let what = format!(
                "{} and {} have the same events and differ in {what}",
                self.name(a),
                self.name(b)
            );
            self.violate("same-state", what);
        }
    }

    /// A node's key in the books of shares.
    pub fn who_has(&self, key: &PublicKey) -> Option<usize> {
        self.index.get(key).copied()
    }
}
