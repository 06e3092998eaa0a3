//! Taking in what others say: events, forks, and the messages around them.

use std::sync::Arc;

use super::blobs::blobs_of;
use super::{Ctx, Effect, Node, Notice, Project};
use crate::blob::Blob;
use crate::body::Body;
use crate::crypto::PublicKey;
use crate::event::{Checked, Event, EventError, FeedId};
use crate::feed::{ALL_LIVES, Ended, Offer};
use crate::plant;
use crate::state::Meta;
use crate::wire::Wire;

impl Node {
    /// A message came from a peer or over a topic.
    pub(super) fn receive(&mut self, now: u64, from: PublicKey, message: Wire, gossip: bool) -> Vec<Effect> {
        match message {
            Wire::Join(request) if !gossip => self.join_requested(now, from, request),
            Wire::Welcome { project, granted } if !gossip => self.welcomed(now, from, project, granted),
            Wire::Events { project, events, .. } if !self.projects.contains_key(&project) => {
                self.first_events(now, from, project, &events)
            }
            Wire::Join(_) | Wire::Welcome { .. } => vec![],
            Wire::Events { project, .. }
            | Wire::Digest { project, .. }
            | Wire::Heads { project, .. }
            | Wire::Want { project, .. }
            | Wire::WantBlob { project, .. }
            | Wire::Blob { project, .. }
            | Wire::Fork { project, .. }
            | Wire::Rosters { project, .. }
            | Wire::WantRosters { project, .. }
            | Wire::Renew { project, .. } => self.with(now, &project, |p, ctx| p.message(ctx, from, message, gossip)),
            Wire::Presence(ref presence) => {
                let project = presence.statement.project;
                self.with(now, &project, |p, ctx| p.message(ctx, from, message, gossip))
            }
        }
    }
}

impl Project {
    /// A message about this project.
    fn message(&mut self, ctx: &mut Ctx<'_>, from: PublicKey, message: Wire, gossip: bool) {
        // Events and presences carry their own signatures, whoever passes them on. Everything else is between members.
        let member = self.state.rosters.has_member(&from);
        match message {
            Wire::Events { events, blobs, .. } => {
                // One after the other: what was just accepted is known, and costs no second check.
                for bytes in events.iter().take(crate::wire::MAX_RANGE as usize) {
                    self.event_received(ctx, from, bytes);
                }
                self.events_received(ctx, from, std::iter::empty(), blobs, gossip);
            }
            Wire::Presence(presence) => self.presence_received(ctx, from, presence),
            Wire::Fork { a, b, .. } => self.fork_found(ctx, &a, &b),
            // Who was removed is shown why it is not answered any more.
            Wire::Digest { .. } | Wire::Heads { .. } | Wire::WantRosters { .. }
                if !gossip && !member && self.rosters.was_removed(&from) =>
            {
                let first = match message {
                    Wire::WantRosters { from: first, .. } => first,
                    _ => 1,
                };
                self.show_rosters(ctx, from, first);
            }
            _ if gossip || !member => {
                let why = "only members may ask this, and not over a topic".to_owned();
                self.notify(ctx, Notice::Refused { from, why });
            }
            Wire::Digest { digest, .. } => self.digest_received(ctx, from, digest),
            Wire::Heads {
                heads,
                answer,
                from: first,
                upto,
                ..
            } => self.heads_received(ctx, from, (first, upto), &heads, answer),
            Wire::Want {
                feed,
                from: first,
                count,
                ..
            } => {
                let count = count.min(crate::wire::MAX_RANGE);
                let project = self.id;
                ctx.out.speak(Effect::Serve {
                    to: from,
                    project,
                    feed,
                    from: first,
                    count,
                });
            }
            Wire::WantBlob { hash, .. } => self.blob_asked(ctx, from, hash),
            Wire::Blob { blob, .. } => self.blob_received(ctx, from, blob),
            Wire::WantRosters { from: first, .. } => {
                self.show_rosters(ctx, from, first);
            }
            Wire::Rosters { changes, latest, .. } => self.rosters_received(ctx, from, &changes, latest),
            Wire::Renew { task, token, .. } => self.renew_asked(ctx, from, task, token),
            Wire::Join(_) | Wire::Welcome { .. } => {}
        }
    }

