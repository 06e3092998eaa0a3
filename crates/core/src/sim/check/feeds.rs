//! Feeds: chains that hold, nothing spoken before it is durable, nothing lost, proofs only against liars.

use crate::body::{Body, kind_name};
use crate::crypto::Hash;
use crate::event::{Event, EventRef, FeedId};
use crate::node::{CommandError, Outcome, Write};
use crate::sim::disk::Record;
use crate::sim::world::World;
use crate::state::Meta;
use crate::wire::Wire;

impl World {
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
            self.book_membership(&meta, &body);
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
            let body = event.body();
            if let Some(body) = &body {
                self.count_append(n, body);
            }
            match body {
                Some(Body::Escalated(b)) => {
                    *self.summary.reasons.entry(format!("{:?}", b.reason)).or_default() += 1;
                }
                // Its own state has it from now on.
                Some(Body::EscalationAnswered(b)) => self.book_answer(&b.answer),
                Some(Body::FinalVoted(vote)) => self.check_approval(n, event.project(), &vote),
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
        self.forget_rosters_seen(n);
        self.check_proofs_loaded(n);
    }

    /// Every proof of a fork that is on the disk binds the node that starts from it.
    fn check_proofs_loaded(&mut self, n: usize) {
        let Some(p) = self.project_of(n) else { return };
        let proofs = self.members[n].disk.records().iter().filter_map(|r| match r {
            Record::Fork(project, a, _) if *project == p.id() => Some((a.feed(), a.header().seq)),
            _ => None,
        });
        // A life of a node of which no later life counts needs no end of its own.
        let excluded = |feed: &FeedId| feed.incarnation > 0 && p.feeds.broken().any(|node| *node == feed.node);
        let unbound = |(feed, seq): &(FeedId, u64)| {
            let end = p.feeds.get(feed).and_then(|f| f.ended_at());
            end.is_none_or(|e| e > *seq) && !excluded(feed)
        };
        let lost: Option<(FeedId, u64)> = { proofs }.find(unbound);
        if let Some((feed, seq)) = lost {
            let what = format!(
                "{} comes back and has forgotten that {} is forked at {seq}",
                self.name(n),
                self.feed_name(&feed)
            );
            self.violate("no-loss", what);
        }
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
}
