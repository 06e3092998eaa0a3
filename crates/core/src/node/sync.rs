//! Anti-entropy and presence: gossip is a hint, this makes it true.
//!
//! Members compare a digest of all heads from time to time; where it differs they exchange heads, and each asks for the ranges
//! that it lacks. A range is asked for at one peer at a time and again elsewhere when it does not come.

use std::collections::{BTreeMap, BTreeSet};

use super::outbox::Outbox;
use super::{Ctx, Effect, Notice, Project};
use crate::body::{RosterChanged, Signed};
use crate::crypto::{Hash, PublicKey};
use crate::event::FeedId;
use crate::hlc::MAX_SKEW_MS;
use crate::plant;
use crate::wire::{AgentPresence, Head, MAX_ADDRESS_BYTES, MAX_ADDRESSES, MAX_RANGE, Presence, Wire, heads_digest};

/// A range that did not come is asked for again after this long, milliseconds.
pub const RANGE_RETRY_MS: u64 = 2_000;
/// Events that are asked for where two sides of a feed differ; a fork further back is found in several rounds.
pub const PROBE_RANGE: u64 = 64;
/// Events of one feed that may be asked for ahead of what is there: while one range is checked and folded, the next is under way.
pub const WINDOW: u64 = 2 * MAX_RANGE;
/// Feeds whose ranges or forks are under way, at most: the next comparison names the others again.
pub const MAX_TRACKED: usize = 4096;
/// A member that could not be reached is dialled again after this long, milliseconds.
pub const DIAL_RETRY_MS: u64 = 10_000;
/// With so many peers a node dials no further members: the mesh is dense enough to lose any of them.
pub const DIAL_PEERS: usize = 24;
/// Roster changes in one message, at most.
pub const MAX_SHOWN_ROSTERS: usize = 4096;
/// Longest time that a presence may claim to hold.
pub const MAX_TTL_MS: u64 = 5 * 60_000;

/// What is known of others' feeds.
#[derive(Debug, Default)]
pub(super) struct Sync {
    remote: BTreeMap<FeedId, (u64, PublicKey)>,
    asked: BTreeMap<FeedId, Asked>,
    /// When a peer was last asked for its side of a feed.
    probed: BTreeMap<FeedId, u64>,
    /// When a peer was last shown the rosters.
    shown: BTreeMap<PublicKey, u64>,
    next_ms: u64,
    turn: usize,
    dialled: BTreeMap<PublicKey, u64>,
    pub(super) forks: BTreeMap<FeedId, (Vec<u8>, Vec<u8>)>,
}

/// Ranges of a feed that are under way.
#[derive(Debug, Clone, Copy)]
struct Asked {
    /// What was there when something last came.
    have: u64,
    /// The number after the last that was asked for.
    upto: u64,
    /// When something was last asked for, or came.
    at_ms: u64,
}

impl Project {
    /// A peer is there: compare at once.
    pub(super) fn peer_connected(&mut self, ctx: &mut Ctx<'_>, peer: PublicKey) {
        if self.state.rosters.latest().is_member(&peer) {
            self.send_heads(ctx, peer, true);
            self.next_heartbeat_ms = 0;
            self.blobs.wants.author_came(&peer, ctx.now);
            for (a, b) in self.sync.forks.values() {
                let message = Wire::Fork {
                    project: self.id,
                    a: a.clone().into(),
                    b: b.clone().into(),
                };
                ctx.out.speak(Effect::Send { to: peer, message });
            }
        }
    }

    fn member_peers(&self, ctx: &Ctx<'_>) -> Vec<PublicKey> {
        let roster = self.state.rosters.latest();
        ctx.peers.keys().filter(|p| roster.is_member(p)).copied().collect()
    }

    pub(super) fn send_heads(&mut self, ctx: &mut Ctx<'_>, to: PublicKey, answer: bool) {
        self.heads_to(ctx.out, to, answer);
    }