    /// An event came from outside: check it, then see whether its time has come.
    pub(super) fn event_received(&mut self, ctx: &mut Ctx<'_>, from: PublicKey, bytes: &[u8]) {
        let checked = match Event::decode_trusted(bytes) {
            // A duplicate costs no signature check.
            Ok(event) if self.knows(&event) => return,
            Ok(event) => Checked::of(event),
            Err(e) => Err(e),
        };
        self.checked_received(ctx, from, checked);
    }

    /// Whether this very event is accepted already.
    pub fn knows(&self, event: &Event) -> bool {
        self.feeds.get(&event.feed()).is_some_and(|f| f.knows(event))
    }

    /// Events came that were checked on the way, and blobs that belong to them.
    pub(super) fn events_received(
        &mut self,
        ctx: &mut Ctx<'_>,
        from: PublicKey,
        events: impl Iterator<Item = Result<Checked, EventError>>,
        blobs: Vec<Blob>,
        gossip: bool,
    ) {
        for checked in events {
            self.checked_received(ctx, from, checked);
        }
        if !gossip && self.state.rosters.has_member(&from) {
            for blob in blobs {
                self.blob_received(ctx, from, blob);
            }
        }
        self.continue_sync(ctx, from);
    }

    /// An event whose signatures hold came from outside: see whether its time has come.
    fn checked_received(&mut self, ctx: &mut Ctx<'_>, from: PublicKey, checked: Result<Checked, EventError>) {
        let refuse = |this: &Self, ctx: &mut Ctx<'_>, why: String| this.notify(ctx, Notice::Refused { from, why });
        let (event, body) = match checked {
            Ok(checked) => checked.into_parts(),
            Err(e) => return refuse(self, ctx, e.to_string()),
        };
        if event.project() != self.id {
            return refuse(self, ctx, "an event of another project".into());
        }
        if self.knows(&event) {
            return;
        }
        let own_len = self.feeds.get(&self.me).map_or(0, |f| f.len());
        if event.feed() == self.me && event.header().seq >= own_len {
            // Signed by us, and not on our disk: it was set back. What we write from here on would be a fork.
            let (project, feed, from) = (self.id, self.me, own_len);
            return self.notify(ctx, Notice::Forked { project, feed, from });
        }
        let (feed, seq) = (event.feed(), event.header().seq);
        let other_side = self.is_of_other_side(&event);
        self.offer_all(ctx, event, body);
        if let (true, Some(last)) = (other_side, seq.checked_sub(1)) {
            // It continues another side of the feed than the one that we have: the proof is where the two part.
            self.probe(ctx, from, feed, last);
        }
    }

    /// Whether an event continues another event than the one that is accepted in its place.
    fn is_of_other_side(&self, event: &Event) -> bool {
        let header = event.header();
        let Some(feed) = self.feeds.get(&event.feed()) else {
            return false;
        };
        let counts = feed.ended_at().is_none_or(|end| header.seq < end) && !self.feeds.is_excluded(&event.feed());
        let before = header.seq.checked_sub(1);
        counts && before.is_some_and(|before| feed.has_at(before, &header.prev) == Some(false))
    }

    /// A verified event: accept it and everything that waited for it.
    pub(super) fn offer(&mut self, ctx: &mut Ctx<'_>, event: Event) {
        let body = event.body();
        self.offer_all(ctx, event, body);
    }

    fn offer_all(&mut self, ctx: &mut Ctx<'_>, event: Event, body: Option<Body>) {
        let mut queue = vec![(event, body)];
        while let Some((event, body)) = queue.pop() {
            let from = event.node();
            let offer = self.feeds.offer(&event, &self.rosters, ctx.now);
            for (node, ended) in self.feeds.take_broken() {
                queue.extend(self.lives_exceeded(ctx, node, ended).into_iter().map(|e| {
                    let body = e.body();
                    (e, body)
                }));
            }
            match offer {
                Offer::Ready => {
                    // Written before what it brings about.
                    ctx.out.store(self.id, vec![event.clone()], vec![]);
                    let released = self.accept(ctx, &event, body);
                    queue.extend(released.into_iter().map(|e| {
                        let body = e.body();
                        (e, body)
                    }));
                }
                Offer::Known | Offer::Held | Offer::Full | Offer::OtherSide => {}
                Offer::Fork => ctx.out.silent(Effect::ProveFork {
                    project: self.id,
                    event,
                }),
                Offer::Refused(why) => self.notify(ctx, Notice::Refused { from, why: why.into() }),
            }
        }
    }

