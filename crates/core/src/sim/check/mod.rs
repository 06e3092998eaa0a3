//! The invariants, checked after every step, by looking at the world from outside.
//!
//! What is checked keeps its own books: what was ever durable, who was granted what, what was truly charged. It asks nodes only
//! for what they believe, never for what is right. Each check costs about as much as what it checks.

mod leases;
mod money;
mod votes;

use std::collections::{BTreeMap, BTreeSet};

use super::world::{Nature, World};
use crate::body::{Body, kind_name};
use crate::crypto::{Hash, PublicKey};
use crate::event::{Event, EventRef, FeedId};
use crate::feed::{HELD_MEMBER_BYTES, HELD_STRANGER_BYTES};
use crate::hlc::MAX_SKEW_MS;
use crate::node::{CommandError, Outcome, Write};
use crate::state::Meta;
use crate::wire::Wire;

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
    leases: leases::Leases,
    money: money::Money,
    votes: votes::Votes,
}

impl World {
    fn honest(&self, n: usize) -> bool {
        self.members[n].nature == Nature::Honest
    }

    /// An own event is durable: it continues the chain, and is entered in the books.
    pub fn check_durable(&mut self, n: usize, event: &Event) {
        let (feed, header) = (event.feed(), event.header());
        let known = self.check.durable.entry(feed).or_default();
        let (len, last) = (known.len() as u64, known.last().copied().unwrap_or(Hash::ZERO));
        if let Some(before) = known.get(header.seq as usize) {
            // Written again after a restart: the same.
            if *before != event.hash() && self.honest(n) {
                let what = format!(
                    "{} has made two durable events with number {}",
                    self.name(n),
                    header.seq
                );
                self.violate("valid-chain", what);
            }
            return;
        }
        known.push(event.hash());
        let follows = header.seq == len && header.prev == last;
        if self.honest(n) && !follows {
            let what = format!(
                "{}'s event {} does not follow event {len} of its feed",
                self.name(n),
                header.seq
            );
            self.violate("valid-chain", what);
        }
        let Some(body) = event.body() else { return };
        let meta = Meta::of(event);
        self.book_money(n, &meta, &body);
        if self.honest(n) {
            self.book_leases(n, &meta, &body);
            self.book_votes(n, &meta, &body);
        }
    }

    /// Own events are about to be appended: what they say must be true now.
    pub fn check_append(&mut self, n: usize, writes: &[Write]) {
        if !self.honest(n) {
            return;
        }
        // What an earlier life of the node said comes back from others, and is judged when it was said.
        let feed = FeedId {
            node: self.members[n].me,
            incarnation: self.members[n].cfg.incarnation,
        };
        for event in writes.iter().flat_map(|w| &w.events).filter(|e| e.feed() == feed) {
            *self.summary.kinds.entry(kind_name(event.header().kind)).or_default() += 1;
            match event.body() {
                Some(Body::Escalated(b)) => {
                    *self.summary.reasons.entry(format!("{:?}", b.reason)).or_default() += 1;
                }
                Some(Body::Decided(decided)) => self.check_decision(n, event.project(), &decided),
                _ => {}
            }
        }
    }

    fn is_durable(&self, feed: &FeedId, seq: u64, hash: &Hash) -> bool {
        self.check.durable.get(feed).and_then(|f| f.get(seq as usize)) == Some(hash)
    }

    /// A message leaves: everything of the author's own in it is durable.
    pub fn check_spoken(&mut self, n: usize, wire: &Wire) {
        if !self.honest(n) {
            return;
        }
        let me = self.members[n].me;
        match wire {
            Wire::Events { events, .. } => {
                for bytes in events {
                    let Ok(event) = Event::decode_trusted(bytes) else {
                        continue;
                    };
                    let seq = event.header().seq;
                    if event.node() == me && !self.is_durable(&event.feed(), seq, &event.hash()) {
                        let what = format!("{} speaks of its event {seq} before it is durable", self.name(n));
                        self.violate("persist-before-speak", what);
                    }
                }
            }
            Wire::Heads { heads, .. } => {
                for head in heads.iter().filter(|h| h.feed.node == me) {
                    let durable = self.check.durable.get(&head.feed).map_or(0, Vec::len) as u64;
                    let own_life = head.feed.incarnation == self.members[n].cfg.incarnation;
                    if own_life && head.len > durable {
                        let what = format!("{} names {} own events, {durable} are durable", self.name(n), head.len);
                        self.violate("persist-before-speak", what);
                    }
                }
            }
            _ => {}
        }
    }

    /// Somebody is told that a command was carried out: then that is durable.
    pub fn check_reply(&mut self, n: usize, result: &Result<Outcome, CommandError>) {
        let (feed, seq, hash) = match result {
            Ok(Outcome::Event(EventRef { feed, seq, hash })) => (*feed, *seq, *hash),
            Ok(Outcome::Project(id)) => (
                FeedId {
                    node: self.members[n].me,
                    incarnation: 0,
                },
                0,
                *id,
            ),
            _ => return,
        };
        let rolled_back = self.check.rolled_back.contains(&feed);
        if self.honest(n) && !rolled_back && !self.is_durable(&feed, seq, &hash) {
            let what = format!(
                "{} answers a command with its event {seq} before it is durable",
                self.name(n)
            );
            self.violate("persist-before-speak", what);
        }
    }

