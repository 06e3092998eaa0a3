//! What is shown to whoever does not know it: why feeds have ended, and rosters.

use super::RANGE_RETRY_MS;
use crate::body::RosterChanged;
use crate::crypto::PublicKey;
use crate::event::FeedId;
use crate::feed::ALL_LIVES;
use crate::node::{Ctx, Effect, Project, Proof};
use crate::wire::{Head, ROSTERS_PAGE, Wire, rosters_page};

impl Project {
    /// Shows the proof of a fork.
    pub(in crate::node) fn send_proof(&self, ctx: &mut Ctx<'_>, to: PublicKey, (a, b): &Proof) {
        let message = Wire::Fork {
            project: self.id,
            a: a.clone().into(),
            b: b.clone().into(),
        };
        ctx.out.speak(Effect::Send { to, message });
    }

    /// Shows why a feed has ended to whoever still has events beyond that. Returns whether there was something to show.
    pub(super) fn show_end(&mut self, ctx: &mut Ctx<'_>, to: PublicKey, head: &Head) -> bool {
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
    pub(super) fn show_lives(&mut self, ctx: &mut Ctx<'_>, to: PublicKey, node: PublicKey) {
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
    pub(in crate::node) fn show_rosters(&mut self, ctx: &mut Ctx<'_>, to: PublicKey, from: u32) -> bool {
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
    pub(super) fn want_rosters(&self) -> Wire {
        Wire::WantRosters {
            project: self.id,
            from: self.rosters.latest().epoch.saturating_add(1),
        }
    }

    /// Somebody shows us rosters. In the state they take effect with their events; here they tell who may write, and which events
    /// need not be waited for. Both may stand before the very event that changes the roster.
    pub(in crate::node) fn rosters_received(
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
}