    /// Enters an event; returns what waited for it.
    fn accept(&mut self, ctx: &mut Ctx<'_>, event: &Event, body: Option<Body>) -> Vec<Event> {
        let mut released = self.feeds.accept(event);
        let Some(body) = body else { return released };
        let meta = Meta::of(event);
        let epoch = self.state.rosters.latest().epoch;
        released.extend(self.take(&meta, &body));
        let now_epoch = self.state.rosters.latest().epoch;
        if now_epoch > epoch {
            released.extend(self.feeds.epoch_known(now_epoch));
            self.want_again(ctx);
            self.reload_due |= self.is_beyond_its_end();
        }
        for reference in blobs_of(&body) {
            match self.blobs.get(&reference.hash).cloned() {
                Some(blob) => self.keep_blob(ctx, blob),
                None => self.expect_blob(ctx.now, meta.node(), &reference),
            }
        }
        self.notify(
            ctx,
            Notice::Applied {
                project: self.id,
                meta,
                body: Arc::new(body),
            },
        );
        released
    }

    /// Whether some feed has accepted events that a cut now excludes.
    pub(super) fn is_beyond_its_end(&self) -> bool {
        self.feeds.heads().any(|(id, len, _)| {
            self.feeds
                .get(&id)
                .and_then(|f| f.ended_at())
                .is_some_and(|at| len > at)
        })
    }

    /// A member has more lives than count. What shows it is kept, and shown to whoever does not know it. Returns held events to
    /// offer again.
    fn lives_exceeded(&mut self, ctx: &mut Ctx<'_>, node: PublicKey, ended: Ended) -> Vec<Event> {
        let openings: Vec<Event> = self.feeds.openings(&node).cloned().collect();
        ctx.out.store(self.id, openings, vec![]);
        self.reload_due |= ended.refold;
        self.dirty = true;
        let feed = FeedId {
            node,
            incarnation: ALL_LIVES,
        };
        let (project, from) = (self.id, 0);
        self.notify(ctx, Notice::Forked { project, feed, from });
        ended.ready
    }

    /// Two signed events with one number that continue the same event: the author is not to be believed from there on.
    pub(super) fn fork_found(&mut self, ctx: &mut Ctx<'_>, a: &[u8], b: &[u8]) {
        let (Ok(a), Ok(b)) = (Event::decode_trusted(a), Event::decode_trusted(b)) else {
            return;
        };
        let (feed, at) = (a.feed(), a.header().seq);
        let same_place = feed == b.feed() && at == b.header().seq && a.header().prev == b.header().prev;
        if a.hash() == b.hash() || !same_place || a.project() != self.id || b.project() != self.id {
            return;
        }
        let known = self.feeds.is_excluded(&feed) || self.sync.forks.get(&feed).is_some_and(|p| p.contains_key(&at));
        // A stranger could sign forks without end. A member's is shown again once its roster is known: see `heads_received`.
        let member = self.rosters.was_member(&feed.node);
        if known || !member || a.verify().is_err() || b.verify().is_err() {
            return;
        }
        let notice = Notice::Forked {
            project: self.id,
            feed,
            from: at,
        };
        if plant::active("forgotten_fork") {
            return self.notify(ctx, notice);
        }
        let Some(ended) = self.feeds.fork(feed, at) else { return };
        ctx.out.silent(Effect::StoreFork {
            project: self.id,
            a: a.clone(),
            b: b.clone(),
        });
        let proof = (a.encode(), b.encode());
        for to in ctx.peers.keys().copied().collect::<Vec<_>>() {
            self.send_proof(ctx, to, &proof);
        }
        self.sync.forks.entry(feed).or_default().insert(at, proof);
        self.notify(ctx, notice);
        for event in ended.ready {
            self.offer(ctx, event);
        }
        self.reload_due |= ended.refold;
        self.dirty = true;
    }

    /// At the start: a stored proof, to bind this node and to be shown to whoever still believes the feed.
    pub(super) fn remember_fork(&mut self, feed: FeedId, at: u64, proof: super::Proof) {
        // Nothing is held at the start.
        let _ = self.feeds.fork(feed, at);
        self.sync.forks.entry(feed).or_default().insert(at, proof);
    }

    /// Feeds that are proven forked.
    pub fn forked(&self) -> impl Iterator<Item = &FeedId> {
        self.sync.forks.keys()
    }

    /// Whether the state still has in it what was excluded since, until it is folded anew.
    pub fn awaits_reload(&self) -> bool {
        self.reload_due
    }
}