    /// A node was brought up: everything that it ever acknowledged is there, unless it came from a backup.
    pub fn check_boot(&mut self, n: usize) {
        if !self.honest(n) {
            return;
        }
        let member = &self.members[n];
        let Some(project) = self.groups[member.group].project else {
            return;
        };
        let Some(p) = member.node.as_ref().and_then(|node| node.project(&project)) else {
            return;
        };
        let feed = p.feed();
        let known = p.feeds.get(&feed);
        let have = known.map_or(0, |f| f.len());
        let ended = known.and_then(|f| f.ended_at()).unwrap_or(u64::MAX);
        let durable = self.check.durable.get(&feed).map_or(0, Vec::len) as u64;
        if have != durable.min(ended) {
            let what = format!(
                "{} comes back with {have} of its {durable} durable events",
                self.name(n)
            );
            self.violate("no-loss", what);
        }
        self.check.seen.remove(&n);
    }

    /// A node came back from a backup: the end of its feed may be gone.
    pub fn check_restore(&mut self, n: usize) {
        let me = self.members[n].me;
        for (feed, _) in self.check.durable.iter().filter(|(f, _)| f.node == me) {
            self.check.rolled_back.insert(*feed);
        }
    }

    /// A fork is proven: never against an honest node.
    pub fn check_fork(&mut self, n: usize, a: &Event) {
        let author = self.index.get(&a.node()).copied();
        if author.is_some_and(|author| self.honest(author)) {
            let what = format!("{} holds a proof against honest {}", self.name(n), self.who(&a.node()));
            self.violate("honest-feeds", what);
        }
        self.check.forked.insert(a.feed());
    }

    /// An event has taken effect: what it is about is there before it, and nobody has answered for people who is not one.
    pub fn check_applied(&mut self, n: usize, meta: &Meta, body: &Body) {
        if !self.honest(n) {
            return;
        }
        let Some(p) = self.project_of(n) else { return };
        let author = self.index.get(&meta.node()).copied();
        // Liars rest on whatever they like, and what was excluded is not there any more.
        let reliable = author.is_some_and(|a| self.honest(a)) && p.feeds.ends().next().is_none();
        let state = &p.state;
        let task = |id: &Hash| state.tasks.get(id).is_some_and(|t| t.announced.is_some());
        let ballot = |id: &Hash| state.ballots.get(id).is_some_and(|b| b.proposed.is_some());
        let thread = |id: &Hash| state.threads.get(id).is_some_and(|t| t.opened.is_some()) || *id == p.id();
        let there = match body {
            Body::TaskClaimed(b) => task(&b.task),
            Body::ClaimAcked(b) => task(&b.task),
            Body::TaskCompleted(b) => task(&b.task),
            Body::Committed(b) => ballot(&b.proposal),
            Body::FinalVoted(b) => ballot(&b.vote.statement.proposal),
            // A liar may have shown another vote to the one who counted.
            Body::Decided(b) => {
                let honest = |v: &&EventRef| self.index.get(&v.feed.node).is_some_and(|a| self.honest(*a));
                let mut votes = b.votes.iter().filter(honest);
                ballot(&b.proposal) && votes.all(|v| state.finals.get(&v.hash).is_some())
            }
            Body::Proposed(b) => thread(&b.thread),
            Body::FindingsPosted(b) => thread(&b.findings.statement.thread),
            Body::MessagePosted(b) => thread(&b.message.statement.thread),
            _ => true,
        };
        let outsider = match body {
            Body::EscalationAnswered(b) => {
                let id = &b.answer.statement.escalation;
                let first = state.escalations.get(id).and_then(|e| e.first_answer());
                first.is_some_and(|a| !self.is_operator(&a.by))
            }
            _ => false,
        };
        if reliable && !there {
            let what = format!("{} applies a {} before what it is about", self.name(n), body.name());
            self.violate("dependence", what);
        }
        if outsider {
            let what = format!("{} takes an answer from somebody who is no operator", self.name(n));
            self.violate("operators-answer", what);
        }
    }

    fn is_operator(&self, key: &PublicKey) -> bool {
        self.members.iter().any(|m| m.cfg.operator.public() == *key)
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
        self.check_leases(n);
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
        let (Some(a), Some(b)) = (self.dice.pick(&up).copied(), self.dice.pick(&up).copied()) else {
            return;
        };
        if a != b {
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
        if pa.digest() != pb.digest() || self.ends(a) != self.ends(b) {
            return;
        }
        let same = pa.state == pb.state;
        let differs = (!same).then(|| super::end::difference(&pa.state, &pb.state));
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
