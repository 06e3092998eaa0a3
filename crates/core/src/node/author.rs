//! Writing to our own feed.

use std::sync::Arc;

use super::{Ctx, Effect, Notice, Project};
use crate::blob::{Blob, BlobRef, SHORT_BLOB_BYTES};
use crate::body::{Body, IncarnationStarted};
use crate::event::{Draft, Event, EventRef, MAX_DEPS};
use crate::plant;
use crate::state::Meta;
use crate::wire::Wire;

/// Members that short blobs are pushed to at once; others fetch them when they need them.
pub const PUSH_PEERS: usize = 16;

#[cfg(feature = "sim")]
impl super::Node {
    /// Writes what no driver would write: how liars speak in simulations.
    pub(crate) fn utter(
        &mut self,
        now: u64,
        project: &crate::crypto::Hash,
        body: Body,
        blobs: Vec<Blob>,
    ) -> Vec<Effect> {
        self.step(now, |projects, ctx| {
            if let Some(p) = projects.get_mut(project).filter(|p| p.may_write()) {
                p.append(ctx, body, vec![], blobs);
            }
        })
    }
}

impl Project {
    /// Appends an event to our feed: it takes effect here at once, becomes durable, and only then leaves the node.
    pub(super) fn append(&mut self, ctx: &mut Ctx<'_>, body: Body, deps: Vec<EventRef>, blobs: Vec<Blob>) -> EventRef {
        let epoch = self.state.rosters.latest().epoch;
        self.append_in(ctx, epoch, body, deps, blobs)
    }

    /// [`Project::append`], speaking under the roster of an epoch in which this node is a member.
    pub(super) fn append_in(
        &mut self,
        ctx: &mut Ctx<'_>,
        epoch: u32,
        body: Body,
        deps: Vec<EventRef>,
        blobs: Vec<Blob>,
    ) -> EventRef {
        let first = self.feeds.get(&self.me).is_none_or(|f| f.is_empty());
        if first && self.me.incarnation > 0 && !matches!(body, Body::IncarnationStarted(_)) {
            self.begin_life(ctx);
        }
        let (seq, prev) = self
            .feeds
            .get(&self.me)
            .map_or((0, crate::crypto::Hash::ZERO), |f| (f.len(), f.head()));
        self.clock = self.clock.tick(ctx.now);
        let mut deps: Vec<EventRef> = deps.into_iter().filter(|d| d.feed != self.me).collect();
        deps.sort_unstable();
        deps.dedup();
        if plant::active("drop_dependency") {
            deps.clear();
        }
        deps.truncate(MAX_DEPS);
        let draft = Draft {
            project: self.id,
            incarnation: self.me.incarnation,
            seq,
            prev,
            hlc: self.clock,
            epoch,
            deps,
        };
        let event = Event::sign(&ctx.cfg.key, draft, &body);
        // Nothing of our own is ever held: we rest only on what we have.
        let mut released = self.feeds.accept(&event);
        let meta = Meta::of(&event);
        released.extend(self.take(&meta, &body));
        self.have.extend(blobs.iter().map(Blob::hash));
        for blob in &blobs {
            self.blobs.insert(blob.clone());
        }
        ctx.out.append(self.id, event.clone(), blobs.clone());
        let wire = Wire::Events {
            project: self.id,
            events: vec![event.encode().into()],
            blobs: vec![],
        };
        ctx.out.speak(Effect::Broadcast {
            project: self.id,
            message: wire,
        });
        self.push_blobs(ctx, blobs);
        self.notify(
            ctx,
            Notice::Applied {
                project: self.id,
                meta,
                body: Arc::new(body),
            },
        );
        for event in released {
            self.offer(ctx, event);
        }
        self.reload_due |= self.is_beyond_its_end();
        meta.reference
    }

    /// A later life of the node begins with saying so.
    pub(super) fn begin_life(&mut self, ctx: &mut Ctx<'_>) {
        let started = IncarnationStarted {
            before: self.me.incarnation.saturating_sub(1),
        };
        self.append(ctx, Body::IncarnationStarted(started), vec![], vec![]);
    }

    /// Sends short blobs to the members that are connected.
    fn push_blobs(&mut self, ctx: &mut Ctx<'_>, blobs: Vec<Blob>) {
        let short: Vec<Blob> = blobs
            .into_iter()
            .filter(|b| b.bytes.len() <= SHORT_BLOB_BYTES)
            .collect();
        if short.is_empty() {
            return;
        }
        let roster = self.state.rosters.latest();
        let to: Vec<_> = ctx
            .peers
            .keys()
            .filter(|p| roster.is_member(p))
            .take(PUSH_PEERS)
            .copied()
            .collect();
        for to in to {
            let message = Wire::Events {
                project: self.id,
                events: vec![],
                blobs: short.clone(),
            };
            ctx.out.speak(Effect::Send { to, message });
        }
    }

    /// A new blob with a salt that nobody can guess: derived from our key and the place where the blob is made.
    pub(super) fn new_blob(&self, ctx: &Ctx<'_>, bytes: Vec<u8>) -> (Blob, BlobRef) {
        let seq = self.feeds.get(&self.me).map_or(0, |f| f.len());
        let blob = self.blob_made_at(ctx, self.me.incarnation, seq, bytes);
        let reference = blob.reference();
        (blob, reference)
    }

    fn blob_made_at(&self, ctx: &Ctx<'_>, incarnation: u64, seq: u64, bytes: Vec<u8>) -> Blob {
        let mut about = self.id.0.to_vec();
        about.extend_from_slice(&incarnation.to_be_bytes());
        about.extend_from_slice(&seq.to_be_bytes());
        about.extend_from_slice(blake3::hash(&bytes).as_bytes());
        Blob::new(&ctx.cfg.key.derive("blob salt", &about), bytes)
    }

    /// Whether `named`, made by this node for its event `at`, holds these bytes. The blob itself may be on the disk or erased: its salt
    /// is made again.
    pub(super) fn named_before(&self, ctx: &Ctx<'_>, at: &EventRef, named: &BlobRef, bytes: &[u8]) -> bool {
        // The first event of a later life comes after the one that begins it, and its blob was made before both.
        let places = [at.seq, at.seq.saturating_sub(1)];
        let made = |seq| self.blob_made_at(ctx, at.feed.incarnation, seq, bytes.to_vec());
        named.len == bytes.len() as u64 && places.into_iter().any(|seq| made(seq).reference() == *named)
    }

    /// [`Project::new_blob`] of a text.
    pub(super) fn text_blob(&self, ctx: &Ctx<'_>, text: &str) -> (Blob, BlobRef) {
        self.new_blob(ctx, text.as_bytes().to_vec())
    }
}
