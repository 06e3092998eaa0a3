//! Anti-entropy: gossip is a hint, this makes it true.
//!
//! Members compare a digest of all heads from time to time; where it differs they exchange heads, a page at a time, and each asks for the
//! ranges that it lacks. A range is asked for at one peer at a time and again elsewhere when it does not come.
//!
//! Pages go through all feeds in their order. The one who began asks for the next when a page is answered; where one is lost, the next
//! comparison goes on with it. So each feed is compared at least once in two comparisons that come to their end.

mod heads;
mod presence;
mod shown;

use std::collections::{BTreeMap, BTreeSet};

use super::outbox::Outbox;
use super::{Ctx, Effect, Project, Proof};
use crate::crypto::{Hash, PublicKey};
use crate::event::FeedId;
use crate::feed::ALL_LIVES;
use crate::wire::{HEADS_PAGE, Head, MAX_RANGE, Wire};

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
}

/// The mark for a member of which no later life counts.
fn all_lives(node: &PublicKey) -> FeedId {
    FeedId {
        node: *node,
        incarnation: ALL_LIVES,
    }
}
