//! Taking in what others say: events, forks, and the messages around them.

use std::sync::Arc;

use super::blobs::blobs_of;
use super::{Ctx, Effect, Node, Notice, Project};
use crate::blob::Blob;
use crate::body::Body;
use crate::crypto::PublicKey;
use crate::event::{Checked, Event, EventError};
use crate::feed::Offer;
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
            | Wire::WantRosters { project }
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
        let member = self.state.rosters.latest().is_member(&from);
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
                if !gossip && !member && self.rosters.latest().was_removed(&from) =>
            {
                self.show_rosters(ctx, from);
            }
            _ if gossip || !member => {
                let why = "only members may ask this, and not over a topic".to_owned();
                self.notify(ctx, Notice::Refused { from, why });
            }
            Wire::Digest { digest, .. } => self.digest_received(ctx, from, digest),
            Wire::Heads { heads, answer, .. } => self.heads_received(ctx, from, &heads, answer),
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
            Wire::WantBlob { hash, .. } => {
                if self.have.contains(&hash) {
                    ctx.out.speak(Effect::ServeBlob {
                        to: from,
                        project: self.id,
                        hash,
                    });
                }
            }
            Wire::Blob { blob, .. } => self.blob_received(ctx, blob),
            Wire::WantRosters { .. } => {
                self.show_rosters(ctx, from);
            }
            Wire::Rosters { changes, .. } => self.rosters_received(ctx, &changes),
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
        if !gossip && self.state.rosters.latest().is_member(&from) {
            for blob in blobs {
                self.blob_received(ctx, blob);
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
        let next = self.feeds.get(&feed).map_or(0, |f| f.len());
        let prev = event.header().prev;
        let other_side = seq == next
            && self
                .feeds
                .get(&feed)
                .is_some_and(|f| f.head() != prev && f.ended_at().is_none());
        self.offer_all(ctx, event, body);
        if let (true, Some(last)) = (other_side, next.checked_sub(1)) {
            // It continues another side of the feed than the one that we have: the other side is the proof.
            self.probe(ctx, from, feed, last);
        }
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
            match self.feeds.offer(&event, &self.rosters, ctx.now) {
                Offer::Ready => {
                    // Written before what it brings about.
                    ctx.out.store(self.id, vec![event.clone()], vec![]);
                    let released = self.accept(ctx, &event, body);
                    queue.extend(released.into_iter().map(|e| {
                        let body = e.body();
                        (e, body)
                    }));
                }
                Offer::Known | Offer::Held | Offer::Full => {}
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
            if self.is_beyond_its_end() {
                ctx.out.silent(Effect::Reload);
            }
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

    /// Two signed events with one number: the author is not to be believed from there on.
    pub(super) fn fork_found(&mut self, ctx: &mut Ctx<'_>, a: &[u8], b: &[u8]) {
        let (Ok(a), Ok(b)) = (Event::decode_trusted(a), Event::decode_trusted(b)) else {
            return;
        };
        let same_place = a.feed() == b.feed() && a.header().seq == b.header().seq;
        if a.hash() == b.hash() || !same_place || a.project() != self.id || b.project() != self.id {
            return;
        }
        let (feed, at) = (a.feed(), a.header().seq);
        if self
            .feeds
            .get(&feed)
            .and_then(|f| f.ended_at())
            .is_some_and(|end| end <= at)
        {
            return;
        }
        // A stranger could sign forks without end. A member's is shown again once its roster is known: see `heads_received`.
        let member = (0..=self.rosters.latest().epoch)
            .filter_map(|epoch| self.rosters.epoch(epoch))
            .any(|roster| roster.is_member(&feed.node));
        if !member || a.verify().is_err() || b.verify().is_err() {
            return;
        }
        if plant::active("forgotten_fork") {
            return self.notify(
                ctx,
                Notice::Forked {
                    project: self.id,
                    feed,
                    from: at,
                },
            );
        }
        let ended = self.feeds.end(feed, at);
        ctx.out.silent(Effect::StoreFork {
            project: self.id,
            a: a.clone(),
            b: b.clone(),
        });
        for to in ctx.peers.keys().copied().collect::<Vec<_>>() {
            let message = Wire::Fork {
                project: self.id,
                a: a.encode().into(),
                b: b.encode().into(),
            };
            ctx.out.speak(Effect::Send { to, message });
        }
        self.sync.forks.insert(feed, (a.encode(), b.encode()));
        self.notify(
            ctx,
            Notice::Forked {
                project: self.id,
                feed,
                from: at,
            },
        );
        for event in ended.ready {
            self.offer(ctx, event);
        }
        if ended.refold {
            ctx.out.silent(Effect::Reload);
        }
        self.dirty = true;
    }

    /// At the start: a stored proof, to be shown to whoever still believes the feed.
    pub(super) fn remember_fork(&mut self, feed: crate::event::FeedId, proof: super::Proof) {
        self.sync.forks.insert(feed, proof);
    }

    /// Feeds that are proven forked.
    pub fn forked(&self) -> impl Iterator<Item = &crate::event::FeedId> {
        self.sync.forks.keys()
    }
}