    pub(super) fn ask_heads(&mut self, out: &mut Outbox, to: PublicKey) {
        self.heads_to(out, to, true);
    }

    fn heads_to(&self, out: &mut Outbox, to: PublicKey, answer: bool) {
        let heads = self.heads();
        out.speak(Effect::Send {
            to,
            message: Wire::Heads {
                project: self.id,
                heads,
                answer,
            },
        });
    }

    /// The digest of everything that this node has.
    pub fn digest(&self) -> Hash {
        heads_digest(&self.heads())
    }

    /// Where feeds end that a fork or a cut has ended. A later life of a removed node is left out: the removal says already that nothing of it
    /// counts, and only who once believed it knows of it.
    pub fn ends(&self) -> impl Iterator<Item = (FeedId, u64)> + '_ {
        let epochs = 0..=self.rosters.latest().epoch;
        let cuts: Vec<_> = epochs
            .filter_map(|e| self.rosters.epoch(e))
            .flat_map(|r| &r.cuts)
            .collect();
        self.feeds.ends().filter(move |(feed, _)| {
            let later = |cut: &&&crate::body::Cut| cut.node == feed.node && cut.incarnation < feed.incarnation;
            cuts.iter().find(later).is_none() || self.feeds.get(feed).is_some_and(|f| !f.is_empty())
        })
    }

    /// What this node has of every feed, and what it excludes, in the order of feeds.
    pub fn heads(&self) -> Vec<Head> {
        let mut all: BTreeMap<FeedId, Head> = BTreeMap::new();
        for (feed, len, head) in self.feeds.heads() {
            let end = None;
            all.insert(feed, Head { feed, len, head, end });
        }
        for (feed, end) in self.ends() {
            let (len, head) = (0, Hash::ZERO);
            let known = all.entry(feed).or_insert(Head {
                feed,
                len,
                head,
                end: None,
            });
            known.end = Some(end);
        }
        all.into_values().collect()
    }

    /// Compares with the next peer when it is time, and repeats what was not answered.
    pub(super) fn sync(&mut self, ctx: &mut Ctx<'_>) -> u64 {
        let overdue: Vec<FeedId> = self
            .sync
            .asked
            .iter()
            .filter(|(_, asked)| asked.at_ms + RANGE_RETRY_MS <= ctx.now)
            .map(|(f, _)| *f)
            .collect();
        for feed in overdue {
            self.sync.asked.remove(&feed);
            self.sync.remote.remove(&feed);
        }
        if self.sync.next_ms <= ctx.now {
            self.sync.probed.retain(|_, at| *at + RANGE_RETRY_MS > ctx.now);
            self.sync.shown.retain(|_, at| *at + RANGE_RETRY_MS > ctx.now);
            self.sync.dialled.retain(|_, at| *at + DIAL_RETRY_MS > ctx.now);
            let peers = self.member_peers(ctx);
            if let Some(peer) = peers.get(self.sync.turn % peers.len().max(1)) {
                let message = Wire::Digest {
                    project: self.id,
                    digest: self.digest(),
                };
                ctx.out.speak(Effect::Send { to: *peer, message });
                if self.feeds.waits_for_epoch() {
                    let message = Wire::WantRosters { project: self.id };
                    ctx.out.speak(Effect::Send { to: *peer, message });
                }
            }
            self.sync.turn = self.sync.turn.wrapping_add(1);
            self.sync.next_ms = ctx.now + ctx.cfg.pace.sync_ms;
        }
        self.sync.next_ms
    }

    pub(super) fn digest_received(&mut self, ctx: &mut Ctx<'_>, from: PublicKey, digest: Hash) {
        if digest != self.digest() {
            self.send_heads(ctx, from, true);
        }
    }

    pub(super) fn heads_received(&mut self, ctx: &mut Ctx<'_>, from: PublicKey, heads: &[Head], answer: bool) {
        for head in heads.iter().take(crate::body::MAX_MEMBERS * 4) {
            if head.feed == self.me && head.len > self.feeds.get(&self.me).map_or(0, |f| f.len()) {
                // Somebody says to have more of our own feed than we do. If that is so, they can show an event that we signed.
                let from_seq = self.feeds.get(&self.me).map_or(0, |f| f.len());
                let message = Wire::Want {
                    project: self.id,
                    feed: self.me,
                    from: from_seq,
                    count: 1,
                };
                ctx.out.speak(Effect::Send { to: from, message });
                continue;
            }
            if self.show_fork(ctx, from, head) || self.probe_fork(ctx, from, head) {
                continue;
            }
            let tracked = self.sync.remote.len() < MAX_TRACKED || self.sync.remote.contains_key(&head.feed);
            if tracked && self.feeds.missing(&head.feed, head.len).is_some() {
                let known = self.sync.remote.entry(head.feed).or_insert((head.len, from));
                if head.len >= known.0 {
                    *known = (head.len, from);
                }
                self.want(ctx, head.feed);
            }
        }
        // A feed that the peer has never heard of is not in its heads: why it has ended is shown all the same, or the peer waits
        // for ever for events of it that others rest on, and among those may be the removal that ended it.
        let named: BTreeSet<FeedId> = heads.iter().map(|h| h.feed).collect();
        let ended = self.ends().map(|(feed, _)| feed);
        for feed in ended.filter(|f| !named.contains(f)).collect::<Vec<_>>() {
            let (len, head, end) = (0, Hash::ZERO, None);
            self.show_fork(ctx, from, &Head { feed, len, head, end });
        }
        if answer {
            self.send_heads(ctx, from, false);
        }
    }

    /// Shows the proof to whoever still has events beyond a fork. Returns whether there was something to show.
    fn show_fork(&mut self, ctx: &mut Ctx<'_>, to: PublicKey, head: &Head) -> bool {
        let end = self.feeds.get(&head.feed).and_then(|f| f.ended_at());
        let unknown = end.is_some_and(|end| head.end.is_none_or(|theirs| theirs > end));
        let Some((a, b)) = self.sync.forks.get(&head.feed).filter(|_| unknown) else {
            return unknown && self.show_rosters(ctx, to);
        };
        let message = Wire::Fork {
            project: self.id,
            a: a.clone().into(),
            b: b.clone().into(),
        };
        ctx.out.speak(Effect::Send { to, message });
        true
    }

    /// Shows the rosters to whoever needs them, not too often. Returns `true`.
    pub(super) fn show_rosters(&mut self, ctx: &mut Ctx<'_>, to: PublicKey) -> bool {
        let again = self.sync.shown.get(&to).is_some_and(|at| at + RANGE_RETRY_MS > ctx.now);
        if !again {
            self.sync.shown.insert(to, ctx.now);
            let message = Wire::Rosters {
                project: self.id,
                changes: self.rosters.changes_to(self.rosters.latest().epoch).to_vec(),
            };
            ctx.out.speak(Effect::Send { to, message });
        }
        true
    }

    /// Somebody shows us rosters. In the state they take effect with their events; here they tell who may write, and which events
    /// need not be waited for. Both may stand before the very event that changes the roster.
    pub(super) fn rosters_received(&mut self, ctx: &mut Ctx<'_>, changes: &[RosterChanged]) {
        let before = self.rosters.latest().epoch;
        for change in changes.iter().take(MAX_SHOWN_ROSTERS) {
            if change.roster.epoch == self.rosters.latest().epoch + 1 && self.rosters.extend(change).is_err() {
                break;
            }
        }
        for epoch in before + 1..=self.rosters.latest().epoch {
            for event in self.feeds.epoch_known(epoch) {
                self.offer(ctx, event);
            }
        }
        if self.rosters.latest().epoch > before {
            self.want_again(ctx);
        }
        for cut in self.rosters.latest().cuts.clone() {
            let feed = FeedId {
                node: cut.node,
                incarnation: cut.incarnation,
            };
            // What is accepted beyond the cut goes when its event comes.
            let bears =
                |f: &crate::feed::Feed| f.len() <= cut.events && f.ended_at().is_none_or(|end| end > cut.events);
            if self.feeds.get(&feed).is_none_or(bears) {
                for event in self.feeds.end(feed, cut.events).ready {
                    self.offer(ctx, event);
                }
            }
            for event in self.feeds.cut_known(feed) {
                self.offer(ctx, event);
            }
        }
    }

    /// Where a peer has another event at a place that we have, asks for its side: that gives the proof. Returns whether it differs.
    fn probe_fork(&mut self, ctx: &mut Ctx<'_>, from: PublicKey, head: &Head) -> bool {
        let Some(last) = head.len.checked_sub(1) else {
            return false;
        };
        let differs = self.feeds.get(&head.feed).and_then(|f| f.has_at(last, &head.head)) == Some(false);
        if differs {
            self.probe(ctx, from, head.feed, last);
        }
        differs
    }

    /// Asks for a peer's events up to a number, to hold them against ours.
    pub(super) fn probe(&mut self, ctx: &mut Ctx<'_>, from: PublicKey, feed: FeedId, last: u64) {
        if self
            .sync
            .probed
            .get(&feed)
            .is_some_and(|at| at + RANGE_RETRY_MS > ctx.now)
            || self.sync.probed.len() >= MAX_TRACKED
        {
            return;
        }
        self.sync.probed.insert(feed, ctx.now);
        let first = (last + 1).saturating_sub(PROBE_RANGE);
        let message = Wire::Want {
            project: self.id,
            feed,
            from: first,
            count: last + 1 - first,
        };
        ctx.out.speak(Effect::Send { to: from, message });
    }

    /// Asks for the next ranges of a feed, as far as the window allows.
    fn want(&mut self, ctx: &mut Ctx<'_>, feed: FeedId) {
        let Some((len, peer)) = self.sync.remote.get(&feed).copied() else {
            return;
        };
        let Some((have, count)) = self.feeds.missing(&feed, len) else {
            self.sync.remote.remove(&feed);
            self.sync.asked.remove(&feed);
            return;
        };
        let (known, now) = (self.sync.asked.get(&feed).copied(), ctx.now);
        let mut asked = known.unwrap_or(Asked {
            have,
            upto: have,
            at_ms: now,
        });
        if have > asked.have {
            (asked.have, asked.at_ms) = (have, now);
        }
        asked.upto = asked.upto.max(have);
        while asked.upto < have + count && asked.upto - have <= WINDOW - MAX_RANGE {
            let next = (have + count - asked.upto).min(MAX_RANGE);
            let message = Wire::Want {
                project: self.id,
                feed,
                from: asked.upto,
                count: next,
            };
            ctx.out.speak(Effect::Send { to: peer, message });
            (asked.upto, asked.at_ms) = (asked.upto + next, now);
        }
        self.sync.asked.insert(feed, asked);
    }

    /// Who was a stranger is a member now: there was no room for its events, and now there is.
    pub(super) fn want_again(&mut self, ctx: &mut Ctx<'_>) {
        self.sync.asked.clear();
        for feed in self.sync.remote.keys().copied().collect::<Vec<_>>() {
            self.want(ctx, feed);
        }
    }

    /// A range came: ask for what follows it.
    pub(super) fn continue_sync(&mut self, ctx: &mut Ctx<'_>, from: PublicKey) {
        let open: Vec<FeedId> = self
            .sync
            .remote
            .iter()
            .filter(|(_, (_, peer))| *peer == from)
            .map(|(feed, _)| *feed)
            .collect();
        for feed in open {
            self.want(ctx, feed);
        }
    }

    /// Says that we are here, when it is time.
    pub(super) fn heartbeat(&mut self, ctx: &mut Ctx<'_>) -> u64 {
        let before = self.presences.len();
        self.presences.retain(|_, (until, _)| *until > ctx.now);
        // A lapsed presence changes what there is to do.
        self.dirty |= self.presences.len() < before;
        if !self.is_member() {
            return u64::MAX;
        }
        if self.next_heartbeat_ms <= ctx.now {
            self.next_heartbeat_ms = ctx.now + ctx.cfg.pace.heartbeat_ms;
            self.say_presence(ctx);
        }
        let lapse = self
            .presences
            .values()
            .map(|(until, _)| *until)
            .min()
            .unwrap_or(u64::MAX);
        self.next_heartbeat_ms.min(lapse)
    }

    pub(super) fn say_presence(&mut self, ctx: &mut Ctx<'_>) {
        let agents = self
            .agents
            .values()
            .map(|a| AgentPresence {
                agent: a.key.public(),
                status: a.status,
                load: a.load(self),
            })
            .collect();
        let presence = Presence {
            project: self.id,
            incarnation: self.me.incarnation,
            sent_ms: ctx.now,
            ttl_ms: ctx.cfg.pace.presence_ttl_ms,
            agents,
            addresses: ctx.addresses.to_vec(),
        };
        let message = Wire::Presence(Signed::new(&ctx.cfg.key, presence));
        ctx.out.speak(Effect::Broadcast {
            project: self.id,
            message,
        });
    }

    pub(super) fn presence_received(&mut self, ctx: &mut Ctx<'_>, from: PublicKey, presence: Signed<Presence>) {
        let (node, p) = (presence.by, presence.statement.clone());
        let stale = p.sent_ms.abs_diff(ctx.now) > MAX_SKEW_MS + p.ttl_ms.min(MAX_TTL_MS);
        let stale = stale && !plant::active("stale_presence");
        let older = self
            .presences
            .get(&node)
            .is_some_and(|(_, known)| known.sent_ms >= p.sent_ms);
        let bounded = p.agents.len() <= crate::body::MAX_LIST
            && p.addresses.len() <= MAX_ADDRESSES
            && p.addresses.iter().all(|a| a.len() <= MAX_ADDRESS_BYTES);
        if node == self.me.node || older || !bounded {
            return;
        }
        if stale || !self.state.rosters.latest().is_member(&node) || !presence.verify() {
            let why = "a presence that is stale, not signed by its node, or not a member's".to_owned();
            return self.notify(ctx, Notice::Refused { from, why });
        }
        self.dial(ctx, node, &p);
        let known = self.presences.get(&node).map(|(_, known)| known);
        let new = known.is_none();
        // Only what others go by makes it necessary to look at everything again.
        self.dirty |= known.is_none_or(|k| k.incarnation != p.incarnation);
        self.presences.insert(node, (ctx.now + p.ttl_ms.min(MAX_TTL_MS), p));
        if new {
            self.next_heartbeat_ms = ctx.now;
        }
    }

    /// Connects to a member that is here and not connected, now and then.
    fn dial(&mut self, ctx: &mut Ctx<'_>, node: PublicKey, presence: &Presence) {
        let fit = presence.addresses.iter().filter(|a| a.len() <= MAX_ADDRESS_BYTES);
        let addresses: Vec<String> = fit.take(MAX_ADDRESSES).cloned().collect();
        let lately = self
            .sync
            .dialled
            .get(&node)
            .is_some_and(|at| at + DIAL_RETRY_MS > ctx.now);
        if addresses.is_empty() || lately || ctx.peers.contains_key(&node) || ctx.peers.len() >= DIAL_PEERS {
            return;
        }
        self.sync.dialled.insert(node, ctx.now);
        ctx.out.speak(Effect::Dial { peer: node, addresses });
    }
}
