//! Anti-entropy and presence: gossip is a hint, this makes it true.
//!
//! Members compare a digest of all heads from time to time; where it differs they exchange heads, a page at a time, and each asks for the
//! ranges that it lacks. A range is asked for at one peer at a time and again elsewhere when it does not come.
//!
//! Pages go through all feeds in their order. The one who began asks for the next when a page is answered; where one is lost, the next
//! comparison goes on with it. So each feed is compared at least once in two comparisons that come to their end.

use std::collections::{BTreeMap, BTreeSet};

use super::outbox::Outbox;
use super::{Ctx, Effect, Notice, Project, Proof};
use crate::body::{RosterChanged, Signed};
use crate::crypto::{Hash, PublicKey};
use crate::event::FeedId;
use crate::feed::ALL_LIVES;
use crate::hlc::MAX_SKEW_MS;
use crate::plant;
use crate::wire::{
    AgentPresence, HEADS_PAGE, Head, MAX_ADDRESS_BYTES, MAX_ADDRESSES, MAX_RANGE, Presence, ROSTERS_PAGE, Wire,
    heads_digest, rosters_page,
};

/// A range that did not come is asked for again after this long, milliseconds.
pub const RANGE_RETRY_MS: u64 = 2_000;
/// Events that are asked for where two sides of a feed differ; a fork further back is found in several rounds.
pub const PROBE_RANGE: u64 = 64;
/// Events of one feed that may be asked for ahead of what is there: while one range is checked and folded, the next is under way.
pub const WINDOW: u64 = 2 * MAX_RANGE;
/// Feeds whose ranges are asked of one peer, at most, and whose forks are looked for, of all: the next comparison names the others again.
pub const MAX_TRACKED: usize = 1024;
/// Who did not give a range that it said to have is not asked for that feed again for so long, milliseconds, unless it shows events of it.
pub const AVOID_MS: u64 = 10_000;
/// A member that could not be reached is dialled again after this long, milliseconds.
pub const DIAL_RETRY_MS: u64 = 10_000;
/// With so many peers a node dials no further members: the mesh is dense enough to lose any of them.
pub const DIAL_PEERS: usize = 24;
/// Longest time that a presence may claim to hold.
pub const MAX_TTL_MS: u64 = 5 * 60_000;

/// What is known of others' feeds.
#[derive(Debug, Default)]
pub(super) struct Sync {
    remote: BTreeMap<FeedId, (u64, PublicKey)>,
    asked: BTreeMap<FeedId, Asked>,
    /// Who did not give what it said to have of a feed, until when it is not asked again.
    avoided: BTreeMap<FeedId, (PublicKey, u64)>,
    /// When a peer was last asked for its side of a feed, and up to which number.
    probed: BTreeMap<FeedId, (u64, u64)>,
    /// With whom heads are compared: the page under way, and since when.
    pages: BTreeMap<PublicKey, (Option<FeedId>, u64)>,
    /// When a peer was last shown that a member has too many lives.
    shown_lives: BTreeMap<(PublicKey, PublicKey), u64>,
    /// When a peer was last shown rosters, and which epoch follows them.
    shown: BTreeMap<PublicKey, (u64, u32)>,
    next_ms: u64,
    turn: usize,
    dialled: BTreeMap<PublicKey, u64>,
    /// Proofs of forks, by the number at which they are.
    pub(super) forks: BTreeMap<FeedId, BTreeMap<u64, Proof>>,
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
            let proofs: Vec<Proof> = self.sync.forks.values().flat_map(|p| p.values()).cloned().collect();
            for proof in proofs {
                self.send_proof(ctx, peer, &proof);
            }
        }
    }

    /// Shows the proof of a fork.
    pub(super) fn send_proof(&self, ctx: &mut Ctx<'_>, to: PublicKey, (a, b): &Proof) {
        let message = Wire::Fork {
            project: self.id,
            a: a.clone().into(),
            b: b.clone().into(),
        };
        ctx.out.speak(Effect::Send { to, message });
    }

    fn member_peers(&self, ctx: &Ctx<'_>) -> Vec<PublicKey> {
        let roster = self.state.rosters.latest();
        ctx.peers.keys().filter(|p| roster.is_member(p)).copied().collect()
    }

    /// Compares heads with a peer, unless that is under way. With one that did not answer, it goes on where it stopped.
    pub(super) fn send_heads(&mut self, ctx: &mut Ctx<'_>, to: PublicKey, answer: bool) {
        let under_way = self.sync.pages.get(&to).copied();
        if under_way.is_some_and(|(_, at)| at + RANGE_RETRY_MS > ctx.now) {
            return;
        }
        let first = under_way.and_then(|(first, _)| first);
        self.sync.pages.insert(to, (first, ctx.now));
        self.send_page(ctx.out, to, first, None, answer);
    }

    pub(super) fn ask_heads(&mut self, out: &mut Outbox, to: PublicKey) {
        self.send_page(out, to, None, None, true);
    }

    fn send_page(&self, out: &mut Outbox, to: PublicKey, from: Option<FeedId>, upto: Option<FeedId>, answer: bool) {
        let (heads, upto) = self.page(from, upto);
        out.speak(Effect::Send {
            to,
            message: Wire::Heads {
                project: self.id,
                heads,
                answer,
                from,
                upto,
            },
        });
    }

    /// What this node has of some feeds, as much as fits into a message, and where that ends.
    fn page(&self, from: Option<FeedId>, upto: Option<FeedId>) -> (Vec<Head>, Option<FeedId>) {
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
    fn ends_from(&self, first: Option<FeedId>) -> impl Iterator<Item = (FeedId, u64)> {
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
    fn heads_within(&self, from: Option<FeedId>, upto: Option<FeedId>, most: usize) -> Vec<Head> {
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
            if let Some((_, peer)) = self.sync.remote.remove(&feed) {
                self.sync.avoided.insert(feed, (peer, ctx.now + AVOID_MS));
            }
        }
        if self.sync.next_ms <= ctx.now {
            self.sync.avoided.retain(|_, (_, until)| *until > ctx.now);
            self.sync.probed.retain(|_, (at, _)| *at + RANGE_RETRY_MS > ctx.now);
            self.sync.pages.retain(|peer, _| ctx.peers.contains_key(peer));
            self.sync.shown_lives.retain(|_, at| *at + RANGE_RETRY_MS > ctx.now);
            self.sync.shown.retain(|_, (at, _)| *at + RANGE_RETRY_MS > ctx.now);
            self.sync.dialled.retain(|_, at| *at + DIAL_RETRY_MS > ctx.now);
            let peers = self.member_peers(ctx);
            if let Some(peer) = peers.get(self.sync.turn % peers.len().max(1)) {
                let message = Wire::Digest {
                    project: self.id,
                    digest: self.digest(),
                };
                ctx.out.speak(Effect::Send { to: *peer, message });
                if self.feeds.waits_for_epoch() {
                    let message = self.want_rosters();
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

    /// A peer says what it has of the feeds from one on and up to another.
    pub(super) fn heads_received(
        &mut self,
        ctx: &mut Ctx<'_>,
        from: PublicKey,
        (first, upto): (Option<FeedId>, Option<FeedId>),
        heads: &[Head],
        answer: bool,
    ) {
        let within = |feed: &FeedId| first.is_none_or(|f| *feed >= f) && upto.is_none_or(|u| *feed < u);
        let asked_of_it = self.sync.remote.values().filter(|(_, peer)| *peer == from).count();
        let mut room = MAX_TRACKED.saturating_sub(asked_of_it);
        for head in heads.iter().take(HEADS_PAGE).filter(|h| within(&h.feed)) {
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
            if self.show_end(ctx, from, head) || self.probe_fork(ctx, from, head) {
                continue;
            }
            room -= usize::from(room > 0 && self.track(ctx, from, head));
            if room == 0 {
                break;
            }
        }
        // A feed that the peer has never heard of is not in its heads: why it has ended is shown all the same, or the peer waits
        // for ever for events of it that others rest on, and among those may be the removal that ended it.
        let named: BTreeSet<FeedId> = heads.iter().map(|h| h.feed).collect();
        let ended = self.ends().map(|(feed, _)| feed).filter(within);
        for feed in ended.filter(|f| !named.contains(f)).collect::<Vec<_>>() {
            let (len, head, end) = (0, Hash::ZERO, None);
            self.show_end(ctx, from, &Head { feed, len, head, end });
        }
        if answer {
            self.send_page(ctx.out, from, first, upto, false);
        } else if self.sync.pages.get(&from).is_some_and(|(page, _)| *page == first) {
            self.sync.pages.remove(&from);
            // An answer that goes nowhere ends the comparison.
            if let Some(next) = upto.filter(|next| first.is_none_or(|first| *next > first)) {
                self.sync.pages.insert(from, (Some(next), ctx.now));
                self.send_page(ctx.out, from, Some(next), None, true);
            }
        }
    }

    /// Follows a feed of which a peer has more. Returns whether it is new that it is asked of this peer.
    fn track(&mut self, ctx: &mut Ctx<'_>, from: PublicKey, head: &Head) -> bool {
        let avoided = self.sync.avoided.get(&head.feed);
        if avoided.is_some_and(|(peer, _)| *peer == from) || self.feeds.missing(&head.feed, head.len).is_none() {
            return false;
        }
        // Who was asked first has its time, whatever others say to have.
        let new = !self.sync.remote.contains_key(&head.feed);
        let known = self.sync.remote.entry(head.feed).or_insert((head.len, from));
        if known.1 == from {
            known.0 = known.0.max(head.len);
        }
        self.want(ctx, head.feed);
        new
    }

    /// Shows why a feed has ended to whoever still has events beyond that. Returns whether there was something to show.
    fn show_end(&mut self, ctx: &mut Ctx<'_>, to: PublicKey, head: &Head) -> bool {
        let feed = head.feed;
        if self.feeds.is_excluded(&feed) {
            // Whoever knows why says so by the mark.
            if feed.incarnation == ALL_LIVES && head.end.is_none() {
                self.show_lives(ctx, to, feed.node);
            }
            return true;
        }
        let end = self.feeds.get(&feed).and_then(|f| f.ended_at());
        let unknown = end.is_some_and(|end| head.end.is_none_or(|theirs| theirs > end));
        let Some(proofs) = self.sync.forks.get(&feed).filter(|_| unknown) else {
            return unknown && self.show_rosters(ctx, to, 1);
        };
        for proof in proofs.values().cloned().collect::<Vec<_>>() {
            self.send_proof(ctx, to, &proof);
        }
        true
    }

    /// Shows that a member has too many lives, or too many forked ones, not too often.
    fn show_lives(&mut self, ctx: &mut Ctx<'_>, to: PublicKey, node: PublicKey) {
        let shown = self.sync.shown_lives.get(&(to, node));
        if shown.is_some_and(|at| at + RANGE_RETRY_MS > ctx.now) {
            return;
        }
        self.sync.shown_lives.insert((to, node), ctx.now);
        let events = self.feeds.openings(&node).map(|e| e.encode().into()).collect();
        let (project, blobs) = (self.id, vec![]);
        let message = Wire::Events { project, events, blobs };
        ctx.out.speak(Effect::Send { to, message });
        let of_node = self.sync.forks.iter().filter(|(feed, _)| feed.node == node);
        for proof in of_node.flat_map(|(_, p)| p.values()).cloned().collect::<Vec<_>>() {
            self.send_proof(ctx, to, &proof);
        }
    }

    /// Shows rosters from an epoch on to whoever needs them, a page at a time, and the same ones not too often. Returns `true`.
    pub(super) fn show_rosters(&mut self, ctx: &mut Ctx<'_>, to: PublicKey, from: u32) -> bool {
        let from = from.max(1);
        // Pages go on at once: so nobody is shown more in this time than all rosters once.
        let lately = |(at, next): &(u64, u32)| at + RANGE_RETRY_MS > ctx.now && from < *next;
        if !self.sync.shown.get(&to).is_some_and(lately) {
            let latest = self.rosters.latest().epoch;
            let rest = self
                .rosters
                .changes_to(latest)
                .get(from as usize - 1..)
                .unwrap_or_default();
            let changes = rosters_page(rest).to_vec();
            let next = from.saturating_add(changes.len() as u32);
            self.sync.shown.insert(to, (ctx.now, next));
            let message = Wire::Rosters {
                project: self.id,
                changes,
                latest,
            };
            ctx.out.speak(Effect::Send { to, message });
        }
        true
    }

    /// Asks for the rosters that follow those that are known here.
    fn want_rosters(&self) -> Wire {
        Wire::WantRosters {
            project: self.id,
            from: self.rosters.latest().epoch.saturating_add(1),
        }
    }

    /// Somebody shows us rosters. In the state they take effect with their events; here they tell who may write, and which events
    /// need not be waited for. Both may stand before the very event that changes the roster.
    pub(super) fn rosters_received(
        &mut self,
        ctx: &mut Ctx<'_>,
        from: PublicKey,
        changes: &[RosterChanged],
        latest: u32,
    ) {
        let before = self.rosters.latest().epoch;
        let page = &changes[..changes.len().min(ROSTERS_PAGE)];
        for change in page {
            if change.roster.epoch == self.rosters.latest().epoch + 1 && self.rosters.extend(change).is_err() {
                break;
            }
        }
        // What stood in this page and did not follow is not asked for again.
        let next = self.rosters.latest().epoch.saturating_add(1);
        if next <= latest && page.iter().all(|change| change.roster.epoch != next) {
            let message = self.want_rosters();
            ctx.out.speak(Effect::Send { to: from, message });
        }
        for epoch in before + 1..=self.rosters.latest().epoch {
            for event in self.feeds.epoch_known(epoch) {
                self.offer(ctx, event);
            }
        }
        if self.rosters.latest().epoch > before {
            self.want_again(ctx);
        }
        for cut in self.rosters.cuts().copied().collect::<Vec<_>>() {
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
        let before = self.sync.probed.get(&feed).copied();
        let lately = before.is_some_and(|(at, _)| at + RANGE_RETRY_MS > ctx.now);
        // What came was of the other side as well: the place where the two part is further back.
        let lower = before.is_some_and(|(_, asked)| last < asked);
        if lately && !lower || before.is_none() && self.sync.probed.len() >= MAX_TRACKED {
            return;
        }
        let first = (last + 1).saturating_sub(if lately { MAX_RANGE } else { PROBE_RANGE });
        self.sync.probed.insert(feed, (ctx.now, first));
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
        if self.first_lapse() <= ctx.now {
            self.presences.retain(|_, (until, _)| *until > ctx.now);
            self.lapse_ms.forget();
            // A lapsed presence changes what there is to do.
            self.dirty = true;
        }
        if !self.is_member() {
            return u64::MAX;
        }
        if self.next_heartbeat_ms <= ctx.now {
            self.next_heartbeat_ms = ctx.now + ctx.cfg.pace.heartbeat_ms;
            self.say_presence(ctx);
        }
        self.next_heartbeat_ms.min(self.first_lapse())
    }

    /// When the first presence lapses.
    fn first_lapse(&self) -> u64 {
        let ends = || self.presences.values().map(|(until, _)| *until);
        *self.lapse_ms.get_or(|| ends().min().unwrap_or(u64::MAX))
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
        let (node, p) = (presence.by, &presence.statement);
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
        if stale || !self.state.rosters.has_member(&node) || !presence.verify() {
            let why = "a presence that is stale, not signed by its node, or not a member's".to_owned();
            return self.notify(ctx, Notice::Refused { from, why });
        }
        self.dial(ctx, node, p);
        let known = self.presences.get(&node).map(|(_, known)| known);
        let new = known.is_none();
        // Only what others go by makes it necessary to look at everything again.
        self.dirty |= known.is_none_or(|k| k.incarnation != p.incarnation);
        let until = ctx.now + p.ttl_ms.min(MAX_TTL_MS);
        let first = self.first_lapse();
        let before = self.presences.insert(node, (until, presence.statement));
        if until < first || before.is_some_and(|(until, _)| until == first) {
            self.lapse_ms.forget();
        }
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

/// The mark for a member of which no later life counts.
fn all_lives(node: &PublicKey) -> FeedId {
    FeedId {
        node: *node,
        incarnation: ALL_LIVES,
    }
}
